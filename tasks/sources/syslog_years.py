"""The year of RFC 3164 lines, which carry none: from their order and from when they were read."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, timedelta
from pathlib import Path

from tasks.sources.compression import read_blocks
from tasks.sources.source import ReadOptions

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATED = re.compile(
    rb"^(?:<\d{1,3}>\d? ?)?(" + "|".join(MONTHS).encode() + rb") +(\d{1,2}) ", re.MULTILINE
)
_NEW_YEAR_BACK_DAYS = 182
"""A step back by more than half a year is a New Year; smaller ones are lines out of order."""
_OLD_YEAR_AHEAD_DAYS = 300
"""A step ahead by more than this is a straggler of the old year."""
_SLACK = timedelta(days=1)
"""Lines may be in a local time that is ahead of UTC."""
_LEAP_YEARS_TRIED = 12


class SyslogYears:
    """The year of each line, in the order of the lines."""

    def __init__(self, first: int) -> None:
        self._year = first
        self._last: int | None = None

    def of(self, month: int, day: int) -> int:
        """Year of the next line; steps forward at a New Year, back for a straggler."""
        place = _place(month, day)
        if self._last is not None:
            step = place - self._last
            if step < -_NEW_YEAR_BACK_DAYS:
                self._year += 1
            elif step > _OLD_YEAR_AHEAD_DAYS:
                self._year -= 1
        self._last = place
        return self._year

    def pass_by(self, line: str) -> None:
        """The same for a line that is no event, so that both passes over a file agree."""
        if found := _DATED.match(line.encode()):
            self.of(*_month_and_day(found))


def first_year(path: Path, options: ReadOptions) -> int:
    """Year of a file's first dated line: as given, else the latest with no line in the future.

    A file with 29 February gets a leap year, if one of the last twelve years fits.
    """
    if options.year is not None:
        return options.year
    relative = SyslogYears(0)
    days: set[tuple[int, int, int]] = set()
    previous = b""
    for _, block in read_blocks(path):
        for found in _DATED.finditer(block):
            if found[0] == previous:
                continue
            previous = found[0]
            month, day = _month_and_day(found)
            days.add((relative.of(month, day), month, day))
    limit = (options.created.astimezone(UTC) + _SLACK).date()
    if not days:
        return limit.year
    for first in range(limit.year, limit.year - _LEAP_YEARS_TRIED, -1):
        if all(_fits(first + offset, month, day, limit) for offset, month, day in days):
            return first
    latest = max(days)
    year = limit.year - latest[0]
    return year if _place(*latest[1:]) <= _place(limit.month, limit.day) else year - 1


def _fits(year: int, month: int, day: int, limit: date) -> bool:
    """Whether the day exists in that year and is not in the future; impossible days always fit."""
    if day < 1 or day > calendar.monthrange(2024, month)[1]:
        return True
    if (month, day) == (2, 29) and not calendar.isleap(year):
        return False
    return date(year, month, day) <= limit


def _month_and_day(found: re.Match[bytes]) -> tuple[int, int]:
    return MONTHS.index(found[1].decode()) + 1, int(found[2])


def _place(month: int, day: int) -> int:
    """Place of a day within the year, near enough to tell a New Year."""
    return (month - 1) * 31 + day
