"""The budget is a number of alerts, and one noisy entity cannot use it up alone."""

from __future__ import annotations

import pytest

from contracts.severity import ALERT_FLOOR
from tasks.detectors.threshold import Candidate, budget_threshold


def candidates(*scores: float) -> list[Candidate]:
    return [Candidate(5 * s, s, (("src", at), ("dst", at))) for at, s in enumerate(scores)]


def test_the_threshold_is_the_score_of_the_last_key_in_the_budget() -> None:
    assert budget_threshold(candidates(0.99, 0.9, 0.8, 0.7, 0.6), 3) == 0.8


def test_a_quiet_day_has_fewer_alerts_than_the_budget_and_none_below_the_floor() -> None:
    assert budget_threshold(candidates(0.9, 0.6, 0.4, 0.3), 50) == ALERT_FLOOR
    assert budget_threshold([], 50) == ALERT_FLOOR


@pytest.mark.parametrize("shared", ["src", "dst"])
def test_a_scan_of_a_thousand_targets_does_not_hide_the_second_incident(shared: str) -> None:
    scan = [Candidate(4.9, 0.98, ((shared, "one"), ("other", n))) for n in range(1_000)]
    second = Candidate(3.0, 0.6, (("src", "b"), ("dst", "c")))
    assert budget_threshold([*scan, second], 6) == 0.6
