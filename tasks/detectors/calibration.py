"""How improbable a score is on clean data: the same meaning every day and for every kind.

The null sample is the best (most anomalous) row of each key and day of clean rows, scored by
forests that did not learn from them. By key, because one busy service is one observation however
many rows it has. The tail beyond the 90 % quantile is exponential (the peaks-over-threshold method
with shape 0: Coles, An Introduction to Statistical Modeling of Extreme Values, 2001, §4), so p
never reaches 0 and never stops falling. It is fitted to −ln(path length / expected path length),
because the forest's score 2^−(path / expected) is bounded by 1 and its tail is not exponential: on
a real clean day it put p of the most anomalous of 549 keys at 1 in 150, the logarithm at 1 in 450.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from contracts.severity import ML_SCORE_DECADES

Float64 = npt.NDArray[np.float64]

TAIL_QUANTILE: Final = 0.9
"""Up to here p is counted, beyond it is extrapolated."""
TYPICAL_TAIL_SCALE: Final = 0.3
"""Mean excess of the isolation beyond its 90 % quantile that is assumed before any is seen; real
days show 0.2 to 0.3."""
TYPICAL_TAIL_WEIGHT: Final = 5.0
"""How many observed excesses that assumption weighs as much as: a handful of rows, or a constant
reference, must not make everything unseen CRITICAL."""

_LEAST: Final = 1e-12


@dataclass(frozen=True)
class Calibration:
    """``null``: isolation of the null sample, ascending; ``offset``: the forest's, which its
    decision function leaves out."""

    null: Float64
    offset: float

    @property
    def edge(self) -> float:
        """Isolation at which the tail begins."""
        return float(self.null[min(len(self.null) - 1, int(TAIL_QUANTILE * len(self.null)))])

    @property
    def tail_scale(self) -> float:
        """Mean excess over the edge."""
        excess = self.null[self.null > self.edge] - self.edge
        total = float(excess.sum()) + TYPICAL_TAIL_WEIGHT * TYPICAL_TAIL_SCALE
        return total / (len(excess) + TYPICAL_TAIL_WEIGHT)

    def minus_log10_p(self, decision: Float64) -> Float64:
        """−log10 of the share of clean keys at least as anomalous; rises with −``decision``."""
        return self._minus_log10_p(isolation(decision, self.offset))

    def _minus_log10_p(self, anomaly: Float64) -> Float64:
        count, edge = len(self.null), self.edge
        at_least = count - np.searchsorted(self.null, anomaly, side="left")
        beyond = count - np.searchsorted(self.null, edge, side="right")
        counted = -np.log10((at_least + 1) / (count + 1))
        excess = np.maximum(anomaly - edge, 0.0)
        tail = -np.log10((beyond + 1) / (count + 1)) + excess / self.tail_scale / np.log(10)
        return np.where(anomaly > edge, tail, counted)

    def ml_score(self, decision: Float64) -> Float64:
        """clip(−log10 p / 5, 0, 1) of the decision function of a key's best row."""
        return self.ml_score_of_isolation(isolation(decision, self.offset))

    def ml_score_of_isolation(self, anomaly: Float64) -> Float64:
        """The same of an isolation."""
        return np.clip(self._minus_log10_p(anomaly) / ML_SCORE_DECADES, 0.0, 1.0) + 0.0


def isolation(decision: Float64, offset: float) -> Float64:
    """−ln(path length / expected path length) of a decision function: 0 is an average path."""
    score = np.clip(-np.asarray(decision, dtype=np.float64) - offset, _LEAST, 1 - _LEAST)
    return -np.log(-np.log2(score))


def calibrated(decision: Float64, keys: npt.NDArray[np.uint64], offset: float) -> Calibration:
    """Calibrate on clean rows: their decision function and key, at least one row."""
    order = np.lexsort((decision, keys))
    first = np.ones(len(order), dtype=bool)
    first[1:] = keys[order][1:] != keys[order][:-1]
    return Calibration(np.sort(isolation(decision[order][first], offset)), offset)
