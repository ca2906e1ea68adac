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

from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from contracts.layers import Stage, run_slug
from dags.child import follow, start_child, stop_group
from dags.connections import MINIO, explained, object_storage
from dags.outcomes import last_failure
from dags.stages import StageSpec

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context

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


def storage_environment(connection: Connection) -> dict[str, str]:
    """AWS_* variables by which a stage finds the object storage of an ``aws`` connection.

    Read from the connection itself: the S3 hook would cost each stage half a second of imports.
    """
    extra = connection.extra_dejson
    env = {
        "AWS_ENDPOINT_URL": extra.get("endpoint_url"),
        "AWS_ACCESS_KEY_ID": connection.login,
        "AWS_SECRET_ACCESS_KEY": connection.password,
        "AWS_SESSION_TOKEN": extra.get("aws_session_token"),
        "AWS_REGION": extra.get("region_name"),
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
        credentials = storage_environment(BaseHook.get_connection(MINIO))
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
            slug, attempt = run_slug(context["run_id"]), context["ti"].try_number
            failure = last_failure(object_storage(), slug, self.stage, attempt)
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
