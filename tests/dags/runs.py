"""Runs made by hand: a plan, and for each stage the artifacts and manifest it would leave."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.events import ALERT_COLUMNS
from contracts.layers import (
    EVAL_BUCKET,
    MODELS_BUCKET,
    RAW_BUCKET,
    SILVER_BUCKET,
    STAGES,
    Stage,
    failure_key,
    manifest_key,
    plan_key,
    run_slug,
)
from contracts.manifest import Artifact, ArtifactRole, Failure, Manifest
from contracts.plan import InputFile, ModelRef, ObjectRef, Plan, RunParameters
from tests.dags.servers import Servers

DAY = date(2026, 11, 20)
STARTED = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SUCCESS: dict[str, str | None] = {"plan": "success", **dict.fromkeys(STAGES, "success")}
_seconds = count()
_runs = count(1)


def alert(rank: int, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "alert_id": f"a{rank}",
        "incident_id": "i1",
        "event_id": f"C{rank}",
        "kind": "network",
        "timestamp": datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        "entity": "192.168.1.7",
        "technique": "T1046",
        "detector": "isoforest",
        "anomaly_score": -0.21,
        "ml_score": 0.97,
        "severity": "CRITICAL",
        "sentence": "192.168.1.7 tried 412 ports on 1 host in 15 min",
        "rank": rank,
        "incident_events": 412,
        "src_ip": "192.168.1.7",
        "dst_ip": "192.168.1.9",
        "dst_port": 65_535,
        "protocol": "tcp",
    }
    row |= {"user": None, "host": None, "label": None}
    return row | changes


def alerts_parquet(alerts: list[dict[str, Any]]) -> bytes:
    types = {
        "String": pa.string(), "Float64": pa.float64(), "Int64": pa.int64(),
        "UInt16": pa.uint16(), "Datetime(us, UTC)": pa.timestamp("us", "UTC"),
    }  # fmt: skip
    schema = pa.schema([(name, types[dtype]) for name, dtype in ALERT_COLUMNS.items()])
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(alerts, schema=schema), sink)
    return sink.getvalue()


@dataclass
class Run:
    """One run in the store; ``finish`` and ``fail`` do what an attempt of a stage does."""

    servers: Servers
    run_id: str = ""
    day: date | None = DAY
    parameters: RunParameters = field(default_factory=RunParameters)
    champion: ModelRef | None = None
    alerts: list[dict[str, Any]] = field(default_factory=lambda: [alert(1), alert(2)])
    raw_days: dict[str, tuple[str, int]] = field(
        default_factory=lambda: {"network": ("2026-11-20", 900), "auth": ("2026-11-20", 100)}
    )
    manifests: dict[Stage, Manifest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.run_id = self.run_id or f"manual__test-{next(_runs)}"
        landed = InputFile(
            location=f"{RAW_BUCKET}/landing/2026-11-20/conn.log", sha256="0" * 64, bytes=10
        )
        plan = Plan(
            run_id=self.run_id, slug=self.slug, created=STARTED, day=self.day,
            parameters=self.parameters, inputs=(landed,), champion=self.champion,
        )  # fmt: skip
        self.plan_bytes = plan.model_dump_json().encode()
        self.put(EVAL_BUCKET, plan_key(self.slug), self.plan_bytes)
        self.plan = plan

    @property
    def slug(self) -> str:
        return run_slug(self.run_id)

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.servers.s3.put_object(Bucket=bucket, Key=key, Body=data)

    def artifact(
        self, bucket: str, name: str, role: ArtifactRole, data: bytes | None = None, **more: Any
    ) -> Artifact:
        stem, _, suffix = name.partition(".")
        moment = STARTED + timedelta(seconds=next(_seconds))
        key = f"{stem}_{moment:%Y%m%d_%H%M%S}.{suffix or 'parquet'}"
        data = f"{self.slug} {key}".encode() if data is None else data
        self.put(bucket, key, data)
        return Artifact(
            location=f"{bucket}/{key}", sha256=hashlib.sha256(data).hexdigest(), bytes=len(data),
            role=role, **more,
        )  # fmt: skip

    def finish(self, stage: Stage, attempt: int = 1, **changes: Any) -> Manifest:
        """Leave the artifacts and the manifest of a stage attempt that ended well."""
        outputs = getattr(self, f"_{stage}")()
        before = STAGES[STAGES.index(stage) - 1] if stage != "ingest" else None
        read = self.manifests[before].outputs[:1] if before in self.manifests else ()
        started = STARTED + timedelta(minutes=STAGES.index(stage))
        manifest = Manifest.model_validate(
            {
                "stage": stage, "attempt": attempt, "started": started,
                "finished": started + timedelta(seconds=30), "code_version": "test",
                "plan_digest": hashlib.sha256(self.plan_bytes).hexdigest(),
                "inputs": [self._ref(item) for item in read], "outputs": outputs,
                "rows_in": 1_005, "rows_out": 1_000, "rows_rejected": 5,
                "rows_skipped": {"cron": 3}, "parameters": {"n_estimators": 100},
                "figures": FIGURES[stage],
            } | changes
        )  # fmt: skip
        self.manifests[stage] = manifest
        self.put(
            EVAL_BUCKET, manifest_key(self.slug, stage, attempt),
            manifest.model_dump_json().encode(),
        )  # fmt: skip
        return manifest

    def finish_all(self, attempt: int = 1) -> Run:
        for stage in STAGES:
            self.finish(stage, attempt)
        return self

    def fail(self, stage: Stage, reason: str, attempt: int = 1, usage: bool = False) -> None:
        failure = Failure(
            stage=stage, attempt=attempt, started=STARTED, reason=reason,
            finished=STARTED + timedelta(seconds=7), usage=usage,
        )  # fmt: skip
        self.put(
            EVAL_BUCKET, failure_key(self.slug, stage, attempt), failure.model_dump_json().encode()
        )

    @staticmethod
    def _ref(artifact: Artifact) -> ObjectRef:
        return ObjectRef.model_validate(artifact.model_dump(include={*ObjectRef.model_fields}))

    def _ingest(self) -> list[Artifact]:
        raw = [
            self.artifact(RAW_BUCKET, f"{kind}_events", "raw", kind=kind, day=day, rows=rows)
            for kind, (day, rows) in self.raw_days.items()
        ]
        return [*raw, self.artifact(RAW_BUCKET, "rejected", "rejected", rows=5)]

    def _transform(self) -> list[Artifact]:
        return [
            artifact
            for kind, (day, rows) in self.raw_days.items()
            for artifact in (
                self.artifact(
                    SILVER_BUCKET, f"{kind}_events_silver", "silver", kind=kind, rows=rows
                ),
                self.artifact(SILVER_BUCKET, f"profile_{kind}", "profile", kind=kind, day=day),
            )
        ]

    def _train(self) -> list[Artifact]:
        if self.champion is not None:
            return [self._named(self.champion, "model")]
        return [
            self.artifact(MODELS_BUCKET, "model_isoforest.pkl", "model"),
            self.artifact(MODELS_BUCKET, "model_isoforest.npz", "model_arrays"),
            self.artifact(MODELS_BUCKET, "model_isoforest.json", "model_card"),
        ]

    @staticmethod
    def _named(ref: ObjectRef, role: ArtifactRole) -> Artifact:
        return Artifact(location=ref.location, sha256=ref.sha256, bytes=ref.bytes, role=role)

    def _evaluate(self) -> list[Artifact]:
        return [
            self.artifact(EVAL_BUCKET, "scored_events", "scored", rows=1_000),
            self.artifact(EVAL_BUCKET, "eval", "eval"),
        ]

    def _explain(self) -> list[Artifact]:
        rows, data = len(self.alerts), alerts_parquet(self.alerts)
        return [self.artifact(EVAL_BUCKET, "alerts", "alerts", data, rows=rows)]


FIGURES: dict[Stage, dict[str, Any]] = {
    "ingest": {"seconds": 30.0},
    "transform": {"seconds": 30.0},
    "train": {
        "cold_start": True, "provisional": True,
        "kinds": {
            "network": {"reference_rows": 412, "history_days": 0, "trained_on": "the day itself"},
            "auth": {"reference_rows": 37, "history_days": 0, "trained_on": "the day itself"},
        },
    },
    "evaluate": {
        "alert_threshold": 0.91,
        "metrics": {
            "network": {"auc": 0.99, "precision": None, "rows": 900},
            "auth": {"auc": None, "precision": None, "rows": 100},
        },
    },
    "explain": {"alerts": 2, "incidents": 1},
}  # fmt: skip
