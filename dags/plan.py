"""plan: pin every input of a run, with digests, in ``plan.json`` before the first stage starts.

The plan of a run is written once. A retry, or a *clear*, of the task finds it and keeps it: what
the stages of this run read never changes under them. Logs that landed late are taken in by a new
run of the same day, which publishes the day's next generation.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException
from pydantic import ValidationError

from contracts.layers import EVAL_BUCKET, RAW_BUCKET, landing_prefix, plan_key, run_slug
from contracts.manifest import Artifact
from contracts.plan import InputFile, ModelRef, ObjectRef, Plan, ProfileRef, RunParameters
from dags.connections import audit_database, explained, object_storage
from dags.objects import Missing, keys_below, keys_matching, pinned, read

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from psycopg import Connection

HISTORY_DAYS = 14
"""Published days that a run compares with: two weeks, so that each weekday is there twice."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What one run is asked for. ``day`` None: the input is one batch, every row is kept."""

    run_id: str
    day: date | None
    input: str
    baseline: str
    parameters: RunParameters

    @property
    def slug(self) -> str:
        return run_slug(self.run_id)


def request_of(context: Mapping[str, Any]) -> Request:
    """The request of a task's context: parameters of the form, and the day where none is given.

    A schedule's run, and a manual one without day and input, takes the last UTC day that had
    ended when the run was due. Raises AirflowFailException for a parameter that cannot be.
    """
    params = dict(context["params"])
    dag_run = context["dag_run"]
    pattern = (params.pop("input", None) or "").strip()
    baseline = (params.pop("baseline", None) or "").strip()
    stated = (params.pop("day", None) or "").strip()
    contamination = params.get("contamination", "auto")
    try:
        if isinstance(contamination, str) and contamination != "auto":
            params["contamination"] = float(contamination)
        day = date.fromisoformat(stated) if stated else None
        parameters = RunParameters.model_validate(params)
    except ValidationError as error:
        first = error.errors()[0]
        name = first["loc"][0] if first["loc"] else "parameters"
        raise AirflowFailException(
            f"parameter {name} = {first['input']!r}: {first['msg']}; trigger the run again"
        ) from None
    except ValueError as error:
        raise AirflowFailException(
            f"day {stated!r} or contamination {contamination!r}: {error}; trigger the run again"
        ) from None
    if day is None and not pattern:
        due = dag_run.data_interval_end or dag_run.run_after
        day = due.astimezone(UTC).date() - timedelta(days=1)
    return Request(dag_run.run_id, day, pattern, baseline, parameters)


def make_plan(context: Mapping[str, Any]) -> Plan:
    """Write the run's ``plan.json``, or keep the one that an earlier attempt wrote."""
    request = request_of(context)
    with explained():
        s3 = object_storage()
        plan = kept_plan(s3, request)
        if plan is None:
            with audit_database() as audit:
                plan = pin(request, s3, audit)
            s3.load_bytes(plan.model_dump_json(indent=1).encode(), plan_key(plan.slug), EVAL_BUCKET)
            log.info("wrote %s/%s", EVAL_BUCKET, plan_key(plan.slug))
    log.info(
        "day %s: %d input files, %d baseline files, %d bytes; profiles of %d earlier days",
        plan.day or "none (batch)",
        sum(not file.baseline for file in plan.inputs),
        sum(file.baseline for file in plan.inputs),
        sum(file.bytes for file in plan.inputs),
        len({profile.day for profile in plan.history}),
    )
    return plan


def kept_plan(s3: S3Hook, request: Request) -> Plan | None:
    """The plan that this run already has; None before its first."""
    try:
        plan = Plan.model_validate_json(read(s3, EVAL_BUCKET, plan_key(request.slug)))
    except Missing:
        return None
    if plan.run_id != request.run_id:
        raise AirflowFailException(
            f"folder runs/{request.slug} belongs to run {plan.run_id!r}: trigger this run again "
            f"with another run id"
        )
    log.info(
        "keeping the plan of %s: a run never changes its inputs; for logs that landed since, "
        "trigger a new run of the day",
        plan.created.isoformat(timespec="seconds"),
    )
    return plan


