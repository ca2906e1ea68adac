"""Read a file or text through detection, as ingest does, and gather everything it held."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tasks.sources.detection import detect
from tasks.sources.source import ReadOptions

CREATED = datetime(2026, 11, 21, 12, tzinfo=UTC)

CONN_FIELDS = [
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service",
    "duration", "orig_bytes", "resp_bytes", "conn_state", "local_orig", "local_resp",
    "missed_bytes", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes",
    "tunnel_parents",
]  # fmt: skip
CONN_ROW = [
    "1655071198.444458", "CHLXQF2OBY4onAR0Ug", "147.32.81.167", "62771", "40.74.108.123", "443",
    "tcp", "ssl", "1.135424", "1596", "4039", "SF", "T", "F", "0", "ShADdaFf", "14", "1016", "16",
    "1226", "(empty)",
]  # fmt: skip


@dataclass
class Reading:
    """All that a file held, and the identity that its counts must keep."""

    format: str
    events: dict[str, pl.DataFrame] = field(default_factory=dict)
    rejected: list[tuple[int, str, str]] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    header: int = 0
    repeated: int = 0

    @property
    def network(self) -> pl.DataFrame:
        return self.events["network"]

    @property
    def auth(self) -> pl.DataFrame:
        return self.events["auth"]

    @property
    def reasons(self) -> dict[int, str]:
        return {line: reason for line, reason, _ in self.rejected}

    @property
    def adds_up(self) -> bool:
        events = sum(frame.height for frame in self.events.values())
        known = self.header + events + len(self.rejected) + sum(self.skipped.values())
        return self.lines + self.repeated == known


def read_file(path: Path, *, year: int | None = None, created: datetime = CREATED) -> Reading:
    _, source = detect(path)
    assert source is not None, f"{path} is of no known format"
    reading = Reading(source.name)
    frames: dict[str, list[pl.DataFrame]] = {}
    for batch in source.read(path, ReadOptions(created=created, year=year)):
        for kind, frame in batch.events.items():
            frames.setdefault(kind, []).append(frame)
        reading.rejected += batch.rejected.rows()
        reading.lines += batch.lines
        reading.header += batch.header
        reading.repeated += batch.repeated
        for kind, count in batch.skipped.items():
            reading.skipped[kind] = reading.skipped.get(kind, 0) + count
    reading.events = {
        kind: pl.concat(found, how="diagonal") for kind, found in frames.items() if found
    }
    return reading


def read_text(
    folder: Path, text: str | bytes, *, year: int | None = None, created: datetime = CREATED
) -> Reading:
    path = folder / "any-name"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_file(path, year=year, created=created)


def conn_header(fields: list[str] | None = None, *, path: str = "conn", unset: str = "-") -> str:
    names = fields or CONN_FIELDS
    return (
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n"
        f"#unset_field\t{unset}\n#path\t{path}\n#open\t2022-06-17-00-00-07\n"
        + "\t".join(["#fields", *names])
        + "\n"
        + "\t".join(["#types", *("string" for _ in names)])
        + "\n"
    )


def conn_row(**changes: str) -> str:
    """One TSV record; keyword names are the fields with ``_`` for the dot (``id_orig_h``)."""
    names = {name.replace(".", "_"): index for index, name in enumerate(CONN_FIELDS)}
    cells = list(CONN_ROW)
    for name, value in changes.items():
        cells[names[name]] = value
    return "\t".join(cells) + "\n"
