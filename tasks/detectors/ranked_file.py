"""Write scored events of any number most anomalous first, in bounded memory.

An external sort whose buckets are known beforehand: the scores alone are ranked in memory, so each
slice of events can be cut exactly at the buckets' edges, whatever the scores look like. A bucket
then holds its rows from every slice and is sorted by rank.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.io.plugins import register_io_source

from contracts.events import SCORED_COLUMNS, SCORED_ROW_GROUP
from contracts.severity import INFO, SEVERITY_FLOORS
from tasks.detectors.slices import slices
from tasks.parquet import polars_type

Float64 = npt.NDArray[np.float64]
Result = TypeVar("Result")

BUCKET_ROWS: Final = 24 * SCORED_ROW_GROUP
"""Rows sorted at a time: a whole number of row groups."""
AT_ONCE: Final = 2
"""Slices and buckets that are worked on at the same time."""
_RANK: Final = "rank"

SCORED_SCHEMA: Final = pl.Schema({name: polars_type(kind) for name, kind in SCORED_COLUMNS.items()})


@dataclass(frozen=True)
class ScoredKind:
    """One kind's events: its SILVER file and, for its rows in order, their scores."""

    kind: str
    silver: Path
    decision: Float64
    ml_score: Float64


@dataclass(frozen=True)
class _Run:
    """Rows of one slice that rank in one bucket."""

    kind: str
    path: Path


def write_ranked(kinds: Sequence[ScoredKind], output: Path, workdir: Path) -> int:
    """One file of ``SCORED_COLUMNS``, lowest decision function first; returns its rows.

    Equal scores keep the order of ``kinds`` and of SILVER.
    """
    decision = np.concatenate([kind.decision for kind in kinds])
    rank = np.empty(len(decision), dtype=np.uint32)
    rank[np.argsort(decision, kind="stable")] = np.arange(len(decision), dtype=np.uint32)
    buckets: list[list[_Run]] = [[] for _ in range(0, len(decision), BUCKET_ROWS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        spills = (
            (_spill, kind, events, workdir / f"{kind}-{start}", len(buckets))
            for kind, start, events in _scored_slices(kinds, rank)
        )
        for runs in _in_order(pool, spills):
            for bucket, run in runs:
                buckets[bucket].append(run)

    def sorted_buckets(*_: Any) -> Iterator[pl.DataFrame]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from _in_order(pool, ((_bucket, runs) for runs in buckets))

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
    named: pl.Expr = chain.otherwise(pl.lit(INFO))
    return named


def _in_order(
    pool: ThreadPoolExecutor, calls: Iterable[tuple[Callable[..., Result], *tuple[Any, ...]]]
) -> Iterator[Result]:
    """Results in the order of the calls, with the next ones under way but not more."""
    pending: deque[Future[Result]] = deque()
    for function, *arguments in calls:
        pending.append(pool.submit(function, *arguments))
        if len(pending) == AT_ONCE:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _scored_slices(
    kinds: Sequence[ScoredKind], rank: npt.NDArray[np.uint32]
) -> Iterator[tuple[str, int, pl.DataFrame]]:
    """Kind, first row and events of each slice, with its scores and ranks."""
    ranked = 0
    for kind in kinds:
        present = pl.read_parquet_schema(kind.silver)
        columns = [name for name in SCORED_COLUMNS if name in present]
        start = 0
        for events in slices(kind.silver, columns, BUCKET_ROWS):
            rows = slice(start, start + events.height)
            yield (
                kind.kind,
                start,
                events.with_columns(
                    anomaly_score=pl.Series(kind.decision[rows]),
                    ml_score=pl.Series(kind.ml_score[rows]),
                    rank=pl.Series(rank[ranked : ranked + events.height]),
                ),
            )
            start += events.height
            ranked += events.height


def _spill(kind: str, events: pl.DataFrame, stem: Path, buckets: int) -> list[tuple[int, _Run]]:
    """Write the rows of a slice to a file for each bucket they rank in, named after ``stem``."""
    place = (events[_RANK].to_numpy() // BUCKET_ROWS).astype(np.uint16)
    # Together by bucket and otherwise in place: a bucket is put in order once, when it is whole.
    ordered = events[np.argsort(place, kind="stable")]
    cuts = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=buckets))])
    runs = []
    for bucket, (start, stop) in enumerate(pairwise(cuts)):
        if stop > start:
            path = stem.with_name(f"{stem.name}-{bucket}.arrow")
            ordered.slice(start, stop - start).write_ipc(path)
            runs.append((bucket, _Run(kind, path)))
    return runs


def _bucket(runs: list[_Run]) -> pl.DataFrame:
    """A bucket's rows by rank, with all columns; its files are gone afterwards."""
    parts = []
    for run in runs:
        part = pl.read_ipc(run.path).with_columns(kind=pl.lit(run.kind))
        run.path.unlink()
        columns = [
            pl.col(name).cast(dtype) if name in part.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in SCORED_SCHEMA.items()
        ]
        parts.append(part.select(*columns, _RANK))
    rows = pl.concat(parts).sort(_RANK)
    return rows.with_columns(severity=severities("ml_score")).select(SCORED_SCHEMA.names())
