"""Small SILVER and reference frames as transform would write them, made from a seed.

Benign rows draw every feature from a skewed distribution with many ties at its low end, as counts
of real days have; attack rows push a few features of one family far beyond it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from contracts.events import KEY_COLUMNS, RAW_COLUMNS, REFERENCE_COLUMNS
from contracts.features import FEATURE_COLUMNS

DAY = "2026-11-20"
DAY_START = datetime(2026, 11, 20, tzinfo=UTC)
DAY_SECONDS = 86_400


def silver(
    kind: str, rows: int, *, seed: int = 0, attacks: int = 0, labelled: bool = True
) -> pl.DataFrame:
    """A day of ``rows`` events of ``kind``; the last ``attacks`` of them are one scan (network) or
    one password spraying (auth) of a single source, spread over the day."""
    rng = np.random.default_rng(seed)
    frame = _network(rng, rows, attacks) if kind == "network" else _auth(rng, rows, attacks)
    keys = {
        "network": ("src_ip", "dst_ip", "protocol", "dst_port"),
        "auth": ("user", "src_ip", "host"),
    }[kind]
    pair = {"network": ("src_ip", "dst_ip"), "auth": ("user", "src_ip")}[kind]
    frame = frame.with_columns(
        key_id=pl.struct(keys).hash(seed=1), pair_id=pl.struct(pair).hash(seed=2)
    )
    features = _features(rng, kind, rows, attacks)
    if labelled:
        label = ["Benign"] * (rows - attacks) + ["Malicious"] * attacks
        frame = frame.with_columns(label=pl.Series(label, dtype=pl.String))
    frame = pl.concat([frame, features], how="horizontal")
    names = [*RAW_COLUMNS[kind], *(["label"] if labelled else []), *KEY_COLUMNS]
    order = rng.permutation(rows)
    return frame.select(*names, *FEATURE_COLUMNS[kind])[order]


def reference(kind: str, days: list[pl.DataFrame], today: pl.DataFrame | None) -> pl.DataFrame:
    """Reference rows: one benign row of each key of each clean day and of ``today``."""
    parts = []
    named = [(f"2026-11-{10 + at:02d}", frame, False) for at, frame in enumerate(days)]
    if today is not None:
        benign = today.filter(pl.col("label") == "Benign") if "label" in today.columns else today
        named.append((DAY, benign, True))
    for day, frame, own in named:
        rows = frame.unique("key_id", keep="first", maintain_order=True)
        parts.append(
            rows.with_columns(day=pl.lit(day), today=pl.lit(own)).select(
                *REFERENCE_COLUMNS, *FEATURE_COLUMNS[kind]
            )
        )
    return pl.concat(parts)


def write(frame: pl.DataFrame, path: Path, row_group_size: int | None = None) -> Path:
    """The frame as a Parquet file."""
    frame.write_parquet(path, row_group_size=row_group_size)
    return path


def _times(rng: np.random.Generator, rows: int) -> pl.Series:
    seconds = np.sort(rng.random(rows)) * DAY_SECONDS
    micros = (seconds * 1e6).astype(np.int64) + int(DAY_START.timestamp()) * 1_000_000
    return pl.Series(micros).cast(pl.Datetime("us", "UTC"))


def _network(rng: np.random.Generator, rows: int, attacks: int) -> pl.DataFrame:
    source = rng.integers(2, 60, rows)
    target = rng.integers(0, 200, rows)
    port = rng.choice([53, 80, 123, 443, 443, 443, 993], rows)
    attack = np.arange(rows) >= rows - attacks
    sent = rng.lognormal(6, 2, rows).astype(np.int64)
    src = [f"10.0.0.{n}" for n in source]
    dst = [f"93.184.{n // 100}.{n % 100}" for n in target]
    for at in np.flatnonzero(attack):
        src[at], dst[at] = "10.0.0.66", f"10.0.9.{at % 250}"
        port[at] = 1 + at % 1_000
    return pl.DataFrame(
        {
            "event_id": [f"C{seed:016x}" for seed in rng.integers(0, 2**62, rows)],
            "timestamp": _times(rng, rows),
            "src_ip": src,
            "src_port": rng.integers(1_024, 65_535, rows).astype(np.uint16),
            "dst_ip": dst,
            "dst_port": port.astype(np.uint16),
            "protocol": np.where(np.isin(port, [53, 123]), "udp", "tcp"),
            "service": [
                None if bad else "dns" if at == 53 else "ssl"
                for bad, at in zip(attack, port, strict=True)
            ],
            "duration": rng.exponential(3, rows),
            "bytes": sent + 400,
            "bytes_sent": sent,
            "bytes_received": np.full(rows, 400),
            "packets_sent": np.full(rows, 5),
            "packets_received": np.where(attack, 0, 5),
            "conn_state": np.where(attack, "S0", "SF"),
            "local_orig": np.full(rows, True),
            "local_resp": attack,
            "sensor": np.full(rows, "zeek"),
        },
        schema_overrides={"service": pl.String},
    )


def _auth(rng: np.random.Generator, rows: int, attacks: int) -> pl.DataFrame:
    attack = np.arange(rows) >= rows - attacks
    user = [f"user{n}" for n in rng.integers(0, 40, rows)]
    source = [f"10.1.0.{n}" for n in rng.integers(2, 50, rows)]
    for at in np.flatnonzero(attack):
        user[at], source[at] = f"guess{at}", "203.0.113.9"
    return pl.DataFrame(
        {
            "event_id": [f"a{seed:016x}" for seed in rng.integers(0, 2**62, rows)],
            "timestamp": _times(rng, rows),
            "user": user,
            "src_ip": source,
            "host": [f"server{n}" for n in rng.integers(0, 5, rows)],
            "method": np.full(rows, "password"),
            "outcome": np.where(attack, "failure", "success"),
            "logon_type": pl.Series([None] * rows, dtype=pl.String),
            "reason": pl.Series([None] * rows, dtype=pl.String),
            "sensor": np.full(rows, "sshd"),
        }
    )


_SCAN = (
    "src_window_failed_targets", "src_day_failed_targets", "src_window_failed_ports",
    "src_day_failed_ports", "src_day_failed_rare_targets",
)  # fmt: skip
_SPRAY = ("src_window_users", "src_day_users", "src_window_failures", "src_day_failures")


def _features(rng: np.random.Generator, kind: str, rows: int, attacks: int) -> pl.DataFrame:
    names = FEATURE_COLUMNS[kind]
    values = rng.gamma(0.6, 1.0, (rows, len(names))).astype(np.float32)
    values[rng.random(values.shape) < 0.4] = 0
    for name in _SCAN if kind == "network" else _SPRAY:
        column = names.index(name)
        values[:, column] = np.log1p(rng.poisson(0.7, rows))
        values[rows - attacks :, column] = np.log1p(rng.integers(200, 500, attacks))
    frame = pl.DataFrame(values, schema=list(names))
    gaps = pl.Series(rng.random(rows) < 0.3)
    rare = "gap_symmetry" if kind == "network" else "pair_rarity"
    return frame.with_columns(pl.when(gaps).then(None).otherwise(pl.col(rare)).alias(rare))
