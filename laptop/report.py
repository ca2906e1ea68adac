"""The end of `make run`: what was read, what the model learned from, the worst alerts, where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table
from rich.text import Text

from laptop.errors import RunFailed
from laptop.system import System

SHOWN_ALERTS = 10
SEVERITY_STYLE = {
    "CRITICAL": "bold white on red",
    "HIGH": "bold red",
    "MEDIUM": "yellow",
    "LOW": "cyan",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A publication's row, and the first alert of each of its incidents by rank, ten at most."""

    publication: dict[str, Any]
    alerts: list[dict[str, Any]]
    incidents: int


def read_report(dsn: str, run_id: str) -> Report:
    """The newest publication of a run. Raises RunFailed when the run published nothing."""
    with psycopg.connect(dsn, row_factory=dict_row, connect_timeout=10) as connection:
        publication = connection.execute(
            "SELECT * FROM publications WHERE run_id = %s ORDER BY generation DESC LIMIT 1",
            [run_id],
        ).fetchone()
        if publication is None:
            raise RunFailed(f"run {run_id} is green but no publication names it")
        alerts = connection.execute(
            "SELECT * FROM (SELECT DISTINCT ON (incident_id) * FROM alerts"
            " WHERE publication_id = %s ORDER BY incident_id, rank) AS first ORDER BY rank",
            [publication["id"]],
        ).fetchall()
    return Report(publication, alerts[:SHOWN_ALERTS], len(alerts))


def print_report(console: Console, report: Report, system: System) -> None:
    """Print the closing table. Log fields are hostile: no markup, no control characters."""
    published = report.publication
    if report.alerts:
        console.print(_alert_table(report))
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, text in _facts(published, report.incidents):
        facts.add_row(name, Text(plain(text)))
    facts.add_row(
        "Airflow", Text(f"{system.airflow_url}  (login admin, {system.airflow_password})")
    )
    facts.add_row("App", Text(system.app_url))
    console.print(facts)


def plain(text: str) -> str:
    """The text without what could repaint a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _facts(published: dict[str, Any], incidents: int) -> list[tuple[str, str]]:
    skipped = ", ".join(f"{n:,} {kind}" for kind, n in sorted(published["rows_skipped"].items()))
    summary = published["summary"]
    model = summary.get("model") or {}
    facts = [
        ("Day", f"{published['day']}, generation {published['generation']}"),
        (
            "Rows",
            f"{published['rows_in']:,} read, {published['rows_rejected']:,} rejected, "
            f"skipped: {skipped or 'none'}",
        ),
        (
            "Model",
            str(model.get("location") or "none")
            + (" (cold start: no clean earlier day)" if published["cold_start"] else ""),
        ),
    ]
    figures = (summary.get("figures") or {}).get("train") or {}
    for kind, told in sorted((figures.get("kinds") or {}).items()):
        facts.append(("", f"{kind}: {told.get('trained_on', '')}"))
    facts.append(("Alerts", f"{published['alerts']:,} in {incidents:,} incidents"))
    return facts


def _alert_table(report: Report) -> Table:
    shown = len(report.alerts)
    title = f"The first alert of the {shown} worst incidents" if shown > 1 else "The alert"
    table = Table(title=title)
    for column in ("#", "severity", "when (UTC)", "why", "events"):
        table.add_column(column, justify="right" if column in {"#", "events"} else "left")
    for alert in report.alerts:
        severity = str(alert["severity"])
        when = alert["timestamp"]
        table.add_row(
            str(alert["rank"]),
            Text(severity, SEVERITY_STYLE.get(severity, "")),
            f"{when:%Y-%m-%d %H:%M:%S}" if when else "",
            Text(plain(str(alert["sentence"]))),
            f"{alert['incident_events'] or 0:,}",
        )
    return table
