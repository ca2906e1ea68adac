"""Quality of a day's scores against labels; what cannot be measured is None, never 0.

Exact and tie-aware, as scikit-learn defines them (the tests' oracle), without its import time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LABEL_METRICS: Final = (
    "precision", "recall", "f1", "auc", "average_precision", "recall_at_1pct_fpr",
    "precision_at_budget",
)  # fmt: skip
FALSE_POSITIVE_RATE: Final = 0.01


def alert_metrics(alerted: Bools, attack: Bools) -> dict[str, float | None]:
    """Precision, recall and F1 of the labelled rows that are alerted on."""
    found = int((alerted & attack).sum())
    raised, attacks = int(alerted.sum()), int(attack.sum())
    precision = found / raised if raised else None
    recall = found / attacks if attacks else None
    f1 = None
    if precision is not None and recall is not None:
        f1 = 2 * precision * recall / (precision + recall) if found else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def ranking_metrics(decision: Float64, attack: Bools) -> dict[str, float | None]:
    """AUC, average precision and recall at 1 % false positives of labelled rows.

    ``decision``: lower is more anomalous. Rows of equal score stand or fall together.
    """
    attacks = int(attack.sum())
    others = len(attack) - attacks
    if not attacks or not others:
        return dict.fromkeys(("auc", "average_precision", "recall_at_1pct_fpr"))
    order = np.argsort(decision, kind="stable")
    ranked = decision[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    hits = np.cumsum(attack[order])[last].astype(np.float64)
    false = np.flatnonzero(last) + 1 - hits
    recall = np.concatenate([[0.0], hits / attacks])
    fallout = np.concatenate([[0.0], false / others])
    steps = np.diff(recall)
    return {
        "auc": float((np.diff(fallout) * (recall[1:] + recall[:-1]) / 2).sum()),
        "average_precision": float((steps * hits / (hits + false)).sum()),
        "recall_at_1pct_fpr": float(recall[fallout <= FALSE_POSITIVE_RATE].max()),
    }


def share_true(attack: Bools) -> float | None:
    """Share of attacks among the chosen rows."""
    return float(attack.mean()) if len(attack) else None
