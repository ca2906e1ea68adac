"""Zeek's TSV logs: conn.log is read, other streams are counted as skipped.

The header may come again in the middle of a file, with other columns; columns may be in any order
or missing. https://docs.zeek.org/en/master/log-formats.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from contracts.events import LABEL_COLUMN
from tasks.sources.addresses import all_addresses
from tasks.sources.compression import Head, count_lines, read_blocks
from tasks.sources.identity import RecordIds
from tasks.sources.skipping import Skipped, stream_kind
from tasks.sources.source import Batch, ReadOptions, rejections
from tasks.sources.zeek_conn import ADDRESSES, FIELDS, from_text, is_sound, raw_frame

_CONN_FIELDS = frozenset({"id.orig_h", "conn_state", "orig_pkts", "missed_bytes"})
"""Tell a connection log that lacks its ``#path``."""


@dataclass(frozen=True)
class _Header:
    """What the ``#`` lines said so far."""

    separator: str = "\t"
    unset: str = "-"
    path: str = ""
    fields: tuple[str, ...] = ()

    def after(self, line: str) -> _Header:
        """This header, changed by one ``#`` line."""
        if line.startswith("#separator"):
            return replace(self, separator=_unescaped(line[len("#separator") :].lstrip(" \t")))
        name, _, value = line.partition(self.separator)
        if name == "#unset_field":
            return replace(self, unset=value)
        if name == "#path":
            return replace(self, path=value)
        if name == "#fields":
            return replace(self, fields=tuple(value.split(self.separator)))
        return self

    @property
    def stream(self) -> str:
        if self.path or not self.fields:
            return self.path
        return "conn" if len(_CONN_FIELDS & set(self.fields)) > 1 else "other"

    @property
    def columns(self) -> dict[str, int]:
        """Position of each field that is read; the first of that name."""
        return {name: self.fields.index(name) for name in FIELDS if name in self.fields}


class ZeekTsv:
    """Zeek TSV with ``#`` header lines."""

    name = "zeek_tsv"

    def recognises(self, head: Head) -> bool:
        first = next((line for line in head.lines if line), "")
        return first.startswith(("#separator", "#fields\t", "#path\t", "#set_separator\t"))

    def read(self, path: Path, options: ReadOptions) -> Iterator[Batch]:
        header, ids = _Header(), RecordIds()
        for first_line, block in read_blocks(path):
            # One byte is found much faster than two, and most blocks hold none.
            if b"#" not in block or not (block.startswith(b"#") or b"\n#" in block):
                yield _records(header, first_line, block, None, ids)
                continue
            for run_header, numbers, lines, comments in _runs(header, first_line, block):
                header = run_header
                joined = b"".join(lines)
                batch = _records(header, first_line, joined, numbers, ids)
                yield replace(batch, lines=batch.lines + comments, header=comments)


def _runs(
    header: _Header, first_line: int, block: bytes
) -> Iterator[tuple[_Header, list[int], list[bytes], int]]:
    """Stretches of one header: (header, line numbers, lines, count of ``#`` lines before them)."""
    numbers: list[int] = []
    lines: list[bytes] = []
    comments = 0
    for number, line in enumerate(block.split(b"\n"), first_line):
        if not line.startswith(b"#"):
            numbers.append(number)
            lines.append(line + b"\n")
            continue
        changed = header.after(line.decode("utf-8", "replace").removesuffix("\r"))
        if changed != header and lines:
            yield header, numbers, lines, comments
            numbers, lines, comments = [], [], 0
        header = changed
        comments += 1
    if lines and lines[-1] == b"\n":
        # What follows the last line end is no line.
        numbers.pop()
        lines.pop()
    yield header, numbers, lines, comments


