"""What every log format does: recognise itself by content, and turn a file into RAW batches.

A new format is one module in this package with a module constant ``SOURCE`` that is a ``Source``;
``tasks.sources.detection`` finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from contracts.events import LABEL_COLUMN, RAW_COLUMNS
from tasks.parquet import polars_type
from tasks.sources.compression import Head

REJECTED_TEXT_CHARS = 500
"""Longest start of a rejected record that is kept."""
HISTORY_COLUMN = "history"
"""Zeek's connection history, a nullable column of network RAW after the contract's (and label)."""
REJECTED_SCHEMA = pl.Schema({"line": pl.Int64(), "reason": pl.String(), "text": pl.String()})


@dataclass(frozen=True)
class ReadOptions:
    """What a reader may need to know beyond the bytes."""

    created: datetime
    """When the run was planned: lines without a year are not later than this."""
    year: int | None = None
    """Year of the first line of logs that carry none; None: the latest not in the future."""


@dataclass(frozen=True)
class Batch:
    """What one stretch of a file held.

    Every line is in exactly one count: ``lines + repeated == header + events + rejected + skipped``
    where ``repeated`` are events beyond the first that one line stands for.
    """

    lines: int
    events: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """RAW frame by kind: columns as ``raw_schema``; ``label`` only where the file has labels."""
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED_SCHEMA))
    """``line`` (from 1 in the unpacked file), ``reason``, ``text``."""
    header: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Recognised and not read, by kind (``zeek:dns``, ``syslog:CRON``, ``blank``)."""
    repeated: int = 0


class Source(Protocol):
    """A log format."""

    name: str

    def recognises(self, head: Head) -> bool:
        """Whether a file that begins like this is of the format. Exactly one source says yes."""
        ...

    def read(self, path: Path, options: ReadOptions) -> Iterator[Batch]:
        """The file's batches, in the order of its lines, in bounded memory.

        Raises ``tasks.errors.InputError`` for a file that is damaged as a whole (cut short).
        """
        ...


def raw_schema(kind: str, *, labelled: bool) -> pl.Schema:
    """Columns of a RAW file: the contract's, ``label`` where the run has any, ``history``."""
    columns: dict[str, pl.DataType] = {
        name: polars_type(dtype) for name, dtype in RAW_COLUMNS[kind].items()
    }
    if labelled:
        columns[LABEL_COLUMN] = pl.String()
    if kind == "network":
        columns[HISTORY_COLUMN] = pl.String()
    return pl.Schema(columns)


def in_raw_shape(frame: pl.DataFrame, kind: str, *, labelled: bool) -> pl.DataFrame:
    """The columns of ``raw_schema``, in order; a column that the frame lacks is null."""
    return frame.select(
        pl.col(name) if name in frame.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in raw_schema(kind, labelled=labelled).items()
    )


def rejections(rows: Sequence[tuple[int, str, str]]) -> pl.DataFrame:
    """A ``Batch.rejected`` frame of (line, reason, text), the text shortened."""
    cut = [(line, reason, text[:REJECTED_TEXT_CHARS]) for line, reason, text in rows]
    return pl.DataFrame(cut, schema=REJECTED_SCHEMA, orient="row")
