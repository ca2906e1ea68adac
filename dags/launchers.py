"""How a stage is started: as a child process (a laptop) or as a pod (a cluster).

``PIPELINE_LAUNCHER`` = ``process`` (default) or ``pod``, read when the DAG is parsed. Both run the
same argv with the same AWS_* variables; what is to run stands in ``dags.stages``.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dags.stages import StageSpec

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

RETRIES = 2
"""Of a stage: enough for a lost worker or an evicted pod, few enough to be red soon."""


def house_defaults() -> dict[str, Any]:
    """Operator arguments of every task. ``SOC_RETRY_SECONDS`` (5): pause before a retry."""
    return {
        "retries": RETRIES,
        "retry_delay": timedelta(seconds=float(os.environ.get("SOC_RETRY_SECONDS", "5"))),
        # no task hands data to another: what they share lies in the run's folder
        "do_xcom_push": False,
    }


def launch(stage: StageSpec) -> BaseOperator:
    """The stage's task, for the launcher of this installation."""
    launcher = os.environ.get("PIPELINE_LAUNCHER") or "process"
    if launcher == "process":
        from dags.process_launcher import process_task

        return process_task(stage)
    if launcher == "pod":
        from dags.pod_launcher import pod_task

        return pod_task(stage)
    raise ValueError(f"PIPELINE_LAUNCHER is {launcher!r}: set it to process or pod")