def _records(
    header: _Header, first_line: int, block: bytes, numbers: list[int] | None, ids: RecordIds
) -> Batch:
    """The records of lines under one header. ``numbers``: their lines; None: consecutive."""
    lines = count_lines(block)
    if not lines:
        return Batch(lines=0)
    if header.stream != "conn":
        return Batch(lines=lines, skipped={stream_kind(header.stream): lines})
    events = _fast(header, block, lines)
    if events is not None:
        return Batch(lines=lines, events={"network": _with_label(header, events)})
    return _careful(header, block, numbers or range(first_line, first_line + lines), ids)


def _fast(header: _Header, block: bytes, lines: int) -> pl.DataFrame | None:
    """RAW rows, or None where any line of the block needs a closer look."""
    columns = header.columns
    last = len(header.fields) - 1
    if len(header.separator) != 1 or not columns.keys() >= {"uid", *ADDRESSES} or last < 1:
        return None
    if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
        return None  # the parser would drop carriage returns within a line as well
    names = {index: name for name, index in columns.items()}
    if FIELDS.get(names.get(last, ""), pl.String()) != pl.String():
        return None
    # A short line shows as a null in its last column, so "-" must not become null there.
    schema = {
        f"{index}": FIELDS.get(names.get(index, ""), pl.String()) for index in range(last + 1)
    }
    read = sorted({*names, last})
    try:
        frame = pl.read_csv(
            block,
            separator=header.separator,
            has_header=False,
            quote_char=None,
            schema=schema,
            columns=read,
            null_values={f"{index}": header.unset for index in names if index != last},
        )
    except (pl.exceptions.PolarsError, ValueError):
        return None
    if frame.height != lines or frame[f"{last}"].null_count():
        return None
    typed = frame.rename({f"{index}": name for index, name in names.items()}).with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in FIELDS.items() if name not in columns
    )
    if last in names:
        value = pl.col(names[last])
        typed = typed.with_columns(pl.when(value != header.unset).then(value).alias(names[last]))
    if typed["uid"].null_count() or not is_sound(typed):
        return None
    if not all(all_addresses(typed[name]) for name in ADDRESSES):
        return None
    return raw_frame(typed)


def _careful(header: _Header, block: bytes, numbers: list[int] | range, ids: RecordIds) -> Batch:
    """The same, line by line as text; what is malformed is rejected with its reason."""
    text = block.decode("utf-8", "replace").removesuffix("\n").split("\n")
    frame = pl.DataFrame({"line": pl.Series(numbers, dtype=pl.Int64), "text": text}).with_columns(
        pl.col("text").str.strip_suffix("\r")
    )
    blank = frame["text"] == ""
    skipped = Skipped()
    skipped.add("blank", int(blank.sum()))
    frame = frame.filter(~blank)
    if not header.fields:
        reason = "no #fields line before this record"
        rows = [(line, reason, text) for line, text in frame.rows()]
        return Batch(lines=len(text), rejected=rejections(rows), skipped=skipped.counts)
    width = len(header.fields)
    parts = pl.col("text").str.split(header.separator)
    cells = pl.col("cells")
    records = frame.with_columns(cells=parts).select(
        "line",
        "text",
        pl.when(cells.list.len() != width)
        .then(pl.format("{} fields instead of {}", cells.list.len(), pl.lit(width)))
        .alias("problem"),
        *(
            cells.list.get(index, null_on_oob=True)
            .replace({header.unset: None, "": None})
            .alias(name)
            for name, index in header.columns.items()
        ),
    )
    events, rejected = from_text(records, ids)
    return Batch(
        lines=len(text),
        events={"network": _with_label(header, events)},
        rejected=rejected,
        skipped=skipped.counts,
    )


def _with_label(header: _Header, events: pl.DataFrame) -> pl.DataFrame:
    return events if LABEL_COLUMN in header.fields else events.drop(LABEL_COLUMN)


def _unescaped(separator: str) -> str:
    """``\\x09`` as the header writes it, or the character itself."""
    found = re.fullmatch(r"\\x([0-9A-Fa-f]{2})", separator.strip(" \t\r"))
    return chr(int(found[1], 16)) if found else separator[:1] or "\t"


SOURCE = ZeekTsv()
