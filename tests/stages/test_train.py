"""train: models of every kind, or the champion."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from contracts.features import FEATURE_COLUMNS
from contracts.manifest import Artifact
from contracts.plan import ModelRef, ObjectRef, RunParameters
from tasks.detectors.model_files import load_model
from tasks.errors import InputError, StageError
from tests.stages.conftest import Ran, frames, references
from tests.stages.stage_context import Day


def by_role(ran: Ran) -> dict[str, Artifact]:
    return {one.role: one for one in ran.outcomes["train"].outputs}


def champion_of(ran: Ran) -> ModelRef:
    def ref(role: str) -> ObjectRef:
        one = by_role(ran)[role]
        return ObjectRef(location=one.location, sha256=one.sha256, bytes=one.bytes)

    return ModelRef(**ref("model").model_dump(), arrays=ref("model_arrays"), card=ref("model_card"))


def test_one_pickle_holds_a_forest_for_each_kind(both_kinds: Ran) -> None:
    model = by_role(both_kinds)["model"]
    content = load_model(both_kinds.day.path(model), model.sha256)
    assert set(content["kinds"]) == {"auth", "network"}
    for kind, stored in content["kinds"].items():
        assert tuple(stored["features"]) == FEATURE_COLUMNS[kind]
        assert stored["estimator"].n_estimators == 50
        assert stored["estimator"].random_state == 42


def test_arrays_and_card_lie_beside_the_pickle(both_kinds: Ran) -> None:
    stems = {one.location.rpartition(".")[0] for one in by_role(both_kinds).values()}
    assert len(stems) == 1
    assert stems.pop().startswith("cybersec-ml-models/model_isoforest_")


def test_the_card_says_what_was_learned_from_and_the_limits(both_kinds: Ran) -> None:
    roles = by_role(both_kinds)
    card = json.loads(both_kinds.day.path(roles["model_card"]).read_text(encoding="utf-8"))
    manifest = both_kinds.day.manifests["transform"]
    for kind, about in card["kinds"].items():
        reference = manifest.output("reference", kind)
        assert reference is not None
        assert about["reference_sha256"] == reference.sha256
        assert about["history_days"] == 2
        assert about["cold_start"] is False
        assert about["provisional"] is False
        assert "2 clean earlier days" in about["trained_on"]
        assert about["limits"]
    figures = both_kinds.outcomes["train"].figures
    assert (
        figures["kinds"]["network"]["reference_rows"] == card["kinds"]["network"]["reference_rows"]
    )
    assert both_kinds.outcomes["train"].parameters["contamination"] == "auto"


def test_the_same_reference_gives_the_same_bytes(both_kinds: Ran, tmp_path: Path) -> None:
    day = Day(tmp_path, RunParameters(n_estimators=50))
    day.transformed(both_kinds.silver, references(both_kinds.silver))
    assert day.bytes_of(day.run("train")) == both_kinds.day.bytes_of(both_kinds.outcomes["train"])


def test_without_retraining_the_champion_is_named_and_nothing_is_written(
    both_kinds: Ran,
) -> None:
    day = both_kinds.day
    before = sorted(day.store.names("cybersec-ml-models/"))
    later = Day(day.root, RunParameters(retrain=False), champion_of(both_kinds))
    outcome = later.run("train")
    assert [(one.role, one.sha256) for one in outcome.outputs] == [
        (one.role, one.sha256) for one in both_kinds.outcomes["train"].outputs
    ]
    assert outcome.figures["trained"] is False
    assert outcome.figures["champion"] == by_role(both_kinds)["model"].location
    assert outcome.figures["kinds"] == both_kinds.outcomes["train"].figures["kinds"]
    assert sorted(day.store.names("cybersec-ml-models/")) == before


def test_a_damaged_champion_is_refused(both_kinds: Ran) -> None:
    champion = champion_of(both_kinds)
    wrong = champion.arrays.model_copy(update={"sha256": "0" * 64})
    later = Day(
        both_kinds.day.root,
        RunParameters(retrain=False),
        champion.model_copy(update={"arrays": wrong}),
    )
    with pytest.raises(StageError, match="SHA-256"):
        later.run("train")


def test_without_retraining_and_without_champion_the_user_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no champion model yet"):
        Day(tmp_path, RunParameters(retrain=False)).run("train")


def test_a_day_from_which_nothing_can_be_learned_is_the_users_problem(tmp_path: Path) -> None:
    today = frames(kinds=("auth",))
    day = Day(tmp_path)
    day.transformed(today, {"auth": references(today)["auth"].clear()})
    with pytest.raises(InputError, match="--baseline"):
        day.run("train")


def test_a_kind_without_reference_rows_does_not_stop_the_other(tmp_path: Path) -> None:
    today = frames()
    known = references(today)
    known["auth"] = known["auth"].clear()
    day = Day(tmp_path, RunParameters(n_estimators=20))
    day.transformed(today, known)
    assert set(day.run("train").figures["kinds"]) == {"network"}
    evaluated = day.run("evaluate")
    assert evaluated.rows_skipped == {"no_model:auth": 700}
    assert evaluated.rows_in == evaluated.rows_out + 700
    assert set(day.frame(evaluated, "scored")["kind"]) == {"network"}
    assert day.run("explain").figures["alerts"] > 0


def test_a_cold_start_is_said(tmp_path: Path) -> None:
    today = frames(kinds=("network",))
    day = Day(tmp_path, RunParameters(n_estimators=20))
    day.transformed(today, references(today, days=0))
    figures = day.run("train").figures
    assert figures["cold_start"] is True
    assert figures["provisional"] is True
    assert "cold start" in figures["kinds"]["network"]["trained_on"]
    assert isinstance(day.frame(day.run("evaluate"), "eval"), pl.DataFrame)
