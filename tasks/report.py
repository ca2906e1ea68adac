"""The readable end of ``tasks run``: what was read, what the model learned from, the alerts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.layers import Stage
from contracts.manifest import Manifest
from tasks.storage import Store

SEVERITY_STYLE = {
    "CRITICAL": "bold white on red",
    "HIGH": "bold red",
    "MEDIUM": "yellow",
    "LOW": "cyan",
}


def print_report(
    store: Store, manifests: Mapping[Stage, Manifest], result: Mapping[str, Any]
) -> None:
    """Print the alerts as a table and the run's figures below it."""
    console = Console(highlight=False)
    artifact = manifests["explain"].output("alerts")
    if artifact is not None:
        path = store.fetch(artifact.location, Path(store.scratch()))
        console.print(_alert_table(pl.read_parquet(path)))
    ingest = manifests["ingest"]
    skipped = ", ".join(f"{n:,} {kind}" for kind, n in sorted(ingest.rows_skipped.items()))
    console.print(
        f"Read {ingest.rows_in:,} records: {ingest.rows_out:,} events,"
        f" {ingest.rows_rejected:,} rejected, skipped: {skipped or 'none'}."
    )
    for kind, figures in manifests["train"].figures.get("kinds", {}).items():
        console.print(f"Model for {kind}: {figures['trained_on']}.", markup=False)
    for role in ("scored_events", "alerts", "explanations", "eval", "model"):
        console.print(f"{role:>14}  {result[role]}", markup=False, soft_wrap=True)
    console.print(f"{result['seconds']:.1f} s, peak {result['peak_rss_mib']:.0f} MiB.")


def _alert_table(alerts: pl.DataFrame) -> Table:
    table = Table(title=f"{alerts.height} alerts in {alerts['incident_id'].n_unique()} incidents")
    for column in ("#", "severity", "when (UTC)", "why", "events"):
        table.add_column(column, justify="right" if column in ("#", "events") else "left")
    for row in alerts.sort("rank").iter_rows(named=True):
        # Text, not markup: log fields are hostile.
        table.add_row(
            str(row["rank"]),
            Text(row["severity"], SEVERITY_STYLE.get(row["severity"], "")),
            f"{row['timestamp']:%Y-%m-%d %H:%M:%S}",
            Text(row["sentence"]),
            f"{row['incident_events']:,}",
        )
    return table
