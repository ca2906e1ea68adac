"""One day of network flows against its context: features, reference rows and the day's profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from contracts.events import (
    FLOW_SIZE_LARGE_BYTES,
    FLOW_SIZE_MEDIUM_BYTES,
    REFERENCE_COLUMNS,
)
from contracts.features import FEATURE_COLUMNS
from tasks.features.context import (
    Conversations,
    Rarity,
    UsualFan,
    UsualVolume,
    rarity_of,
    source_rarity,
)
from tasks.features.flows import Flows, mix, read_flows
from tasks.features.grouping import F64, U64, Groups, Index, group, members, pack
from tasks.features.names import SLICE_ROWS, RowNames
from tasks.features.network import (
    NetworkFeatures,
    Places,
    conversations_of,
    one_completed_per_connection,
    places_of,
    volume_z,
)
from tasks.features.profile import PAIR_COLUMNS, History, network_profile, read_history
from tasks.features.reference import MIN_REFERENCE_ROWS, filled_up, sample

RECOMPUTED = (
    "port_rarity", "service_rarity", "service_state_rarity", "state_rarity",
    "dst_source_rarity", "port_source_rarity", "flow_bytes_out_z", "src_window_port_peers_excess",
)  # fmt: skip
"""Features that compare with the context: sampled rows of history get them anew."""


@dataclass
class NetworkDay:
    """The flows of a day with everything that was computed of them."""

    raw: Path
    day: str
    history: History
    flows: Flows
    places: Places
    features: NetworkFeatures
    reference: Index
    """Rows that models learn from and that say what is usual, best first."""
    usual: Index
    """Rows whose conversations go into the day's profile."""
    recomputed: dict[str, pl.Series]
    """Features of history's sampled rows that were computed anew on this context."""
    key_ids: U64
    pair_ids: U64
    """Stable ids of each connection and of each pair."""
    names: RowNames
    """The strings of the rows that the profile and the reference rows need."""

    def silver(self) -> Iterator[pl.DataFrame]:
        """SILVER, slice by slice, in RAW's row order."""
        frames = pl.scan_parquet(self.raw)
        for start in range(0, len(self.flows), SLICE_ROWS):
            frame = frames.slice(start, SLICE_ROWS).collect()
            self.names.keep(start, frame)
            rows = slice(start, start + frame.height)
            yield frame.with_columns(
                *_seed_columns(),
                *self._numbers(rows),
            )

    def reference_rows(self, at_most: int) -> pl.DataFrame:
        """What models learn from: history's sample, recomputed on this context, and today's."""
        rows = np.sort(self.reference[:at_most])
        columns = (*REFERENCE_COLUMNS, *FEATURE_COLUMNS["network"])
        today = self._rows(rows).with_columns(today=pl.lit(True), day=pl.lit(self.day))
        if not self.history.days:
            return today.select(columns)
        earlier = self.history.rows.with_columns(today=pl.lit(False), **self.recomputed)
        return pl.concat([earlier.select(columns), today.select(columns)])

    def profile(self, seed: int) -> pl.DataFrame:
        """The day's own profile, for later days."""
        talk = self.places.talk
        pairs = self.names.of(talk.first[members(talk.ids, self.usual, len(talk))], PAIR_COLUMNS)
        rows = sample(self.reference, seed)
        peers = self.places.src_port_window.distinct(self.flows.dst.ids)
        reference = self._rows(rows).with_columns(
            pl.Series("log_sent", np.log1p(self.flows.sent[rows])),
            pl.Series("log_peers", np.log1p(peers[self.places.src_port_window.ids[rows]])),
        )
        port, destinations, count = fan_counts(self.flows, self.usual)
        fan = self.names.of(self.flows.port.first[port], ("protocol", "dst_port")).with_columns(
            pl.Series("destinations", destinations), pl.Series("count", count)
        )
        return network_profile(pairs, fan, reference)

    def _rows(self, rows: Index) -> pl.DataFrame:
        """Some rows with their names, ids and features."""
        return self.names.of(rows, ("event_id", *PAIR_COLUMNS)).with_columns(*self._numbers(rows))

    def _numbers(self, rows: slice | Index) -> list[pl.Series]:
        """Ids and features of some rows."""
        flows = self.flows
        return [
            pl.Series("key_id", self.key_ids[flows.key.ids[rows]]),
            pl.Series("pair_id", self.pair_ids[flows.pair.ids[rows]]),
            *(pl.Series(n, v) for n, v in self.features.at(rows).items()),
        ]


