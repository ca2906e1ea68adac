"""`make run` on a small day, through the real scheduler, to the closing table."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import psutil
import pytest

from contracts.layers import BUCKETS, EVAL_BUCKET, RAW_BUCKET, run_slug
from contracts.severity import SEVERITIES
from tests.run.chain import run_chain
from tests.system import PublishedRun, RunningSystem

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(600)]


def test_the_run_ends_with_what_was_read_and_found(
    published_run: PublishedRun, running_system: RunningSystem
) -> None:
    output = published_run.output
    for task in ("plan", "ingest", "transform", "train", "evaluate", "explain", "publish"):
        assert re.search(rf"^{task} +done", output, re.MULTILINE), output
    publication = running_system.rows(
        "SELECT rows_in, rows_rejected, alerts, cold_start FROM publications WHERE run_id = %s",
        published_run.run_id,
    )
    assert len(publication) == 1
    rows_in, rejected, alerts, cold_start = publication[0]
    records = [
        line
        for log in (published_run.conn_log, published_run.auth_log)
        for line in log.read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert rows_in == len(records)
    assert f"{rows_in:,} read, {rejected:,} rejected" in output
    assert f"{alerts:,} in " in output
    assert cold_start is True
    assert "(cold start: " in output
    assert running_system.system.airflow_url in output
    assert running_system.system.app_url in output


def test_the_first_alert_of_each_incident_is_shown_with_its_sentence(
    published_run: PublishedRun, running_system: RunningSystem
) -> None:
    alerts = running_system.rows(
        "SELECT incident_id, sentence FROM alerts JOIN publications p ON p.id = publication_id"
        " WHERE run_id = %s ORDER BY rank",
        published_run.run_id,
    )
    assert alerts
    first: dict[object, str] = {}
    for incident, sentence in alerts:
        first.setdefault(incident, str(sentence))
    shown = re.sub(r"[^A-Za-z0-9]+", "", published_run.output)
    for sentence in list(first.values())[:10]:
        # the table wraps a sentence over several lines; its words stay in order
        words = [re.sub(r"[^A-Za-z0-9]+", "", word) for word in sentence.split()]
        assert words[0] in shown
    assert len(re.findall(rf"│ ({'|'.join(SEVERITIES)}) +│", published_run.output)) == min(
        10, len(first)
    )


def test_every_stage_of_the_run_is_audited_as_a_success(
    published_run: PublishedRun, running_system: RunningSystem
) -> None:
    for table in (
        "ingestion_events",
        "transformation_events",
        "training_events",
        "evaluation_events",
    ):
        states = running_system.rows(
            f"SELECT DISTINCT estado FROM {table} WHERE run_id = %s", published_run.run_id
        )
        assert states == [("SUCCESS",)], table


def test_the_buckets_hold_each_layer(
    published_run: PublishedRun, running_system: RunningSystem
) -> None:
    client = running_system.system.storage.client()
    keys = {
        bucket: [
            found["Key"] for found in client.list_objects_v2(Bucket=bucket).get("Contents", [])
        ]
        for bucket in BUCKETS
    }
    flat = "\n".join(key for found in keys.values() for key in found)
    for name in (
        r"network_events_\d{8}_\d{6}\.parquet",
        r"auth_events_silver_\d{8}_\d{6}\.parquet",
        r"model_isoforest_\d{8}_\d{6}\.pkl",
        r"scored_events_\d{8}_\d{6}\.parquet",
        r"explanations_\d{8}_\d{6}\.parquet",
    ):
        assert re.search(rf"^{name}$", flat, re.MULTILINE), f"{name} not in\n{flat}"
    assert any(re.match(r"landing/.*/batch_\d+_\d+/conn\.log$", key) for key in keys[RAW_BUCKET])
    slug = run_slug(published_run.run_id)
    for stage in ("ingest", "transform", "train", "evaluate", "explain"):
        assert f"runs/{slug}/{stage}/1/manifest.json" in keys[EVAL_BUCKET]


def test_a_second_run_only_triggers_and_bad_input_fails_in_one_line(
    published_run: PublishedRun, running_system: RunningSystem, tmp_path: Path
) -> None:
    before = {name: s.pid for name, s in running_system.state.services.items()}
    picture = tmp_path / "picture.log"
    picture.write_bytes(bytes(range(256)) * 40)
    result = running_system.laptop("run", "--input", str(picture))
    assert result.returncode == 2, result.stdout + result.stderr
    assert "starting" not in result.stdout
    assert len(result.stderr.strip().splitlines()) == 1
    assert "ingest failed" in result.stderr
    assert "picture.log" in result.stderr
    assert {name: s.pid for name, s in running_system.state.services.items()} == before
    run_id = running_system.state.noted("last_run")["run_id"]
    failed = running_system.rows(
        "SELECT estado, reason FROM ingestion_events WHERE run_id = %s", run_id
    )
    assert [row[0] for row in failed] == ["FAILED"]
    assert "picture.log" in str(failed[0][1])
    assert running_system.rows("SELECT 1 FROM publications WHERE run_id = %s", run_id) == []


def test_status_names_every_service_and_the_last_run(running_system: RunningSystem) -> None:
    result = running_system.laptop("status")
    assert result.returncode == 0
    for name, service in running_system.state.services.items():
        line = next(line for line in result.stdout.splitlines() if line.startswith(name))
        assert "running" in line
        assert str(service.pid) in line


def test_nothing_listens_beyond_loopback_and_both_addresses_answer(
    running_system: RunningSystem,
) -> None:
    ours = {s.pid for s in running_system.state.services.values()}
    for pid in list(ours):
        ours |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    listening = {
        c.laddr.ip
        for c in psutil.net_connections("inet")
        if c.status == psutil.CONN_LISTEN and c.pid in ours
    }
    assert listening == {"127.0.0.1"}
    assert httpx.get(f"{running_system.system.app_url}/health").is_success
    assert httpx.get(f"{running_system.system.airflow_url}/api/v2/version").is_success


def test_the_dag_gives_bit_for_bit_what_the_command_line_gives(
    published_run: PublishedRun, running_system: RunningSystem, tmp_path: Path
) -> None:
    ((artifacts,),) = running_system.rows(
        "SELECT artifacts FROM publications WHERE run_id = %s AND generation ="
        " (SELECT min(generation) FROM publications WHERE run_id = %s)",
        published_run.run_id,
        published_run.run_id,
    )
    assert isinstance(artifacts, list)
    chain = run_chain(tmp_path / "store", [published_run.auth_log, published_run.conn_log])
    alone = [a for stage in chain.codes for a in chain.manifest(stage).outputs]
    assert [(a["role"], a["kind"], a["sha256"]) for a in artifacts] == [
        (a.role, a.kind, a.sha256) for a in alone
    ]
