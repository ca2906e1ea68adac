"""What is usual: how many pairs of hosts show a port, a service, a state; who else goes there.

The context of a run is its clean history plus one completed flow of today for each connection, so
an attack that is refused or repeats itself adds next to nothing to "usual". Shares are of pairs of
hosts, not of flows, and a flow's own pair is left out. Source: the recipe in docs/decisions.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.features.flows import mix
from tasks.features.grouping import (
    F64,
    U64,
    Bool,
    Groups,
    group,
    median_by_group,
    pack,
    rows_by_group,
)

RARE_SHARE = 0.01
"""A service is rare when at most this share of the context's pairs shows it, or one pair."""
PSEUDO_COUNT = 0.5
MIN_VOLUME_ROWS = 20
"""A service with fewer reference flows has no usual volume of its own."""
MAD_TO_SIGMA = 1.4826
SIGMA_FLOOR = 0.25
"""Added to the deviation of ln(1 + bytes), so that a constant service does not explode."""
VOLUME_Z_LIMIT = 20.0
FAN_QUANTILE = 0.9
FAN_UNKNOWN_PORT = float(np.log(2.0))
"""Usual ln(1 + destinations) of a source on a port never seen: one destination."""


@dataclass(frozen=True)
class Conversations:
    """Distinct (source, destination, port, service, state), as hashes; one array element each."""

    src: U64
    dst: U64
    protocol: U64
    port: U64
    service: U64
    state: U64

    def __len__(self) -> int:
        return len(self.src)

    @classmethod
    def joined(cls, parts: list[Conversations]) -> Conversations:
        names = ("src", "dst", "protocol", "port", "service", "state")
        return cls(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})


@dataclass(frozen=True)
class Rarity:
    """−ln shares (surprisal), one array element a conversation; see contracts.features."""

    port: F64
    service: F64
    service_state: F64
    state: F64
    rare: Bool


def rarity_of(conversations: Conversations, in_context: Bool) -> Rarity:
    """Rarity of every conversation; ``in_context`` marks those that say what is usual."""
    c = conversations
    pair = group(pack(group(c.src).ids, group(c.dst).ids))
    known_pairs = np.zeros(len(pair), np.bool_)
    known_pairs[pair.ids[in_context]] = True
    own_pair = known_pairs[pair.ids]
    pairs = int(known_pairs.sum())

    def surprisal(category: Groups) -> tuple[F64, int]:
        cell = group(pack(pair.ids, category.ids))
        present = np.zeros(len(cell), np.bool_)
        present[cell.ids[in_context]] = True
        votes = np.bincount(category.ids[cell.first], weights=present, minlength=len(category))
        others = np.maximum(votes[category.ids] - present[cell.ids], 0)
        seen = int((votes > 0).sum())
        out_of = (pairs - own_pair) + PSEUDO_COUNT * (seen + 1)
        return -np.log((others + PSEUDO_COUNT) / out_of), seen

    port, _ = surprisal(group(c.port))
    service, services = surprisal(group(mix(c.port, c.service)))
    service_state, _ = surprisal(group(mix(c.protocol, c.service, c.state)))
    state, _ = surprisal(group(mix(c.protocol, c.state)))
    few = max(1.0, RARE_SHARE * pairs) + PSEUDO_COUNT
    threshold = -np.log(few / (pairs + PSEUDO_COUNT * (services + 1)))
    return Rarity(port, service, service_state, state, service >= threshold - 1e-9)


def source_rarity(conversations: Conversations) -> tuple[F64, F64]:
    """−ln share of the *other* sources seen at the destination, and on the port."""
    src, dst, port = (
        group(conversations.src),
        group(conversations.dst),
        group(conversations.port),
    )
    sources = len(src)

    def surprisal(place: Groups) -> F64:
        visits = group(pack(place.ids, src.ids)).first
        visitors = np.bincount(place.ids[visits], minlength=len(place))
        share = (visitors[place.ids] - 1 + PSEUDO_COUNT) / (sources + PSEUDO_COUNT)
        rarity: F64 = -np.log(share)
        return rarity

    return surprisal(dst), surprisal(port)


class UsualVolume:
    """Median and spread of ln(1 + bytes sent) by (protocol, service) over reference flows."""

    def __init__(self, service: U64, log_sent: F64) -> None:
        self._sorted_service = np.empty(0, np.uint64)
        self._middle = self._spread = np.empty(0)
        self._everywhere = (0.0, 0.0)
        if len(service) == 0:
            return
        groups = group(service)
        rows, start = rows_by_group(groups.ids, len(groups))
        middle = median_by_group(log_sent, rows, start)
        spread = median_by_group(np.abs(log_sent - middle[groups.ids]), rows, start)
        enough = groups.count() >= MIN_VOLUME_ROWS
        known = service[groups.first][enough]
        order = np.argsort(known)
        self._sorted_service = known[order]
        self._middle, self._spread = middle[enough][order], spread[enough][order]
        overall = float(np.median(log_sent))
        self._everywhere = (overall, float(np.median(np.abs(log_sent - overall))))

    def center_and_scale(self, service: U64) -> tuple[F64, F64]:
        """Centre and scale of the robust z for each service; the overall ones where unknown."""
        at, known = lookup(self._sorted_service, service)
        middle = np.full(len(service), self._everywhere[0])
        spread = np.full(len(service), self._everywhere[1])
        middle[known], spread[known] = self._middle[at[known]], self._spread[at[known]]
        return middle, MAD_TO_SIGMA * spread + SIGMA_FLOOR


class UsualFan:
    """The 90 % quantile of ln(1 + destinations of a source in a window), by port."""

    def __init__(
        self, port: U64, destinations: NDArray[np.int64], count: NDArray[np.int64]
    ) -> None:
        """``count`` source windows on ``port`` reached for ``destinations`` hosts each."""
        order = np.lexsort((destinations, port))
        port, destinations, count = port[order], destinations[order], count[order]
        groups = group(port)
        self._sorted_port = port[groups.first]
        self._usual = np.empty(len(groups))
        ends = np.append(groups.first[1:], len(port))
        for i, (a, z) in enumerate(zip(groups.first, ends, strict=True)):
            upto = np.cumsum(count[a:z])
            rank = round(FAN_QUANTILE * (upto[-1] - 1))
            self._usual[i] = np.log1p(destinations[a:z][np.searchsorted(upto, rank, "right")])

    def usual(self, port: U64) -> F64:
        at, known = lookup(self._sorted_port, port)
        usual = np.full(len(port), FAN_UNKNOWN_PORT)
        usual[known] = self._usual[at[known]]
        return usual


def lookup(sorted_keys: U64, keys: U64) -> tuple[NDArray[np.int64], Bool]:
    """Where each key stands among the sorted ones, and whether it is there at all."""
    if len(sorted_keys) == 0:
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return at, sorted_keys[at] == keys
