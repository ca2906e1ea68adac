"""The five stages: what each runs, what it may use and how long it may take. Knows no Airflow.

``argv`` is the command line after ``python -m tasks``; both launchers use it unchanged. Braces in
it are Airflow templates, filled when the task starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from contracts.layers import EVAL_BUCKET, RUNS_PREFIX, Stage

RUN_URL = f"s3://{EVAL_BUCKET}/{RUNS_PREFIX}/{{{{ run_id | run_slug }}}}"
ATTEMPT = "{{ ti.try_number }}"


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage as a process: ``memory`` and ``scratch`` are Kubernetes quantities.

    Memory is both request and limit, because a pod over its request is the first to be evicted;
    the processor's limit is higher than its request, because an idle core helps a stage and
    harms nobody.
    """

    name: Stage
    memory: str
    scratch: str
    timeout: timedelta
    cpu_request: str = "1"
    cpu_limit: str = "2"

    @property
    def argv(self) -> tuple[str, ...]:
        return (self.name, "--run", RUN_URL, "--attempt", ATTEMPT)


# Scratch holds a stage's fetched inputs and what it writes before upload; 5 M flows of Zeek TSV
# are about 1 GB unpacked. Timeouts are ten times what 5 M flows take on two cores, and more.
STAGE_SPECS: tuple[StageSpec, ...] = (
    StageSpec("ingest", memory="2Gi", scratch="10Gi", timeout=timedelta(hours=1)),
    StageSpec("transform", memory="3Gi", scratch="10Gi", timeout=timedelta(hours=1)),
    StageSpec("train", memory="2Gi", scratch="4Gi", timeout=timedelta(minutes=30)),
    StageSpec("evaluate", memory="3Gi", scratch="10Gi", timeout=timedelta(hours=1)),
    StageSpec("explain", memory="2Gi", scratch="10Gi", timeout=timedelta(minutes=30)),
)
