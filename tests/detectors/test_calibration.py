"""A calibrated score means the same every day."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.detectors.calibration import Calibration, calibrated


def null(rows: int, seed: int = 0) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).exponential(0.03, rows) - 0.1)


@pytest.mark.parametrize("rows", [1, 2, 5, 50, 5_000])
def test_more_anomalous_is_never_more_probable_and_p_never_stops_falling(rows: int) -> None:
    calibration = Calibration(null(rows))
    anomaly = np.linspace(-0.5, 1.0, 4_000)
    unlikely = calibration.minus_log10_p(-anomaly)
    assert (np.diff(unlikely) >= -1e-12).all()
    assert unlikely[0] == 0
    beyond = unlikely[anomaly > calibration.edge]
    assert (np.diff(beyond) > 0).all()


def test_half_of_clean_keys_have_a_p_below_one_half_and_one_in_a_thousand_below_a_thousandth() -> (
    None
):
    calibration = Calibration(null(20_000))
    unseen = calibration.minus_log10_p(-null(100_000, seed=1))
    assert (unseen > -np.log10(0.5)).mean() == pytest.approx(0.5, abs=0.02)
    assert (unseen > 2).mean() == pytest.approx(0.01, rel=0.25)
    assert (unseen > 3).mean() == pytest.approx(0.001, rel=0.5)


def test_a_key_counts_once_however_many_rows_it_has() -> None:
    decision = np.array([0.1, 0.2, 0.05, 0.3])
    keys = np.array([1, 1, 2, 3], dtype=np.uint64)
    once = calibrated(decision, keys)
    np.testing.assert_allclose(once.null, [-0.3, -0.1, -0.05])
    busy = calibrated(np.tile(decision, 50), np.tile(keys, 50))
    np.testing.assert_array_equal(once.null, busy.null)


def test_five_equal_reference_rows_do_not_make_a_slightly_odd_row_critical() -> None:
    calibration = Calibration(np.full(5, 0.0))
    assert calibration.ml_score(np.array([-0.01]))[0] < 0.5
    assert calibration.ml_score(np.array([-0.4]))[0] > 0.95


def test_ml_score_is_the_decades_of_improbability_over_five_within_0_and_1() -> None:
    calibration = Calibration(null(1_000))
    decision = -np.linspace(-1, 2, 500)
    expected = np.clip(calibration.minus_log10_p(decision) / 5, 0, 1)
    np.testing.assert_allclose(calibration.ml_score(decision), expected)
    assert not np.signbit(calibration.ml_score(decision)).any()
