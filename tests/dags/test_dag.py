"""Policies that the DAG must keep, whatever is added to it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import CronTriggerTimetable
from airflow.sdk.exceptions import ParamValidationError

from contracts.layers import STAGES
from contracts.plan import RunParameters
from dags.process_launcher import StageProcess
from tests.dags.parsing import parse

if TYPE_CHECKING:
    from airflow.sdk import DAG

PROJECT = Path(__file__).resolve().parents[2]
ORDER = ["plan", *STAGES, "publish"]


@pytest.fixture(params=["process_dag", "pod_dag"])
def dag(request: pytest.FixtureRequest) -> DAG:
    found: DAG = request.getfixturevalue(request.param)
    return found


def test_the_tasks_are_one_chain_from_plan_to_publish(dag: DAG) -> None:
    assert set(dag.task_ids) == set(ORDER)
    for task, following in zip(ORDER, [*ORDER[1:], None], strict=True):
        assert dag.get_task(task).downstream_task_ids == ({following} if following else set())


def test_publish_is_the_only_leaf_and_runs_however_the_stages_ended(dag: DAG) -> None:
    assert [task.task_id for task in dag.leaves] == ["publish"]
    assert dag.get_task("publish").trigger_rule == "all_done"
    others = [task for task in dag.tasks if task.task_id != "publish"]
    assert all(task.trigger_rule == "all_success" for task in others)
    assert not any(task.is_teardown for task in dag.tasks)


def test_no_task_pushes_data_to_another(dag: DAG) -> None:
    assert not any(getattr(task, "do_xcom_push", True) for task in dag.tasks)


def test_runs_are_one_at_a_time_and_missed_ones_are_not_caught_up(dag: DAG) -> None:
    assert dag.max_active_runs == 1
    assert dag.catchup is False


def test_every_stage_is_retried_and_ends_in_time(dag: DAG) -> None:
    for name in STAGES:
        task = dag.get_task(name)
        assert task.retries == 2
        assert task.retry_delay.total_seconds() == 5
        assert task.execution_timeout is not None


def test_every_stage_gets_the_run_and_the_attempt(dag: DAG) -> None:
    filters = dag.get_template_env().filters
    assert filters["run_slug"]("manual__2026-01-31T02:00:00+00:00") == (
        "manual__2026-01-31T02-00-00-00-00"
    )
    for name in STAGES:
        task: Any = dag.get_task(name)
        argv = task.argv if isinstance(task, StageProcess) else task.arguments
        assert argv == [
            name, "--run", "s3://cybersec-ml-eval/runs/{{ run_id | run_slug }}",
            "--attempt", "{{ ti.try_number }}",
        ]  # fmt: skip


def test_the_form_has_every_parameter_of_a_run_with_its_default(dag: DAG) -> None:
    form = dag.params
    fields = set(RunParameters.model_fields) - {"random_state"}
    assert set(form) == fields | {"day", "input", "baseline"}
    assert RunParameters(**{name: form[name] for name in fields}) == RunParameters()
    assert all(form.get_param(name).description for name in form)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_estimators", 3), ("window_minutes", 7), ("contamination", "many"), ("contamination", 0.7),
     ("alert_threshold", 2), ("retrain", "no"), ("max_rejected_share", -1), ("alert_budget", 0)],
)  # fmt: skip
def test_the_form_refuses_what_a_run_cannot_use(dag: DAG, name: str, value: object) -> None:
    parameter = dag.params.get_param(name)
    with pytest.raises(ParamValidationError):
        parameter.resolve(value)


def test_the_documentation_names_every_task(dag: DAG) -> None:
    assert dag.doc_md is not None
    assert all(f"**{task}**" in dag.doc_md for task in ORDER)


def test_dags_import_neither_stages_nor_app_and_airflow_only_by_its_sdk() -> None:
    for path in (PROJECT / "dags").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                assert name.split(".")[0] not in {"tasks", "dashboard", "laptop"}, path
                if name.split(".")[0] == "airflow":
                    assert name.startswith(("airflow.sdk", "airflow.providers")), path


def test_reading_the_dag_imports_no_client_library() -> None:
    """Every task of every run reads the file anew: what it imports is paid for seven times."""
    script = (
        "import sys, airflow.sdk.execution_time.task_runner\n"
        "before = set(sys.modules)\n"
        "import dags.soc_pipeline\n"
        "heavy = ('boto3', 'botocore', 'psycopg', 'pyarrow', 'kubernetes', 'polars', 'numpy')\n"
        "print([name for name in set(sys.modules) - before if name.startswith(heavy)])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize(("setting", "runs"), [("none", False), ("", False), ("30 4 * * *", True)])
def test_one_variable_sets_the_schedule(
    setting: str, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOC_SCHEDULE", setting)
    timetable = parse("process").timetable
    assert isinstance(timetable, CronTriggerTimetable) is runs
    assert getattr(timetable, "expression", setting) == setting
