"""`make run`: land the input, trigger the DAG, follow it, and say what came of it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError
from rich.console import Console

from contracts.layers import (
    EVAL_BUCKET,
    RAW_BUCKET,
    STAGES,
    Stage,
    failure_key,
    landing_prefix,
    manifest_key,
    run_slug,
)
from contracts.manifest import Failure, Manifest
from laptop import airflow, app
from laptop.airflow_api import AirflowApi, TaskState
from laptop.errors import RunFailed, UsageError
from laptop.landing import LogFile, land, upload
from laptop.processes import died, is_alive
from laptop.progress import watch
from laptop.report import print_report, read_report
from laptop.state import PROJECT, State
from laptop.system import System, up

READY_WITHIN_S = 180.0
SIMULATED_EVENTS = 20_000
SIMULATED_FILES = ("conn.log", "auth.log")
SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one `make run` is asked for. No inputs and no day: a simulated yesterday."""

    inputs: Sequence[LogFile] = ()
    baseline: Sequence[LogFile] = ()
    day: date | None = None
    parameters: dict[str, Any] | None = None


def run(state: State, wanted: Wanted, console: Console) -> None:
    """Do it all. Raises UsageError or RunFailed, each a line or two for the user."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    system = up(state, say)
    api = AirflowApi(system.airflow_url, airflow.USER, system.airflow_password)
    with ThreadPoolExecutor(1) as pool:
        ready = pool.submit(wait_until_ready, state, system, api)
        try:
            parameters = _land(state, system, wanted, say) | (wanted.parameters or {})
        except (BotoCoreError, ClientError) as error:
            raise RunFailed(f"landing the input failed: {error}") from None
        ready.result()
    run_id = api.trigger(airflow.DAG_ID, parameters)
    state.note("last_run", {"run_id": run_id, "started": _now(), "state": "running"})
    say(f"run {run_id}")
    try:
        final, tasks = _follow(state, system, api, run_id, console)
    except RunFailed:
        state.note("last_run", {"run_id": run_id, "ended": _now(), "state": "not followed"})
        raise
    state.note("last_run", {"run_id": run_id, "ended": _now(), "state": final})
    if final != "success":
        raise _reason(system, api, run_id, tasks)
    print_report(console, read_report(system.audit.dsn, run_id), system)


def _land(
    state: State, system: System, wanted: Wanted, say: Callable[[str], None]
) -> dict[str, Any]:
    """Upload the input; the DAG's parameters that name it."""
    if wanted.inputs or wanted.baseline:
        landed = land(system.storage, wanted.inputs, wanted.baseline, datetime.now(UTC))
        say(f"landed {landed.files} files, {landed.bytes / 1e6:,.1f} MB")
        named = {"input": landed.input if wanted.inputs else None, "baseline": landed.baseline}
        return named | ({"day": str(wanted.day)} if wanted.day else {})
    day = wanted.day or (datetime.now(UTC) - timedelta(days=1)).date()
    prefix = landing_prefix(str(day))
    client = system.storage.client()
    listed = client.list_objects_v2(Bucket=RAW_BUCKET, Prefix=prefix, Delimiter="/", MaxKeys=1)
    if listed.get("Contents"):
        say(f"taking what has landed in {RAW_BUCKET}/{prefix}")
        return {"day": str(day)}
    seed = state.secret("simulator_seed", lambda: str(secrets.randbelow(SEEDS)))
    folder = state.path("simulated", str(day))
    say(f"simulating {day}, {SIMULATED_EVENTS:,} events")
    simulate(day, folder, int(seed))
    upload(client, [LogFile(folder / name, name) for name in SIMULATED_FILES], prefix)
    return {"day": str(day)}


def simulate(day: date, folder: Path, seed: int) -> None:
    """Write a day's logs, and their truth beside them, with `python -m tasks simulate`."""
    argv = [sys.executable, "-m", "tasks", "simulate", "--day", str(day), "--out", str(folder)]
    result = subprocess.run(
        [*argv, "--seed", str(seed), "--events", str(SIMULATED_EVENTS)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise RunFailed(f"the simulator failed: {lines[-1] if lines else 'it said nothing'}")


def wait_until_ready(state: State, system: System, api: AirflowApi) -> None:
    """Return once Airflow has read the DAG and the app answers; name a service that died."""
    deadline = time.monotonic() + READY_WITHIN_S
    logged_in = dag_read = False
    while True:
        _check_services(state)
        try:
            if not logged_in:
                api.warm_up()
                api.log_in()
                logged_in = True
            if not dag_read:
                dag_read = api.knows(airflow.DAG_ID)
                if not dag_read and (problem := api.import_error()):
                    raise RunFailed(f"Airflow cannot read the DAG: {problem}")
            if dag_read and httpx.get(f"{system.app_url}/health", trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > deadline:
            slow = app.SERVICE if dag_read else airflow.API_SERVER if not logged_in else None
            service = state.services[slow or airflow.DAG_PROCESSOR]
            raise died(service, f"not ready after {READY_WITHIN_S:.0f} s")
        time.sleep(0.2)


def _check_services(state: State) -> None:
    for service in state.services.values():
        if not is_alive(service):
            raise died(service)


def _follow(
    state: State, system: System, api: AirflowApi, run_id: str, console: Console
) -> tuple[str, dict[str, TaskState]]:
    slug = run_slug(run_id)
    client = system.storage.client()

    def rows(task: str, attempt: int) -> int | None:
        if task not in STAGES:
            return None
        try:
            key = manifest_key(slug, _stage(task), attempt)
            data = client.get_object(Bucket=EVAL_BUCKET, Key=key)["Body"].read()
            return Manifest.model_validate_json(data).rows_out
        except (BotoCoreError, ClientError, ValidationError):
            return None

    def tasks() -> dict[str, TaskState]:
        _check_services(state)
        return api.tasks(airflow.DAG_ID, run_id)

    try:
        return watch(console, tasks, lambda: api.run_state(airflow.DAG_ID, run_id), rows)
    except httpx.HTTPError as error:
        _check_services(state)
        raise RunFailed(f"Airflow at {system.airflow_url} does not answer: {error}") from None


def _reason(system: System, api: AirflowApi, run_id: str, tasks: dict[str, TaskState]) -> Exception:
    """The stage that failed first, and why, as one line; UsageError for the user's mistakes."""
    failed = [tasks[name] for name in ("plan", *STAGES, "publish")
              if name in tasks and tasks[name].state == "failed"]  # fmt: skip
    if not failed:
        return RunFailed(f"run {run_id} failed in Airflow, no task of it did: see its log there")
    first = failed[0]
    if first.task in STAGES and (failure := _failure(system, run_id, first)):
        kind = UsageError if failure.usage else RunFailed
        return kind(f"{first.task} failed: {failure.reason}")
    try:
        told = api.error_of(airflow.DAG_ID, run_id, first.task, first.attempt)
    except httpx.HTTPError:
        told = None
    told = told or f"it left no reason (killed?); its log: {system.airflow_url}"
    return RunFailed(f"{first.task} failed: {told}")


def _failure(system: System, run_id: str, task: TaskState) -> Failure | None:
    key = failure_key(run_slug(run_id), _stage(task.task), task.attempt)
    try:
        data = system.storage.client().get_object(Bucket=EVAL_BUCKET, Key=key)["Body"].read()
        return Failure.model_validate_json(data)
    except (BotoCoreError, ClientError, ValidationError):
        return None


def _stage(task: str) -> Stage:
    return next(stage for stage in STAGES if stage == task)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
