"""explain: the day's alerts, each with its attributions, its incident and one sentence."""

from __future__ import annotations

import time

import polars as pl

from contracts.layers import ALERTS_NAME, EVAL_BUCKET, EXPLANATIONS_NAME, Stage
from contracts.manifest import Artifact, ArtifactRole
from tasks.detectors.model_files import read_arrays
from tasks.detectors.training import matrix_of
from tasks.errors import StageError
from tasks.explanations.alerts import Explained, alert_tables
from tasks.explanations.candidates import candidates, features_of
from tasks.explanations.reasons import reasons_of
from tasks.stage import StageContext, StageOutcome


def run(context: StageContext) -> StageOutcome:
    """Explain and group the best row of every key above the threshold."""
    clock = time.perf_counter()
    parameters = context.plan.parameters
    threshold = float(context.manifests["evaluate"].figures["alert_threshold"])
    models = read_arrays(context.fetch(_needed(context, "train", "model_arrays")))
    calibrations = {kind: model.calibration for kind, model in models.items()}
    scored = context.fetch(_needed(context, "evaluate", "scored"))
    floors = context.manifests["evaluate"].figures["alert_floors"]
    found = candidates(scored, threshold, floors, calibrations)
    explained: dict[str, Explained] = {}
    for kind, model in models.items():
        events = found.filter(pl.col("kind") == kind)
        if events.is_empty():
            continue
        silver = context.fetch(_needed(context, "transform", "silver", kind))
        rows = matrix_of(features_of(silver, model, events), model.features)
        explained[kind] = Explained(model, events, rows, reasons_of(kind, model, rows))
    budget = parameters.alert_budget if parameters.alert_threshold is None else None
    alerts, explanations = alert_tables(explained, budget, parameters.window_minutes)
    context.log.info(
        "alerts explained",
        candidates=found.height,
        alerts=alerts.height,
        seconds=round(time.perf_counter() - clock, 2),
    )

    outputs: list[Artifact] = []
    tables: tuple[tuple[pl.DataFrame, str, ArtifactRole], ...] = (
        (alerts, ALERTS_NAME, "alerts"),
        (explanations, EXPLANATIONS_NAME, "explanations"),
    )
    for table, name, role in tables:
        path = context.workdir / f"{name}.parquet"
        table.write_parquet(path)
        outputs.append(context.publish_file(path, EVAL_BUCKET, name, role=role, rows=table.height))
    figures = {
        "alerts": alerts.height,
        "incidents": alerts["incident_id"].n_unique(),
        "candidates": found.height,
        "base_values": {kind: one.reasons.base for kind, one in explained.items()},
    }
    recorded = {"alert_threshold": threshold, "alert_budget": budget}
    return StageOutcome(outputs, found.height, alerts.height, parameters=recorded, figures=figures)


def _needed(
    context: StageContext, stage: Stage, role: ArtifactRole, kind: str | None = None
) -> Artifact:
    artifact = context.output(stage, role, kind)
    if artifact is None:
        raise StageError(f"explain: the {stage} manifest names no {role}; run {stage} again")
    return artifact