def pin(request: Request, s3: S3Hook, audit: Connection[Any]) -> Plan:
    """The plan of a request: input files by key, history oldest first, champion if needed.

    Raises AirflowFailException where there is nothing to read.
    """
    champion = None if request.parameters.retrain else current_champion(audit)
    return Plan(
        run_id=request.run_id,
        slug=request.slug,
        created=datetime.now(UTC),
        day=request.day,
        parameters=request.parameters,
        inputs=input_files(request, s3),
        history=published_profiles(request.day, audit) if request.day else (),
        champion=champion,
    )


def input_files(request: Request, s3: S3Hook) -> tuple[InputFile, ...]:
    """The files to score, then the baseline's; a file that both patterns match is baseline."""
    baseline = keys_matching(s3, RAW_BUCKET, request.baseline) if request.baseline else []
    if request.baseline and not baseline:
        raise AirflowFailException(_nothing("baseline", request.baseline))
    if request.input:
        found = keys_matching(s3, RAW_BUCKET, request.input)
    else:
        found = keys_below(s3, RAW_BUCKET, landing_prefix(str(request.day)), recursive=False)
    keys = sorted(set(found) - set(baseline))
    if not keys and request.input:
        raise AirflowFailException(_nothing("input", request.input))
    if not keys:
        raise AirflowFailException(
            f"no file has landed in {RAW_BUCKET}/{landing_prefix(str(request.day))}: put the "
            f"day's logs there and clear the run, or trigger one with input = a pattern"
        )
    return (
        *(pinned(s3, RAW_BUCKET, key) for key in keys),
        *(pinned(s3, RAW_BUCKET, key, baseline=True) for key in baseline),
    )


def _nothing(parameter: str, patterns: str) -> str:
    return (
        f"{parameter} {' | '.join(patterns.split())!r} matches no object in {RAW_BUCKET}: upload "
        f"the logs there, or trigger the run with a pattern such as landing/2026-01-31/*"
    )


def published_profiles(day: date, audit: Connection[Any]) -> tuple[ProfileRef, ...]:
    """Profiles of the newest generation of the last published days before ``day``.

    A batch is no history: somebody tried out logs of any date, from any network.
    """
    rows = audit.execute(
        "SELECT DISTINCT ON (day) day, artifacts FROM publications"
        " WHERE day < %s AND summary->>'day' IS NOT NULL"
        " ORDER BY day DESC, generation DESC LIMIT %s",
        [day, HISTORY_DAYS],
    ).fetchall()
    return tuple(
        ProfileRef(
            location=artifact.location,
            sha256=artifact.sha256,
            bytes=artifact.bytes,
            kind=artifact.kind,
            day=published,
        )
        for published, artifacts in reversed(rows)
        for artifact in map(Artifact.model_validate, artifacts)
        # a run's baseline days have profiles too; they belong to that run
        if artifact.role == "profile" and artifact.kind and artifact.day == published.isoformat()
    )


def current_champion(audit: Connection[Any]) -> ModelRef:
    """The model that was published last; raises AirflowFailException when there is none."""
    row = audit.execute(
        "SELECT location, sha256, bytes, arrays, card FROM models WHERE champion"
    ).fetchone()
    if row is None:
        raise AirflowFailException(
            "retrain = no, but no model has been published yet: trigger the run with retrain = yes"
        )
    location, sha256, length, arrays, card = row
    return ModelRef(
        location=location,
        sha256=sha256,
        bytes=length,
        arrays=_object_ref(arrays),
        card=_object_ref(card),
    )


def _object_ref(stored: Mapping[str, Any]) -> ObjectRef:
    return ObjectRef.model_validate({name: stored[name] for name in ObjectRef.model_fields})