def network_day(
    raw: Path,
    day: str,
    profiles: Sequence[tuple[str, Path]],
    window_minutes: int,
    seed: int,
    *,
    clean: bool,
) -> NetworkDay:
    """Compute a day's features on the context of earlier days' profiles and of the day itself.

    ``clean``: the day is believed free of attacks (a baseline), so all its rows say what is usual,
    failures too; otherwise one completed flow of each connection does.
    """
    history = read_history(profiles)
    flows = read_flows(raw, window_minutes)
    places = places_of(flows)
    if clean:
        reference = np.random.default_rng(seed).permutation(len(flows))
        usual = np.arange(len(flows))
    else:
        reference = one_completed_per_connection(flows, seed)
        if not history.days and len(reference) < MIN_REFERENCE_ROWS:
            reference = _filled_up(flows, reference, seed)
        usual = reference
    talks = conversations_of(flows, places.talk.first)
    everything = Conversations.joined([talks, history.pairs, history.sampled])
    in_context = np.zeros(len(everything), np.bool_)
    in_context[places.talk.ids[usual]] = True
    in_context[len(talks) : len(talks) + len(history.pairs)] = True
    rarity = rarity_of(everything, in_context)
    from_where = source_rarity(Conversations.joined([talks, history.pairs]))
    service = mix(flows.protocol_hash, flows.service_hash)[flows.form.ids[reference]]
    volume = UsualVolume(
        np.concatenate([history.sampled_service, service]),
        np.concatenate([history.log_sent, np.log1p(flows.sent[reference])]),
    )
    port, destinations, count = fan_counts(flows, usual)
    fan = UsualFan(
        np.concatenate([history.fan_port, flows.port_hash[port]]),
        np.concatenate([history.fan_destinations, destinations]),
        np.concatenate([history.fan_count, count]),
    )
    n = len(talks)
    features = NetworkFeatures(
        flows,
        places,
        Rarity(*(getattr(rarity, name)[:n] for name in Rarity.__dataclass_fields__)),
        (from_where[0][:n], from_where[1][:n]),
        volume,
        fan,
    )
    return NetworkDay(
        raw=raw,
        day=day,
        history=history,
        flows=flows,
        places=places,
        features=features,
        reference=reference,
        usual=usual,
        recomputed=_recomputed(history, rarity, n, volume, fan),
        key_ids=flows.key_ids(),
        pair_ids=flows.pair_ids(),
        names=RowNames(
            raw,
            reference,
            flows.port.first,
            places.talk.first[members(places.talk.ids, usual, len(places.talk))],
        ),
    )


def _recomputed(
    history: History, rarity: Rarity, talks: int, volume: UsualVolume, fan: UsualFan
) -> dict[str, pl.Series]:
    """The context's features of history's sampled rows, on the merged context."""
    if not history.days:
        return {}
    after = talks + len(history.pairs)
    # Among history alone: a sampled row of an earlier day is no witness of today's sources.
    places = source_rarity(Conversations.joined([history.pairs, history.sampled]))
    center, scale = volume.center_and_scale(history.sampled_service)
    values: dict[str, F64] = {
        "port_rarity": rarity.port[after:],
        "service_rarity": rarity.service[after:],
        "service_state_rarity": rarity.service_state[after:],
        "state_rarity": rarity.state[after:],
        "dst_source_rarity": places[0][len(history.pairs) :],
        "port_source_rarity": places[1][len(history.pairs) :],
        "flow_bytes_out_z": volume_z(history.log_sent, center, scale).astype(np.float64),
        "src_window_port_peers_excess": history.log_peers - fan.usual(history.sampled.port),
    }
    return {name: pl.Series(values[name], dtype=pl.Float32) for name in RECOMPUTED}


def fan_counts(flows: Flows, rows: Index) -> tuple[Index, Index, Index]:
    """(port, destinations, source windows) of the given flows: how far sources usually fan out."""
    src_port = group(pack(flows.src.ids[rows], flows.port.ids[rows]))
    window = group(pack(src_port.ids, flows.window[rows]))
    destinations = window.distinct(flows.dst.ids[rows])
    port = flows.port.ids[rows][window.first]
    cells: Groups = group(pack(port, destinations.astype(np.uint32)))
    return port[cells.first].astype(np.int64), destinations[cells.first], cells.count()


def _filled_up(flows: Flows, reference: Index, seed: int) -> Index:
    """Too few completed connections: further completed flows, then one flow of each other key."""
    completed = np.flatnonzero(flows.completed)
    others = flows.key.first
    order = np.random.default_rng(seed).permutation
    return filled_up(reference, order(completed), order(others))


def _seed_columns() -> list[pl.Expr]:
    size = pl.col("bytes")
    return [
        pl.when(pl.col("duration") > 0)
        .then(size / pl.col("duration"))
        .cast(pl.Float32)
        .alias("bytes_per_second"),
        pl.col("timestamp").dt.hour().cast(pl.UInt8).alias("timestamp_hour"),
        pl.when(size < FLOW_SIZE_MEDIUM_BYTES)
        .then(pl.lit("small"))
        .when(size < FLOW_SIZE_LARGE_BYTES)
        .then(pl.lit("medium"))
        .when(size.is_not_null())
        .then(pl.lit("large"))
        .alias("flow_size_category"),
    ]
