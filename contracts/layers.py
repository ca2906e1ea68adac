"""Buckets, keys and run folders of the object storage (design §3).

Keys carry the UTC wall-clock second of writing and are never written twice.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, Literal

RAW_BUCKET: Final = "cybersec-ml-raw"
SILVER_BUCKET: Final = "cybersec-ml-silver"
MODELS_BUCKET: Final = "cybersec-ml-models"
EVAL_BUCKET: Final = "cybersec-ml-eval"
BUCKETS: Final = (RAW_BUCKET, SILVER_BUCKET, MODELS_BUCKET, EVAL_BUCKET)

Stage = Literal["ingest", "transform", "train", "evaluate", "explain"]
STAGES: Final[tuple[Stage, ...]] = ("ingest", "transform", "train", "evaluate", "explain")

LANDING_PREFIX: Final = "landing"
RUNS_PREFIX: Final = "runs"
PLAN_NAME: Final = "plan.json"
MANIFEST_NAME: Final = "manifest.json"
FAILURE_NAME: Final = "failure.json"

_NOT_IN_SLUG = re.compile(r"[^A-Za-z0-9._-]+")


def timestamp_slug(moment: datetime) -> str:
    """``YYYYMMDD_HHMMSS`` of an aware datetime, in UTC."""
    return moment.astimezone(UTC).strftime("%Y%m%d_%H%M%S")


def run_slug(run_id: str) -> str:
    """A run id made safe for a key: letters, digits, ``.``, ``_`` and ``-`` only, never empty."""
    slug = _NOT_IN_SLUG.sub("-", run_id).strip("-.")
    if not slug:
        raise ValueError(f"run id {run_id!r} has no letter or digit")
    return slug


def run_prefix(slug: str) -> str:
    """Key prefix, inside EVAL, of everything that belongs to one run."""
    return f"{RUNS_PREFIX}/{slug}"


def plan_key(slug: str) -> str:
    return f"{run_prefix(slug)}/{PLAN_NAME}"


def attempt_prefix(slug: str, stage: Stage, attempt: int) -> str:
    return f"{run_prefix(slug)}/{stage}/{attempt}"


def manifest_key(slug: str, stage: Stage, attempt: int) -> str:
    return f"{attempt_prefix(slug, stage, attempt)}/{MANIFEST_NAME}"


def failure_key(slug: str, stage: Stage, attempt: int) -> str:
    return f"{attempt_prefix(slug, stage, attempt)}/{FAILURE_NAME}"


def landing_prefix(day: str) -> str:
    """Where the sensors put the files of one UTC day (``YYYY-MM-DD``)."""
    return f"{LANDING_PREFIX}/{day}/"


def raw_events_name(kind: str) -> str:
    return f"{kind}_events"


def silver_events_name(kind: str) -> str:
    return f"{kind}_events_silver"


def profile_name(kind: str) -> str:
    return f"profile_{kind}"


def reference_name(kind: str) -> str:
    """Rows that models of a run learn from: history's samples and today's, on one context."""
    return f"reference_{kind}"


REJECTED_NAME: Final = "rejected"
SCORED_NAME: Final = "scored_events"
ALERTS_NAME: Final = "alerts"
EXPLANATIONS_NAME: Final = "explanations"
EVAL_NAME: Final = "eval"


def model_name(family: str) -> str:
    """Base name of a model of one family, e.g. ``model_isoforest``."""
    return f"model_{family}"


def versioned_key(name: str, moment: datetime, suffix: str = "parquet") -> str:
    """``<name>_<ts>.<suffix>``: the key of one artifact inside its bucket."""
    return f"{name}_{timestamp_slug(moment)}.{suffix}"
