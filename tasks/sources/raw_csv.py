"""CSV files that already have the RAW columns of a kind, in any order.

A header line; comma, semicolon or tab; quoted as RFC 4180. A quoted record may span lines and
counts as one line. ``label`` and ``history`` are taken along, other columns are not read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import InputError
from tasks.sources.compression import Head, read_blocks
from tasks.sources.identity import RecordIds
from tasks.sources.raw_rows import table_kind, table_rows
from tasks.sources.skipping import Skipped
from tasks.sources.source import Batch, ReadOptions, rejections

BATCH_ROWS = 65_536
LONGEST_RECORD_CHARS = 1024 * 1024
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
        ids = RecordIds()
        csv.field_size_limit(LONGEST_RECORD_CHARS)
        lines = _text_lines(path)
        layout = _layout(next(lines, "").removesuffix("\n"))
        if layout is None:
            raise InputError(f"{path.name}: line 1: the header changed while it was read")
        yield Batch(lines=1, header=1)
        # A record of several lines is one: its line is the one that it starts on.
        reader = csv.reader(lines, delimiter=layout.delimiter, strict=True)
        width = len(layout.columns)
        start, more = 2, True
        while more:
            records: list[tuple[int, list[str]]] = []
            rejected: list[tuple[int, str, str]] = []
            skipped = Skipped()
            seen = 0
            while seen < BATCH_ROWS:
                try:
                    cells = next(reader)
                except StopIteration:
                    more = False
                    break
                except csv.Error as error:
                    rejected.append((start, f"not CSV: {error}", ""))
                    seen, start = seen + 1, reader.line_num + 2
                    continue
                seen += 1
                if not cells:
                    skipped.add("blank")
                elif len(cells) != width:
                    reason = f"{len(cells)} fields instead of {width}"
                    rejected.append((start, reason, layout.delimiter.join(cells)))
                else:
                    records.append((start, cells))
                start = reader.line_num + 2
            yield _csv_batch(layout, records, rejected, skipped, seen, ids)


def _csv_batch(
    layout: _Layout,
    records: Sequence[tuple[int, list[str]]],
    rejected: list[tuple[int, str, str]],
    skipped: Skipped,
    seen: int,
    ids: RecordIds,
) -> Batch:
    columns: dict[str, Any] = {
        name: [cells[index] for _, cells in records] for index, name in enumerate(layout.columns)
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(layout.columns, pl.String()))
    lines = pl.Series("line", [line for line, _ in records], dtype=pl.Int64)
    text = pl.Series("text", [layout.delimiter.join(cells) for _, cells in records], pl.String)
    events, malformed = table_rows(frame, layout.kind, lines, text, ids)
    return Batch(
        lines=seen,
        events={layout.kind: events},
        rejected=pl.concat([rejections(rejected), malformed]).sort("line"),
        skipped=skipped.counts,
    )


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


def _text_lines(path: Path) -> Iterator[str]:
    """Lines with their ends, as the csv module wants them."""
    for _, block in read_blocks(path):
        yield from io.StringIO(block.decode("utf-8", "replace"), newline="\n")


SOURCE = RawCsv()
