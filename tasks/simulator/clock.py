"""When things happen in an office day: working hours, weekends, regular calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3600 * SECOND_US
DAY_US: Final = 24 * HOUR_US

# Relative activity of people in each hour of the day (the site works on UTC); the dip is lunch.
WORKDAY_HOURS: Final = (
    *(0.02, 0.015, 0.01, 0.01, 0.01, 0.03, 0.12, 0.42, 0.90, 1.00, 1.00, 0.95),
    *(0.60, 0.85, 1.00, 0.97, 0.85, 0.50, 0.22, 0.12, 0.10, 0.08, 0.05, 0.03),
)
# On a weekend a few people look in during the day.
WEEKEND_HOURS: Final = (
    *(0.02, 0.015, 0.01, 0.01, 0.01, 0.01, 0.03, 0.06, 0.09, 0.13, 0.15, 0.14),
    *(0.12, 0.12, 0.13, 0.13, 0.12, 0.11, 0.10, 0.09, 0.09, 0.08, 0.05, 0.03),
)
WEEKEND_PRESENCE: Final = 0.12
"""People's traffic on a weekend day as a share of a working day's."""


@dataclass(frozen=True)
class Clock:
    """One UTC day; all times are int64 microseconds since 1970."""

    day: date

    @cached_property
    def start(self) -> int:
        """First microsecond of the day."""
        midnight = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        return int(midnight.timestamp()) * SECOND_US

    @cached_property
    def end(self) -> int:
        """First microsecond after the day."""
        return self.start + DAY_US

    @property
    def weekend(self) -> bool:
        """Saturday or Sunday."""
        return self.day.weekday() >= 5

    @property
    def presence(self) -> float:
        """How much of a working day's traffic people cause today."""
        return WEEKEND_PRESENCE if self.weekend else 1.0

    def anytime(self, rng: np.random.Generator, count: int) -> Array:
        """``count`` times, even over the day."""
        return self.start + rng.integers(0, DAY_US, count)

    def between(
        self, rng: np.random.Generator, count: int, first_hour: float, last_hour: float
    ) -> Array:
        """``count`` times, even between two hours of the day."""
        low, high = int(first_hour * HOUR_US), int(last_hour * HOUR_US)
        return self.start + rng.integers(low, high, count)

    def at_work(self, rng: np.random.Generator, count: int) -> Array:
        """``count`` times, as people are active over the hours of this day."""
        weights = np.array(WEEKEND_HOURS if self.weekend else WORKDAY_HOURS)
        edges = np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum()
        hours = np.interp(rng.random(count), edges, np.arange(25.0))
        return self.within(self.start + (hours * HOUR_US).astype(np.int64))

    def bursts(
        self, rng: np.random.Generator, count: int, flows_a_burst: int, seconds: float
    ) -> tuple[Array, Array]:
        """People work in bursts: (burst number, time) of ``count`` events.

        ``seconds`` is the mean distance of an event from the start of its burst.
        """
        starts = self.at_work(rng, max(1, count // flows_a_burst))
        burst = rng.integers(0, len(starts), count)
        delay = (rng.exponential(seconds, count) * SECOND_US).astype(np.int64)
        return burst, self.within(starts[burst] + delay)

    def periodic(
        self, rng: np.random.Generator, count: int, pairs: int, jitter: float
    ) -> tuple[Array, Array]:
        """Regular calls all day: (pair number, time) of about ``count`` calls of ``pairs`` pairs.

        Every pair calls at one interval, chosen so that the calls add up to ``count``; ``jitter``
        is the standard deviation as a share of the interval. With fewer calls than pairs, some
        pairs call once.
        """
        if count <= pairs:
            return rng.permutation(pairs)[:count], self.anytime(rng, count)
        calls = round(count / pairs)
        interval = DAY_US / calls
        phase = rng.random(pairs) * interval
        turn = np.tile(np.arange(calls), pairs)
        pair = np.repeat(np.arange(pairs), calls)
        noise = rng.normal(0.0, jitter * interval, len(turn))
        offset = (phase[pair] + turn * interval + noise).astype(np.int64)
        return pair, self.within(self.start + offset)

    def within(self, times: Array) -> Array:
        """The times, with what falls out of the day wrapped round into it."""
        return self.start + (times - self.start) % DAY_US
