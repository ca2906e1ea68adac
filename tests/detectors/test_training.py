"""Training works on whatever reference there is, and says what it learned from."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from contracts.features import FEATURE_COLUMNS
from tasks.detectors.calibration import isolation
from tasks.detectors.forest import flatten
from tasks.detectors.training import ForestParameters, fitted, matrix_of, train_kind
from tests.silver_frames import reference, silver

PARAMETERS = ForestParameters(n_estimators=30, contamination="auto", random_state=42)


def clean(kind: str, days: int, rows: int = 400) -> list[pl.DataFrame]:
    return [silver(kind, rows, seed=100 + day) for day in range(days)]


@pytest.mark.parametrize("kind", ["network", "auth"])
@pytest.mark.parametrize(("days", "provisional"), [(0, True), (1, True), (2, False), (3, False)])
def test_two_days_of_history_make_the_calibration_more_than_provisional(
    kind: str, days: int, provisional: bool
) -> None:
    today = silver(kind, 300, seed=1, attacks=20)
    model, _ = train_kind(kind, reference(kind, clean(kind, days), today), PARAMETERS)
    assert model.provisional is provisional
    assert model.history_days == days
    assert ("cold start" in model.trained_on) == (days == 0)


def test_history_is_calibrated_day_by_day_on_forests_that_did_not_see_the_day() -> None:
    days = clean("network", 2)
    rows = reference("network", days, None)
    model, estimator = train_kind("network", rows, PARAMETERS)
    expected = []
    for day in rows["day"].unique().sort():
        others = matrix_of(rows.filter(pl.col("day") != day), model.features)
        own = rows.filter(pl.col("day") == day)
        unseen, _ = fitted(others, PARAMETERS)
        score = unseen.score_samples(np.nan_to_num(matrix_of(own, model.features), nan=-99))
        frame = own.select("key_id").with_columns(score=pl.Series(score - estimator.offset_))
        expected.append(frame)
    best = pl.concat(
        [day.group_by("key_id").agg(pl.col("score").min())["score"] for day in expected]
    )
    np.testing.assert_allclose(
        model.calibration.null, np.sort(isolation(best.to_numpy(), estimator.offset_)), atol=1e-9
    )


def test_no_row_is_scored_by_a_forest_that_learned_from_its_pair() -> None:
    rows = reference("network", [], silver("network", 500, seed=3))
    one_pair = rows.with_columns(pair_id=pl.lit(7, pl.UInt64))
    model, _ = train_kind("network", one_pair, PARAMETERS)
    in_sample = model.forest.decision_function(
        np.ascontiguousarray(matrix_of(one_pair, model.features).T)
    )
    folds, _ = train_kind("network", rows, PARAMETERS)
    assert len(folds.calibration.null) == len(model.calibration.null)
    expected = np.sort(isolation(in_sample, model.forest.offset))
    np.testing.assert_allclose(expected, model.calibration.null)
    assert not np.allclose(folds.calibration.null, model.calibration.null)


@pytest.mark.parametrize("kind", ["network", "auth"])
@pytest.mark.parametrize("rows", [1, 2, 5, 12])
def test_a_handful_of_rows_still_gives_a_model(kind: str, rows: int) -> None:
    few = reference(kind, [], silver(kind, rows, seed=rows))
    model, _ = train_kind(kind, few, PARAMETERS)
    day = matrix_of(silver(kind, 40, seed=9, attacks=5), model.features)
    decision = model.forest.decision_function(np.ascontiguousarray(day.T))
    score = model.calibration.ml_score(decision)
    assert np.isfinite(decision).all()
    assert ((score >= 0) & (score <= 1)).all()


def test_constant_and_empty_features_are_no_obstacle() -> None:
    rows = reference("network", clean("network", 2), None).with_columns(
        pl.lit(3.0).cast(pl.Float32).alias("beacon_score"),
        pl.lit(None).cast(pl.Float32).alias("gap_symmetry"),
    )
    model, _ = train_kind("network", rows, PARAMETERS)
    used = model.forest.feature[np.isfinite(model.forest.threshold)]
    assert model.features.index("beacon_score") not in used
    assert np.isnan(model.usual[model.features.index("gap_symmetry")])
    constant = rows.with_columns(
        pl.lit(1.0).cast(pl.Float32).alias(name) for name in FEATURE_COLUMNS["network"]
    )
    model, _ = train_kind("network", constant, PARAMETERS)
    assert (model.calibration.ml_score(np.array([model.forest.offset])) <= 1).all()


def test_usual_is_what_nine_of_ten_reference_rows_do_not_exceed() -> None:
    rows = reference("auth", clean("auth", 3), None)
    model, _ = train_kind("auth", rows, PARAMETERS)
    values = matrix_of(rows, model.features)
    for column, usual in enumerate(model.usual):
        known = values[:, column][~np.isnan(values[:, column])]
        assert (known <= usual).mean() >= 0.9
        assert (known < usual).mean() < 0.9


def test_the_card_sentence_names_days_and_rows() -> None:
    today = silver("network", 300, seed=1)
    model, _ = train_kind("network", reference("network", clean("network", 3), today), PARAMETERS)
    assert "3 clean earlier days (2026-11-10 to 2026-11-12)" in model.trained_on
    assert "one for each connection" in model.trained_on


def test_the_same_rows_and_seed_give_the_same_forest() -> None:
    rows = reference("network", clean("network", 2), None)
    first, second = (train_kind("network", rows, PARAMETERS)[1] for _ in range(2))
    np.testing.assert_array_equal(flatten(first).threshold, flatten(second).threshold)
