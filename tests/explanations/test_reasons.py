"""The culprit is the planted feature, and the technique is its family's."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.features import FEATURE_BY_NAME, FEATURES
from tasks.detectors.training import ForestParameters, KindModel, matrix_of, train_kind
from tasks.explanations.reasons import reasons_of
from tasks.explanations.techniques import TECHNIQUES, UNNAMED
from tests.silver_frames import reference, silver


@pytest.fixture(scope="module")
def models() -> dict[str, KindModel]:
    parameters = ForestParameters(100, "auto", 42)
    return {
        kind: train_kind(
            kind, reference(kind, [silver(kind, 2_000, seed=s) for s in (1, 2)], None), parameters
        )[0]
        for kind in ("network", "auth")
    }


def planted(model: KindModel) -> np.ndarray:
    """One row a feature, at the floor everywhere but there."""
    rows = np.tile(model.floor, (len(model.features), 1))
    np.fill_diagonal(rows, 12.0)
    return rows


@pytest.mark.parametrize("kind", ["network", "auth"])
def test_a_planted_single_feature_anomaly_is_named_first(
    models: dict[str, KindModel], kind: str
) -> None:
    model = models[kind]
    reasons = reasons_of(kind, model, planted(model))
    own = np.arange(len(model.features))
    assert (reasons.attribution.argmin(axis=1) == own).mean() >= 0.95
    assert np.mean([spoken == at for at, spoken in enumerate(reasons.spoken)]) >= 0.95
    families = [FEATURE_BY_NAME[kind][name].family for name in model.features]
    named = [t == TECHNIQUES[kind][f] for t, f in zip(reasons.techniques, families, strict=True)]
    assert np.mean(named) >= 0.95


def test_features_at_or_below_the_floor_and_missing_ones_are_never_named(
    models: dict[str, KindModel],
) -> None:
    model = models["network"]
    rows = planted(model)
    rows[:, ::3] = np.nan
    rows[:, 1::3] -= 5
    for at, spoken in enumerate(reasons_of("network", model, rows).spoken):
        assert spoken is None or rows[at, spoken] > model.floor[spoken]


def test_an_event_without_anything_high_gets_no_made_up_technique(
    models: dict[str, KindModel],
) -> None:
    model = models["auth"]
    rows = np.full((1, len(model.features)), -3, dtype=np.float32)
    reasons = reasons_of("auth", model, rows)
    assert reasons.spoken == [None]
    assert reasons.techniques == [UNNAMED["auth"]]


@pytest.mark.parametrize("kind", ["network", "auth"])
def test_every_family_has_a_technique(kind: str) -> None:
    assert {feature.family for feature in FEATURES[kind]} == set(TECHNIQUES[kind])


def test_missing_values_do_not_change_the_other_attributions(
    models: dict[str, KindModel],
) -> None:
    model = models["network"]
    rows = matrix_of(silver("network", 50, seed=9, attacks=10), model.features)
    at_floor = np.fmax(rows, model.floor)
    np.testing.assert_array_equal(
        reasons_of("network", model, rows).attribution,
        reasons_of("network", model, at_floor).attribution,
    )
