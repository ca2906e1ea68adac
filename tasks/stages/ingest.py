"""Landed logs → one RAW file a kind, the rejected records, and the earlier days of the baseline."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import date
from typing import Any

from contracts.layers import RAW_BUCKET, REJECTED_NAME, raw_events_name
from contracts.manifest import Artifact
from contracts.plan import InputFile
from tasks.errors import InputError
from tasks.sources.baseline_days import baseline_days
from tasks.sources.days import DayCounts
from tasks.sources.ingestion import FileReport, Ingested, LogFile, ingest_files
from tasks.sources.source import ReadOptions
from tasks.stage import StageContext, StageOutcome

FORMATS = (
    "Zeek conn.log as TSV or JSON, sshd lines in syslog (auth.log), CSV or Parquet with the RAW"
    " columns; plain, .gz or .zst"
)
_FILES_NAMED = 3


def run(context: StageContext) -> StageOutcome:
    """Read every input of the plan; each line is an event, rejected, or skipped and counted.

    Raises InputError where no input holds an event, a file is damaged, or more than
    ``max_rejected_share`` of the records are malformed (they are stored first).
    """
    plan = context.plan
    if all(file.baseline for file in plan.inputs):
        raise InputError("the run has no input file; name logs with --input or land some")
    files = [
        LogFile(name, context.fetch_input(file), file.sha256, file.baseline)
        for file, name in zip(plan.inputs, readable_names(plan.inputs), strict=True)
    ]
    ingested = ingest_files(
        files,
        context.workdir,
        ReadOptions(created=plan.created, year=plan.parameters.year),
        day=plan.day,
        progress=_progress(context.log),
    )
    outputs: list[Artifact] = []
    if ingested.rejected is not None:
        outputs.append(
            context.publish_file(
                ingested.rejected.path,
                RAW_BUCKET,
                REJECTED_NAME,
                role="rejected",
                rows=ingested.rejected.rows,
            )
        )
    where = outputs[0].location if outputs else ""
    check_rejected_share(ingested.reports, plan.parameters.max_rejected_share, where)
    check_events(ingested, plan.day)
    counts = DayCounts()
    for report in ingested.reports:
        if not report.baseline:
            counts.merge(report.days.counts)
    day = str(plan.day or counts.majority)
    outputs += [
        context.publish_file(
            part.path,
            RAW_BUCKET,
            raw_events_name(part.kind),
            role="raw",
            kind=part.kind,
            day=day,
            rows=part.rows,
        )
        for part in ingested.raw
    ]
    outputs += [
        context.publish_file(
            earlier.path,
            RAW_BUCKET,
            raw_events_name(earlier.kind),
            role="baseline_raw",
            kind=earlier.kind,
            day=str(earlier.day),
            rows=earlier.rows,
        )
        for earlier in baseline_days(ingested.baseline, context.workdir)
    ]
    return _outcome(ingested, outputs, plan.parameters.max_rejected_share)


def readable_names(inputs: Sequence[InputFile]) -> list[str]:
    """The files' names, with as much of their folders as tells files of one name apart."""
    names = [file.name for file in inputs]
    if len(set(names)) == len(names):
        return names
    common = os.path.commonpath([os.path.dirname(file.location) or "/" for file in inputs])  # noqa: PTH120
    return [file.location.removeprefix(common).lstrip("/") for file in inputs]


def check_rejected_share(reports: Sequence[FileReport], most: float, where: str) -> None:
    """Raise InputError if more than ``most`` of the run's events and rejections are rejections."""
    rejected = sum(report.rejected for report in reports)
    records = rejected + sum(_records(report) for report in reports)
    if not rejected or rejected <= most * records:
        return
    worst = max(reports, key=lambda report: report.rejected)
    line, reason = worst.first_rejection or (1, "malformed")
    raise InputError(
        f"{worst.file}: line {line}: {reason}; {rejected} of {records} records of the run are"
        f" malformed ({rejected / records:.1%}, at most {most:.1%} may be), {worst.rejected} of"
        f" them in this file; all are kept in {where}: mend or leave out the file, or allow more"
        " with max_rejected_share"
    )


