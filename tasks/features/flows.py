"""RAW network events as dense integer columns: what all network features are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.features.grouping import U32, U64, Bool, Groups, group, pack, together

FAILED_STATES = ("S0", "REJ", "RSTOS0", "SH")
"""Zeek connection states in which the responder never took part in the conversation."""
ONE_DAY_SPAN_HOURS = 36
"""A batch that spans no more counts as one day, wherever it crosses midnight: captures are cut at
local midnight, and a long flow starts before the day it ends in."""
US_PER_SECOND = 1_000_000
US_PER_DAY = 86_400 * US_PER_SECOND


@dataclass(frozen=True)
class Flows:
    """One array element a flow, in RAW's row order.

    ``block`` numbers the UTC days of a batch that spans several (all 0 otherwise); ``port`` is
    (protocol, destination port); ``form`` is (protocol, first service, state).
    """

    src: Groups
    dst: Groups
    port: Groups
    form: Groups
    pair: Groups
    """(source, destination) of a day block."""
    key: Groups
    """(source, destination, port) of a day block: the connection."""
    window: U32
    block: U32
    time_us: NDArray[np.int64]
    sent: NDArray[np.float64]
    received: NDArray[np.float64]
    failed: Bool
    completed: Bool
    src_hash: U64
    dst_hash: U64
    port_hash: U64
    """Hashes of each distinct source, destination and port."""
    protocol_hash: U64
    service_hash: U64
    state_hash: U64
    """Hashes of the parts of each distinct form."""

    def __len__(self) -> int:
        return len(self.window)

    def key_ids(self) -> U64:
        """Stable id of (src_ip, dst_ip, protocol, dst_port) of each connection."""
        first = self.key.first
        return mix(
            self.src_hash[self.src.ids[first]],
            self.dst_hash[self.dst.ids[first]],
            self.port_hash[self.port.ids[first]],
        )

    def pair_ids(self) -> U64:
        """Stable id of (src_ip, dst_ip) of each pair."""
        first = self.pair.first
        return mix(self.src_hash[self.src.ids[first]], self.dst_hash[self.dst.ids[first]])


def read_flows(raw: Path, window_minutes: int) -> Flows:
    """Read the columns that features need; peak memory is about 150 bytes a flow."""
    frame = pl.scan_parquet(raw).select(*_coded_columns(raw)).collect(engine="streaming")
    return flows_of(frame, one_way_destinations(raw), window_minutes)


def one_way_destinations(raw: Path) -> U64:
    """Hashes of the multicast and broadcast destinations: nobody is expected to answer there.

    IPv4 224.0.0.0/4 (RFC 5771) and 255.255.255.255, IPv6 ff00::/8 (RFC 4291); an address that ends
    in .255 is taken for its network's broadcast address.
    """
    address = pl.col("dst_ip")
    one_way = (
        address.str.contains(r"^2(2[4-9]|3[0-9])\.")
        | address.str.ends_with(".255")
        | address.str.to_lowercase().str.contains(r"^ff[0-9a-f]{2}:")
    )
    found = pl.scan_parquet(raw).select(address.unique()).filter(one_way).collect()
    return found["dst_ip"].hash().to_numpy()


def _coded_columns(raw: Path) -> list[pl.Expr]:
    service = first_service(raw)
    sent = pl.col("bytes_sent").fill_null(0).cast(pl.Float64)
    received = pl.col("bytes_received").fill_null(0).cast(pl.Float64)
    return [
        pl.col("src_ip").hash().alias("src"),
        pl.col("dst_ip").hash().alias("dst"),
        pl.col("protocol").hash().alias("protocol"),
        service.hash().alias("service"),
        pl.col("conn_state").hash().alias("state"),
        pl.col("dst_port").fill_null(0).cast(pl.UInt64).alias("port"),
        pl.col("timestamp").dt.epoch("us").alias("time"),
        sent.alias("sent"),
        received.alias("received"),
        failed_expression().alias("failed"),
    ]


def failed_expression() -> pl.Expr:
    """Nobody answered: by the state, or because the responder sent no packet."""
    by_state = pl.col("conn_state").is_in(FAILED_STATES).fill_null(False)
    return by_state | (pl.col("packets_received") == 0).fill_null(False)


def first_service(raw: Path) -> pl.Expr:
    """The service without what Zeek adds later (``gssapi,smb`` → ``gssapi``), '' when unknown."""
    several = (
        pl.scan_parquet(raw)
        .select(pl.col("service").unique())
        .filter(pl.col("service").str.contains(",", literal=True))
        .collect()["service"]
        .to_list()
    )
    shorter = {name: name.split(",")[0] for name in several}
    return pl.col("service").replace(shorter).fill_null("")


def flows_of(frame: pl.DataFrame, one_way: U64, window_minutes: int) -> Flows:
    """Dense ids of a coded frame (columns as ``_coded_columns`` names them).

    Flows to ``one_way`` destinations (hashes) do not fail, and complete when they sent something.
    """

    def column(name: str) -> NDArray[Any]:
        return frame[name].to_numpy()

    src_key, dst_key = column("src"), column("dst")
    src, dst = together(lambda: group(src_key), lambda: group(dst_key))
    src_hash, dst_hash = src_key[src.first], dst_key[dst.first]
    protocol_key, service_key, state_key = column("protocol"), column("service"), column("state")
    port_key = mix(protocol_key, column("port"))
    port, *parts = together(
        lambda: group(port_key),
        lambda: group(protocol_key),
        lambda: group(service_key),
        lambda: group(state_key),
    )
    form = group(pack(group(pack(parts[0].ids, parts[1].ids)).ids, parts[2].ids))
    time_us = column("time")
    block = day_blocks(time_us)
    pair = group(pack(src.ids, dst.ids))
    if block.any():
        pair = group(pack(pair.ids, block))
    window_us = window_minutes * 60 * US_PER_SECOND
    window = time_us // window_us
    unheard = np.isin(dst_hash, one_way)[dst.ids]
    failed = column("failed") & ~unheard
    sent, received = column("sent"), column("received")
    return Flows(
        src=src,
        dst=dst,
        port=port,
        form=form,
        pair=pair,
        key=group(pack(pair.ids, port.ids)),
        window=(window - window.min()).astype(np.uint32),
        block=block,
        time_us=time_us,
        sent=sent,
        received=received,
        failed=failed,
        completed=~failed & (sent > 0) & ((received > 0) | unheard),
        src_hash=src_hash,
        dst_hash=dst_hash,
        port_hash=port_key[port.first],
        protocol_hash=protocol_key[form.first],
        service_hash=service_key[form.first],
        state_hash=state_key[form.first],
    )


def day_blocks(time_us: NDArray[np.int64]) -> U32:
    """0 for a batch of one day; else the number of the event's UTC day, from 0."""
    low, high = int(time_us.min()), int(time_us.max())
    if high - low <= ONE_DAY_SPAN_HOURS * 3_600 * US_PER_SECOND:
        return np.zeros(len(time_us), np.uint32)
    return (time_us // US_PER_DAY - low // US_PER_DAY).astype(np.uint32)


def mix(first: U64, *others: U64) -> U64:
    """One 64-bit hash of several (a multiply-xorshift round a part)."""
    out: U64 = first
    for other in others:
        out = (out ^ (out >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + other
        out = (out ^ (out >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return out ^ (out >> np.uint64(31))
