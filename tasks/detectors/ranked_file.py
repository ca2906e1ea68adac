"""Write scored events of any number most anomalous first, in bounded memory.

An external sort whose buckets are known beforehand: the scores alone are ranked in memory, so each
slice of events can be cut exactly at the buckets' edges, whatever the scores look like. A bucket
then holds its rows from every slice and is sorted by rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.io.plugins import register_io_source

from contracts.events import SCORED_COLUMNS, SCORED_ROW_GROUP
from contracts.severity import NORMAL, SEVERITY_FLOORS
from tasks.detectors.slices import slices

Float64 = npt.NDArray[np.float64]

BUCKET_ROWS: Final = 24 * SCORED_ROW_GROUP
"""Rows sorted at a time: a whole number of row groups."""
_RANK: Final = "rank"

DTYPES: Final[dict[str, pl.DataType]] = {
    "String": pl.String(),
    "Float64": pl.Float64(),
    "Int64": pl.Int64(),
    "UInt16": pl.UInt16(),
    "Datetime(us, UTC)": pl.Datetime("us", "UTC"),
}
"""Polars types of the names that ``contracts.events`` uses for results."""

SCORED_SCHEMA: Final = pl.Schema({name: DTYPES[kind] for name, kind in SCORED_COLUMNS.items()})


@dataclass(frozen=True)
class ScoredKind:
    """One kind's events: its SILVER file and, for its rows in order, their scores."""

    kind: str
    silver: Path
    decision: Float64
    ml_score: Float64


def write_ranked(kinds: Sequence[ScoredKind], output: Path, workdir: Path) -> int:
    """One file of ``SCORED_COLUMNS``, lowest decision function first; returns its rows.

    Equal scores keep the order of ``kinds`` and of SILVER.
    """
    decision = np.concatenate([kind.decision for kind in kinds])
    rank = np.empty(len(decision), dtype=np.uint32)
    rank[np.argsort(decision, kind="stable")] = np.arange(len(decision), dtype=np.uint32)
    buckets: list[list[tuple[str, Path]]] = [[] for _ in range(0, len(decision), BUCKET_ROWS)]
    first = 0
    for kind in kinds:
        for events in _scored_slices(kind, rank[first : first + len(kind.decision)]):
            _spill(kind.kind, events, buckets, workdir)
        first += len(kind.decision)

    def sorted_buckets(*_: Any) -> Iterator[pl.DataFrame]:
        for files in buckets:
            yield _bucket(files)

    ranked = register_io_source(sorted_buckets, schema=SCORED_SCHEMA)
    ranked.sink_parquet(
        output, compression="zstd", compression_level=1, row_group_size=SCORED_ROW_GROUP
    )
    return len(decision)


def severities(ml_score: str) -> pl.Expr:
    """The severity of a column of calibrated scores, as ``contracts.severity`` defines it."""
    chain: Any = pl
    for name, floor in SEVERITY_FLOORS:
        chain = chain.when(pl.col(ml_score) > floor).then(pl.lit(name))
    named: pl.Expr = chain.otherwise(pl.lit(NORMAL))
    return named


def _scored_slices(kind: ScoredKind, rank: npt.NDArray[np.uint32]) -> Iterator[pl.DataFrame]:
    present = pl.read_parquet_schema(kind.silver)
    columns = [name for name in SCORED_COLUMNS if name in present]
    start = 0
    for events in slices(kind.silver, columns, BUCKET_ROWS):
        rows = slice(start, start + events.height)
        start += events.height
        yield events.with_columns(
            anomaly_score=pl.Series(kind.decision[rows]),
            ml_score=pl.Series(kind.ml_score[rows]),
            rank=pl.Series(rank[rows]),
        )


def _spill(
    kind: str, events: pl.DataFrame, buckets: list[list[tuple[str, Path]]], workdir: Path
) -> None:
    """Append the rows of a slice to the files of the buckets they rank in."""
    ordered = events.sort(_RANK)
    edges = np.arange(len(buckets) + 1) * BUCKET_ROWS
    cuts = np.searchsorted(ordered[_RANK].to_numpy(), edges)
    for bucket, (start, stop) in enumerate(pairwise(cuts)):
        if stop > start:
            path = workdir / f"ranked-{bucket}-{len(buckets[bucket])}.arrow"
            ordered.slice(start, stop - start).write_ipc(path, compression="lz4")
            buckets[bucket].append((kind, path))


def _bucket(files: list[tuple[str, Path]]) -> pl.DataFrame:
    """A bucket's rows by rank, with all columns; its files are gone afterwards."""
    parts = []
    for kind, path in files:
        part = pl.read_ipc(path).with_columns(kind=pl.lit(kind))
        absent = [
            pl.lit(None, dtype).alias(name)
            for name, dtype in SCORED_SCHEMA.items()
            if name not in part.columns
        ]
        columns = (
            pl.col(name).cast(dtype) for name, dtype in SCORED_SCHEMA.items() if name != "severity"
        )
        parts.append(part.with_columns(absent).select(*columns, _RANK))
        path.unlink()
    rows = pl.concat(parts).sort(_RANK)
    return rows.with_columns(severity=severities("ml_score")).select(SCORED_SCHEMA.names())
