"""explain: alerts that say why, grouped, ranked and safe to show."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from contracts.events import ALERT_COLUMNS, EXPLANATION_COLUMNS
from contracts.features import FEATURE_BY_NAME, FEATURE_COLUMNS
from contracts.plan import RunParameters
from tasks.errors import StageError
from tests.stages.conftest import Ran, frames, ran, references


def test_alerts_are_ranked_from_one_and_unique(both_kinds: Ran) -> None:
    alerts = both_kinds.frame("explain", "alerts")
    assert alerts.columns == list(ALERT_COLUMNS)
    assert alerts["rank"].to_list() == list(range(1, alerts.height + 1))
    assert alerts["alert_id"].n_unique() == alerts.height
    assert alerts.height <= both_kinds.day.parameters.alert_budget
    assert max(alerts.group_by("incident_id").len()["len"]) <= 5
    figures = both_kinds.outcomes["explain"].figures
    assert figures["alerts"] == alerts.height
    assert figures["incidents"] == alerts["incident_id"].n_unique()


def test_the_planted_incidents_are_named_and_come_first(both_kinds: Ran) -> None:
    alerts = both_kinds.frame("explain", "alerts")
    first = alerts.head(4)
    scan = first.filter(pl.col("technique") == "Network Service Discovery (T1046)")
    spray = first.filter(pl.col("technique") == "Password Spraying (T1110.003)")
    assert scan["entity"].to_list() == ["10.0.0.66"]
    assert spray["entity"].to_list() == ["203.0.113.9"]
    assert scan["incident_events"][0] > 100
    assert "in vain" in scan["sentence"][0]
    assert "users" in spray["sentence"][0]


def test_each_alert_is_the_best_row_of_its_key_above_the_threshold(both_kinds: Ran) -> None:
    threshold = both_kinds.outcomes["evaluate"].figures["alert_threshold"]
    alerts = both_kinds.frame("explain", "alerts")
    scored = both_kinds.frame("evaluate", "scored")
    assert (alerts["ml_score"] >= threshold).all()
    for kind, silver in both_kinds.silver.items():
        keyed = silver.select("event_id", "key_id").join(scored, on="event_id")
        best = keyed.group_by("key_id").agg(pl.col("anomaly_score").min())
        mine = alerts.filter(pl.col("kind") == kind).join(
            silver.select("event_id", "key_id"), on="event_id"
        )
        joined = mine.join(best, on="key_id", suffix="_best")
        assert (joined["anomaly_score"] == joined["anomaly_score_best"]).all()
        assert joined["key_id"].n_unique() == joined.height


def test_every_alert_has_all_its_features_and_they_add_up_to_its_score(both_kinds: Ran) -> None:
    alerts = both_kinds.frame("explain", "alerts")
    explanations = both_kinds.frame("explain", "explanations")
    assert explanations.columns == list(EXPLANATION_COLUMNS)
    base = both_kinds.outcomes["explain"].figures["base_values"]
    for alert in alerts.iter_rows(named=True):
        own = explanations.filter(pl.col("alert_id") == alert["alert_id"])
        assert sorted(own["feature"]) == sorted(FEATURE_COLUMNS[alert["kind"]])
        assert own["rank"].to_list() == list(range(1, own.height + 1))
        assert own["attribution"].is_sorted()
        total = base[alert["kind"]] + own["attribution"].sum()
        assert total == pytest.approx(alert["anomaly_score"], abs=1e-9)


def test_values_are_in_natural_units_and_null_where_not_measurable(both_kinds: Ran) -> None:
    alert = both_kinds.frame("explain", "alerts").row(0, named=True)
    silver = both_kinds.silver[alert["kind"]].filter(pl.col("event_id") == alert["event_id"])
    own = both_kinds.frame("explain", "explanations").filter(
        pl.col("alert_id") == alert["alert_id"]
    )
    for row in own.iter_rows(named=True):
        stored = silver[row["feature"]][0]
        if stored is None:
            assert row["value"] is None
        else:
            natural = FEATURE_BY_NAME[alert["kind"]][row["feature"]].natural(stored)
            assert row["value"] == pytest.approx(natural, rel=1e-5)


def test_the_event_columns_of_an_alert_are_the_events(both_kinds: Ran) -> None:
    shared = ["timestamp", "src_ip", "dst_ip", "dst_port", "protocol", "user", "host", "label"]
    alerts = both_kinds.frame("explain", "alerts")
    scored = both_kinds.frame("evaluate", "scored")
    joined = alerts.select("event_id").join(scored, on="event_id", maintain_order="left")
    assert joined.select(shared).equals(alerts.select(shared))


def test_a_named_threshold_has_no_budget(tmp_path: Path) -> None:
    today = frames(kinds=("network",))
    parameters = RunParameters(n_estimators=20, alert_budget=1, alert_threshold=0.3)
    done = ran(tmp_path, today, references(today), parameters)
    assert done.outcomes["explain"].figures["alerts"] > 10


def test_a_threshold_that_nothing_reaches_gives_empty_tables(tmp_path: Path) -> None:
    today = frames(kinds=("auth",))
    parameters = RunParameters(n_estimators=20, alert_threshold=1.0)
    calm = {"auth": today["auth"].filter(pl.col("label") == "Benign")}
    done = ran(tmp_path, calm, references(calm), parameters)
    assert done.outcomes["explain"].figures["alerts"] == 0
    assert done.frame("explain", "alerts").columns == list(ALERT_COLUMNS)
    assert done.frame("explain", "explanations").columns == list(EXPLANATION_COLUMNS)


def test_an_id_that_the_sensor_used_twice_is_told_apart_by_its_score(tmp_path: Path) -> None:
    today = frames(kinds=("network",))
    silver = today["network"].with_columns(event_id=pl.lit("Csame"))
    done = ran(tmp_path, {"network": silver}, references(today), RunParameters(n_estimators=20))
    alerts = done.frame("explain", "alerts")
    assert alerts.height > 0
    assert alerts.row(0, named=True)["src_ip"] == "10.0.0.66"


def test_silver_that_is_not_what_was_scored_is_noticed(both_kinds: Ran, tmp_path: Path) -> None:
    done = ran(
        tmp_path, both_kinds.silver, references(both_kinds.silver), RunParameters(n_estimators=20)
    )
    other = {
        kind: frame.with_columns(pl.col(FEATURE_COLUMNS[kind]) + 3)
        for kind, frame in both_kinds.silver.items()
    }
    done.day.transformed(other, references(both_kinds.silver))
    with pytest.raises(StageError, match="run evaluate again"):
        done.day.run("explain")


def test_hostile_log_fields_stay_out_of_the_sentence(tmp_path: Path) -> None:
    today = frames(kinds=("auth",))
    name = "x\x1b]0;owned\x07\r\n'; DROP TABLE alerts;--{usual}" + "\u202eA" * 200
    hostile = {"auth": today["auth"].with_columns(user=pl.lit(name), src_ip=pl.lit("\x00\n"))}
    done = ran(tmp_path, hostile, references(today), RunParameters(n_estimators=20))
    alerts = done.frame("explain", "alerts")
    assert alerts.height > 0
    for text in alerts["sentence"]:
        assert text.isprintable()
        assert len(text) < 300
