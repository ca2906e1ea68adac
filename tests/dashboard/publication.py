"""A small publication as the pipeline makes one: Parquet in a folder store, rows in Postgres."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg.types.json import Jsonb

from contracts.events import (
    ALERT_COLUMNS,
    EVAL_COLUMNS,
    EXPLANATION_COLUMNS,
    SCORED_ROW_GROUP,
)
from contracts.layers import EVAL_BUCKET, MODELS_BUCKET, timestamp_slug
from tests.dashboard.made_events import (
    DAY,
    MODEL_CARD,
    alert_rows,
    explanation_rows,
    frame,
    metric_rows,
    scored_events,
)


@dataclass
class Published:
    """What was put into the stores, to compare the app with."""

    id: int
    day: date
    generation: int
    events: pl.DataFrame
    alerts: list[dict[str, Any]]
    explanations: list[dict[str, Any]]
    artifacts: list[dict[str, Any]] = field(default_factory=list)


def publish(
    store: Path,
    dsn: str,
    *,
    events: pl.DataFrame | None = None,
    alerts: list[dict[str, Any]] | None = None,
    n_alerts: int = 24,
    labels: bool = False,
    day: date = DAY,
    generation: int = 1,
    cold_start: bool = True,
    rejected: int = 3,
    published_at: datetime | None = None,
    run_id: str | None = None,
) -> Published:
    """Write one publication: objects into ``store`` (a folder of buckets), rows into Postgres."""
    events = scored_events(1_000, labels=labels, day=day) if events is None else events
    alerts = alert_rows(events, n_alerts) if alerts is None else alerts
    explanations = explanation_rows(alerts)
    at = published_at or datetime.now(UTC)
    run = run_id or f"manual__{day}T0{generation}"
    stamp = timestamp_slug(at)
    artifacts = [
        _parquet(store, EVAL_BUCKET, f"scored_events_{stamp}", events, "scored"),
        _parquet(store, EVAL_BUCKET, f"alerts_{stamp}", frame(ALERT_COLUMNS, alerts), "alerts"),
        _parquet(
            store, EVAL_BUCKET, f"explanations_{stamp}",
            frame(EXPLANATION_COLUMNS, explanations), "explanations",
        ),
        _parquet(
            store, EVAL_BUCKET, f"eval_{stamp}", frame(EVAL_COLUMNS, metric_rows(labels)), "eval"
        ),
        _bytes(
            store, MODELS_BUCKET, f"model_isoforest_{stamp}.json",
            json.dumps(MODEL_CARD).encode(), "model_card", 0,
        ),
    ]  # fmt: skip
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "INSERT INTO publications (day, generation, run_id, slug, plan_digest, "
            "manifests_digest, published_at, rows_in, rows_rejected, rows_skipped, alerts, "
            "cold_start, provisional, alert_threshold, artifacts, summary) VALUES "
            "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (
                day, generation, run, run, "0" * 64,
                hashlib.sha256(f"{run}{generation}{stamp}".encode()).hexdigest(), at,
                len(events) + rejected, rejected, Jsonb({"cron": 120, "zeek:dns": 31}),
                len(alerts), cold_start, cold_start,
                alerts[-1]["ml_score"] if alerts else 0.9, Jsonb(artifacts),
                Jsonb({"figures": {"train": {"cold_start": cold_start}}}),
            ),
        ).fetchone()  # fmt: skip
        assert row is not None
        columns = ", ".join(f'"{name}"' for name in ALERT_COLUMNS)
        marks = ", ".join(["%s"] * (len(ALERT_COLUMNS) + 1))
        for alert in alerts:
            connection.execute(
                f"INSERT INTO alerts (publication_id, {columns}) VALUES ({marks})",
                (row[0], *(alert.get(name) for name in ALERT_COLUMNS)),
            )
        audit(connection, run, at - timedelta(seconds=1))
    return Published(row[0], day, generation, events, alerts, explanations, artifacts)


def audit(
    connection: psycopg.Connection[Any],
    run: str,
    at: datetime,
    failed: tuple[str, str] | None = None,
) -> None:
    """Audit rows of a run; ``failed`` is a table and the reason of its FAILED row, the last one."""
    plain, stamp = at.astimezone(UTC).replace(tzinfo=None), timestamp_slug(at)
    tables: dict[str, tuple[str, dict[str, object]]] = {
        "ingestion_events": (
            "timestamp_ingesta",
            {
                "nombre_archivo": "conn.log.gz",
                "ruta_minio": f"cybersec-ml-raw/network_events_{stamp}.parquet",
                "num_registros": 1_000,
            },
        ),
        "transformation_events": (
            "timestamp_transformacion",
            {
                "nombre_archivo": f"network_events_{stamp}.parquet",
                "ruta_minio": f"cybersec-ml-silver/network_events_silver_{stamp}.parquet",
                "num_registros": 1_000,
            },
        ),
        "training_events": (
            "timestamp_entrenamiento",
            {
                "ruta_modelo": f"cybersec-ml-models/model_isoforest_{stamp}.pkl",
                "num_registros": 412,
                "parametros": '{"contamination": "auto", "n_estimators": 100}',
            },
        ),
        "evaluation_events": (
            "timestamp_eval",
            {
                "modelo_nombre": f"model_isoforest_{stamp}",
                "nombre_dataset": f"network_events_silver_{stamp}.parquet",
                "ruta_resultados": f"cybersec-ml-eval/eval_{stamp}.parquet",
            },
        ),
    }
    for table, (time, values) in tables.items():
        bad = failed is not None and failed[0] == table
        row: dict[str, object] = {
            time: plain,
            "estado": "FAILED" if bad else "SUCCESS",
            "run_id": run,
            "attempt": 1,
            "kind": "network",
            **({"reason": failed[1]} if bad and failed else values),
        }
        connection.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )
        if bad:
            return


def _parquet(store: Path, bucket: str, name: str, rows: pl.DataFrame, role: str) -> dict[str, Any]:
    path = store / bucket / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(path, row_group_size=SCORED_ROW_GROUP)
    return _described(path, bucket, role, len(rows))


def _bytes(
    store: Path, bucket: str, name: str, data: bytes, role: str, rows: int
) -> dict[str, Any]:
    path = store / bucket / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return _described(path, bucket, role, rows)


def _described(path: Path, bucket: str, role: str, rows: int) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "location": f"{bucket}/{path.name}",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "role": role,
        "rows": rows,
    }
