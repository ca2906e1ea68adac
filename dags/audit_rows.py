"""Audit rows of a run: one for each stage, kind and artifact (docs/contracts.md).

Pure: manifests in, rows out. ingest gives a row for each RAW file, transform for each SILVER file,
train for each kind that the model learnt, evaluate for each kind that was measured, explain one; a
stage that failed gives one row with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.layers import Stage
from contracts.manifest import Artifact, Manifest
from contracts.plan import Plan
from dags.outcomes import Outcome

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditTable:
    """Where rows of a stage go, and the table's names for time and place."""

    name: str
    time: str
    location: str


AUDIT_TABLE: dict[Stage, AuditTable] = {
    "ingest": AuditTable("ingestion_events", "timestamp_ingesta", "ruta_minio"),
    "transform": AuditTable("transformation_events", "timestamp_transformacion", "ruta_minio"),
    "train": AuditTable("training_events", "timestamp_entrenamiento", "ruta_modelo"),
    "evaluate": AuditTable("evaluation_events", "timestamp_eval", "ruta_resultados"),
    "explain": AuditTable("evaluation_events", "timestamp_eval", "ruta_resultados"),
}


def audit_rows(plan: Plan, ended: Mapping[Stage, Outcome]) -> list[tuple[str, Row]]:
    """(table, row) for each stage that ran; values are plain, JSON columns are dicts."""
    rows: list[tuple[str, Row]] = []
    for stage, outcome in ended.items():
        table = AUDIT_TABLE[stage]
        if outcome.manifest is None:
            rows.append((table.name, _failed(plan, table, outcome)))
            continue
        shared = {
            "run_id": plan.run_id,
            "attempt": outcome.attempt,
            "estado": "SUCCESS",
            table.time: _utc(outcome.manifest.finished),
        }
        rows += [(table.name, shared | row) for row in _succeeded(plan, ended, outcome.manifest)]
    return rows


def model_artifact(plan: Plan, train: Manifest) -> Artifact | None:
    """The pickle that this run trained; None when it used the champion."""
    return train.output("model") if plan.parameters.retrain else None


def model_location(plan: Plan, train: Manifest) -> str | None:
    """``<bucket>/<key>`` of the pickle that scored the day: trained, or the champion."""
    trained = model_artifact(plan, train)
    if trained is not None:
        return trained.location
    return plan.champion.location if plan.champion else None


def _succeeded(plan: Plan, ended: Mapping[Stage, Outcome], manifest: Manifest) -> Iterable[Row]:
    if manifest.stage == "ingest":
        return [
            _file(artifact) | {"details": _counts(plan, manifest)}
            for artifact in _of_role(manifest, "raw")
        ]
    if manifest.stage == "transform":
        details = {"parameters": manifest.parameters, "rows_in": manifest.rows_in}
        return [_file(a) | {"details": details} for a in _of_role(manifest, "silver")]
    if manifest.stage == "train":
        return _training(plan, manifest)
    if manifest.stage == "evaluate":
        return _evaluation(plan, ended, manifest)
    alerts = manifest.output("alerts")
    return [
        {
            "stage": "explain",
            "ruta_resultados": alerts.location if alerts else None,
            "digest": alerts.sha256 if alerts else None,
            "metrics": {name: manifest.figures.get(name) for name in ("alerts", "incidents")},
        }
    ]


def _training(plan: Plan, manifest: Manifest) -> Iterable[Row]:
    model = model_artifact(plan, manifest)
    if model is None:
        return []
    kinds: Mapping[str, Mapping[str, Any]] = manifest.figures.get("kinds") or {}
    return [
        {
            "kind": kind,
            "ruta_modelo": model.location,
            "digest": model.sha256,
            "num_registros": figures.get("reference_rows"),
            "parametros": json.dumps(manifest.parameters, sort_keys=True),
        }
        for kind, figures in kinds.items()
    ]


def _evaluation(plan: Plan, ended: Mapping[Stage, Outcome], manifest: Manifest) -> Iterable[Row]:
    scored = manifest.output("scored")
    train, transform = (ended[stage].manifest for stage in ("train", "transform"))
    model = model_location(plan, train) if train else None
    metrics: Mapping[str, Mapping[str, Any]] = manifest.figures.get("metrics") or {}
    rows = []
    for kind, figures in metrics.items():
        silver = transform.output("silver", kind) if transform else None
        rows.append(
            {
                "stage": "evaluate",
                "kind": kind,
                "modelo_nombre": _name(model),
                "nombre_dataset": _name(silver.location) if silver else None,
                "ruta_resultados": scored.location if scored else None,
                "digest": scored.sha256 if scored else None,
                "metrics": figures,
            }
        )
    return rows


def _failed(plan: Plan, table: AuditTable, outcome: Outcome) -> Row:
    finished = outcome.failure.finished if outcome.failure else datetime.now(UTC)
    row: Row = {
        "run_id": plan.run_id,
        "attempt": outcome.attempt,
        "estado": "FAILED",
        "reason": outcome.reason,
        table.time: _utc(finished),
    }
    if table.name == "evaluation_events":
        row["stage"] = outcome.stage
    if outcome.stage == "ingest":
        row["details"] = {"inputs": [file.name for file in plan.inputs]}
    return row


def _file(artifact: Artifact) -> Row:
    return {
        "kind": artifact.kind,
        "nombre_archivo": _name(artifact.location),
        "ruta_minio": artifact.location,
        "num_registros": artifact.rows,
        "digest": artifact.sha256,
    }


def _counts(plan: Plan, manifest: Manifest) -> Row:
    rejected = manifest.output("rejected")
    return {
        "inputs": [file.name for file in plan.inputs],
        "rows_in": manifest.rows_in,
        "rows_rejected": manifest.rows_rejected,
        "rows_skipped": manifest.rows_skipped,
        "rejected": rejected.location if rejected else None,
    }


def _of_role(manifest: Manifest, role: str) -> list[Artifact]:
    return [artifact for artifact in manifest.outputs if artifact.role == role]


def _name(location: str | None) -> str | None:
    return location.rpartition("/")[2] if location else None


def _utc(moment: datetime) -> datetime:
    """Without zone, as the contract's TIMESTAMP columns hold it."""
    return moment.astimezone(UTC).replace(tzinfo=None)
