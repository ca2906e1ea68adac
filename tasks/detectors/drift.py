"""How far a day's features lie from those a model learned: the population stability index.

PSI = Σ (a − r) ln(a / r) over ten bins of equal reference share and one for missing values.
Common reading: below 0.1 stable, above 0.25 shifted (Siddiqi, Credit Risk Scorecards, 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

BINS: Final = 10
SMALLEST_SHARE: Final = 1e-4
"""A bin emptier than this counts as this: the logarithm stays finite."""


@dataclass(frozen=True)
class Spread:
    """``edges`` (features, 9): upper ends, inclusive, of the first nine bins. ``counts``
    (features, 11): rows in each bin, the last for missing values."""

    edges: Float32
    counts: Int64


def spread_of(rows: Float32) -> Spread:
    """Bins of equal share of ``rows`` (rows × features, NaN = missing) and what lies in them."""
    edges = np.zeros((rows.shape[1], BINS - 1), dtype=np.float32)
    shares = np.arange(1, BINS) / BINS
    for column in range(rows.shape[1]):
        known = rows[:, column]
        known = known[~np.isnan(known)]
        if len(known):
            edges[column] = np.quantile(known, shares, method="inverted_cdf")
    return Spread(edges, binned(rows, edges))


def binned(rows: Float32, edges: Float32) -> Int64:
    """Counts (features, 11) of ``rows`` in the bins of ``edges``."""
    counts = np.zeros((rows.shape[1], BINS + 1), dtype=np.int64)
    for column in range(rows.shape[1]):
        values = rows[:, column]
        place = np.searchsorted(edges[column], values, side="left")
        place[np.isnan(values)] = BINS
        counts[column] = np.bincount(place, minlength=BINS + 1)
    return counts


def stability_index(reference: Int64, actual: Int64) -> npt.NDArray[np.float64]:
    """PSI of each feature from two tables of counts (features, bins); NaN without rows."""
    if not reference.sum() or not actual.sum():
        return np.full(len(reference), np.nan)
    expected = np.maximum(reference / reference.sum(axis=1, keepdims=True), SMALLEST_SHARE)
    found = np.maximum(actual / actual.sum(axis=1, keepdims=True), SMALLEST_SHARE)
    index: npt.NDArray[np.float64] = ((found - expected) * np.log(found / expected)).sum(axis=1)
    return index
