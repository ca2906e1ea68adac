"""Scored events of one run, asked through DuckDB over its Parquet: pages, counts, one event."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from contracts.events import SCORED_COLUMNS
from contracts.severity import SEVERITIES
from dashboard.store.errors import StoreUnavailable
from dashboard.store.records import Page

PAGE_ROWS: Final = 50
AROUND_ROWS: Final = 50

TEXT_COLUMNS: Final = tuple(n for n, t in SCORED_COLUMNS.items() if t == "String")
SEARCHED_COLUMNS: Final = (
    "src_ip", "dst_ip", "user", "host", "protocol", "service", "conn_state", "outcome", "label",
)  # fmt: skip
"""Columns of the free-text search over any field; ids are searched in their own column."""

KEY_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "network": ("src_ip", "dst_ip", "protocol", "dst_port"),
    "auth": ("user", "src_ip", "host"),
}
"""What makes two events of a kind one key (contracts.events.KEY_COLUMNS)."""
_OTHER_KEY: Final = ("src_ip", "dst_ip", "user", "host")

_ALL: Final = ", ".join(f'"{name}"' for name in SCORED_COLUMNS)

_lock = threading.Lock()
_engine: duckdb.DuckDBPyConnection | None = None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events, in which order. ``column`` empty: ``text`` may be in any searched column."""

    kind: str = ""
    severity: str = ""
    column: str = ""
    text: str = ""
    floor: float | None = None
    """Only events whose ``ml_score`` is at least this."""
    sort: str = ""
    """Column name, ``-`` before it for descending; empty: most anomalous first, as stored."""
    offset: int = 0


def cursor() -> duckdb.DuckDBPyConnection:
    """A cursor of the process's one in-memory DuckDB; cheap, one a query."""
    global _engine
    with _lock:
        if _engine is None:
            _engine = duckdb.connect(
                config={
                    "memory_limit": "1GB",
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "enable_object_cache": "true",
                }
            )
            _engine.execute("SET TimeZone = 'UTC'")
        return _engine.cursor()


def query(sql: str, parameters: list[Any]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Column names and rows.

    Raises:
        StoreUnavailable: the Parquet lacks a column of the contract or cannot be read.
    """
    try:
        result = cursor().execute(sql, parameters)
        names = tuple(column[0] for column in result.description or ())
        return names, result.fetchall()
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise StoreUnavailable(f"cannot read the run's Parquet: {first}") from error


class ScoredEvents:
    """One run's scored events, as published: rows lie most anomalous first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def page(self, wanted: EventQuery) -> Page:
        """At most ``PAGE_ROWS`` events and how many match in all."""
        where, parameters = _where(wanted)
        offset = max(0, wanted.offset)
        at = self._sorted(wanted.sort, where, parameters, offset)
        if at is None:
            names, rows = query(
                f"SELECT {_ALL} FROM read_parquet(?) {where} LIMIT ? OFFSET ?",  # noqa: S608
                [str(self.path), *parameters, PAGE_ROWS, offset],
            )
        else:
            names, rows = query(
                f"SELECT {_ALL} FROM read_parquet(?, file_row_number = true) "  # noqa: S608
                "WHERE file_row_number IN (SELECT unnest(?)) "
                "ORDER BY list_position(?, file_row_number)",
                [str(self.path), at, at],
            )
        _, total = query(
            f"SELECT count(*) FROM read_parquet(?) {where}",  # noqa: S608
            [str(self.path), *parameters],
        )
        return Page(names, tuple(rows), int(total[0][0]), offset)

    def _sorted(
        self, sort: str, where: str, parameters: list[Any], offset: int
    ) -> list[int] | None:
        """Row numbers of the page in the order asked for; None for the stored order.

        Only the sort column is read for all rows, the other columns for the page's rows.
        """
        name = sort.removeprefix("-")
        if name not in SCORED_COLUMNS:
            return None
        direction = "DESC" if sort.startswith("-") else "ASC"
        _, rows = query(
            f"SELECT file_row_number FROM read_parquet(?, file_row_number = true) {where} "  # noqa: S608
            f'ORDER BY "{name}" {direction} NULLS LAST, file_row_number LIMIT ? OFFSET ?',
            [str(self.path), *parameters, PAGE_ROWS, offset],
        )
        return [row[0] for row in rows]

    def event(self, event_id: str) -> dict[str, Any] | None:
        """One event by its id; None when the run has no such event."""
        names, rows = query(
            f"SELECT {_ALL} FROM read_parquet(?) WHERE event_id = ? LIMIT 1",  # noqa: S608
            [str(self.path), event_id],
        )
        return dict(zip(names, rows[0], strict=True)) if rows else None

    def around(self, event: dict[str, Any]) -> Page:
        """Events of the same key nearest in time, oldest first, and how many the key has."""
        key = KEY_COLUMNS.get(str(event["kind"]), _OTHER_KEY)
        same = " AND ".join(f'"{name}" IS NOT DISTINCT FROM ?' for name in key)
        values = [str(self.path), event["kind"], *(event[name] for name in key)]
        names, rows = query(
            f"SELECT * EXCLUDE total FROM (SELECT {_ALL}, count(*) OVER () AS total "  # noqa: S608
            f"FROM read_parquet(?) WHERE kind = ? AND {same} "
            "ORDER BY abs(epoch_us(timestamp) - epoch_us(CAST(? AS TIMESTAMPTZ))), event_id "
            "LIMIT ?) ORDER BY timestamp, event_id",
            [*values, event["timestamp"], AROUND_ROWS],
        )
        _, total = query(
            f"SELECT count(*) FROM read_parquet(?) WHERE kind = ? AND {same}",  # noqa: S608
            values,
        )
        return Page(names, tuple(rows), int(total[0][0]))


def _where(wanted: EventQuery) -> tuple[str, list[Any]]:
    clauses: list[str] = []
    parameters: list[Any] = []
    if wanted.kind:
        clauses.append("kind = ?")
        parameters.append(wanted.kind)
    if wanted.severity in SEVERITIES:
        clauses.append("severity = ?")
        parameters.append(wanted.severity)
    if wanted.floor is not None:
        clauses.append("ml_score >= ?")
        parameters.append(wanted.floor)
    text = wanted.text.strip()
    if text:
        clause, values = _matches(wanted.column, text)
        clauses.append(clause)
        parameters.extend(values)
    return ("WHERE " + " AND ".join(clauses) if clauses else ""), parameters


def _matches(column: str, text: str) -> tuple[str, list[Any]]:
    """Text columns contain it, case apart; other columns equal it."""
    if column in SCORED_COLUMNS and column not in TEXT_COLUMNS:
        return f'CAST("{column}" AS VARCHAR) = ?', [text]
    names = (column,) if column in TEXT_COLUMNS else SEARCHED_COLUMNS
    either = " OR ".join(f'contains(lower("{name}"), ?)' for name in names)
    return f"({either})", [text.lower()] * len(names)
