"""Numbers, times and states in the words that analysts read."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

NOT_MEASURED: Final = "not measured"
_NOTHING: Final = "–"

COLUMN_TITLES: Final[dict[str, str]] = {
    "timestamp": "Time (UTC)",
    "ml_score": "Score",
    "anomaly_score": "Raw score",
    "severity": "Severity",
    "kind": "Kind",
    "src_ip": "Source",
    "dst_ip": "Destination",
    "src_port": "Source port",
    "dst_port": "Port",
    "protocol": "Protocol",
    "service": "Service",
    "conn_state": "State",
    "bytes": "Bytes",
    "user": "User",
    "host": "Host",
    "outcome": "Outcome",
    "label": "Label",
    "event_id": "Event id",
}


def title(column: str) -> str:
    """Heading of a column of the events."""
    return COLUMN_TITLES.get(column, column.replace("_", " ").capitalize())


def moment(value: datetime | None, milliseconds: bool = False) -> str:
    """``2026-03-04 06:12:09`` in UTC; the zone is said in the heading or beside it."""
    if value is None:
        return _NOTHING
    shown = value.astimezone(UTC)
    return shown.strftime("%Y-%m-%d %H:%M:%S") + (
        f".{shown.microsecond // 1000:03d}" if milliseconds else ""
    )


def moment_utc(value: datetime | None) -> str:
    """``2026-03-04 06:12:09 UTC``."""
    return _NOTHING if value is None else f"{moment(value)} UTC"


def count(value: int | float | None) -> str:
    """``1,234,567``."""
    return _NOTHING if value is None else f"{value:,.0f}"


def counted(value: int, one: str, many: str | None = None) -> str:
    """``1 alert``, ``1,234 alerts``."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def cell(column: str, value: Any) -> str | int | float | None:
    """One field of an event as a table shows it; None stays None (unknown)."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return moment(value, milliseconds=column == "timestamp")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column == "bytes":
        return count(value)
    if column == "ml_score":
        return f"{value:.3f}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value)


def quantity(value: float | None, unit: str) -> str:
    """A feature's natural value with its unit: ``412 ports``, ``95.0 %``, ``1.2 GB``, ``0.4 %``."""
    if value is None or not math.isfinite(value):
        return _NOTHING
    if unit == "share":
        return f"{100 * value:.3g} %"
    if unit.startswith("%"):
        return f"{value:.2g} {unit}" if value < 10 else f"{value:.3g} {unit}"
    if unit == "bytes":
        return byte_size(value)
    if unit in ("", "points"):
        return f"{value:.3g}"
    return f"{number(value)} {unit}"


def number(value: float) -> str:
    """Whole from 100 on, else three digits: ``1,412``, ``3``, ``2.25``."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def byte_size(value: float) -> str:
    """Decimal units, as network tools count: ``1.4 MB``."""
    size = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{number(size)} {unit}"
        size /= 1000
    return f"{number(size)} TB"


def ago(then: datetime, now: datetime) -> str:
    """``4 h ago``; days from two days on."""
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // 1440:,} days ago"
