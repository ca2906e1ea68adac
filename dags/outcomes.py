"""How each stage of a run ended: its state in Airflow, joined with what it left in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.layers import (
    EVAL_BUCKET,
    FAILURE_NAME,
    MANIFEST_NAME,
    STAGES,
    Stage,
    failure_key,
    manifest_key,
    run_prefix,
)
from contracts.manifest import Failure, Manifest
from contracts.plan import Plan
from dags.objects import keys_below, read

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

NEVER_RAN = frozenset({None, "upstream_failed", "skipped", "removed"})


class Unfinished(Exception):
    """A stage is still running or waiting: there is nothing to publish yet."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one stage: ``manifest`` when it succeeded, ``reason`` when it failed."""

    stage: Stage
    attempt: int | None = None
    """Number of the attempt that counts; None when a failed stage left no trace of it."""
    manifest: Manifest | None = None
    manifest_sha256: str = ""
    failure: Failure | None = None
    reason: str = ""


def outcomes(s3: S3Hook, slug: str, states: Mapping[str, str | None]) -> dict[Stage, Outcome]:
    """The stages that ran, in order, with the manifest or failure of their last attempt.

    ``states``: Airflow's final state by task id. Stages that never ran are absent. Raises
    Unfinished when a stage has not ended.
    """
    ended = _ended_attempts(s3, slug)
    found: dict[Stage, Outcome] = {}
    for stage in STAGES:
        state = states.get(stage)
        if state in NEVER_RAN:
            continue
        if state not in {"success", "failed"}:
            raise Unfinished(f"stage {stage} is {state}: clear publish when it has ended")
        manifests, failures = ended[stage, MANIFEST_NAME], ended[stage, FAILURE_NAME]
        if state == "success":
            found[stage] = _success(s3, slug, stage, max(manifests, default=None))
        else:
            # an older failure.json than the last manifest speaks of an attempt that was repeated
            later = [n for n in failures if n > max(manifests, default=0)]
            found[stage] = _failure(s3, slug, stage, max(later, default=None))
    return found


def last_failure(s3: S3Hook, slug: str, stage: Stage, attempt: int) -> Failure | None:
    """What one attempt said of its failure, if it still could."""
    if attempt not in _ended_attempts(s3, slug)[stage, FAILURE_NAME]:
        return None
    return Failure.model_validate_json(read(s3, EVAL_BUCKET, failure_key(slug, stage, attempt)))


def broken_chain(plan: Plan, plan_sha256: str, ended: Mapping[Stage, Outcome]) -> str | None:
    """Why the manifests do not belong together, as one line; None when they do.

    A stage that was repeated without those after it leaves manifests of two different chains:
    what a stage read must be the plan's or what the last manifests before it name.
    """
    known = {(file.location, file.sha256) for file in plan.inputs}
    known |= {(profile.location, profile.sha256) for profile in plan.history}
    if plan.champion is not None:
        champion = (plan.champion, plan.champion.arrays, plan.champion.card)
        known |= {(ref.location, ref.sha256) for ref in champion}
    for stage, outcome in ended.items():
        if outcome.manifest is None:
            continue
        if outcome.manifest.plan_digest != plan_sha256:
            return f"{stage} ran with another plan.json: clear it with everything downstream"
        for ref in outcome.manifest.inputs:
            if (ref.location, ref.sha256) not in known:
                return (
                    f"{stage} read {ref.location}, which no last manifest before it names: a "
                    f"stage was repeated alone; clear {stage} with everything downstream"
                )
        known |= {(ref.location, ref.sha256) for ref in outcome.manifest.outputs}
    return None


def _ended_attempts(s3: S3Hook, slug: str) -> dict[tuple[Stage, str], list[int]]:
    """(stage, manifest.json or failure.json) → attempts that ended so."""
    prefix = f"{run_prefix(slug)}/"
    found: dict[tuple[Stage, str], list[int]] = {
        (stage, name): [] for stage in STAGES for name in (MANIFEST_NAME, FAILURE_NAME)
    }
    for key in keys_below(s3, EVAL_BUCKET, prefix):
        parts = key.removeprefix(prefix).split("/")
        if len(parts) != 3 or not parts[1].isdigit():
            continue
        for stage, name in found:
            if (stage, name) == (parts[0], parts[2]):
                found[stage, name].append(int(parts[1]))
    return found


def _success(s3: S3Hook, slug: str, stage: Stage, attempt: int | None) -> Outcome:
    if attempt is None:
        return Outcome(
            stage,
            reason=f"{stage} is a success in Airflow but left no manifest.json (marked by hand?): "
            f"clear it with everything downstream",
        )
    data = read(s3, EVAL_BUCKET, manifest_key(slug, stage, attempt))
    manifest = Manifest.model_validate_json(data)
    return Outcome(stage, attempt, manifest, hashlib.sha256(data).hexdigest())


def _failure(s3: S3Hook, slug: str, stage: Stage, attempt: int | None) -> Outcome:
    if attempt is None:
        return Outcome(
            stage,
            reason=f"{stage}: killed or lost: its last attempt left no failure.json (out of "
            f"memory, killed, or its worker is gone); clear it with everything downstream",
        )
    data = read(s3, EVAL_BUCKET, failure_key(slug, stage, attempt))
    failure = Failure.model_validate_json(data)
    return Outcome(stage, attempt, failure=failure, reason=failure.reason)
