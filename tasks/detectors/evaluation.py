"""A kind's day in figures: metrics, histogram and severities, from its scores alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from contracts.events import EVAL_COLUMNS
from contracts.severity import INFO, SEVERITIES, SEVERITY_FLOORS
from tasks.detectors.metrics import LABEL_METRICS, alert_metrics, ranking_metrics, share_true
from tasks.detectors.scoring import DayScores, first_keys
from tasks.detectors.training import KindModel

Metrics = dict[str, float | None]

HISTOGRAM_BINS: Final = 50
SPLIT: Final = "today"
"""What was judged: the run's own day."""


def day_metrics(model: KindModel, scores: DayScores, threshold: float, budget: int) -> Metrics:
    """The metric table of one kind (design §3); None where labels are missing.

    A row is alerted on when its ``ml_score`` reaches ``threshold``. Quality counts the rows that
    have a label; ``precision_at_budget`` the best rows of the ``budget`` most anomalous keys.
    """
    rows = len(scores.decision)
    alerted = scores.ml_score >= threshold
    metrics: Metrics = dict.fromkeys(LABEL_METRICS)
    if scores.labelled is not None and scores.attack is not None:
        known = scores.labelled
        metrics |= alert_metrics(alerted[known], scores.attack[known])
        metrics |= ranking_metrics(scores.decision[known], scores.attack[known])
        first = first_keys(scores, budget)
        metrics["precision_at_budget"] = share_true(scores.attack[first[known[first]]])
    return {
        **metrics,
        "anomaly_rate": float(alerted.mean()) if rows else None,
        "score_mean": float(scores.decision.mean()) if rows else None,
        "score_std": float(scores.decision.std()) if rows else None,
        **{
            f"psi_{name}": None if np.isnan(value) else float(value)
            for name, value in zip(model.features, scores.drift, strict=True)
        },
        "rows": float(rows),
        "labelled_rows": float(0 if scores.labelled is None else scores.labelled.sum()),
    }


def histogram(scores: DayScores) -> dict[str, list[float] | list[int]]:
    """Rows by ``ml_score`` in 50 equal bins from 0 to 1."""
    counts, edges = np.histogram(scores.ml_score, bins=HISTOGRAM_BINS, range=(0.0, 1.0))
    return {"edges": [round(float(e), 4) for e in edges], "counts": [int(c) for c in counts]}


def severity_counts(scores: DayScores) -> dict[str, int]:
    """Rows by severity, most severe first."""
    above = [int((scores.ml_score > floor).sum()) for _, floor in SEVERITY_FLOORS]
    counts = dict.fromkeys(SEVERITIES, 0)
    taken = 0
    for (name, _), many in zip(SEVERITY_FLOORS, above, strict=True):
        counts[name] = many - taken
        taken = many
    counts[INFO] = len(scores.ml_score) - taken
    return counts


def metric_table(metrics: Mapping[str, Metrics], model: str) -> pl.DataFrame:
    """The long table of ``EVAL_COLUMNS``, kinds and metrics in their order."""
    rows = [
        (name, value, kind, model, SPLIT)
        for kind, table in metrics.items()
        for name, value in table.items()
    ]
    schema = {name: pl.Float64 if name == "value" else pl.String for name in EVAL_COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")
