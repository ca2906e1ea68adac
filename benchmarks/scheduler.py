"""The fixed cost of a DAG run: a day of 1 000 flows through the real scheduler, warm.

Brings up services of its own (``.soc/bench/system``) and stops them at the end.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.pipeline import CACHE, FIXED_COST_FLOWS, conn_log
from laptop import airflow
from laptop.airflow_api import AirflowApi
from laptop.cli import main as laptop
from laptop.landing import LogFile, land
from laptop.run import wait_until_ready
from laptop.state import State
from laptop.system import up

WARM_UP_RUNS = 1
POLL_SECONDS = 0.05
FINAL = ("success", "failed")


def measure_runs(runs: int) -> None:
    """Print one JSON line: seconds from trigger to the end of the run, and of each task."""
    os.environ["SOC_STATE_DIR"] = str(CACHE / "system")
    log = conn_log(FIXED_COST_FLOWS)
    state = State()
    try:
        system = up(state, lambda text: None)
        api = AirflowApi(system.airflow_url, airflow.USER, system.airflow_password)
        wait_until_ready(state, system, api)
        landed = land(system.storage, [LogFile(log, "conn.log")], (), datetime.now(UTC))
        measured = [one_run(api, {"input": landed.input}) for _ in range(WARM_UP_RUNS + runs)]
    finally:
        laptop(["stop"])
    seconds = [total for total, _ in measured[WARM_UP_RUNS:]]
    tasks = [by_task for _, by_task in measured[WARM_UP_RUNS:]]
    line = {
        "figure": "dag_fixed_seconds",
        "flows": FIXED_COST_FLOWS,
        "value": round(statistics.median(seconds), 2),
        "range": [round(min(seconds), 2), round(max(seconds), 2)],
        "task_seconds": {
            name: round(statistics.median(by[name] for by in tasks), 2) for name in tasks[0]
        },
        "runs": runs,
    }
    print(json.dumps(line), flush=True)


def one_run(api: AirflowApi, parameters: dict[str, Any]) -> tuple[float, dict[str, float]]:
    """Trigger, wait; seconds of the whole and of each task."""
    clock = time.perf_counter()
    run = api.trigger(airflow.DAG_ID, parameters)
    while (final := api.run_state(airflow.DAG_ID, run)) not in FINAL:
        time.sleep(POLL_SECONDS)
    seconds = time.perf_counter() - clock
    if final != "success":
        raise SystemExit(f"run {run} failed; see .soc/bench/system/logs")
    found = api.tasks(airflow.DAG_ID, run).values()
    return seconds, {
        task.task: (task.ended - task.started).total_seconds()
        for task in found
        if task.started and task.ended
    }
