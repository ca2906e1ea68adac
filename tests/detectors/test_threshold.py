"""The budget is a number of alerts, and one noisy entity cannot use it up alone."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.severity import ALERT_FLOOR
from tasks.detectors.calibration import calibrated
from tasks.detectors.threshold import Candidate, alert_floor, budget_threshold


def candidates(*scores: float) -> list[Candidate]:
    return [Candidate(5 * s, s, (("src", at), ("dst", at))) for at, s in enumerate(scores)]


def test_the_threshold_is_the_score_of_the_last_key_in_the_budget() -> None:
    assert budget_threshold(candidates(0.99, 0.9, 0.8, 0.7, 0.6), 3, 0.3) == 0.8


def test_a_quiet_day_has_fewer_alerts_than_the_budget_and_none_below_the_floor() -> None:
    assert budget_threshold(candidates(0.9, 0.6), 50, 0.3) == 0.3
    assert budget_threshold([], 50, 0.3) == 0.3


@pytest.mark.parametrize(("clean_keys", "floor"), [(30, 0.30), (100_000, ALERT_FLOOR)])
def test_the_floor_is_the_worst_clean_key_where_there_are_few(
    clean_keys: int, floor: float
) -> None:
    draw = np.random.default_rng(5)
    decision = -0.2 - 0.05 * draw.exponential(size=clean_keys).clip(0, 4)
    made = calibrated(decision, np.arange(clean_keys, dtype=np.uint64), -0.5)
    assert alert_floor(made) <= floor
    worst = made.ml_score(np.array([decision.min()]))[0]
    assert alert_floor(made) == min(worst, ALERT_FLOOR)


@pytest.mark.parametrize("shared", ["src", "dst"])
def test_a_scan_of_a_thousand_targets_does_not_hide_the_second_incident(shared: str) -> None:
    scan = [Candidate(4.9, 0.98, ((shared, "one"), ("other", n))) for n in range(1_000)]
    second = Candidate(3.0, 0.6, (("src", "b"), ("dst", "c")))
    assert budget_threshold([*scan, second], 6, 0.3) == 0.6
