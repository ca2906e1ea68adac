"""The array forest scores exactly as scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.detectors.forest import flatten
from tasks.detectors.one_sided import lifted
from tasks.detectors.training import ForestParameters, fitted

PARAMETERS = ForestParameters(n_estimators=50, contamination="auto", random_state=42)


def counts_with_ties(seed: int, rows: int, features: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = np.log1p(rng.poisson(rng.gamma(1.0, 3.0, (rows, features)))).astype(np.float32)
    values[rng.random(values.shape) < 0.5] = 0
    return values


@pytest.mark.parametrize("contamination", ["auto", 0.05])
@pytest.mark.parametrize(
    ("reference", "rows", "features"), [(3000, 1, 36), (3000, 1031, 36), (300, 512, 16), (7, 9, 3)]
)
def test_scores_equal_scikit_learn(
    reference: int, rows: int, features: int, contamination: float
) -> None:
    known = counts_with_ties(1, reference, features)
    unseen = counts_with_ties(2, rows, features) * np.float32(1.3)
    parameters = ForestParameters(50, contamination, 7)
    estimator, _ = fitted(known, parameters)
    mine = flatten(estimator).decision_function(np.ascontiguousarray(unseen.T))
    np.testing.assert_allclose(mine, estimator.decision_function(unseen), rtol=0, atol=1e-12)


def test_rows_on_a_threshold_take_the_path_scikit_learn_takes() -> None:
    known = counts_with_ties(3, 2000, 8)
    estimator, _ = fitted(known, PARAMETERS)
    forest = flatten(estimator)
    edges = forest.threshold[np.isfinite(forest.threshold)][:400]
    rows = np.repeat(
        np.concatenate([edges, np.nextafter(edges, np.float32(np.inf))])[:, None], 8, 1
    )
    mine = forest.decision_function(np.ascontiguousarray(rows.T))
    np.testing.assert_allclose(mine, estimator.decision_function(rows), rtol=0, atol=1e-12)


def test_a_missing_value_and_anything_below_the_floor_score_as_the_floor() -> None:
    known = counts_with_ties(4, 2000, 12)
    estimator, floor = fitted(known, PARAMETERS)
    forest = flatten(estimator)
    rows = counts_with_ties(5, 500, 12)
    rows[::3, 2] = np.nan
    rows[::5, 4] = -50
    lowered = forest.decision_function(np.ascontiguousarray(rows.T))
    raised = estimator.decision_function(lifted(rows, floor))
    np.testing.assert_allclose(lowered, raised, rtol=0, atol=1e-12)


def test_a_reference_of_equal_rows_scores_everything_alike() -> None:
    estimator, _ = fitted(np.ones((40, 5), dtype=np.float32), PARAMETERS)
    forest = flatten(estimator)
    rows = np.array([[1, 1, 1, 1, 1], [9, 9, 9, 9, 9]], dtype=np.float32)
    mine = forest.decision_function(np.ascontiguousarray(rows.T))
    np.testing.assert_allclose(mine, estimator.decision_function(rows), rtol=0, atol=1e-12)
    assert mine[0] == mine[1]


def test_a_single_reference_row_is_enough() -> None:
    estimator, _ = fitted(np.ones((1, 4), dtype=np.float32), PARAMETERS)
    rows = np.zeros((3, 4), dtype=np.float32)
    mine = flatten(estimator).decision_function(np.ascontiguousarray(rows.T))
    np.testing.assert_allclose(mine, estimator.decision_function(rows), rtol=0, atol=1e-12)
