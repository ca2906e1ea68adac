"""``tasks run``: plan local files and run the five stages, one process each, as the DAG would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.layers import EVAL_BUCKET, STAGES, Stage, plan_key, run_prefix, timestamp_slug
from contracts.manifest import Manifest
from contracts.plan import InputFile, Plan, RunParameters
from tasks.attempt import last_manifests
from tasks.errors import InputError
from tasks.storage import FolderStore, Store, open_store, sha256_of

MAXRSS_UNIT_BYTES = 1024
MIB = 1024 * 1024


def run_batch(
    *,
    inputs: Sequence[Path],
    baseline: Sequence[Path],
    store_url: str,
    parameters: dict[str, Any],
    day: date | None,
    as_json: bool,
) -> int:
    """Run the chain on local files; prints the alerts, or one JSON object. Returns the exit code.

    Raises InputError for a path that is no log or a parameter out of range.
    """
    store = open_store(store_url)
    if isinstance(store, FolderStore):
        store.create_buckets()
    plan = plan_files(store, inputs, baseline, parameters, day)
    run_url = f"{store.url.rstrip('/')}/{EVAL_BUCKET}/{run_prefix(plan.slug)}"
    if store.url == "s3://":
        run_url = f"s3://{EVAL_BUCKET}/{run_prefix(plan.slug)}"
    figures: dict[str, dict[str, float]] = {}
    for stage in STAGES:
        code, figures[stage] = _stage_process(stage, run_url, quiet=as_json)
        if code:
            return code
    manifests = last_manifests(store, plan.slug, "explain")
    location = f"{EVAL_BUCKET}/{run_prefix(plan.slug)}/explain/1/manifest.json"
    manifests["explain"] = Manifest.model_validate_json(store.read(location))
    result = _result(store, plan, manifests, figures)
    if as_json:
        print(json.dumps(result))
    else:
        from tasks.report import print_report

        print_report(store, manifests, result)
    return 0


def plan_files(
    store: Store,
    inputs: Sequence[Path],
    baseline: Sequence[Path],
    parameters: dict[str, Any],
    day: date | None,
) -> Plan:
    """Pin local files with their digests and write ``plan.json`` of a new run."""
    try:
        checked = RunParameters.model_validate(parameters)
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{str(first['loc'][0]).replace('_', '-')}"
        raise InputError(f"{option} {first['input']}: {first['msg']}") from error
    pinned = [_pin(path, baseline=False) for path in _files(inputs)]
    pinned += [_pin(path, baseline=True) for path in _files(baseline)]
    now = datetime.now(UTC)
    slug = base = f"batch-{timestamp_slug(now)}"
    number = 1
    while store.exists(f"{EVAL_BUCKET}/{plan_key(slug)}"):
        number += 1
        slug = f"{base}-{number}"
    plan = Plan(
        run_id=slug, slug=slug, created=now, day=day, parameters=checked, inputs=tuple(pinned)
    )
    store.write(f"{EVAL_BUCKET}/{plan_key(slug)}", plan.model_dump_json(indent=1).encode())
    return plan


def _files(paths: Sequence[Path]) -> list[Path]:
    """Files as named, and every file below the folders; names that begin with a dot are left."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = [p for p in sorted(path.rglob("*")) if p.is_file() and p.name[0] != "."]
            if not below:
                raise InputError(f"{path}: the folder holds no file; name a folder with logs")
            found += below
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path}: no such file or folder")
    return found


def _pin(path: Path, *, baseline: bool) -> InputFile:
    path = path.absolute()
    try:
        return InputFile(
            location=str(path),
            sha256=sha256_of(path),
            bytes=path.stat().st_size,
            local=True,
            baseline=baseline,
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _stage_process(stage: Stage, run_url: str, *, quiet: bool) -> tuple[int, dict[str, float]]:
    """One stage as its own process; its exit code, wall seconds and peak resident MiB.

    The log of a quiet stage is shown only if it fails: its last line says why.
    """
    argv = [sys.executable, "-m", "tasks", stage, "--run", run_url]
    clock = time.perf_counter()
    process = subprocess.Popen(
        argv,
        stderr=subprocess.PIPE if quiet else None,
        stdout=subprocess.DEVNULL if quiet else None,
    )
    log = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - clock
    if code and quiet:
        sys.stderr.write(_last_line(log, stage, code))
    elif code < 0:
        print(f"error: {stage}: killed by signal {-code}; run again", file=sys.stderr)
    peak = usage.ru_maxrss * MAXRSS_UNIT_BYTES / MIB
    figures = {"seconds": round(seconds, 3), "peak_rss_mib": round(peak, 1)}
    return (1 if code < 0 else code), figures


def _last_line(log: bytes, stage: Stage, code: int) -> str:
    lines = [line for line in log.decode(errors="replace").splitlines() if line.startswith("error")]
    return f"{lines[-1] if lines else f'error: {stage} ended with exit code {code}'}\n"


def _result(
    store: Store, plan: Plan, manifests: dict[Stage, Manifest], figures: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """What ``--json`` prints: counts, costs and where the artifacts are."""
    ingest, explain = manifests["ingest"], manifests["explain"]

    def where(stage: Stage, role: Any) -> str | None:
        artifact = manifests[stage].output(role)
        if artifact is None:
            return None
        root = store.url.rstrip("/") if store.url != "s3://" else "s3:/"
        return f"{root}/{artifact.location}"

    return {
        "run": plan.slug,
        "rows_in": ingest.rows_in,
        "rows_out": ingest.rows_out,
        "rows_rejected": ingest.rows_rejected,
        "rows_skipped": ingest.rows_skipped,
        "alert_count": explain.figures.get("alerts", 0),
        "incident_count": explain.figures.get("incidents", 0),
        "cold_start": manifests["train"].figures.get("cold_start"),
        "stages": figures,
        "seconds": round(sum(f["seconds"] for f in figures.values()), 3),
        "peak_rss_mib": max(f["peak_rss_mib"] for f in figures.values()),
        "scored_events": where("evaluate", "scored"),
        "alerts": where("explain", "alerts"),
        "explanations": where("explain", "explanations"),
        "eval": where("evaluate", "eval"),
        "model": where("train", "model"),
        "model_card": where("train", "model_card"),
    }
