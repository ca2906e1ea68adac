"""Logs in, explained anomalies out: the five stages together, on a store in a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from contracts.events import ALERT_COLUMNS, EXPLANATION_COLUMNS, RAW_COLUMNS, SCORED_COLUMNS
from contracts.features import FEATURE_COLUMNS
from tasks.simulator import simulate_day
from tests.run.chain import Chain, run_chain
from tests.run.zeek_lines import conn_log, refused

PROJECT = Path(__file__).resolve().parent.parent.parent
DAY = date(2026, 3, 4)
DAY_START = 1_772_582_400.0
assert DAY_START == 1772582400  # 2026-03-04 00:00 UTC


@pytest.fixture(scope="session")
def clean_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated office day without attacks, Zeek and sshd logs."""
    folder = tmp_path_factory.mktemp("clean")
    simulate_day(DAY, folder, 5, 4_000, attacks=False)
    for truth in folder.glob("truth.*"):
        truth.unlink()
    return folder


@pytest.fixture(scope="session")
def attacked_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attacked")
    simulate_day(DAY, folder, 5, 4_000)
    for truth in folder.glob("truth.*"):
        truth.unlink()
    return folder


@pytest.fixture(scope="session")
def attacked_run(attacked_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    chain = run_chain(tmp_path_factory.mktemp("store"), [attacked_day])
    assert set(chain.codes.values()) == {0}
    return chain


def test_every_layer_holds_its_contract_columns_first(attacked_run: Chain) -> None:
    for kind in ("network", "auth"):
        raw = attacked_run.table("ingest", "raw", kind)
        assert raw.columns[: len(RAW_COLUMNS[kind])] == list(RAW_COLUMNS[kind])
        silver = attacked_run.table("transform", "silver", kind)
        assert set(FEATURE_COLUMNS[kind]) <= set(silver.columns)
        assert silver.height == raw.height
    assert attacked_run.table("evaluate", "scored").columns == list(SCORED_COLUMNS)
    assert attacked_run.table("explain", "alerts").columns == list(ALERT_COLUMNS)
    assert attacked_run.table("explain", "explanations").columns == list(EXPLANATION_COLUMNS)


def test_every_event_is_scored_once_most_anomalous_first(attacked_run: Chain) -> None:
    scored = attacked_run.table("evaluate", "scored")
    raw = pl.concat(
        attacked_run.table("ingest", "raw", kind).select("event_id") for kind in ("network", "auth")
    )
    assert sorted(scored["event_id"]) == sorted(raw["event_id"])
    assert scored["anomaly_score"].is_sorted()
    assert scored["ml_score"].is_between(0, 1).all()


def test_every_alert_has_a_sentence_and_all_its_features(attacked_run: Chain) -> None:
    alerts = attacked_run.table("explain", "alerts")
    explanations = attacked_run.table("explain", "explanations")
    assert 0 < alerts.height <= 50
    assert alerts["sentence"].str.len_chars().min() > 20
    assert not alerts["sentence"].str.contains("{", literal=True).any()
    for row in alerts.iter_rows(named=True):
        features = explanations.filter(pl.col("alert_id") == row["alert_id"])
        assert sorted(features["feature"]) == sorted(FEATURE_COLUMNS[row["kind"]])
        first = features.sort("rank").row(0, named=True)
        assert first["attribution"] == features["attribution"].min() < 0


def test_the_same_input_gives_the_same_bytes(
    attacked_run: Chain, attacked_day: Path, tmp_path: Path
) -> None:
    """Artifacts differ in nothing; keys and manifests only in times."""
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for number, file in enumerate(sorted(attacked_day.iterdir(), reverse=True)):
        (renamed / f"{number}.txt").write_bytes(file.read_bytes())
    second = run_chain(tmp_path / "store", [renamed])
    for stage in attacked_run.codes:
        first_digests = [(a.role, a.kind, a.sha256) for a in attacked_run.manifest(stage).outputs]
        assert first_digests == [
            (a.role, a.kind, a.sha256) for a in second.manifest(stage).outputs
        ], stage


@pytest.mark.parametrize("inside", [True, False], ids=["outbound", "inbound"])
def test_a_scan_is_found_in_either_direction(
    clean_day: Path, tmp_path: Path, *, inside: bool
) -> None:
    src, dst = ("10.20.1.77", "203.0.113.5") if inside else ("203.0.113.5", "10.20.1.77")
    lines = [
        refused(f"Cscan{n}", DAY_START + 36_000 + n, src, dst, 1_000 + 7 * n, inside=inside)
        for n in range(60)
    ]
    scan = conn_log(tmp_path / "scan.log", lines)
    chain = run_chain(tmp_path / "store", [clean_day / "conn.log", scan])
    scored = chain.table("evaluate", "scored")
    best = set(scored.head(120)["event_id"])
    assert sum(f"Cscan{n}" in best for n in range(60)) >= 54
    alerts = chain.table("explain", "alerts")
    assert alerts.head(3)["event_id"].str.starts_with("Cscan").any()


def test_baseline_makes_the_model_learn_from_history(
    clean_day: Path, attacked_day: Path, tmp_path: Path
) -> None:
    chain = run_chain(tmp_path, [attacked_day / "conn.log"], [clean_day / "conn.log"])
    figures = chain.manifest("train").figures
    assert figures["cold_start"] is False
    reference = chain.table("transform", "reference", "network")
    assert reference.filter(~pl.col("today")).height > reference.filter("today").height
    assert chain.manifest("ingest").output("baseline_raw", "network") is not None
    scored = chain.table("evaluate", "scored")
    raw = chain.table("ingest", "raw", "network")
    assert scored.height == raw.height


def test_the_command_line_prints_one_json_object(clean_day: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tasks", "run", "--json", "--store", str(tmp_path / "s")]
    done = subprocess.run(
        [*argv, "--input", str(clean_day / "auth.log"), str(clean_day / "conn.log")],
        capture_output=True, text=True, check=True, cwd=PROJECT, env=dict(os.environ),
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert set(result["stages"]) == {"ingest", "transform", "train", "evaluate", "explain"}
    assert all(f["seconds"] > 0 and f["peak_rss_mib"] > 10 for f in result["stages"].values())
    for name in ("scored_events", "alerts", "explanations", "eval", "model"):
        assert Path(result[name]).is_file(), name
    assert result["rows_in"] > result["rows_out"] > 3_000
