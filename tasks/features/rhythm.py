"""How much like clockwork a connection is: gaps between its flows and the sizes of what it sends.

The measures follow RITA's beacon scores: Bowley skewness of the gaps, and the median absolute
deviation of gaps and sizes about their medians, relative to the median.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np

from tasks.features.grouping import F64, Index

MIN_FLOWS = 8
"""Fewer flows than this show no rhythm: at least seven gaps are needed for quartiles."""
NO_RHYTHM_STEADINESS = -3.0
"""Steadiness of a connection with too few flows: below that of any real one."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """One value a connection. Shares in [0, 1]; 0 where there are too few flows."""

    gap_regularity: F64
    gap_symmetry: F64
    size_regularity: F64
    steadiness: F64


def rhythm_of(times: Any, sizes: Any, rows: Index, start: Index) -> Rhythm:
    """Rhythm of each group of rows.

    ``times`` are µs (int64), ``sizes`` bytes (float64), ``rows`` and ``start`` as from
    ``grouping.rows_by_group``.
    """
    out = _rhythm(times, sizes, rows, start)
    return Rhythm(out[0], out[1], out[2], out[3])


@nb.njit("f8(f8[::1],f8)", cache=True, nogil=True)
def _quantile(ordered: Any, q: Any) -> Any:
    """Quantile of sorted values, interpolated linearly."""
    at = q * (ordered.shape[0] - 1)
    below = int(at)
    above = min(below + 1, ordered.shape[0] - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


@nb.njit(cache=True, nogil=True, parallel=True)
def _rhythm(times: Any, sizes: Any, rows: Any, start: Any) -> Any:
    groups = start.shape[0] - 1
    out = np.zeros((4, groups))
    for g in nb.prange(groups):
        n = start[g + 1] - start[g]
        if n < MIN_FLOWS:
            out[3, g] = NO_RHYTHM_STEADINESS
            continue
        mine = rows[start[g] : start[g + 1]]
        gaps = np.diff(np.sort(times[mine])) / 1e6
        gaps.sort()
        middle = np.median(gaps)
        low = _quantile(gaps, 0.25)
        high = _quantile(gaps, 0.75)
        deviation = np.median(np.abs(gaps - middle))
        out[0, g] = 1 - min(1.0, deviation / (middle + 1e-9))
        out[1, g] = 1 - min(1.0, abs((high + low - 2 * middle) / (high - low + 1e-9)))
        sent = sizes[mine]
        usual = np.median(sent)
        out[2, g] = 1 - min(1.0, np.median(np.abs(sent - usual)) / (usual + 1e-9))
        mean = gaps.mean()
        spread = np.sqrt(((gaps - mean) ** 2).sum() / (gaps.shape[0] - 1))
        out[3, g] = -np.log(spread / (mean + 1e-9) + 0.01)
    return out
