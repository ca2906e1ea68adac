"""# A day of security logs in, a short ranked list of explained anomalies out

| task | what it does | what it leaves |
|---|---|---|
| **plan** | pins every input with its digest: the day's landed files (or those of `input`), baseline files, the profiles of earlier published days | `runs/<run>/plan.json` |
| **ingest** | parses the logs, by content; refuses a run with too many unreadable lines | RAW, rejected lines |
| **transform** | computes what each source, destination, pair and user did, against what is usual | SILVER, profiles |
| **train** | fits an Isolation Forest a kind of event on clean reference rows | a model and its card |
| **evaluate** | scores every event on a scale that means the same each day; metrics where labels exist | scored events, metrics |
| **explain** | groups what is over the threshold and says in one sentence why it is there | alerts, SHAP values |
| **publish** | makes all of it visible in one database transaction, or nothing | audit rows, one publication |

Everything of a run lies in `cybersec-ml-eval/runs/<run>/`.

**By hand**: *Trigger*, and fill in the form. `day` takes what has landed in
`cybersec-ml-raw/landing/<day>/`; `input` takes any logs of that bucket as one batch.

**When a task is red**: its last log line says what, where and how to mend it. *Clear* the task with
everything downstream: it repeats exactly what the plan pinned, and publishes the day's next
generation. A run never changes its inputs: for logs that landed late, trigger a new run of the day.

**Green** means that all of the run was published. A red run is audited too (`estado` FAILED, with the
reason), and nothing else of it is visible.

Daily at 02:00 UTC for the day before (`SOC_SCHEDULE`: another cron line, or `none`).
"""  # noqa: E501

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, chain, task

from contracts.layers import run_slug
from dags.launchers import house_defaults, launch
from dags.run_form import run_form
from dags.stages import STAGE_SPECS

SCHEDULE = os.environ.get("SOC_SCHEDULE", "0 2 * * *").strip()

with DAG(
    "soc_pipeline",
    description="Logs of a day → ranked, explained anomalies",
    doc_md=__doc__,
    # the laptop may be switched on at any hour: a missed night is run by hand, not all at once
    schedule=None if SCHEDULE in {"", "none"} else CronTriggerTimetable(SCHEDULE, timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=house_defaults(),
    params=run_form(),
    user_defined_filters={"run_slug": run_slug},
    render_template_as_native_obj=False,
    tags=["soc"],
) as soc_pipeline:

    @task(task_id="plan")
    def plan(**context: Any) -> None:
        """Pin every input of the run in plan.json."""
        from dags.plan import make_plan

        make_plan(context)

    @task(task_id="publish", trigger_rule="all_done")
    def publish(**context: Any) -> None:
        """Make the run visible, all of it or nothing, and fail unless every task succeeded."""
        from dags.publish import publish_run

        publish_run(context)

    chain(plan(), *(launch(stage) for stage in STAGE_SPECS), publish())
