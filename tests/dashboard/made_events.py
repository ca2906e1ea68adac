"""Events of a day and what a run says of them, as Parquet of the contract holds it.

Drawn at random with a seed, so figures are only asserted against the same frames.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl

from contracts.events import SCORED_COLUMNS
from contracts.features import FEATURES
from contracts.severity import INFO, severity_of

DTYPES: dict[str, Any] = {
    "String": pl.String,
    "Float64": pl.Float64,
    "Int64": pl.Int64,
    "UInt16": pl.UInt16,
    "Datetime(us, UTC)": pl.Datetime("us", "UTC"),
}
DAY = date(2026, 3, 4)
_TECHNIQUES = ("T1046 Network Service Discovery", "T1110.003 Password Spraying", "T1071 C2", None)


def frame(columns: dict[str, str], rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows with exactly the contract's columns and types."""
    schema = {name: DTYPES[dtype] for name, dtype in columns.items()}
    return pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=schema)


def scored_events(n: int, seed: int = 7, labels: bool = False, day: date = DAY) -> pl.DataFrame:
    """``n`` events, nine in ten flows and the rest logins, as evaluate sorts them."""
    rng = np.random.default_rng(seed)
    flows, logins = n - n // 10, n // 10
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)

    def events(kind: str, size: int) -> pl.DataFrame:
        score = np.clip(rng.exponential(0.07, size), 0, 1)
        odd = rng.random(size) < 0.003
        score = np.where(odd, rng.uniform(0.5, 1.05, size).clip(0, 1), score).round(4)
        hosts = rng.integers(2, 250, size)
        servers = rng.integers(1, 40, size)
        auth = kind == "auth"
        ports = rng.choice([443, 80, 53, 22, 445, 3389, 8443, 4444], size)
        out = rng.choice(["success", "failure"], size, p=[0.8, 0.2])
        seconds = rng.integers(0, 86_400_000_000, size)
        frame = pl.DataFrame(
            {
                "n": np.arange(size),
                "h": hosts,
                "s": servers,
                "p": ports,
                "us": seconds,
                "score": score,
                "out": out,
            }
        )
        null = pl.lit(None)
        text = pl.String
        time = pl.Datetime("us", "UTC")
        state = pl.Series(rng.choice(["SF", "S0", "REJ", "RSTO"], size, p=[0.8, 0.1, 0.05, 0.05]))
        return frame.select(
            event_id=pl.format("C{}{}", pl.lit(kind[0]), pl.col("n")),
            kind=pl.lit(kind),
            timestamp=(pl.lit(start) + pl.duration(microseconds="us")).cast(time),
            src_ip=pl.format("192.168.1.{}", "h"),
            dst_ip=null.cast(text) if auth else pl.format("10.0.0.{}", "s"),
            user=pl.format("user{}", pl.col("h") % 60) if auth else null.cast(text),
            src_port=(null if auth else 32_768 + pl.col("n") % 28_000).cast(pl.UInt16),
            dst_port=(null if auth else pl.col("p")).cast(pl.UInt16),
            protocol=null.cast(text) if auth else pl.lit("tcp"),
            service=pl.lit("sshd") if auth else pl.when(pl.col("p") == 443).then(pl.lit("ssl"))
            .when(pl.col("p") == 53).then(pl.lit("dns")).otherwise(null),
            conn_state=null.cast(text) if auth else state,
            bytes=null.cast(pl.Int64) if auth else (pl.col("us") % 91_337).cast(pl.Int64),
            host=pl.format("srv-{}", "s") if auth else null.cast(text),
            outcome=pl.col("out") if auth else null.cast(text),
            label=(
                pl.when(pl.col("score") + pl.col("h") / 2_000 > 0.6).then(pl.lit("Malicious"))
                .otherwise(pl.lit("Benign")) if labels and not auth else null.cast(text)
            ),
            anomaly_score=0.2 - 0.5 * pl.col("score"),
            ml_score=pl.col("score"),
        )  # fmt: skip

    rows = pl.concat([events("network", flows), events("auth", logins)])
    severity = pl.lit(INFO)
    for floor, name in ((0.5, "LOW"), (0.7, "MEDIUM"), (0.85, "HIGH"), (0.95, "CRITICAL")):
        severity = pl.when(pl.col("ml_score") > floor).then(pl.lit(name)).otherwise(severity)
    return (
        rows.with_columns(severity=severity)
        .select(*SCORED_COLUMNS)
        .cast({name: DTYPES[dtype] for name, dtype in SCORED_COLUMNS.items()})
        .sort("anomaly_score", "event_id")
    )


