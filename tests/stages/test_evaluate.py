"""evaluate: every event scored and ranked, and honest metrics."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contracts.events import EVAL_COLUMNS, SCORED_COLUMNS
from contracts.features import FEATURE_COLUMNS
from contracts.plan import RunParameters
from contracts.severity import ALERT_FLOOR, severity_of
from tasks.detectors.model_files import load_model, read_arrays
from tasks.errors import InputError
from tests.stages.conftest import Ran, frames, ran, references
from tests.stages.stage_context import Day

PROJECT = Path(__file__).resolve().parents[2]


def test_every_event_is_in_the_file_once_most_anomalous_first(both_kinds: Ran) -> None:
    scored = both_kinds.frame("evaluate", "scored")
    assert scored.columns == list(SCORED_COLUMNS)
    assert scored["anomaly_score"].is_sorted()
    given = pl.concat([frame["event_id"] for frame in both_kinds.silver.values()])
    assert sorted(scored["event_id"]) == sorted(given)
    assert both_kinds.outcomes["evaluate"].rows_out == scored.height


def test_the_score_is_the_pickled_estimators_decision_function(both_kinds: Ran) -> None:
    model = both_kinds.outcomes["train"].outputs[0]
    content = load_model(both_kinds.day.path(model), model.sha256)
    scored = both_kinds.frame("evaluate", "scored")
    for kind, silver in both_kinds.silver.items():
        stored = content["kinds"][kind]
        raw = silver.select(stored["features"])
        filled = raw.select(
            pl.col(name).fill_null(floor)
            for name, floor in zip(stored["features"], stored["floor"], strict=True)
        )
        expected = stored["estimator"].decision_function(filled.to_numpy().astype(np.float32))
        mine = silver.select("event_id").join(scored, on="event_id", maintain_order="left")
        np.testing.assert_allclose(mine["anomaly_score"], expected, rtol=0, atol=1e-9)


def test_a_row_carries_the_score_and_severity_of_its_keys_best_row(both_kinds: Ran) -> None:
    scored = both_kinds.frame("evaluate", "scored")
    arrays = read_arrays(both_kinds.day.path(both_kinds.outcomes["train"].outputs[1]))
    for kind, silver in both_kinds.silver.items():
        rows = silver.select("event_id", "key_id").join(scored, on="event_id")
        best = rows.select(pl.col("anomaly_score").min().over("key_id")).to_series().to_numpy()
        expected = arrays[kind].calibration.ml_score(best)
        np.testing.assert_array_equal(rows["ml_score"], expected)
        assert rows["severity"].to_list() == [severity_of(score) for score in expected]


def test_planted_attacks_lead_the_list_and_the_metrics_say_so(both_kinds: Ran) -> None:
    figures = both_kinds.outcomes["evaluate"].figures
    for kind in ("auth", "network"):
        metrics = figures["metrics"][kind]
        assert metrics["auc"] > 0.99
        assert metrics["average_precision"] > 0.95
        assert metrics["recall"] > 0.9
        assert metrics["precision"] > 0.7
        assert metrics["precision_at_budget"] > 0.75
        assert metrics["labelled_rows"] == metrics["rows"] == both_kinds.silver[kind].height
    assert figures["label_counts"]["network"] == {"Benign": 1_880, "Malicious": 120}


def test_the_metric_table_holds_the_same_figures(both_kinds: Ran) -> None:
    table = both_kinds.frame("evaluate", "eval")
    assert table.columns == list(EVAL_COLUMNS)
    metrics = both_kinds.outcomes["evaluate"].figures["metrics"]
    for kind, metric, value in table.select("kind", "metric", "value").iter_rows():
        assert metrics[kind][metric] == value
    psi = table.filter(pl.col("kind") == "auth", pl.col("metric").str.starts_with("psi_"))
    assert psi["metric"].to_list() == [f"psi_{name}" for name in FEATURE_COLUMNS["auth"]]


def test_histogram_and_severities_count_every_row(both_kinds: Ran) -> None:
    figures = both_kinds.outcomes["evaluate"].figures
    scored = both_kinds.frame("evaluate", "scored")
    for kind, bins in figures["histogram"].items():
        assert len(bins["edges"]) == len(bins["counts"]) + 1 == 51
        assert sum(bins["counts"]) == both_kinds.silver[kind].height
    counted = dict(scored["severity"].value_counts().iter_rows())
    assert {name: n for name, n in figures["severity_counts"].items() if n} == counted


def test_without_labels_quality_is_not_measured_and_never_zero(tmp_path: Path) -> None:
    today = frames(labelled=False, kinds=("network",))
    parameters = RunParameters(n_estimators=20)
    done = ran(tmp_path, today, references(today), parameters)
    metrics = done.outcomes["evaluate"].figures["metrics"]["network"]
    for name in ("precision", "recall", "f1", "auc", "average_precision", "precision_at_budget"):
        assert metrics[name] is None
    assert metrics["labelled_rows"] == 0
    assert metrics["anomaly_rate"] > 0
    assert done.frame("evaluate", "scored")["label"].null_count() == 2_000
    table = done.frame("evaluate", "eval")
    assert table.filter(pl.col("metric") == "auc")["value"].null_count() == 1


def test_a_named_threshold_replaces_the_budget(tmp_path: Path) -> None:
    today = frames(kinds=("auth",))
    parameters = RunParameters(n_estimators=20, alert_threshold=0.123)
    done = ran(tmp_path, today, references(today), parameters)
    assert done.outcomes["evaluate"].figures["alert_threshold"] == 0.123
    scored = done.frame("evaluate", "scored")
    rate = (scored["ml_score"] >= 0.123).mean()
    assert done.outcomes["evaluate"].figures["metrics"]["auth"]["anomaly_rate"] == rate


def test_a_clean_day_alerts_on_next_to_nothing(tmp_path: Path) -> None:
    clean = {"network": frames(kinds=("network",))["network"].filter(pl.col("label") == "Benign")}
    done = ran(tmp_path, clean, references(clean), RunParameters(n_estimators=50))
    figures = done.outcomes["evaluate"].figures
    assert figures["alert_threshold"] >= ALERT_FLOOR
    assert figures["metrics"]["network"]["anomaly_rate"] < 0.02
    assert figures["severity_counts"]["CRITICAL"] == 0


def test_a_second_run_gives_the_same_bytes(both_kinds: Ran, tmp_path: Path) -> None:
    again = ran(
        tmp_path, both_kinds.silver, references(both_kinds.silver), both_kinds.day.parameters
    )
    for stage in ("evaluate", "explain"):
        first = both_kinds.day.bytes_of(both_kinds.outcomes[stage])
        assert again.day.bytes_of(again.outcomes[stage]) == first
        assert again.outcomes[stage].figures == both_kinds.outcomes[stage].figures


@pytest.mark.parametrize("rows", [5, 12])
def test_a_handful_of_events_goes_all_the_way(tmp_path: Path, rows: int) -> None:
    few = {kind: frame.head(rows) for kind, frame in frames().items()}
    known = references(few, days=0)
    known = {kind: known[kind] if known[kind].height else references(few)[kind] for kind in few}
    done = ran(tmp_path, few, known, RunParameters(n_estimators=20, alert_threshold=0.0))
    assert done.frame("evaluate", "scored").height == 2 * rows
    assert done.outcomes["explain"].figures["alerts"] > 0


def test_a_champion_of_other_features_is_explained_to_the_user(
    both_kinds: Ran, tmp_path: Path
) -> None:
    day = Day(tmp_path, RunParameters(n_estimators=20))
    older = {"auth": both_kinds.silver["auth"].drop("off_hours")}
    day.transformed(older, references({"auth": both_kinds.silver["auth"]}))
    day.run("train")
    with pytest.raises(InputError, match="off_hours"):
        day.run("evaluate")


def test_scoring_and_explaining_import_no_learning_library() -> None:
    code = (
        "import sys, tasks.stages.evaluate, tasks.stages.explain\n"
        "heavy = {'sklearn', 'scipy.special', 'pandas', 'shap', 'pyarrow', 'duckdb'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'imported: {sorted(heavy)}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT)


def test_a_kind_without_events_today_is_no_obstacle(tmp_path: Path) -> None:
    today = frames()
    known = references(today)
    today["network"] = today["network"].clear()
    done = ran(tmp_path, today, known, RunParameters(n_estimators=20))
    assert done.frame("evaluate", "scored").height == 700
    assert done.outcomes["evaluate"].figures["metrics"]["network"]["anomaly_rate"] is None


def test_a_day_without_any_event_gives_empty_tables(tmp_path: Path) -> None:
    today = frames(kinds=("auth",))
    known = references(today)
    done = ran(tmp_path, {"auth": today["auth"].clear()}, known, RunParameters(n_estimators=20))
    assert done.frame("evaluate", "scored").columns == list(SCORED_COLUMNS)
    assert done.frame("evaluate", "scored").height == 0
    assert done.outcomes["explain"].figures["alerts"] == 0
