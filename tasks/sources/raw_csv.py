"""CSV files that already have the RAW columns of a kind, in any order.

A header line; comma, semicolon or tab; quoted as RFC 4180. A quoted record may span lines and
counts as one line. ``label`` and ``history`` are taken along, other columns are not read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tasks.errors import InputError
from tasks.sources.compression import Head, read_blocks
from tasks.sources.identity import RecordIds
from tasks.sources.raw_rows import table_kind, table_rows
from tasks.sources.skipping import Skipped
from tasks.sources.source import Batch, ReadOptions, rejections

BATCH_ROWS = 65_536
LONGEST_FIELD_CHARS = 64 * 1024
"""A field that is longer has a quote that is never closed."""
QUOTE = '"'
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class _Layout:
    delimiter: str
    columns: tuple[str, ...]
    kind: str


class RawCsv:
    """CSV with the RAW columns."""

    name = "raw_csv"

    def recognises(self, head: Head) -> bool:
        return bool(head.lines) and _layout(head.lines[0]) is not None

    def read(self, path: Path, options: ReadOptions) -> Iterator[Batch]:
        csv.field_size_limit(LONGEST_FIELD_CHARS)
        lines = _Lines(path)
        layout = _layout(next(lines, ""))
        if layout is None:
            raise InputError(f"{path.name}: line 1: the header has changed meanwhile; run again")
        yield Batch(lines=1, header=1)
        ids = RecordIds()
        while (batch := _next_batch(lines, layout, ids)).lines:
            yield batch


class _Lines(Iterator[str]):
    """Lines with their ends, as the csv module wants them, of which some can be read again."""

    def __init__(self, path: Path) -> None:
        self._lines = (
            line
            for _, block in read_blocks(path)
            for line in io.StringIO(block.decode("utf-8", "replace"), newline="\n")
        )
        self._again: list[str] = []
        self.taken: list[str] = []
        """Lines since ``taken`` was last emptied."""
        self.number = 1
        """Line that comes next."""

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        self.taken.append(line)
        self.number += 1
        return line

    def keep_none(self) -> None:
        """Give back all taken lines."""
        self._again += reversed(self.taken)
        self.number -= len(self.taken)
        self.taken.clear()

    def keep_first(self) -> str:
        """Give back all taken lines but the first, and return that."""
        first, *rest = self.taken
        self._again += reversed(rest)
        self.number -= len(rest)
        return first


def _next_batch(lines: _Lines, layout: _Layout, ids: RecordIds) -> Batch:
    """The next records; a batch without lines at the end.

    A record with a quote that is never closed swallows what follows it: only its first line is
    rejected, and reading goes on with the second.
    """
    numbers: list[int] = []
    texts: list[str] = []
    records: list[list[str]] = []
    rejected: list[tuple[int, str, str]] = []
    skipped = Skipped()
    seen = 0
    for seen in range(1, BATCH_ROWS + 1):
        start, reason, cells = lines.number, "", []
        lines.taken.clear()
        try:
            cells = _cells(lines, layout.delimiter)
        except StopIteration:
            seen -= 1
            break
        except csv.Error as error:
            reason = f"not CSV ({error})"
        if not reason and not cells:
            skipped.add("blank")
            continue
        if not reason and len(cells) != len(layout.columns):
            reason = f"{len(cells)} fields instead of {len(layout.columns)}"
        if reason:
            rejected.append((start, reason, lines.keep_first().rstrip("\r\n")))
        else:
            numbers.append(start)
            texts.append("".join(lines.taken).rstrip("\r\n"))
            records.append(cells)
    frame = pl.DataFrame(
        {name: [cells[index] for cells in records] for index, name in enumerate(layout.columns)},
        schema=dict.fromkeys(layout.columns, pl.String()),
    )
    events, malformed = table_rows(
        frame, layout.kind, pl.Series(numbers, dtype=pl.Int64), texts.__getitem__, ids
    )
    return Batch(
        lines=seen,
        events={layout.kind: events},
        rejected=pl.concat([rejections(rejected), malformed]).sort("line"),
        skipped=skipped.counts,
    )


def _cells(lines: _Lines, delimiter: str) -> list[str]:
    """The next record's fields, none for a blank line. Raises StopIteration and csv.Error."""
    line = next(lines).rstrip("\r\n")
    if QUOTE not in line:
        return line.split(delimiter) if line else []
    lines.keep_none()
    return next(csv.reader(lines, delimiter=delimiter, strict=True))


def _layout(header: str) -> _Layout | None:
    """How the header line splits into the columns of a kind; None where it does not."""
    for delimiter in _DELIMITERS:
        try:
            columns = next(csv.reader([header.strip("\r\n")], delimiter=delimiter), [])
        except csv.Error:
            continue
        names = tuple(name.strip() for name in columns)
        if len(set(names)) == len(names) and (kind := table_kind(names)):
            return _Layout(delimiter, names, kind)
    return None


SOURCE = RawCsv()
