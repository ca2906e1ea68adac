"""The whole system, as `make run` starts it, in a state folder and on ports of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from laptop import airflow, processes
from laptop.airflow_api import AirflowApi
from laptop.guard import guarded
from laptop.ports import random_free
from laptop.run import wait_until_ready
from laptop.state import PROJECT, State
from laptop.system import System, up


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """Airflow, the app, PostgreSQL and S3, ready to run; ``api`` is logged in to Airflow."""

    state: State
    system: System
    api: AirflowApi
    environment: dict[str, str]

    def laptop(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """`python -m laptop …`, which is what the Makefile calls, on this system."""
        return subprocess.run(
            [sys.executable, "-m", "laptop", *arguments],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of the audit database, read as the app reads it."""
        with psycopg.connect(self.system.audit.dsn) as connection:
            return connection.execute(query.encode(), values).fetchall()


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """A run of a small simulated day that went through the scheduler and was published."""

    run_id: str
    output: str
    conn_log: Path
    auth_log: Path


@pytest.fixture(scope="session")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """The session's system, started when first asked for; its end leaves no process behind."""
    with guarded(tmp_path_factory.mktemp("system") / "state") as state:
        airflow_port, app_port = random_free(2)
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "AWS_", "PG_", "MINIO_", "PIPELINE_"))
        } | {
            "SOC_STATE_DIR": str(state.folder),
            "SOC_AIRFLOW_PORT": str(airflow_port),
            "SOC_APP_PORT": str(app_port),
            "SOC_RETRY_SECONDS": "0.5",
        }
        system = up(state, print, environment)
        api = AirflowApi(system.airflow_url, airflow.USER, system.airflow_password)
        wait_until_ready(state, system, api)
        running = RunningSystem(state, system, api, environment)
        yield running
        api.close()
        services = list(state.services.values())
        stopped = running.laptop("stop")
        assert stopped.returncode == 0, stopped.stderr
        assert processes.members(services, state.folder, everything=True) == []


@pytest.fixture(scope="session")
def published_run(
    running_system: RunningSystem, tmp_path_factory: pytest.TempPathFactory
) -> PublishedRun:
    """One run of a simulated day's conn.log and auth.log, with the words that it ended with."""
    folder = tmp_path_factory.mktemp("simulated")
    simulate = ["simulate", "--day", "2026-03-04", "--seed", "11", "--events", "1500"]
    subprocess.run(
        [sys.executable, "-m", "tasks", *simulate, "--out", str(folder)], cwd=PROJECT, check=True
    )
    conn, auth = folder / "conn.log", folder / "auth.log"
    result = running_system.laptop("run", "--input", str(conn), "--input", str(auth))
    assert result.returncode == 0, result.stdout + result.stderr
    run_id = running_system.state.noted("last_run")["run_id"]
    return PublishedRun(run_id, result.stdout, conn, auth)
