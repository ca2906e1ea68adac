"""Run one attempt of one stage: open the run, call the stage, write its manifest or its failure.

The manifest is the last thing an attempt writes. What a killed attempt leaves behind is therefore
named by nothing and read by nobody.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from pydantic import ValidationError

from contracts.layers import (
    EVAL_BUCKET,
    FAILURE_NAME,
    MANIFEST_NAME,
    STAGES,
    Stage,
    attempt_prefix,
    plan_key,
    run_prefix,
)
from contracts.manifest import Failure, Manifest
from contracts.plan import Plan
from tasks.errors import InputError, StageError
from tasks.stage import StageContext, StageOutcome
from tasks.storage.store import Store, open_run
from tasks.version import code_version

MIB = 1024 * 1024
EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


class Terminated(BaseException):
    """SIGTERM arrived: stop now, say so, leave nothing behind."""


StageFunction = Callable[[StageContext], StageOutcome]


def run_stage(stage: Stage, run_url: str, attempt: int) -> int:
    """One attempt; returns the exit code. Nothing is raised to the caller but a clean exit."""
    log = structlog.get_logger().bind(stage=stage, attempt=attempt)
    started, clock = datetime.now(UTC), time.perf_counter()
    signal.signal(signal.SIGTERM, _terminate)
    store: Store | None = None
    slug = ""
    try:
        store, slug = open_run(run_url)
        prefix = f"{EVAL_BUCKET}/{attempt_prefix(slug, stage, attempt)}"
        if store.exists(f"{prefix}/{MANIFEST_NAME}"):
            raise InputError(
                f"{prefix}: this attempt has ended already; use --attempt {attempt + 1}"
            )
        with _workdir(store, f"{slug}-{stage}") as workdir:
            context, digest = _context(stage, attempt, store, slug, workdir, log)
            log.info("stage started", run=slug, code=code_version())
            with ThreadPoolExecutor(1) as pool:
                context.fetch_ahead(pool)
                function: StageFunction = importlib.import_module(f"tasks.stages.{stage}").run
                outcome = function(context)
        seconds = round(time.perf_counter() - clock, 3)
        manifest = Manifest(
            stage=stage,
            attempt=attempt,
            plan_digest=digest,
            started=started,
            finished=datetime.now(UTC),
            code_version=code_version(),
            inputs=tuple(context.fetched.values()),
            outputs=tuple(outcome.outputs),
            rows_in=outcome.rows_in,
            rows_out=outcome.rows_out,
            rows_rejected=outcome.rows_rejected,
            rows_skipped=outcome.rows_skipped,
            parameters=outcome.parameters,
            figures={**outcome.figures, "seconds": seconds, "peak_rss_mib": _peak_rss_mib()},
        )
        store.write(f"{prefix}/{MANIFEST_NAME}", manifest.model_dump_json(indent=1).encode())
    except (Exception, Terminated) as error:
        return _failed(error, stage, attempt, started, store, slug, log)
    log.info(
        "stage finished",
        rows_in=manifest.rows_in,
        rows_out=manifest.rows_out,
        rejected=manifest.rows_rejected,
        skipped=sum(manifest.rows_skipped.values()),
        seconds=seconds,
        peak_rss_mib=manifest.figures["peak_rss_mib"],
    )
    return EXIT_DONE


def last_manifests(store: Store, slug: str, before: Stage) -> dict[Stage, Manifest]:
    """Of each stage before ``before``, the manifest with the highest attempt number."""
    prefix = f"{EVAL_BUCKET}/{run_prefix(slug)}/"
    attempts: dict[str, int] = {}
    for location in store.names(prefix):
        parts = location.removeprefix(prefix).split("/")
        if len(parts) == 3 and parts[2] == MANIFEST_NAME and parts[1].isdigit():
            attempts[parts[0]] = max(int(parts[1]), attempts.get(parts[0], 0))
    found: dict[Stage, Manifest] = {}
    for stage in STAGES[: STAGES.index(before)]:
        if stage not in attempts:
            raise InputError(f"run {slug}: stage {stage} has no manifest; run it before {before}")
        location = f"{prefix}{stage}/{attempts[stage]}/{MANIFEST_NAME}"
        found[stage] = Manifest.model_validate_json(store.read(location))
    return found


def _context(
    stage: Stage, attempt: int, store: Store, slug: str, workdir: Path, log: Any
) -> tuple[StageContext, str]:
    location = f"{EVAL_BUCKET}/{plan_key(slug)}"
    if not store.exists(location):
        raise InputError(f"{location}: no such run in {store.url}; plan it first")
    data = store.read(location)
    try:
        plan = Plan.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{location}: {where}: {first['msg']}; plan the run again") from error
    manifests = last_manifests(store, slug, stage)
    context = StageContext(stage, attempt, plan, store, workdir, manifests, log)
    return context, hashlib.sha256(data).hexdigest()


def _failed(
    error: BaseException,
    stage: Stage,
    attempt: int,
    started: datetime,
    store: Store | None,
    slug: str,
    log: Any,
) -> int:
    """Say why in one line on stderr and, where the store can still be written, in failure.json."""
    usage = isinstance(error, InputError)
    if isinstance(error, InputError | StageError):
        reason = " ".join(str(error).split())
    elif isinstance(error, Terminated):
        reason = f"{stage}: stopped by SIGTERM before it finished; run the stage again"
    else:
        log.exception("stage broke")
        reason = f"{stage}: {type(error).__name__}: {' '.join(str(error).split())}"
    failure = Failure(
        stage=stage,
        attempt=attempt,
        started=started,
        finished=datetime.now(UTC),
        reason=reason,
        usage=usage,
        figures={"peak_rss_mib": _peak_rss_mib()},
    )
    if store is not None and slug:
        location = f"{EVAL_BUCKET}/{attempt_prefix(slug, stage, attempt)}/{FAILURE_NAME}"
        with contextlib.suppress(Exception):
            store.write(location, failure.model_dump_json(indent=1).encode())
    sys.stdout.flush()
    print(f"error: {reason}", file=sys.stderr, flush=True)
    return EXIT_USAGE if usage else EXIT_FAILED


@contextlib.contextmanager
def _workdir(store: Store, name: str) -> Iterator[Path]:
    """A private folder, gone at the end; what killed attempts of the same stage left goes too."""
    scratch = store.scratch()
    for stale in scratch.glob(f"{name}-*"):
        owner = stale.name.rpartition("-")[2]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", suffix=f"-{os.getpid()}", dir=scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated


def _peak_rss_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB, 1)
