"""The ``process`` launcher: a stage as a child process of the Airflow task, for a laptop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from contracts.layers import Stage, run_slug
from dags.child import follow, start_child, stop_group
from dags.connections import explained, object_storage
from dags.outcomes import last_failure
from dags.stages import StageSpec

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.sdk import Context

PROJECT = Path(__file__).resolve().parent.parent
EXIT_USAGE = 2

INHERITED = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE",
    "POLARS_MAX_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR",
    "SOC_LOG_FORMAT", "SOC_CODE_VERSION",
)  # fmt: skip
"""All that a stage gets of Airflow's environment: nothing that may hold a secret of Airflow's."""


def process_task(stage: StageSpec) -> BaseOperator:
    """The task of a stage; without its house defaults, which the DAG gives."""
    return StageProcess(
        stage=stage.name,
        task_id=stage.name,
        argv=list(stage.argv),
        execution_timeout=stage.timeout,
    )


def storage_environment(s3: S3Hook) -> dict[str, str]:
    """AWS_* variables by which a stage finds the object storage of Airflow's connection."""
    credentials = s3.get_credentials()
    endpoint = s3.conn_config.get_service_endpoint_url("s3")
    env = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        "AWS_REGION": s3.region_name,
    }
    return {name: value for name, value in env.items() if value}


def stage_environment(
    inherited: Mapping[str, str], credentials: Mapping[str, str], scratch: Path
) -> dict[str, str]:
    """The whole environment of a stage: INHERITED, object storage, and its scratch folder."""
    return {
        **{name: inherited[name] for name in INHERITED if name in inherited},
        **credentials,
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
    }


class StageProcess(BaseOperator):
    """Runs ``python -m tasks`` with ``argv``; its output, line by line, is the task's log.

    Exit 0 succeeds. Exit 2 (input or settings) fails at once, since a retry cannot help; any
    other end fails and is retried. Killing the task ends the stage's whole process group.
    """

    template_fields = ("argv",)

    def __init__(self, *, stage: Stage, argv: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage: Stage = stage
        self.argv = argv
        self._child: subprocess.Popen[bytes] | None = None

    def execute(self, context: Context) -> None:
        ti = context["ti"]
        with explained():
            s3 = object_storage()
            credentials = storage_environment(s3)
        # of its own, so that nothing of a killed attempt stays on the disk
        with tempfile.TemporaryDirectory(prefix=f"soc-{self.task_id}-") as scratch:
            env = stage_environment(os.environ, credentials, Path(scratch))
            self._child = start_child([sys.executable, "-m", "tasks", *self.argv], env, PROJECT)
            try:
                code, last_line = follow(self._child, self.log.info)
            finally:
                stop_group(self._child)
        if code == 0:
            return
        with explained():
            failure = last_failure(s3, run_slug(context["run_id"]), self.stage, ti.try_number)
        if failure is not None:
            reason = failure.reason
        elif code < 0:
            reason = f"{self.task_id}: killed by {signal.Signals(-code).name}"
        else:
            reason = last_line.removeprefix("error: ") or f"{self.task_id}: exit code {code}"
        raise (AirflowFailException if code == EXIT_USAGE else AirflowException)(reason)

    def on_kill(self) -> None:
        if self._child is not None:
            stop_group(self._child)
