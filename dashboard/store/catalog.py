"""What was published and what was audited, read from Postgres; never written here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from contracts.events import ALERT_COLUMNS
from contracts.manifest import Artifact
from dashboard.store.errors import StoreUnavailable
from dashboard.store.records import FailedStage, Page, Publication
from dashboard.store.settings import StoreSettings

PAGE_ROWS: Final = 50
_PICKER_ROWS: Final = 500
_CONNECT_SECONDS: Final = 3
_STATEMENT_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class AuditTable:
    """One of the tables that a run leaves a row in, and its columns that the app shows.

    ``stage`` is the SQL expression of the row's stage.
    """

    name: str
    stage: str
    time: str
    columns: tuple[str, ...]


AUDIT_TABLES: Final = (
    AuditTable("ingestion_events", "'ingest'", "timestamp_ingesta",
               ("nombre_archivo", "kind", "num_registros", "ruta_minio")),
    AuditTable("transformation_events", "'transform'", "timestamp_transformacion",
               ("nombre_archivo", "kind", "num_registros", "ruta_minio")),
    AuditTable("training_events", "'train'", "timestamp_entrenamiento",
               ("kind", "num_registros", "ruta_modelo", "parametros")),
    AuditTable("evaluation_events", "coalesce(stage, 'evaluate')", "timestamp_eval",
               ("modelo_nombre", "kind", "nombre_dataset", "ruta_resultados")),
)  # fmt: skip

_HEAD = (
    "id, day, generation, run_id, published_at, rows_in, rows_rejected, rows_skipped, alerts, "
    "cold_start, provisional, alert_threshold"
)


class Catalog:
    """Read-only queries over the audit database. Every value is a bound parameter."""

    def __init__(self, settings: StoreSettings) -> None:
        self._configured = bool(settings.pg_host)
        self._where = f"{settings.pg_host}:{settings.pg_port}"
        self._engine = create_engine(
            settings.database_url(),
            pool_size=2,
            max_overflow=6,
            pool_timeout=_CONNECT_SECONDS,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "options": f"-c default_transaction_read_only=on "
                f"-c statement_timeout={_STATEMENT_MS} -c TimeZone=UTC",
            },
        )

    def publications(self) -> list[Publication]:
        """Newest publication first (by the time it was published), without artifacts."""
        sql = f"SELECT {_HEAD} FROM publications ORDER BY published_at DESC, id DESC LIMIT :n"  # noqa: S608
        with self._reading() as connection:
            rows = connection.execute(text(sql), {"n": _PICKER_ROWS}).mappings()
            return [_publication(dict(row)) for row in rows]

    def publication(self, identity: int) -> Publication:
        """One publication with its artifacts and its summary."""
        sql = f"SELECT {_HEAD}, artifacts, summary FROM publications WHERE id = :id"  # noqa: S608
        with self._reading() as connection:
            row = connection.execute(text(sql), {"id": identity}).mappings().one_or_none()
        if row is None:
            raise StoreUnavailable("this publication is no longer in the database; pick another")
        return _publication(dict(row))

    def alerts(self, identity: int) -> list[dict[str, Any]]:
        """The alerts of a publication (``ALERT_COLUMNS``), by rank."""
        columns = ", ".join(f'"{name}"' for name in ALERT_COLUMNS)
        sql = f"SELECT {columns} FROM alerts WHERE publication_id = :id ORDER BY rank, alert_id"  # noqa: S608
        with self._reading() as connection:
            rows = connection.execute(text(sql), {"id": identity}).mappings()
            return [{name: _aware(value) for name, value in row.items()} for row in rows]

    def audit(self, table: AuditTable, offset: int) -> Page:
        """A page of one audit table, newest first: time, run, state, reason, then its columns."""
        shown = (table.time, "estado", *table.columns, "run_id", "attempt", "reason")
        sql = f"SELECT {', '.join(shown)} FROM {table.name} ORDER BY id DESC LIMIT :n OFFSET :o"  # noqa: S608
        return self._page(sql, f"SELECT count(*) FROM {table.name}", shown, offset)  # noqa: S608

    def publication_history(self, offset: int) -> Page:
        """A page of all publications, newest first."""
        shown = (
            "published_at", "day", "generation", "alerts", "rows_in", "rows_rejected",
            "cold_start", "provisional", "run_id",
        )  # fmt: skip
        sql = (
            f"SELECT {', '.join(shown)} FROM publications "  # noqa: S608
            "ORDER BY published_at DESC, id DESC LIMIT :n OFFSET :o"
        )
        return self._page(sql, "SELECT count(*) FROM publications", shown, offset)

    def failed_stages(self) -> list[FailedStage]:
        """Stages that failed in the newest run, unless that run was published afterwards."""
        union = " UNION ALL ".join(
            f"SELECT {i} AS t, id, run_id, {table.time} AS at, estado, {table.stage} AS stage, "  # noqa: S608
            f"reason FROM {table.name}"
            for i, table in enumerate(AUDIT_TABLES)
        )
        sql = (
            f"WITH audit AS ({union}), "  # noqa: S608
            "newest AS (SELECT run_id FROM audit ORDER BY at DESC, id DESC LIMIT 1) "
            "SELECT DISTINCT ON (a.t, a.stage) a.stage, a.run_id, a.at, a.reason "
            "FROM audit a JOIN newest USING (run_id) "
            "WHERE a.estado = 'FAILED' AND NOT EXISTS (SELECT 1 FROM publications p "
            "WHERE p.run_id = a.run_id AND p.published_at AT TIME ZONE 'UTC' >= a.at) "
            "ORDER BY a.t, a.stage, a.at DESC, a.id DESC"
        )
        with self._reading() as connection:
            rows = connection.execute(text(sql)).all()
        return [
            FailedStage(run_id or "", stage, _aware(at), reason or "no reason kept")
            for stage, run_id, at, reason in rows
        ]

    def _page(self, sql: str, count: str, columns: tuple[str, ...], offset: int) -> Page:
        with self._reading() as connection:
            total = connection.execute(text(count)).scalar_one()
            found = connection.execute(text(sql), {"n": PAGE_ROWS, "o": max(0, offset)}).all()
        rows = tuple(tuple(_aware(value) for value in row) for row in found)
        return Page(columns, rows, int(total), offset)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if not self._configured:
            raise StoreUnavailable("database not configured: set PG_HOST, PG_USER and PG_DATABASE")
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreUnavailable(self._explain(error)) from error

    def _explain(self, error: SQLAlchemyError) -> str:
        cause = str(getattr(error, "orig", None) or error)
        if "does not exist" in cause:
            first = cause.strip().splitlines()[0]
            return f"database at {self._where}: {first}; run `python -m database upgrade`"
        return f"database not reachable at {self._where}; start it, then reload this page"


def _aware(value: Any) -> Any:
    """Audit tables hold UTC without a zone; say so before anybody formats them."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def _publication(row: dict[str, Any]) -> Publication:
    day = row["day"]
    return Publication(
        id=int(row["id"]),
        day=day if isinstance(day, date) else date.fromisoformat(str(day)),
        generation=int(row["generation"]),
        run_id=str(row["run_id"]),
        published_at=_aware(row["published_at"]),
        rows_in=int(row["rows_in"] or 0),
        rows_rejected=int(row["rows_rejected"] or 0),
        rows_skipped=dict(row["rows_skipped"] or {}),
        alerts=int(row["alerts"] or 0),
        cold_start=bool(row["cold_start"]),
        provisional=bool(row["provisional"]),
        alert_threshold=row["alert_threshold"],
        artifacts=tuple(Artifact.model_validate(a) for a in row.get("artifacts") or ()),
        summary=dict(row.get("summary") or {}),
    )
