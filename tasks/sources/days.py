"""Which UTC days the events of a file or a run belong to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import polars as pl

LONGEST_DAY_FILE = timedelta(hours=36)
"""A file of one day may begin and end some hours beyond it; a longer one holds several days."""
_EPOCH = date(1970, 1, 1)


class DayCounts:
    """Counts events by UTC date, and keeps the first and last time."""

    def __init__(self) -> None:
        self.counts: dict[date, int] = {}
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, timestamps: pl.Series) -> None:
        """Count a ``timestamp`` column (Datetime us, UTC)."""
        if not len(timestamps):
            return
        days = timestamps.dt.epoch("d").value_counts()
        for day, count in days.rows():
            self._count(_EPOCH + timedelta(days=day), count)
        first, last = timestamps.min(), timestamps.max()
        if isinstance(first, datetime) and isinstance(last, datetime):
            self._first = min(self._first or first, first)
            self._last = max(self._last or last, last)

    def merge(self, counts: Mapping[date, int]) -> None:
        for day, count in counts.items():
            self._count(day, count)

    @property
    def majority(self) -> date | None:
        """The date of most events, the earliest of several; None where there is no event."""
        return min(self.counts, key=lambda day: (-self.counts[day], day), default=None)

    @property
    def is_one_day(self) -> bool:
        """Whether all events lie within 36 hours."""
        if self._first is None or self._last is None:
            return True
        return self._last - self._first <= LONGEST_DAY_FILE

    def _count(self, day: date, count: int) -> None:
        self.counts[day] = self.counts.get(day, 0) + count


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """[start, end) of a UTC day."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def within(day: date) -> pl.Expr:
    """Whether ``timestamp`` lies in the UTC day."""
    start, end = day_bounds(day)
    timestamp = pl.col("timestamp")
    return (timestamp >= start) & (timestamp < end)
