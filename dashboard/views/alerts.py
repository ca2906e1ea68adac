"""The alerts of a publication, most urgent first."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from contracts.severity import INFO, SEVERITIES
from dashboard.store.records import Publication
from dashboard.views.components import Column, DataTable
from dashboard.views.safe import Markup, tag
from dashboard.views.wording import count, moment

LISTED: Final = 500
"""Rows of the list at most; a run's budget is 50 by default."""

COLUMNS: Final = (
    Column("rank", "Rank", "number"),
    Column("severity", "Severity", "severity"),
    Column("sentence", "What was seen", "sentence"),
    Column("entity", "Entity", "mono", clip=True),
    Column("technique", "Technique", clip=True),
    Column("incident_events", "Events", "number"),
    Column("timestamp", "Time (UTC)", "time"),
)


def summary(publication: Publication, alerts: list[dict[str, Any]]) -> Markup:
    """Alerts by severity and by incident, and the threshold that made them."""
    found = Counter(alert["severity"] for alert in alerts)
    shown = [s for s in SEVERITIES if s != INFO or found[s]]
    incidents = len({alert["incident_id"] for alert in alerts})
    threshold = publication.alert_threshold
    return tag(
        "dl",
        _figure("Alerts", count(len(alerts))),
        _figure("Incidents", count(incidents)),
        *(_figure(_severity(s), count(found[s])) for s in shown),
        _figure("Events read", count(publication.rows_in)),
        _figure("Alert threshold", "–" if threshold is None else f"{threshold:.3f}"),
        class_="figures",
        data_testid="alert-figures",
    )


def fill(table: DataTable, alerts: list[dict[str, Any]], marked: str) -> None:
    """Put the alerts, by rank, into the table; picking a row reports its ``alert_id``."""
    listed = alerts[:LISTED]
    table.fill(
        COLUMNS,
        [[_field(alert, column.name) for column in COLUMNS] for alert in listed],
        keys=[alert["alert_id"] for alert in listed],
        marked=marked,
        total=len(listed),
        step=LISTED,
        nothing="No alert: nothing of this day passed the threshold.",
    )


def _field(alert: dict[str, Any], name: str) -> str | int | None:
    value = alert[name]
    if name == "timestamp":
        return moment(value)
    if name in ("incident_events", "rank"):
        return count(value)
    return value if value is None else str(value)


def _figure(caption: str | Markup, value: str) -> Markup:
    return tag("div", tag("dt", caption), tag("dd", value))


def _severity(severity: str) -> Markup:
    return tag("span", severity, class_=f"chip {severity.lower()}")
