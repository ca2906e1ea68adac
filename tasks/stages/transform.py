"""RAW → SILVER, the day's profile and the rows that models learn from, for each kind."""

from __future__ import annotations

import time
from pathlib import Path

from contracts.events import KINDS
from contracts.features import FEATURES
from contracts.layers import SILVER_BUCKET, profile_name, reference_name, silver_events_name
from contracts.manifest import Artifact, ArtifactRole
from tasks.errors import StageError
from tasks.stage import StageContext, StageOutcome


def run(context: StageContext) -> StageOutcome:
    """Transform every kind that ingest found and that has features."""
    outputs: list[Artifact] = []
    rows_in = rows_out = 0
    skipped: dict[str, int] = {}
    figures: dict[str, object] = {}
    for kind in KINDS:
        raw = context.output("ingest", "raw", kind)
        if raw is None:
            continue
        rows_in += raw.rows
        if kind not in FEATURES:
            skipped[f"no_features:{kind}"] = raw.rows
            continue
        written, history_days = _transform(context, kind, raw)
        outputs += written
        rows_out += raw.rows
        figures[kind] = {"history_days": history_days}
    if not outputs:
        raise StageError("transform: the run has no events of a kind with features (network, auth)")
    return StageOutcome(
        outputs=outputs,
        rows_in=rows_in,
        rows_out=rows_out,
        rows_skipped=skipped,
        parameters={"window_minutes": context.plan.parameters.window_minutes},
        figures={"kinds": figures},
    )


def _transform(context: StageContext, kind: str, raw: Artifact) -> tuple[list[Artifact], int]:
    """SILVER, profile and reference rows of one kind, and how many earlier days it knew."""
    from tasks.features.day import transform_day

    started = time.perf_counter()
    parameters = context.plan.parameters
    profiles = [
        (str(ref.day), context.fetch(ref)) for ref in context.plan.history if ref.kind == kind
    ]
    baselines = [
        (artifact.day or "", context.fetch(artifact))
        for artifact in context.outputs("ingest", "baseline_raw")
        if artifact.kind == kind
    ]
    folder = context.workdir
    files = transform_day(
        kind,
        raw=context.fetch(raw),
        day=raw.day or "",
        baselines=baselines,
        profiles=profiles,
        window_minutes=parameters.window_minutes,
        seed=parameters.random_state,
        folder=folder,
    )
    days = len(profiles) + len(baselines)

    def publish(path: Path, name: str, role: ArtifactRole, rows: int) -> Artifact:
        return context.publish_file(
            path,
            SILVER_BUCKET,
            name,
            role=role,
            kind=kind,
            day=raw.day,
            rows=rows,
        )

    outputs = [
        publish(files.silver, silver_events_name(kind), "silver", raw.rows),
        publish(files.profile, profile_name(kind), "profile", files.profile_rows),
        publish(files.reference, reference_name(kind), "reference", files.reference_rows),
    ]
    context.log.info(
        "kind transformed",
        kind=kind,
        rows=raw.rows,
        reference_rows=files.reference_rows,
        history_days=days,
        seconds=round(time.perf_counter() - started, 2),
    )
    return outputs, days
