"""Train the isolation forest of one kind on its reference rows, and calibrate its scores."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.features import FEATURE_COLUMNS
from tasks.detectors.calibration import Calibration, calibrated
from tasks.detectors.drift import Spread, spread_of
from tasks.detectors.forest import Forest, flatten
from tasks.detectors.one_sided import floor_of, lifted

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

TREE_ROWS: Final = 256
"""Rows a tree learns from, as in the paper: more only deepens the trees."""
FOLDS: Final = 5
"""Cross-fitting folds of (source, destination) pairs when there are not two days of history."""
USUAL_QUANTILE: Final = 0.9
"""What a sentence calls usual: nine of ten reference rows have at most this value."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class ForestParameters:
    """As scikit-learn's IsolationForest takes them."""

    n_estimators: int
    contamination: float | Literal["auto"]
    random_state: int


@dataclass(frozen=True)
class KindModel:
    """All that scoring and explaining one kind needs; no scikit-learn inside.

    ``floor``, ``usual``: (features,), on the features' stored scale. ``provisional``: calibrated
    by cross-fitting instead of on whole days of history.
    """

    features: tuple[str, ...]
    forest: Forest
    floor: Float32
    usual: Float32
    calibration: Calibration
    spread: Spread
    provisional: bool
    reference_rows: int
    history_days: int
    trained_on: str


def train_kind(
    kind: str, reference: pl.DataFrame, parameters: ForestParameters
) -> tuple[KindModel, IsolationForest]:
    """Learn from reference rows (``contracts.events.REFERENCE_COLUMNS`` and the kind's features;
    at least one row). Returns the arrays and the estimator they were taken from.
    """
    features = FEATURE_COLUMNS[kind]
    rows = matrix_of(reference, features)
    estimator, floor = fitted(rows, parameters)
    forest = flatten(estimator)
    days = history_days(reference)
    calibration = _calibration(reference, rows, forest, parameters)
    model = KindModel(
        features=features,
        forest=forest,
        floor=floor,
        usual=_usual(rows),
        calibration=calibration,
        spread=spread_of(rows),
        provisional=len(days) < 2,
        reference_rows=len(rows),
        history_days=len(days),
        trained_on=_sentence(kind, reference, days),
    )
    return model, estimator


def fitted(rows: Float32, parameters: ForestParameters) -> tuple[IsolationForest, Float32]:
    """A forest on ``rows`` (NaN where not measurable) lifted to their floor, and the floor."""
    floor = floor_of(rows)
    estimator = _isolation_forest()(
        n_estimators=parameters.n_estimators,
        max_samples=min(TREE_ROWS, len(rows)),
        contamination=parameters.contamination,
        random_state=parameters.random_state,
    )
    return estimator.fit(lifted(rows, floor)), floor


@functools.cache
def _isolation_forest() -> type[IsolationForest]:
    """scikit-learn's class, without pandas: scikit-learn imports it wherever it is installed, for
    frames that it never gets here, and that is a third of the import's time."""
    absent = "pandas" not in sys.modules
    if absent:
        sys.modules["pandas"] = None  # type: ignore[assignment]  # "not installed" to the import
    try:
        from sklearn.ensemble import IsolationForest
    finally:
        if absent:
            del sys.modules["pandas"]
    forest: type[IsolationForest] = IsolationForest
    return forest


def matrix_of(frame: pl.DataFrame, features: tuple[str, ...]) -> Float32:
    """(rows, features) float32, NaN for null, contiguous by feature."""
    return frame.select(pl.col(features).cast(pl.Float32)).to_numpy(order="fortran")


def history_days(reference: pl.DataFrame) -> list[str]:
    """Days of clean history among the reference rows, oldest first."""
    return reference.filter(~pl.col("today"))["day"].unique().sort().to_list()


def _calibration(
    reference: pl.DataFrame, rows: Float32, forest: Forest, parameters: ForestParameters
) -> Calibration:
    """Score every held-out part with a forest that learned from the rest.

    Scores are compared on the scale of ``forest``: the parts' own offsets do not count.
    """
    decision = np.full(len(rows), np.nan)
    for part in _parts(reference):
        if part.all() or not part.any():
            continue
        held_out = flatten(fitted(rows[~part], parameters)[0])
        depths = held_out.depths(np.ascontiguousarray(rows[part].T))
        own = held_out.decision_of_depth(depths) + held_out.offset
        decision[part] = own - forest.offset
    scored = ~np.isnan(decision)
    if not scored.any():
        decision = forest.decision_function(np.ascontiguousarray(rows.T))
        scored = np.ones(len(rows), dtype=bool)
    return calibrated(decision[scored], _key_days(reference)[scored], forest.offset)


def _key_days(reference: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """A number for each key and day: a day's score of a key is one observation of the null."""
    pairs = reference.select(pl.struct("key_id", "day").rank("dense").cast(pl.UInt64))
    return pairs.to_series().to_numpy()


def _parts(reference: pl.DataFrame) -> Iterator[Bools]:
    """The held-out parts: each day of history where there are two, else folds of pairs."""
    days = history_days(reference)
    if len(days) >= 2:
        today, day = reference["today"].to_numpy(), reference["day"]
        for held_out in days:
            yield ~today & (day == held_out).to_numpy()
        return
    with np.errstate(over="ignore"):
        mixed = reference["pair_id"].to_numpy().astype(np.uint64) * _MIX
    fold = (mixed >> np.uint64(32)) % np.uint64(FOLDS)
    for number in range(FOLDS):
        yield fold == number


def _usual(rows: Float32) -> Float32:
    usual = np.full(rows.shape[1], np.nan, dtype=np.float32)
    for column in range(rows.shape[1]):
        known = rows[:, column]
        known = known[~np.isnan(known)]
        if len(known):
            usual[column] = np.quantile(known, USUAL_QUANTILE, method="inverted_cdf")
    return usual


def _sentence(kind: str, reference: pl.DataFrame, days: list[str]) -> str:
    """What the model learned from, for the card, the closing table and the app."""
    today = int(reference["today"].sum())
    earlier = reference.height - today
    key = {"network": "connection", "auth": "user, source and host"}.get(kind, "key")
    own = f"{today:,} rows of the day itself, one for each {key}"
    if not days:
        return f"{own}: a cold start, without clean history"
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    many = "1 clean earlier day" if len(days) == 1 else f"{len(days)} clean earlier days"
    return f"{earlier:,} rows of {many} ({span}) and {own}"
