"""Earlier logs as history: which baseline file belongs to which UTC day, and one file a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from tasks.parquet import COMPRESSION_LEVEL, ROW_GROUP
from tasks.sources.days import within
from tasks.sources.ingestion import Part


@dataclass(frozen=True)
class BaselineDay:
    """RAW rows of one kind and one earlier day, in a local file."""

    kind: str
    day: date
    path: Path
    rows: int


def baseline_days(parts: Sequence[Part], folder: Path) -> list[BaselineDay]:
    """The parts of baseline files as days, by kind and day.

    A file belongs to the date of most of its events, and files of one date form one day; a file
    whose events span more than 36 hours is cut at each UTC midnight instead.
    """
    pieces: dict[tuple[str, date], list[tuple[Part, bool]]] = defaultdict(list)
    for part in parts:
        if part.report is None or part.report.days.majority is None:
            continue
        days = part.report.days
        if days.is_one_day:
            pieces[part.kind, part.report.days.majority].append((part, False))
        else:
            for day in sorted(days.counts):
                pieces[part.kind, day].append((part, True))
    found = []
    for (kind, day), of_day in sorted(pieces.items()):
        path, rows = _one_file(kind, day, of_day, folder)
        if rows:
            found.append(BaselineDay(kind, day, path, rows))
    return found


def _one_file(
    kind: str, day: date, pieces: Sequence[tuple[Part, bool]], folder: Path
) -> tuple[Path, int]:
    """One Parquet file of a day, in the order of the files; a lone whole part is it already."""
    (first, first_is_cut), *others = pieces
    if not others and not first_is_cut:
        return first.path, first.rows
    path = folder / f"baseline-{kind}-{day.isoformat()}.parquet"
    scans = [pl.scan_parquet(part.path) for part, _ in pieces]
    cut = [
        scan.filter(within(day)) if is_cut else scan
        for scan, (_, is_cut) in zip(scans, pieces, strict=True)
    ]
    pl.concat(cut).sink_parquet(
        path,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        row_group_size=ROW_GROUP,
        maintain_order=True,
    )
    return path, pl.scan_parquet(path).select(pl.len()).collect().item()
