"""Only high values are evidence."""

from __future__ import annotations

import numpy as np

from tasks.detectors.forest import Forest, flatten
from tasks.detectors.one_sided import floor_of
from tasks.detectors.training import ForestParameters, fitted


def forest_on(reference: np.ndarray) -> tuple[Forest, np.ndarray]:
    estimator, floor = fitted(reference, ForestParameters(100, "auto", 42))
    return flatten(estimator), floor


def score(forest: Forest, rows: np.ndarray) -> np.ndarray:
    return forest.decision_function(np.ascontiguousarray(rows.astype(np.float32).T))


def test_no_low_value_is_more_anomalous_than_a_usual_one() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(10, 2, (4000, 10)).astype(np.float32)
    forest, _ = forest_on(reference)
    usual = np.full((1, 10), 10.0)
    for column in range(10):
        low = usual.copy()
        low[0, column] = -1_000
        assert score(forest, low)[0] >= score(forest, usual)[0]
    assert score(forest, np.full((1, 10), -1_000))[0] >= score(forest, usual)[0]


def test_a_high_value_of_any_feature_is_more_anomalous_than_a_usual_one() -> None:
    rng = np.random.default_rng(1)
    reference = rng.normal(10, 2, (4000, 10)).astype(np.float32)
    forest, _ = forest_on(reference)
    usual = np.full((1, 10), 10.0)
    for column in range(10):
        high = usual.copy()
        high[0, column] = 40
        assert score(forest, high)[0] < score(forest, usual)[0]


def test_all_thresholds_lie_at_or_above_the_floor() -> None:
    reference = np.random.default_rng(2).gamma(1, 1, (3000, 6)).astype(np.float32)
    forest, floor = forest_on(reference)
    inner = np.isfinite(forest.threshold)
    assert (forest.threshold[inner] >= floor[forest.feature[inner]]).all()


def test_the_floor_leaves_rows_above_it_also_in_small_references() -> None:
    for rows in (6, 20, 200):
        reference = np.arange(rows, dtype=np.float32)[:, None]
        floor = floor_of(reference)
        assert (reference > floor).sum() >= 4


def test_a_column_without_values_has_floor_zero_and_no_effect() -> None:
    reference = np.random.default_rng(3).gamma(1, 1, (500, 3)).astype(np.float32)
    reference[:, 1] = np.nan
    forest, floor = forest_on(reference)
    assert floor[1] == 0
    assert not (forest.feature[np.isfinite(forest.threshold)] == 1).any()
