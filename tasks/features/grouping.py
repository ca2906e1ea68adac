"""Exact group ids and distinct counts over integer columns, in linear time.

Ids are dense and numbered by first appearance, so results never depend on threads or hash order.
Two 32-bit ids packed into 64 bits stay exact; only the hashes of strings (64 bits) can collide:
about 1.6e-7 for any among 2.5 million strings.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

AT_ONCE = 2
"""Groupings that run at the same time: each needs some 20 bytes a row while it runs."""
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
Index = NDArray[np.int64]


_KEYS = nb.types.Array(nb.uint64, 1, "C")
_FRAME_KEYS = nb.types.Array(nb.uint64, 1, "C", readonly=True)
"""A column of a frame is read-only; it is taken as it is, without a copy."""
_IDS_AND_FIRST: Any = nb.types.Tuple((nb.uint32[::1], nb.int64[::1]))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Groups:
    """``ids[row]``: the row's group; ``first[group]``: its first row."""

    ids: U32
    first: Index

    def __len__(self) -> int:
        return len(self.first)

    def count(self) -> NDArray[np.int64]:
        """Rows of each group."""
        return np.bincount(self.ids, minlength=len(self))

    def total(self, values: NDArray[Any]) -> F64:
        """Sum of ``values`` over each group."""
        sums: F64 = np.bincount(self.ids, weights=values, minlength=len(self)).astype(np.float64)
        return sums

    def distinct(self, items: U32, rows: Index | None = None) -> NDArray[np.int64]:
        """Distinct ``items`` in each group; ``rows`` restricts both to some rows."""
        ids = self.ids if rows is None else self.ids[rows]
        items = items if rows is None else items[rows]
        first = group(pack(ids, items)).first
        return np.bincount(ids[first], minlength=len(self))


def together(*calls: Callable[[], Groups]) -> list[Groups]:
    """Run independent groupings at the same time: compiled code lets other threads run."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def members(ids: U32, rows: Index, groups: int) -> Index:
    """The groups that the given rows belong to, ascending."""
    present = np.zeros(groups, np.bool_)
    present[ids[rows]] = True
    return np.flatnonzero(present)


def pack(high: U32, low: U32) -> U64:
    """Two 32-bit ids as one 64-bit key."""
    return (high.astype(np.uint64) << np.uint64(32)) | low


def group(keys: U64) -> Groups:
    """Dense ids of equal keys, numbered by first appearance."""
    ids, first = _factorize(np.ascontiguousarray(keys))
    return Groups(ids, first)


def log1p(values: NDArray[Any]) -> NDArray[np.float32]:
    """ln(1 + x), as features store counts."""
    logs: NDArray[np.float32] = np.log1p(values, dtype=np.float64).astype(np.float32)
    return logs


@nb.njit([_IDS_AND_FIRST(_KEYS), _IDS_AND_FIRST(_FRAME_KEYS)], cache=True, nogil=True)
def _factorize(keys: Any) -> Any:
    """Open addressing; slots hold a group's number + 1, the keys themselves stay in ``unique``."""
    n = keys.shape[0]
    ids = np.empty(n, np.uint32)
    size = 1024
    slots = np.zeros(size, np.uint32)
    shift = np.uint64(54)
    unique = np.empty(512, np.uint64)
    first = np.empty(512, np.int64)
    count = 0
    for i in range(n):
        key = keys[i]
        at = np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> shift)
        while True:
            slot = slots[at]
            if slot == 0:
                if count == unique.shape[0]:  # half full: double everything
                    bigger = np.empty(2 * count, np.uint64)
                    bigger[:count] = unique
                    unique = bigger
                    rows = np.empty(2 * count, np.int64)
                    rows[:count] = first
                    first = rows
                    size *= 2
                    shift -= np.uint64(1)
                    slots = np.zeros(size, np.uint32)
                    for k in range(count):
                        to = np.int64((unique[k] * np.uint64(0x9E3779B97F4A7C15)) >> shift)
                        while slots[to] != 0:
                            to = (to + 1) & (size - 1)
                        slots[to] = k + 1
                    at = np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> shift)
                    while slots[at] != 0:
                        at = (at + 1) & (size - 1)
                unique[count] = key
                first[count] = i
                ids[i] = count
                count += 1
                slots[at] = count
                break
            if unique[slot - 1] == key:
                ids[i] = slot - 1
                break
            at = (at + 1) & (size - 1)
    return ids, first[:count].copy()


@nb.njit("Tuple((i8[::1],i8[::1]))(u4[::1],i8)", cache=True, nogil=True)
def rows_by_group(ids: Any, groups: Any) -> Any:
    """Rows in group order (stable), and where each group starts (length ``groups`` + 1)."""
    start = np.zeros(groups + 1, np.int64)
    for i in range(ids.shape[0]):
        start[ids[i] + 1] += 1
    for g in range(groups):
        start[g + 1] += start[g]
    place = start[:-1].copy()
    rows = np.empty(ids.shape[0], np.int64)
    for i in range(ids.shape[0]):
        rows[place[ids[i]]] = i
        place[ids[i]] += 1
    return rows, start


@nb.njit("f8[::1](f8[::1],i8[::1],i8[::1])", cache=True, nogil=True)
def median_by_group(values: Any, rows: Any, start: Any) -> Any:
    """Median of ``values[rows]`` within each group; groups are never empty."""
    out = np.empty(start.shape[0] - 1)
    for g in range(out.shape[0]):
        out[g] = np.median(values[rows[start[g] : start[g + 1]]])
    return out


@nb.njit("i8[::1](u4[::1],i8,f8[::1])", cache=True, nogil=True)
def least_by_group(ids: Any, groups: Any, priority: Any) -> Any:
    """Position of the row with the least priority in each group; −1 for a group without rows."""
    best = np.full(groups, -1, np.int64)
    for i in range(ids.shape[0]):
        now = best[ids[i]]
        if now < 0 or priority[i] < priority[now]:
            best[ids[i]] = i
    return best
