"""Where alerts begin: a score that the run names, or the score at which its budget is used up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

from contracts.severity import ALERT_FLOOR
from tasks.detectors.calibration import Calibration

ALERTS_PER_ENTITY: Final = 5
"""Alerts that one source or one destination may use up: more say the same (one incident)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best row of a key. ``ends``: who takes part, e.g. its source and its destination."""

    minus_log10_p: float
    ml_score: float
    ends: tuple[Hashable, ...]


def alert_floor(calibration: Calibration) -> float:
    """``ml_score`` above which a key of this kind may become an alert of a budget: that of the
    most anomalous clean key, ``ALERT_FLOOR`` at most."""
    return min(ALERT_FLOOR, float(calibration.ml_score_of_isolation(calibration.null[-1:])[0]))


def budget_threshold(candidates: Iterable[Candidate], budget: int, floor: float) -> float:
    """``ml_score`` of the candidate with which ``budget`` alerts are reached, most improbable
    first; ``floor`` where there are fewer.

    A key whose source or destination has had its share does not use up budget: a scan of a
    thousand targets must not hide the second incident of the day.
    """
    used: Counter[Hashable] = Counter()
    spent = 0
    for candidate in candidates:
        if any(used[end] >= ALERTS_PER_ENTITY for end in candidate.ends):
            continue
        used.update(candidate.ends)
        spent += 1
        if spent == budget:
            return candidate.ml_score
    return floor
