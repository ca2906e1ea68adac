"""Read many log files into one RAW file a kind, the earlier days apart, and account for each line.

Works on local paths; nothing here knows of plans or storage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from contracts.events import LABEL_COLUMN, REJECTED_COLUMNS
from tasks.errors import InputError
from tasks.parquet import polars_type
from tasks.sources.compression import Head, read_blocks
from tasks.sources.days import DayCounts, within
from tasks.sources.detection import detect
from tasks.sources.frame_file import FrameFile
from tasks.sources.skipping import Skipped
from tasks.sources.source import Batch, ReadOptions, in_raw_shape, raw_schema

REJECTED_SCHEMA = pl.Schema({name: polars_type(dtype) for name, dtype in REJECTED_COLUMNS.items()})
UNKNOWN, EMPTY, DAMAGED, DUPLICATE = "unknown", "empty", "damaged", "duplicate_file"
OUT_OF_DAY = "out_of_day"


@dataclass(frozen=True)
class LogFile:
    """One input: the name that people know it by, where its bytes are, and their SHA-256."""

    name: str
    path: Path
    digest: str
    baseline: bool = False


@dataclass
class FileReport:
    """What became of the lines of one file.

    ``lines + repeated == header + sum(events) + rejected + sum(skipped)``.
    """

    file: str
    baseline: bool
    format: str | None = None
    lines: int = 0
    repeated: int = 0
    header: int = 0
    events: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_as: str | None = None
    """Why the file as a whole is not read (further): unknown, empty, damaged, duplicate_file."""
    note: str = ""
    first_rejection: tuple[int, str] | None = None
    """Line and reason."""
    days: DayCounts = field(default_factory=DayCounts)
    """Of the events before the day was cut out."""

    def figures(self) -> dict[str, Any]:
        """For the manifest."""
        hidden = ("first_rejection", "days", "note")
        return {name: value for name, value in vars(self).items() if name not in hidden}


@dataclass(frozen=True)
class Part:
    """RAW rows of one kind in one local file."""

    kind: str
    path: Path
    rows: int
    report: FileReport | None = None
    """The baseline file that it is of; None: of all of today's files."""


@dataclass
class Ingested:
    """Everything that reading produced."""

    raw: list[Part]
    baseline: list[Part]
    rejected: Part | None
    reports: list[FileReport]


