"""The features of network flows: small tables by group, gathered row by row.

The families and why they are one-sided: contracts/features.py and docs/decisions.md.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.features import FEATURE_COLUMNS
from tasks.features.context import (
    VOLUME_Z_LIMIT,
    Conversations,
    Rarity,
    UsualFan,
    UsualVolume,
)
from tasks.features.flows import Flows, mix
from tasks.features.grouping import (
    AT_ONCE,
    U32,
    Bool,
    Groups,
    Index,
    group,
    log1p,
    median_by_group,
    pack,
    rows_by_group,
    together,
)
from tasks.features.reference import one_a_key
from tasks.features.rhythm import MIN_FLOWS, rhythm_of

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Places:
    """Groups of flows that windows and days are counted over."""

    talk: Groups
    """(connection, form): the distinct conversations that rarity is computed on."""
    src_window: Groups
    dst_window: Groups
    src_day: Groups
    dst_day: Groups
    src_port_window: Groups


def places_of(flows: Flows) -> Places:
    """Group the flows of a day by who, where and when."""
    several_days = bool(flows.block.any())

    def by_day(groups: Groups) -> Groups:
        return group(pack(groups.ids, flows.block)) if several_days else groups

    src_port = group(pack(flows.src.ids, flows.port.ids))
    talk, src_window, dst_window, src_port_window = together(
        lambda: group(pack(flows.key.ids, flows.form.ids)),
        lambda: group(pack(flows.src.ids, flows.window)),
        lambda: group(pack(flows.dst.ids, flows.window)),
        lambda: group(pack(src_port.ids, flows.window)),
    )
    return Places(
        talk=talk,
        src_window=src_window,
        dst_window=dst_window,
        src_day=by_day(flows.src),
        dst_day=by_day(flows.dst),
        src_port_window=src_port_window,
    )


def conversations_of(flows: Flows, rows: Index) -> Conversations:
    """The conversation of each of the given flows."""
    form = flows.form.ids[rows]
    return Conversations(
        src=flows.src_hash[flows.src.ids[rows]],
        dst=flows.dst_hash[flows.dst.ids[rows]],
        protocol=flows.protocol_hash[form],
        port=flows.port_hash[flows.port.ids[rows]],
        service=flows.service_hash[form],
        state=flows.state_hash[form],
    )


def one_completed_per_connection(flows: Flows, seed: int) -> Index:
    """One random completed flow of each connection, in the seed's random order.

    What a burst can add to "normal" is one flow a connection, however often it repeats.
    """
    random = np.random.default_rng(seed)
    return one_a_key(flows.key, np.flatnonzero(flows.completed), random)


class NetworkFeatures:
    """All features of one day's flows; ``at`` gives them for any of its rows."""

    def __init__(
        self,
        flows: Flows,
        places: Places,
        rarity: Rarity,
        source_rarity: tuple[NDArray[np.float64], NDArray[np.float64]],
        volume: UsualVolume,
        fan: UsualFan,
    ) -> None:
        """``rarity`` and ``source_rarity`` have one element a conversation of ``places.talk``."""
        self._flows, self._places = flows, places
        self._rare = rarity.rare[places.talk.ids]
        self._tables: dict[str, tuple[F32, U32, Bool | None]] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:  # compiled code lets the other families run
            done = [
                pool.submit(self._add_connections),
                pool.submit(self._add_fan_out_and_in),
                pool.submit(self._add_destinations),
                pool.submit(self._add_peers, fan),
                pool.submit(self._add_volume_of_source),
                pool.submit(self._add_rarity, rarity, source_rarity),
            ]
        for family in done:
            family.result()
        service = mix(flows.protocol_hash, flows.service_hash)
        self._center, self._scale = volume.center_and_scale(service)

    def at(self, rows: slice | Index) -> dict[str, F32]:
        """Feature columns of some of the day's flows, in contract order."""
        columns: dict[str, F32] = {}
        for name, (table, ids, gate) in self._tables.items():
            values = table[ids[rows]]
            columns[name] = values if gate is None else np.where(gate[rows], values, 0)
        columns.update(self._of_each_flow(rows))
        return {name: columns[name] for name in FEATURE_COLUMNS["network"]}

    def _of_each_flow(self, rows: slice | Index) -> dict[str, F32]:
        sent = np.log1p(self._flows.sent[rows])
        form = self._flows.form.ids[rows]
        return {
            "flow_upload_ratio": (sent - np.log1p(self._flows.received[rows])).astype(np.float32),
            "flow_bytes_out_z": volume_z(sent, self._center[form], self._scale[form]),
        }

    def _set(self, name: str, values: Any, groups: Groups, gate: Bool | None = None) -> None:
        """``gate``: flows outside it keep 0, so that bystanders of an attack stay clean."""
        self._tables[name] = (np.ascontiguousarray(values, np.float32), groups.ids, gate)

    def _add_connections(self) -> None:
        flows, key = self._flows, self._flows.key
        count, failed = key.count(), key.total(flows.failed)
        sent, received = key.total(flows.sent), key.total(flows.received)
        active = group(pack(key.ids, flows.window)).first
        windows = np.bincount(key.ids[active], minlength=len(key))
        self._set("conn_failed_share", failed / count, key)
        self._set("conn_failed_flows", log1p(failed), key)
        self._set("conn_upload_ratio", np.log1p(sent) - np.log1p(received), key)
        self._set("conn_bytes_out", log1p(sent), key)
        self._set("conn_flow_rate", log1p(count / windows), key)
        self._set("conn_flows", log1p(count), key)
        rows, start = rows_by_group(key.ids, len(key))
        rhythm = rhythm_of(flows.time_us, flows.sent, rows, start)
        points = (rhythm.gap_regularity + rhythm.gap_symmetry + rhythm.size_regularity) / 3
        self._set("beacon_score", np.where(count >= MIN_FLOWS, points * np.log1p(count), 0), key)
        self._set("gap_symmetry", rhythm.gap_symmetry, key)
        self._set("gap_steadiness", rhythm.steadiness, key)
        self._set("gap_regularity", rhythm.gap_regularity, key)

    def _add_destinations(self) -> None:
        flows = self._flows
        day, window = self._places.dst_day, self._places.dst_window
        failed, count = window.total(flows.failed), window.count()
        self._set("dst_day_failed_share", day.total(flows.failed) / day.count(), day)
        self._set("dst_window_failed_share", failed / count, window)
        self._set("dst_window_failed_flows", log1p(failed), window)
        self._set("dst_window_flows", log1p(count), window)
        self._set("dst_day_ports", log1p(day.distinct(flows.port.ids)), day)
        self._set("dst_window_ports", log1p(window.distinct(flows.port.ids)), window)

    def _add_fan_out_and_in(self) -> None:
        flows, at = self._flows, self._places
        failed, port = flows.failed, flows.port.ids
        rows = np.flatnonzero(failed)
        rare = np.flatnonzero(self._rare)
        rare_failed = np.flatnonzero(self._rare & failed)
        target = group(pack(flows.dst.ids, port)).ids

        def add(name: str, groups: Groups, items: U32, some: Index, gate: Bool) -> None:
            self._set(name, log1p(groups.distinct(items, some)), groups, gate)

        add("src_window_failed_targets", at.src_window, target, rows, failed)
        add("src_day_failed_targets", at.src_day, target, rows, failed)
        add("src_window_failed_ports", at.src_window, port, rows, failed)
        add("src_day_failed_ports", at.src_day, port, rows, failed)
        add(
            "src_day_failed_rare_targets",
            at.src_day,
            target,
            rare_failed,
            self._rare & failed,
        )
        add("src_window_rare_targets", at.src_window, target, rare, self._rare)
        add("dst_window_failed_sources", at.dst_window, flows.src.ids, rows, failed)
        add("dst_day_failed_sources", at.dst_day, flows.src.ids, rows, failed)
        add("dst_window_failed_ports", at.dst_window, port, rows, failed)
        add("dst_day_failed_ports", at.dst_day, port, rows, failed)

    def _add_peers(self, fan: UsualFan) -> None:
        flows, groups = self._flows, self._places.src_port_window
        peers = groups.distinct(flows.dst.ids)
        ports = flows.port_hash[flows.port.ids[groups.first]]
        self._set("src_window_port_peers_excess", np.log1p(peers) - fan.usual(ports), groups)

    def _add_rarity(
        self,
        rarity: Rarity,
        source_rarity: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> None:
        talk = self._places.talk
        self._set("port_rarity", rarity.port, talk)
        self._set("service_rarity", rarity.service, talk)
        self._set("service_state_rarity", rarity.service_state, talk)
        self._set("state_rarity", rarity.state, talk)
        self._set("dst_source_rarity", source_rarity[0], talk)
        self._set("port_source_rarity", source_rarity[1], talk)

    def _add_volume_of_source(self) -> None:
        """A source's window against its own median window of the day."""
        window = self._places.src_window
        sent = np.log1p(window.total(self._flows.sent))
        day = self._places.src_day.ids[window.first]
        rows, start = rows_by_group(day, len(self._places.src_day))
        usual = median_by_group(sent, rows, start)
        self._set("src_window_bytes_out_excess", sent - usual[day], window)


def volume_z(log_sent: Any, center: Any, scale: Any) -> F32:
    """Robust z of ln(1 + bytes sent), held to ±20."""
    z = (log_sent - center) / scale
    held: F32 = np.clip(z, -VOLUME_Z_LIMIT, VOLUME_Z_LIMIT).astype(np.float32)
    return held