def alert_rows(events: pl.DataFrame, n: int) -> list[dict[str, Any]]:
    """The ``n`` most anomalous events as alerts, each with a sentence."""
    rows = []
    for rank, event in enumerate(events.head(n).iter_rows(named=True), start=1):
        src, dst, port = event["src_ip"], event["dst_ip"], event["dst_port"]
        if event["kind"] == "auth":
            sentence = (
                f"{src} failed to log in {40 + 7 * (rank % 50)} times within 15 min, this time as "
                f"{event['user']} on {event['host']}; usually at most 3"
            )
        elif rank % 3:
            sentence = (
                f"{src} tried {412 - rank} ports in vain within 15 min, {dst} among the hosts; "
                "usually at most 3"
            )
        else:
            sentence = (
                f"{src} called {dst} on {port}/tcp like clockwork (beacon score "
                f"{6 - rank / 20:.2f}); usually at most 1.4"
            )
        rows.append(
            {
                **event,
                "alert_id": hashlib.sha256(event["event_id"].encode()).hexdigest()[:16],
                "incident_id": f"inc-{rank % 9}",
                "entity": src if rank % 4 else (event["user"] or dst),
                "technique": _TECHNIQUES[rank % 4],
                "detector": "isoforest",
                "severity": severity_of(event["ml_score"]),
                "sentence": sentence,
                "rank": rank,
                "incident_events": 1 + (997 * rank) % 4_000,
            }
        )
    return rows


def explanation_rows(alerts: list[dict[str, Any]], seed: int = 3) -> list[dict[str, Any]]:
    """Every feature of each alert, most negative attribution first."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for alert in alerts:
        features = FEATURES[alert["kind"]]
        attributions = np.sort(
            rng.normal(-0.02, 0.03, len(features))
            - rng.exponential(0.05, len(features)) * (rng.random(len(features)) < 0.2)
        )
        order = rng.permutation(len(features))
        for rank, (at, attribution) in enumerate(zip(order, attributions, strict=True), start=1):
            feature = features[at]
            usual = {"share": 0.12, "bytes": 48_000.0}.get(feature.unit, 3.0)
            rows.append(
                {
                    "alert_id": alert["alert_id"],
                    "feature": feature.name,
                    "value": min(1.0, usual * 7)
                    if feature.unit == "share"
                    else usual * rng.integers(2, 140),
                    "usual": usual,
                    "attribution": float(attribution),
                    "method": "shap",
                    "rank": rank,
                }
            )
    return rows


def metric_rows(labels: bool) -> list[dict[str, Any]]:
    """The evaluation; without labels what needs them is null."""
    measured = {
        "precision": 0.81,
        "recall": 0.64,
        "f1": 0.715,
        "auc": 0.984,
        "average_precision": 0.9312,
        "recall_at_1pct_fpr": 0.88,
        "precision_at_budget": 0.9,
    }
    rows: list[dict[str, Any]] = []
    for kind in ("network", "auth"):
        own = {
            **{k: v if labels and kind == "network" else None for k, v in measured.items()},
            "anomaly_rate": 0.013,
            "score_mean": 0.081,
            "score_std": 0.042,
            "rows": 900.0,
            "labelled_rows": 900.0 if labels and kind == "network" else 0.0,
        }
        own |= {f"psi_{f.name}": 0.02 + 0.05 * i for i, f in enumerate(FEATURES[kind][:6])}
        rows += [{"metric": m, "value": v, "kind": kind, "model": "isoforest", "split": "day"}
                 for m, v in own.items()]  # fmt: skip
    return rows


MODEL_CARD: dict[str, Any] = {
    "family": "isoforest",
    "kinds": {
        kind: {
            "trained_on": "412 completed flows of today, one a connection (no earlier clean day)",
            "reference_rows": 412,
            "history_days": 0,
            "cold_start": True,
            "provisional": True,
            "parameters": {"n_estimators": 100, "contamination": "auto", "random_state": 42},
        }
        for kind in ("network", "auth")
    },
}
