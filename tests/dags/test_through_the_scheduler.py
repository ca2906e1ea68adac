"""What the real scheduler does to a run: a stage is killed, a task is cleared, publish repeated."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from contracts.layers import EVAL_BUCKET, RAW_BUCKET, STAGES, run_prefix, run_slug
from laptop import airflow
from laptop.airflow_api import ENDED
from tests.system import RunningSystem

pytestmark = pytest.mark.scheduler

PROJECT = Path(__file__).resolve().parents[2]
DAG = airflow.DAG_ID
PATIENCE_S = 240
"""A run takes some 15 s; a machine that does other things takes many times as long."""
SIMULATE = ["simulate", "--day", "2026-03-05", "--seed", "12", "--events", "1500"]


@dataclass(frozen=True)
class Watched:
    """One run of the system, what it left in the store, and the way to clear its tasks."""

    system: RunningSystem
    run_id: str
    http: httpx.Client

    def wait(self) -> str:
        """The run's final state."""
        deadline = time.monotonic() + PATIENCE_S
        while (state := self.system.api.run_state(DAG, self.run_id)) not in ENDED:
            assert time.monotonic() < deadline, f"run is {state}"
            time.sleep(0.5)
        return state

    def clear(self, task: str) -> None:
        """What the UI's *Clear* with *Downstream* does."""
        answer = self.http.post(
            f"/api/v2/dags/{DAG}/clearTaskInstances",
            json={
                "dry_run": False, "dag_run_id": self.run_id, "task_ids": [task],
                "include_downstream": True, "only_failed": False, "reset_dag_runs": True,
            },
        )  # fmt: skip
        answer.raise_for_status()

    def attempts(self) -> dict[str, int]:
        tasks = self.system.api.tasks(DAG, self.run_id)
        return {stage: tasks[stage].attempt for stage in STAGES}

    def left_by(self, stage: str, attempt: int) -> list[str]:
        client = self.system.system.storage.client()
        prefix = f"{run_prefix(run_slug(self.run_id))}/{stage}/{attempt}/"
        found = client.list_objects_v2(Bucket=EVAL_BUCKET, Prefix=prefix).get("Contents", [])
        return [item["Key"].removeprefix(prefix) for item in found]

    def rows(self, columns: str, table: str) -> list[tuple[Any, ...]]:
        return self.system.rows(
            f"SELECT {columns} FROM {table} WHERE run_id = %s ORDER BY id", self.run_id
        )


def kill_stage(slug: str, stage: str) -> None:
    """kill -9 of the stage's own process, as soon as it is there."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["cmdline"]):
            argv = process.info["cmdline"] or []
            if argv[1:4] == ["-m", "tasks", stage] and any(slug in word for word in argv):
                process.send_signal(signal.SIGKILL)
                return
        time.sleep(0.05)
    raise AssertionError(f"{stage} was never started")


@pytest.fixture(scope="module")
def run(
    running_system: RunningSystem, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """A run whose transform was killed with -9 once."""
    folder = tmp_path_factory.mktemp("killed")
    subprocess.run(
        [sys.executable, "-m", "tasks", *SIMULATE, "--out", str(folder)], cwd=PROJECT, check=True
    )
    client = running_system.system.storage.client()
    for name in ("conn.log", "auth.log"):
        client.upload_file(str(folder / name), RAW_BUCKET, f"landing/killed/{name}")
    http = httpx.Client(base_url=running_system.system.airflow_url, timeout=60, trust_env=False)
    login = {"username": airflow.USER, "password": running_system.system.airflow_password}
    http.headers["Authorization"] = (
        f"Bearer {http.post('/auth/token', json=login).json()['access_token']}"
    )
    run_id = running_system.api.trigger(DAG, {"input": "landing/killed/*"})
    watched = Watched(running_system, run_id, http)
    kill_stage(run_slug(run_id), "transform")
    assert watched.wait() == "success", running_system.api.tasks(DAG, run_id)
    yield watched
    http.close()


def test_a_killed_stage_is_retried_and_the_run_published_once(run: Watched) -> None:
    assert run.attempts()["transform"] == 2
    assert run.left_by("transform", 1) == []
    assert run.left_by("transform", 2) == ["manifest.json"]
    assert run.rows("generation", "publications") == [(1,)]
    assert {*run.rows("estado, attempt", "transformation_events")} == {("SUCCESS", 2)}


def test_clearing_a_task_repeats_it_and_what_follows_as_the_next_generation(run: Watched) -> None:
    before = run.attempts()
    run.clear("evaluate")
    assert run.wait() == "success"
    after = run.attempts()
    assert {stage: after[stage] - before[stage] for stage in STAGES} == {
        "ingest": 0, "transform": 0, "train": 0, "evaluate": 1, "explain": 1,
    }  # fmt: skip
    assert run.rows("generation", "publications") == [(1,), (2,)]
    digests = [
        {artifact["role"]: artifact["sha256"] for artifact in artifacts}
        for (artifacts,) in run.rows("artifacts", "publications")
    ]
    # it repeated exactly what the plan pinned
    assert digests[0]["model"] == digests[1]["model"]
    assert digests[0]["scored"] == digests[1]["scored"]
    assert digests[0]["alerts"] == digests[1]["alerts"]
    assert {*run.rows("attempt", "training_events")} == {(before["train"],)}
    assert len(run.rows("id", "models")) == 2


def test_a_repeated_publish_publishes_nothing_twice(run: Watched) -> None:
    tables = ("publications", "models", "ingestion_events", "evaluation_events")
    before = [len(run.rows("id", table)) for table in tables]
    run.clear("publish")
    assert run.wait() == "success"
    assert [len(run.rows("id", table)) for table in tables] == before
