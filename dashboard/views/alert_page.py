# mypy: disallow-untyped-calls=False
"""The page of one alert, read from the store and put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from panel.viewable import Viewable

from dashboard.store.errors import StoreUnavailable
from dashboard.store.records import Publication
from dashboard.store.results import Results
from dashboard.views.alert import alert_head, alert_reasons, around_heading, fill_around
from dashboard.views.components import DataTable
from dashboard.views.empty import problem
from dashboard.views.safe import pane


def build(
    results: Results,
    publication: Publication,
    alerts: list[dict[str, Any]],
    alert: dict[str, Any],
    search: Callable[..., str],
) -> list[Viewable]:
    """Parts of the page, top to bottom; what cannot be read is said in its place."""
    at = alerts.index(alert)
    before = search(alert=alerts[at - 1]["alert_id"]) if at else None
    after = search(alert=alerts[at + 1]["alert_id"]) if at + 1 < len(alerts) else None
    parts = [pane(alert_head(alert, search(alert="") or "?", before, after))]
    try:
        reasons = results.explanation(publication, alert["alert_id"])
        scored = results.scored(publication)
        event = scored.event(alert["event_id"])
        parts.append(pane(alert_reasons(alert, reasons, event)))
        if event is not None:
            page = scored.around(event)
            table = DataTable(label="Events of the same key", testid="around")
            fill_around(table, str(alert["kind"]), page, alert["event_id"])
            parts += [pane(around_heading(page)), table]
    except StoreUnavailable as error:
        parts.append(pane(problem(str(error))))
    return parts