class _LabelSeen(Exception):
    """A kind has labels after all: the RAW files need the column from their first row on."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def ingest_files(
    files: Sequence[LogFile],
    folder: Path,
    options: ReadOptions,
    *,
    day: date | None,
    progress: Callable[[FileReport], None],
) -> Ingested:
    """Read the files, in order, into RAW files in ``folder``. Same files, same bytes.

    ``day``: rows of other UTC days count as skipped ``out_of_day``, but for baselines. Raises
    InputError for a file that is damaged.
    """
    labelled = _labelled_kinds(files, folder, options)
    while True:
        try:
            return _Reading(folder, options, day, labelled, progress).read(files)
        except _LabelSeen as seen:
            labelled |= {seen.kind}


class _Reading:
    """One pass over all files, the RAW columns being settled."""

    def __init__(
        self,
        folder: Path,
        options: ReadOptions,
        day: date | None,
        labelled: frozenset[str],
        progress: Callable[[FileReport], None],
    ) -> None:
        self._folder, self._options, self._day = folder, options, day
        self._labelled, self._progress = labelled, progress
        self._known: dict[tuple[str, bool], str] = {}
        self._rejected = FrameFile(folder / "rejected.parquet", REJECTED_SCHEMA)

    def read(self, files: Sequence[LogFile]) -> Ingested:
        reports: list[FileReport] = []
        baseline: list[Part] = []
        with ExitStack() as stack:
            stack.enter_context(self._rejected)
            today = _Writers(stack, self._folder, "raw", self._labelled)
            for number, file in enumerate(files):
                report = FileReport(file.name, file.baseline)
                reports.append(report)
                if not file.baseline:
                    self._read_file(file, report, today, self._day)
                else:
                    with ExitStack() as own:
                        name = f"baseline-{number}"
                        writers = _Writers(own, self._folder, name, self._labelled)
                        self._read_file(file, report, writers, None)
                    baseline += writers.parts(report)
                self._progress(report)
        rejected = self._rejected
        return Ingested(
            raw=today.parts(None),
            baseline=baseline,
            rejected=Part("", rejected.path, rejected.rows) if rejected.rows else None,
            reports=reports,
        )

    def _read_file(
        self, file: LogFile, report: FileReport, writers: _Writers, day: date | None
    ) -> None:
        key = (file.digest, file.baseline)
        if key in self._known:
            report.skipped_as, report.note = DUPLICATE, f"same content as {self._known[key]}"
            return
        self._known[key] = file.name
        head, source = detect(file.path)
        if source is None:
            if not head.data:
                _unpack_or_raise(file)
            report.skipped_as = UNKNOWN if head.data else EMPTY
            report.note = _what_it_is(head)
            return
        report.format = source.name
        try:
            for batch in source.read(file.path, self._options):
                self._account(batch, report)
                for kind, frame in batch.events.items():
                    self._keep(kind, frame, report, writers, day)
        except InputError as error:
            # A damaged log of a stream that is not read is no reason to refuse a whole folder.
            if not report.lines or any(report.events.values()) or report.rejected:
                raise _named(error, file) from error
            report.skipped_as, report.note = DAMAGED, str(_named(error, file))

    def _keep(
        self,
        kind: str,
        frame: pl.DataFrame,
        report: FileReport,
        writers: _Writers,
        day: date | None,
    ) -> None:
        """Count a frame of events and write those of the day."""
        report.days.add(frame["timestamp"])
        if frame.height and LABEL_COLUMN in frame.columns and kind not in self._labelled:
            raise _LabelSeen(kind)
        kept = frame if day is None else frame.filter(within(day))
        if beyond := frame.height - kept.height:
            report.skipped[OUT_OF_DAY] = report.skipped.get(OUT_OF_DAY, 0) + beyond
        report.events[kind] = report.events.get(kind, 0) + kept.height
        writers.append(kind, kept)

    def _account(self, batch: Batch, report: FileReport) -> None:
        report.lines += batch.lines
        report.header += batch.header
        report.repeated += batch.repeated
        report.rejected += batch.rejected.height
        skipped = Skipped(report.skipped)
        skipped.merge(batch.skipped)
        if not batch.rejected.height:
            return
        if report.first_rejection is None:
            line, reason, _ = batch.rejected.row(0)
            report.first_rejection = (line, reason)
        named = batch.rejected.select(
            pl.lit(report.file).alias("file"), *(name for name in REJECTED_SCHEMA if name != "file")
        )
        self._rejected.append(named)


class _Writers:
    """One open RAW file a kind, opened when the first of its events comes."""

    def __init__(self, stack: ExitStack, folder: Path, name: str, labelled: frozenset[str]) -> None:
        self._stack, self._folder, self._name = stack, folder, name
        self._labelled = labelled
        self._files: dict[str, FrameFile] = {}

    def append(self, kind: str, frame: pl.DataFrame) -> None:
        if not frame.height:
            return
        labelled = kind in self._labelled
        if kind not in self._files:
            path = self._folder / f"{self._name}-{kind}.parquet"
            file = FrameFile(path, raw_schema(kind, labelled=labelled))
            self._files[kind] = self._stack.enter_context(file)
        self._files[kind].append(in_raw_shape(frame, kind, labelled=labelled))

    def parts(self, report: FileReport | None) -> list[Part]:
        return [
            Part(kind, file.path, file.rows, report) for kind, file in sorted(self._files.items())
        ]


def _named(error: InputError, file: LogFile) -> InputError:
    """The same error, naming the file as people know it and not its local copy."""
    return InputError(f"{file.name}{str(error).removeprefix(file.path.name)}")


def _unpack_or_raise(file: LogFile) -> None:
    """Raise InputError for a packed file that cannot even begin to be unpacked."""
    try:
        for _ in read_blocks(file.path):
            return
    except InputError as error:
        raise _named(error, file) from error


def _labelled_kinds(files: Sequence[LogFile], folder: Path, options: ReadOptions) -> frozenset[str]:
    """Kinds with labels as far as the files' beginnings show; the rest shows while reading."""
    found: set[str] = set()
    beginning = folder / "beginning"
    for file in files:
        head, source = detect(file.path)
        if source is None or b"label" not in head.data:
            continue
        beginning.write_bytes(head.data[: head.data.rfind(b"\n") + 1])
        with suppress(InputError):  # raised again, if need be, where the whole file is read
            for batch in source.read(beginning, options):
                found |= {
                    kind
                    for kind, frame in batch.events.items()
                    if frame.height and LABEL_COLUMN in frame.columns
                }
    return frozenset(found)


def _what_it_is(head: Head) -> str:
    """Why a file without a known format is not read."""
    if not head.data:
        return "the file is empty"
    if b"\0" in head.data:
        return "binary data, not a log"
    return "not a known log format"
