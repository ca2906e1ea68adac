"""The small profile of one day: what later days compare themselves with.

One Parquet file holds three tables, told apart by the column ``table``: ``pair`` (distinct
source, destination, protocol, port, service, state), ``fan`` (how many windows of a source reached
for how many destinations on a port) and ``reference`` (a seeded sample of rows with their
features). N days of history cost N of these files, never N days of events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from contracts.features import FEATURE_COLUMNS
from tasks.features.context import Conversations
from tasks.features.flows import mix
from tasks.features.grouping import F64, U64, Index

PAIR_COLUMNS = ("src_ip", "dst_ip", "protocol", "dst_port", "service", "conn_state")
STRINGS = ("src_ip", "dst_ip", "protocol", "service", "conn_state")


@dataclass(frozen=True)
class History:
    """The profiles of earlier days, put together; empty on a cold start."""

    pairs: Conversations
    fan_port: U64
    fan_destinations: Index
    fan_count: Index
    sampled: Conversations
    sampled_service: U64
    """(protocol, service) of the sampled rows, as a hash."""
    log_sent: F64
    log_peers: F64
    rows: pl.DataFrame
    """The sampled rows: event_id, day, key_id, pair_id and their own day's features."""
    days: int


def network_profile(
    pairs: pl.DataFrame, fan: pl.DataFrame, reference: pl.DataFrame
) -> pl.DataFrame:
    """The three tables as one frame; columns that a table lacks are null."""
    tables = {"pair": pairs, "fan": fan, "reference": reference}
    return pl.concat(
        [frame.select(pl.lit(name).alias("table"), pl.all()) for name, frame in tables.items()],
        how="diagonal",
    )


def read_history(profiles: Sequence[tuple[str, Path]]) -> History:
    """Join the profiles (day, file) of earlier days."""
    pairs, fans, rows = [], [], []
    for day, path in profiles:
        profile = pl.read_parquet(path)
        pairs.append(profile.filter(pl.col("table") == "pair").select(PAIR_COLUMNS))
        fans.append(
            profile.filter(pl.col("table") == "fan").select(
                "protocol", "dst_port", "destinations", "count"
            )
        )
        rows.append(
            profile.filter(pl.col("table") == "reference").select(
                "event_id",
                pl.lit(day).alias("day"),
                "key_id",
                "pair_id",
                *PAIR_COLUMNS,
                "log_sent",
                "log_peers",
                *FEATURE_COLUMNS["network"],
            )
        )
    if not profiles:
        return _no_history()
    pair, fan, row = pl.concat(pairs), pl.concat(fans), pl.concat(rows)
    hashed_fan = fan.select(*_port_hash(), "destinations", "count")
    sampled = _conversations(row)
    return History(
        pairs=_conversations(pair),
        fan_port=_port(hashed_fan),
        fan_destinations=hashed_fan["destinations"].to_numpy(),
        fan_count=hashed_fan["count"].to_numpy(),
        sampled=sampled,
        sampled_service=mix(sampled.protocol, sampled.service),
        log_sent=row["log_sent"].to_numpy(),
        log_peers=row["log_peers"].to_numpy(),
        rows=row,
        days=len(profiles),
    )


def _no_history() -> History:
    none = np.empty(0, np.uint64)
    empty = Conversations(none, none, none, none, none, none)
    integers, floats = np.empty(0, np.int64), np.empty(0)
    return History(
        empty, none, integers, integers, empty, none, floats, floats, pl.DataFrame(), days=0
    )


def _port_hash() -> list[pl.Expr]:
    return [
        pl.col("protocol").hash().alias("protocol_hash"),
        pl.col("dst_port").fill_null(0).cast(pl.UInt64).alias("port"),
    ]


def _port(frame: pl.DataFrame) -> U64:
    return mix(frame["protocol_hash"].to_numpy(), frame["port"].to_numpy())


def _conversations(frame: pl.DataFrame) -> Conversations:
    # The same hashes as in tasks.features.flows: profiles keep strings, runs compare hashes.
    hashed = frame.select(
        *(pl.col(name).hash().alias(f"{name}_hash") for name in STRINGS),
        pl.col("dst_port").fill_null(0).cast(pl.UInt64).alias("port"),
    )
    return Conversations(
        src=hashed["src_ip_hash"].to_numpy(),
        dst=hashed["dst_ip_hash"].to_numpy(),
        protocol=hashed["protocol_hash"].to_numpy(),
        port=_port(hashed),
        service=hashed["service_hash"].to_numpy(),
        state=hashed["conn_state_hash"].to_numpy(),
    )
