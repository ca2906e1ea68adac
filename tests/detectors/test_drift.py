"""The stability index grows with the shift and is 0 without one."""

from __future__ import annotations

import numpy as np

from tasks.detectors.drift import binned, spread_of, stability_index


def index_after(shift: float, scale: float = 1.0) -> float:
    rng = np.random.default_rng(0)
    reference = rng.normal(0, 1, (20_000, 1)).astype(np.float32)
    today = (rng.normal(0, scale, (20_000, 1)) + shift).astype(np.float32)
    spread = spread_of(reference)
    return float(stability_index(spread.counts, binned(today, spread.edges))[0])


def test_the_same_distribution_is_stable_and_a_shifted_one_is_not() -> None:
    assert index_after(0.0) < 0.01
    assert 0.25 < index_after(0.6) < index_after(1.2)


def test_the_index_equals_its_definition() -> None:
    expected = np.array([[30, 70, 0]])
    found = np.array([[60, 40, 0]])
    by_hand = (0.6 - 0.3) * np.log(0.6 / 0.3) + (0.4 - 0.7) * np.log(0.4 / 0.7)
    np.testing.assert_allclose(stability_index(expected, found), [by_hand])


def test_values_that_go_missing_are_drift() -> None:
    reference = np.random.default_rng(1).random((1_000, 2)).astype(np.float32)
    today = reference.copy()
    today[::2, 1] = np.nan
    spread = spread_of(reference)
    stable, shifted = stability_index(spread.counts, binned(today, spread.edges))
    assert stable < 1e-6
    assert shifted > 1


def test_a_constant_feature_is_stable_and_no_rows_are_not_measured() -> None:
    reference = np.zeros((100, 1), dtype=np.float32)
    spread = spread_of(reference)
    assert stability_index(spread.counts, binned(reference, spread.edges))[0] == 0
    assert np.isnan(stability_index(spread.counts, binned(reference[:0], spread.edges))[0])
