"""A calibrated score means the same every day."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.detectors.calibration import Calibration, calibrated, isolation

OFFSET = -0.5


def null(rows: int, seed: int = 0) -> np.ndarray:
    """Isolation of clean keys, most of them well below an average path's."""
    return np.sort(np.random.default_rng(seed).exponential(0.25, rows) - 0.6)


def decision(isolated: np.ndarray) -> np.ndarray:
    """The decision function of a forest for rows of this isolation."""
    return np.asarray(-(2.0 ** -np.exp(-isolated)) - OFFSET)


@pytest.mark.parametrize("rows", [1, 2, 5, 50, 5_000])
def test_more_anomalous_is_never_more_probable_and_p_never_stops_falling(rows: int) -> None:
    calibration = Calibration(null(rows), OFFSET)
    anomaly = np.linspace(-1.0, 3.0, 4_000)
    unlikely = calibration.minus_log10_p(decision(anomaly))
    assert (np.diff(unlikely) >= -1e-12).all()
    assert unlikely[0] == 0
    beyond = unlikely[anomaly > calibration.edge]
    assert (np.diff(beyond) > 0).all()


def test_half_of_clean_keys_have_a_p_below_one_half_and_one_in_a_thousand_below_a_thousandth() -> (
    None
):
    calibration = Calibration(null(20_000), OFFSET)
    unseen = calibration.minus_log10_p(decision(null(100_000, seed=1)))
    assert (unseen > -np.log10(0.5)).mean() == pytest.approx(0.5, abs=0.02)
    assert (unseen > 2).mean() == pytest.approx(0.01, rel=0.25)
    assert (unseen > 3).mean() == pytest.approx(0.001, rel=0.5)


def test_a_key_counts_once_however_many_rows_it_has() -> None:
    scores = np.array([0.1, 0.2, 0.05, 0.3])
    keys = np.array([1, 1, 2, 3], dtype=np.uint64)
    once = calibrated(scores, keys, OFFSET)
    np.testing.assert_allclose(once.null, isolation(np.array([0.3, 0.1, 0.05]), OFFSET))
    busy = calibrated(np.tile(scores, 50), np.tile(keys, 50), OFFSET)
    np.testing.assert_array_equal(once.null, busy.null)


def test_five_equal_reference_rows_do_not_make_a_slightly_odd_row_critical() -> None:
    calibration = Calibration(np.zeros(5), OFFSET)
    assert calibration.ml_score(np.array([-0.01]))[0] < 0.5
    assert calibration.ml_score(np.array([-0.45]))[0] > 0.7


def test_ml_score_is_the_decades_of_improbability_over_five_within_0_and_1() -> None:
    calibration = Calibration(null(1_000), OFFSET)
    scores = np.linspace(-0.5, 0.5, 500)
    expected = np.clip(calibration.minus_log10_p(scores) / 5, 0, 1)
    np.testing.assert_allclose(calibration.ml_score(scores), expected)
    assert not np.signbit(calibration.ml_score(scores)).any()
