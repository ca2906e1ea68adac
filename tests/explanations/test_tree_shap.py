"""Attributions equal the reference library's, add up, and have the right sign."""

from __future__ import annotations

import numpy as np
import pytest
import shap
from sklearn.ensemble import IsolationForest

from tasks.detectors.forest import Forest, flatten
from tasks.detectors.one_sided import lifted
from tasks.detectors.training import ForestParameters, fitted
from tasks.explanations.tree_shap import decision_attributions, depth_attributions, path_tables


def counts(seed: int, rows: int, features: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = np.log1p(rng.poisson(rng.gamma(1.0, 3.0, (rows, features)))).astype(np.float32)
    values[rng.random(values.shape) < 0.4] = 0
    return values


def trained(rows: int, features: int) -> tuple[IsolationForest, Forest, np.ndarray]:
    estimator, floor = fitted(counts(1, rows, features), ForestParameters(60, "auto", 42))
    return estimator, flatten(estimator), floor


@pytest.mark.parametrize(("rows", "features"), [(5_000, 36), (5_000, 4), (100, 16), (5, 3)])
def test_path_length_attributions_equal_the_reference_library(rows: int, features: int) -> None:
    estimator, forest, floor = trained(rows, features)
    unseen = lifted(counts(2, 150, features) * np.float32(1.5), floor)
    tables = path_tables(forest)
    explainer = shap.TreeExplainer(estimator)
    mine = depth_attributions(forest, tables, unseen) / forest.trees
    np.testing.assert_allclose(mine, explainer.shap_values(unseen), rtol=0, atol=1e-9)
    expected = np.ravel(explainer.expected_value)[0]
    assert tables.expected / forest.trees == pytest.approx(expected, abs=1e-9)


def test_attributions_and_base_add_up_to_the_decision_function() -> None:
    estimator, forest, floor = trained(4_000, 36)
    unseen = lifted(counts(3, 400, 36), floor)
    attribution, base = decision_attributions(forest, path_tables(forest), unseen)
    total = base + attribution.sum(axis=1)
    np.testing.assert_allclose(total, estimator.decision_function(unseen), rtol=0, atol=1e-12)


def test_a_planted_extreme_pushes_towards_anomalous_with_a_negative_value() -> None:
    estimator, forest, floor = trained(4_000, 12)
    for column in range(12):
        row = lifted(np.zeros((1, 12), dtype=np.float32), floor)
        usual = estimator.decision_function(row)[0]
        row[0, column] = 9
        attribution, _ = decision_attributions(forest, path_tables(forest), row)
        assert estimator.decision_function(row)[0] < usual
        assert attribution[0].argmin() == column
        assert attribution[0, column] < 0


def test_a_forest_without_splits_attributes_nothing() -> None:
    estimator, _ = fitted(np.ones((30, 4), dtype=np.float32), ForestParameters(20, "auto", 1))
    forest = flatten(estimator)
    rows = np.ones((2, 4), dtype=np.float32)
    attribution, base = decision_attributions(forest, path_tables(forest), rows)
    assert not attribution.any()
    assert base == pytest.approx(estimator.decision_function(rows)[0])


def test_trees_too_deep_for_exact_quadrature_are_refused() -> None:
    rows = counts(4, 4_000, 8)
    deep = IsolationForest(n_estimators=5, max_samples=2_000, random_state=1).fit(rows)
    with pytest.raises(ValueError, match="8 levels"):
        path_tables(flatten(deep))
