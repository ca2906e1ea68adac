"""What runs left behind: publications and the four audit tables, newest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from dashboard.store.catalog import AUDIT_TABLES, Catalog
from dashboard.store.records import Page
from dashboard.views.components import Column, DataTable, Look
from dashboard.views.safe import Markup, tag
from dashboard.views.wording import count, moment

TABLES: Final[dict[str, str]] = {
    "publications": "Publications",
    "ingestion_events": "Ingestion",
    "transformation_events": "Transformation",
    "training_events": "Training",
    "evaluation_events": "Evaluation",
}
"""Table name → what the page calls it."""

_TITLES: Final[dict[str, tuple[str, Look]]] = {
    "published_at": ("Published (UTC)", "time"),
    "day": ("Day", "time"),
    "generation": ("Generation", "number"),
    "alerts": ("Alerts", "number"),
    "rows_in": ("Rows", "number"),
    "rows_rejected": ("Rejected", "number"),
    "cold_start": ("Cold start", "text"),
    "provisional": ("Provisional", "text"),
    "run_id": ("Run", "mono"),
    "estado": ("State", "state"),
    "nombre_archivo": ("File", "mono"),
    "kind": ("Kind", "text"),
    "num_registros": ("Rows", "number"),
    "ruta_minio": ("Object", "mono"),
    "ruta_modelo": ("Model", "mono"),
    "parametros": ("Parameters", "mono"),
    "modelo_nombre": ("Model", "mono"),
    "nombre_dataset": ("Data", "mono"),
    "ruta_resultados": ("Results", "mono"),
    "attempt": ("Attempt", "number"),
    "reason": ("Reason", "text"),
    **{table.time: ("Time (UTC)", "time") for table in AUDIT_TABLES},
}


def fill(table: DataTable, page: Page) -> None:
    """Put a page of one of ``TABLES`` into the table; a failure's reason is shown whole."""
    columns = []
    for name in page.columns:
        title, look = _TITLES.get(name, (name, "text"))
        columns.append(Column(name, title, look, clip=look == "mono"))
    reason = page.columns.index("reason") if "reason" in page.columns else None
    if reason is not None and any(row[reason] for row in page.rows):
        columns[reason] = Column("reason", "Reason", "sentence")
    table.fill(
        columns,
        [[_field(name, value) for name, value in zip(page.columns, row, strict=True)]
         for row in page.rows],
        total=page.total,
        offset=page.offset,
        nothing="Nothing was recorded yet.",
    )  # fmt: skip


def _field(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, (int, float)):
        return str(value) if name in ("generation", "attempt") else count(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True)
    return str(value)


def read(catalog: Catalog, table: str, offset: int) -> Page:
    """A page of one of ``TABLES``."""
    audit = next((a for a in AUDIT_TABLES if a.name == table), None)
    return catalog.publication_history(offset) if audit is None else catalog.audit(audit, offset)


def links(current: str, search: Callable[[str], str]) -> Markup:
    """The tables to choose from; ``search`` gives the URL's query of each."""
    return tag(
        "div",
        *(
            tag(
                "a",
                title,
                href=search(name) or "?",
                class_="tab current" if name == current else "tab",
            )
            for name, title in TABLES.items()
        ),
        class_="tabs",
    )
