"""Score a day's SILVER rows of one kind, and give each the probability of its key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.events import LABEL_COLUMN, MALICIOUS_LABELS
from tasks.detectors.calibration import Calibration
from tasks.detectors.drift import binned, stability_index
from tasks.detectors.training import KindModel, matrix_of

Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DRIFT_KEYS: Final = 50_000
"""About so many keys are sampled for drift, one row each, as the reference has them."""
LABELS_COUNTED: Final = 20
"""Different labels that are counted by name; the rest together."""
LABEL_LENGTH: Final = 40
OTHER_LABELS: Final = "(other)"


@dataclass(frozen=True)
class DayScores:
    """Arrays with one entry a row of SILVER, in its order.

    ``best``: the lowest decision function of the row's key. ``attack`` and ``labelled`` are None
    for a day without a label. ``drift``: population stability index of each feature.
    """

    decision: Float64
    best: Float64
    ml_score: Float64
    key: npt.NDArray[np.uint64]
    labelled: Bools | None
    attack: Bools | None
    label_counts: dict[str, int]
    drift: Float64


def score_day(model: KindModel, batches: Iterable[pl.DataFrame], rows: int) -> DayScores:
    """Score batches (``key_id``, the model's features and, where there is one, ``label``) that
    have ``rows`` rows together."""
    decision = np.empty(rows)
    key = np.empty(rows, dtype=np.uint64)
    labels: list[pl.DataFrame] = []
    sample: list[pl.DataFrame] = []
    every = max(1, rows // (4 * DRIFT_KEYS))
    start = 0
    for batch in batches:
        here = slice(start, start + batch.height)
        start += batch.height
        decision[here] = model.forest.decision_function(matrix_of(batch, model.features).T)
        key[here] = batch["key_id"].to_numpy()
        if LABEL_COLUMN in batch.columns:
            labels.append(_truth(batch[LABEL_COLUMN]))
        sample.append(_sampled(batch, every).select("key_id", *model.features))
    best, ml_score = by_key(model.calibration, decision, key)
    truth = pl.concat(labels) if labels else None
    labelled = attack = None
    if truth is not None and truth["label"].count():
        labelled, attack = truth["label"].is_not_null().to_numpy(), truth["attack"].to_numpy()
    return DayScores(
        decision=decision,
        best=best,
        ml_score=ml_score,
        key=key,
        labelled=labelled,
        attack=attack,
        label_counts=_label_counts(truth),
        drift=_drift(model, sample),
    )


def by_key(
    calibration: Calibration, decision: Float64, key: npt.NDArray[np.uint64]
) -> tuple[Float64, Float64]:
    """For each row the lowest decision function among the rows of its key, and its ml_score."""
    rows = pl.DataFrame({"key": key, "decision": decision})
    keys = rows.group_by("key").agg(best=pl.col("decision").min())
    keys = keys.with_columns(ml_score=pl.Series(calibration.ml_score(keys["best"].to_numpy())))
    found = rows.select("key").join(keys, on="key", how="left", maintain_order="left")
    return found["best"].to_numpy(), found["ml_score"].to_numpy()


def best_rows(scores: DayScores, at_least: float) -> npt.NDArray[np.int64]:
    """Row numbers of the best row (the first of equals) of each key whose ``ml_score`` is at
    least ``at_least``."""
    candidates = np.flatnonzero((scores.ml_score >= at_least) & (scores.decision == scores.best))
    _, first = np.unique(scores.key[candidates], return_index=True)
    return np.sort(candidates[first])


def first_keys(scores: DayScores, count: int) -> npt.NDArray[np.int64]:
    """Row numbers of the best rows of the ``count`` most anomalous keys, most anomalous first."""
    order = np.argsort(scores.decision, kind="stable")
    looked_at = 64 * count
    while True:
        _, first = np.unique(scores.key[order[:looked_at]], return_index=True)
        if len(first) >= count or looked_at >= len(order):
            return order[np.sort(first)[:count]]
        looked_at *= 8


def _truth(label: pl.Series) -> pl.DataFrame:
    """``label`` and whether it means an attack; a null one does not."""
    label = label.cast(pl.String)
    named = label.unique().drop_nulls()
    meaning = named.str.strip_chars().str.to_lowercase().is_in(MALICIOUS_LABELS)
    attack = label.is_in(named.filter(meaning).implode()).fill_null(False)
    return pl.DataFrame({"label": label.cast(pl.Categorical), "attack": attack})


def _label_counts(truth: pl.DataFrame | None) -> dict[str, int]:
    """Rows by label, most frequent first; nothing where no row has one."""
    if truth is None:
        return {}
    counts = (
        truth.drop_nulls("label")
        .group_by(pl.col("label").cast(pl.String).str.slice(0, LABEL_LENGTH))
        .len()
        .sort(["len", "label"], descending=[True, False])
    )
    named = dict(counts.head(LABELS_COUNTED).iter_rows())
    rest = counts.slice(LABELS_COUNTED)["len"].sum()
    return {**named, **({OTHER_LABELS: int(rest)} if rest else {})}


def _sampled(batch: pl.DataFrame, every: int) -> pl.DataFrame:
    """The first row of about every ``every``-th key, the same keys in every batch."""
    chosen = batch if every == 1 else batch.filter(pl.col("key_id") % every == 0)
    return chosen.unique("key_id", keep="first", maintain_order=True)


def _drift(model: KindModel, sample: list[pl.DataFrame]) -> Float64:
    if not sample:
        return np.full(len(model.features), np.nan)
    rows = pl.concat(sample).unique("key_id", keep="first", maintain_order=True)
    counts = binned(matrix_of(rows, model.features), model.spread.edges)
    return stability_index(model.spread.counts, counts)
