"""The events that may become alerts, found in the scored file, and their features in SILVER."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from contracts.events import SCORED_COLUMNS
from tasks.detectors.calibration import Calibration
from tasks.detectors.slices import rows_at
from tasks.detectors.training import KindModel, matrix_of
from tasks.errors import StageError

MOST_CANDIDATES: Final = 5_000
"""Keys above the threshold that are explained and grouped; the most improbable ones."""
_KEY: Final = ("kind", "src_ip", "dst_ip", "protocol", "dst_port", "user", "host")


def candidates(
    scored: Path,
    threshold: float,
    floors: Mapping[str, float],
    calibrations: Mapping[str, Calibration],
) -> pl.DataFrame:
    """The best row of each key whose ``ml_score`` reaches ``threshold`` and exceeds the floor of
    its kind, if there is one, most improbable first.

    All ``SCORED_COLUMNS`` and ``events`` (rows of the key), ``minus_log10_p``.
    """
    best = (
        pl.scan_parquet(scored)
        .select(*_KEY, "anomaly_score", "ml_score")
        .with_row_index("row")
        .filter(
            pl.col("ml_score") >= threshold,
            *((pl.col("kind") != kind) | (pl.col("ml_score") > f) for kind, f in floors.items()),
        )
        .group_by(_KEY)
        .agg(pl.col("row").min(), pl.col("anomaly_score").min(), pl.len().alias("events"))
        .select("row", "kind", "anomaly_score", "events")
        .collect(engine="streaming")
    )
    parts = [
        part.with_columns(
            minus_log10_p=pl.Series(
                calibrations[str(kind)].minus_log10_p(part["anomaly_score"].to_numpy()),
                dtype=pl.Float64,
            )
        )
        for (kind,), part in best.group_by("kind")
    ]
    if not parts:
        parts = [best.with_columns(minus_log10_p=pl.lit(None, pl.Float64))]
    chosen = (
        pl.concat(parts)
        .sort(["minus_log10_p", "row"], descending=[True, False])
        .head(MOST_CANDIDATES)
        .select("row", "events", "minus_log10_p")
    )
    events = rows_at(scored, list(SCORED_COLUMNS), chosen["row"].to_numpy())
    return chosen.join(events, on="row", how="left", maintain_order="left").drop("row")


def features_of(silver: Path, model: KindModel, events: pl.DataFrame) -> pl.DataFrame:
    """The model's features of ``events`` (``event_id``, ``anomaly_score``), row by row.

    An id that the sensor used twice is told apart by its score, which is computed again. Raises
    StageError where SILVER and the scored events disagree.
    """
    found = (
        pl.scan_parquet(silver)
        .select("event_id", *(pl.col(name).cast(pl.Float32) for name in model.features))
        .filter(pl.col("event_id").is_in(events["event_id"].implode()))
        .collect(engine="streaming")
    )
    matrix = matrix_of(found, model.features)
    score = model.forest.decision_function(np.ascontiguousarray(matrix.T))
    found = found.with_columns(anomaly_score=pl.Series(score, dtype=pl.Float64))
    once = found.unique(["event_id", "anomaly_score"], keep="first", maintain_order=True)
    joined = events.select("event_id", "anomaly_score").join(
        once.with_columns(present=pl.lit(True)),
        on=["event_id", "anomaly_score"],
        how="left",
        maintain_order="left",
    )
    if joined["present"].null_count():
        missing = joined.filter(pl.col("present").is_null())["event_id"][0]
        raise StageError(
            f"explain: event {missing!r} is not in SILVER with the score that evaluate gave it;"
            " run evaluate again"
        )
    return joined.select(model.features)