def check_events(ingested: Ingested, day: date | None) -> None:
    """Raise InputError if no input, or no baseline where there is one, holds an event."""
    for name, parts in (("input", ingested.raw), ("baseline", ingested.baseline)):
        reports = [report for report in ingested.reports if report.baseline == (name == "baseline")]
        if reports and not parts:
            raise InputError(_no_event(name, reports, day))


def _no_event(name: str, reports: Sequence[FileReport], day: date | None) -> str:
    unread = [report for report in reports if report.skipped_as]
    if len(unread) == len(reports):
        first = unread[0]
        others = f" (and {len(unread) - 1} more files like it)" if len(unread) > 1 else ""
        return f"{first.file}: line 1: {first.note}{others}; name a log that is known: {FORMATS}"
    dates = sorted({str(found) for report in reports for found in report.days.counts})
    if name == "input" and day is not None and dates:
        span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        return f"{reports[0].file}: line 1: no event on {day}, the events are of {span}; choose one"
    named = [f"{report.file}: {_content(report)}" for report in reports[:_FILES_NAMED]]
    more = f"; and {len(reports) - _FILES_NAMED} more" if len(reports) > _FILES_NAMED else ""
    return (
        f"no {name} file holds an event ({'; '.join(named)}{more}); name a log with some: {FORMATS}"
    )


def _content(report: FileReport) -> str:
    if report.skipped_as:
        return report.skipped_as
    kinds = [f"{count} {kind}" for kind, count in report.skipped.items()]
    kinds += [f"{report.rejected} rejected"] if report.rejected else []
    return f"line 1: {report.lines} lines, {', '.join(kinds) or 'a header only'}"


def _records(report: FileReport) -> int:
    """Events of a file, those of other days too."""
    return sum(report.days.counts.values())


def _progress(log: Any) -> Any:
    """Log each file as it is done; a file that is not read is a warning."""
    clock = time.perf_counter()

    def done(report: FileReport) -> None:
        nonlocal clock
        seconds, clock = round(time.perf_counter() - clock, 3), time.perf_counter()
        if report.skipped_as:
            log.warning(
                "file skipped", file=report.file, kind=report.skipped_as, reason=report.note
            )
        else:
            events = sum(report.events.values())
            log.info(
                "file read",
                file=report.file,
                format=report.format,
                rows=events,
                rejected=report.rejected,
                skipped=sum(report.skipped.values()),
                seconds=seconds,
            )

    return done


def _outcome(ingested: Ingested, outputs: list[Artifact], most: float) -> StageOutcome:
    """Counts of today's files; the baseline's are figures beside."""
    today = _counts([report for report in ingested.reports if not report.baseline])
    earlier = _counts([report for report in ingested.reports if report.baseline])
    return StageOutcome(
        outputs=outputs,
        **today,
        parameters={"max_rejected_share": most},
        figures={
            "baseline": earlier,
            "files": [report.figures() for report in ingested.reports],
        },
    )


def _counts(reports: Sequence[FileReport]) -> dict[str, Any]:
    """``rows_in`` = ``rows_out`` + ``rows_rejected`` + the lines among ``rows_skipped``."""
    skipped: dict[str, int] = {}
    for report in reports:
        whole = {report.skipped_as: 1} if report.skipped_as else {}
        for kind, count in (*report.skipped.items(), *whole.items()):
            skipped[kind] = skipped.get(kind, 0) + count
    return {
        "rows_in": sum(report.lines + report.repeated - report.header for report in reports),
        "rows_out": sum(sum(report.events.values()) for report in reports),
        "rows_rejected": sum(report.rejected for report in reports),
        "rows_skipped": skipped,
    }
