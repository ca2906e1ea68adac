"""One alert: the sentence, why, the event's own fields, and what else its key did."""

from __future__ import annotations

from typing import Any, Final

from contracts.events import SCORED_COLUMNS
from dashboard.store.records import Page
from dashboard.views.components import Column, DataTable
from dashboard.views.explanation import explanation
from dashboard.views.safe import Markup, join, tag
from dashboard.views.wording import cell, count, counted, moment_utc, title

_AROUND: Final[dict[str, tuple[str, ...]]] = {
    "network": ("timestamp", "severity", "ml_score", "src_ip", "src_port", "dst_ip", "dst_port",
                "protocol", "service", "conn_state", "bytes"),
    "auth": ("timestamp", "severity", "ml_score", "user", "src_ip", "host", "outcome", "service"),
}  # fmt: skip
_AROUND_OTHER: Final = ("timestamp", "severity", "ml_score", "src_ip", "dst_ip", "user", "host")
_LOOKS: Final = {
    "timestamp": "time", "severity": "severity", "ml_score": "score", "src_ip": "mono",
    "dst_ip": "mono", "src_port": "number", "dst_port": "number", "bytes": "number",
}  # fmt: skip


def event_column(name: str, sortable: bool = False) -> Column:
    """How a column of the scored events is drawn."""
    look: Any = _LOOKS.get(name, "text")
    return Column(name, title(name), look, sortable, clip=look in ("text", "mono"))


def alert_head(alert: dict[str, Any], back: str, before: str | None, after: str | None) -> Markup:
    """Way back, neighbours, and the sentence. The ways are queries of the URL (``?…``)."""
    score = alert["ml_score"]
    return tag(
        "div",
        tag(
            "div",
            tag("a", "← All alerts", href=back),
            tag("a", "‹ Previous", href=before) if before else None,
            tag("a", "Next ›", href=after) if after else None,
            class_="lead",
        ),
        tag("h1", alert["sentence"], data_testid="sentence"),
        tag(
            "div",
            tag("span", alert["severity"], class_=f"chip {str(alert['severity']).lower()}"),
            tag("span", "Rank ", tag("b", count(alert["rank"]))),
            tag("span", "Entity ", tag("b", alert["entity"], class_="mono")),
            tag("span", "Technique ", tag("b", alert["technique"] or "not named")),
            tag("span", "Score ", tag("b", "–" if score is None else f"{score:.3f}")),
            tag("span", "Detector ", tag("b", alert["detector"])),
            tag("span", "Time ", tag("b", moment_utc(alert["timestamp"]))),
            tag("span", "Incident ", tag("b", counted(alert["incident_events"] or 0, "event"))),
            class_="lead",
        ),
    )


def alert_reasons(
    alert: dict[str, Any], reasons: list[dict[str, Any]], event: dict[str, Any] | None
) -> Markup:
    """Two cards: why it was raised, and the event as it was scored."""
    return tag(
        "div",
        tag(
            "section",
            tag("h2", "Why: seen against usual"),
            explanation(str(alert["kind"]), reasons),
            class_="card",
        ),
        tag("section", tag("h2", "The event"), _fields(event), class_="card"),
        class_="pair",
    )


def _fields(event: dict[str, Any] | None) -> Markup:
    if event is None:
        return tag("p", "The event is not among the run's scored events.", class_="muted")
    pairs = [
        (tag("dt", title(name)), tag("dd", cell(name, event[name]), class_="mono"))
        for name in SCORED_COLUMNS
        if event[name] is not None and name != "severity"
    ]
    return tag("dl", *(join(*pair) for pair in pairs), class_="fields", data_testid="event-fields")


def fill_around(table: DataTable, kind: str, page: Page, event_id: str) -> None:
    """The nearest events of the alert's key, oldest first, its own marked."""
    names = _AROUND.get(kind, _AROUND_OTHER)
    rows = page.mappings()
    table.fill(
        [event_column(name) for name in names],
        [[cell(name, row[name]) for name in names] for row in rows],
        keys=[row["event_id"] for row in rows],
        marked=event_id,
        total=len(rows),
    )


def around_heading(page: Page) -> Markup:
    """Says whether all events of the key are listed or the nearest of them."""
    listed = len(page.rows)
    of = "all" if listed == page.total else f"the {listed} nearest in time of {count(page.total)}"
    return tag("h2", f"Events of the same key: {of}, oldest first (UTC)")
