"""Every real conn.log and auth.log is read exactly as a dumb reader reads it, field by field."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.sources import oracles
from tests.sources.reading import Reading, read_file

COMPARED = 200
TSV = (
    "zeek/001-zeek-scenario-malicious/conn.log.gz",
    "zeek/001-zeek-scenario-malicious/labeled-conn.log.gz",
    "zeek/008-zeek-mixed/conn.log.labeled.gz",
    "zeek/010-zeek-mixed/conn.log.labeled.gz",
    "zeek/zat/conn.log.gz",
    "zeek/zat/conn_date_issue.log.gz",
)
JSON = (
    "zeek/002-zeek-scenario-port-scanning/conn.log.gz",
    "zeek/zat/json/conn.log.gz",
)
DURATION_TOLERANCE_SECONDS = 1e-9


def same_records(frame: pl.DataFrame, expected: list[dict[str, Any]], seed: str) -> None:
    """Same number in the same order, and a random sample equal in every field."""
    assert frame.height == len(expected)
    chosen = random.Random(seed).sample(range(len(expected)), min(COMPARED, len(expected)))
    for index in chosen:
        row = frame.row(index, named=True)
        for column, value in expected[index].items():
            if isinstance(value, float):
                assert row[column] == pytest.approx(value, abs=DURATION_TOLERANCE_SECONDS)
            else:
                assert row[column] == value, (index, column)


@pytest.mark.parametrize("name", TSV)
def test_tsv_is_read_as_line_by_line(shared_data: Path, name: str) -> None:
    expected, counts = oracles.zeek_tsv(shared_data / name)
    reading = read_file(shared_data / name)
    same_records(reading.network, expected, name)
    assert reading.header == counts.pop("header")
    assert (reading.rejected, reading.skipped) == ([], dict(counts))
    assert reading.adds_up


@pytest.mark.parametrize("name", JSON)
def test_json_is_read_as_line_by_line(shared_data: Path, name: str) -> None:
    expected, _ = oracles.zeek_json(shared_data / name)
    reading = read_file(shared_data / name)
    same_records(reading.network, expected, name)
    assert (reading.rejected, reading.skipped) == ([], {})
    assert reading.adds_up


def test_auth_log_is_read_as_line_by_line(shared_data: Path) -> None:
    path = shared_data / "sshd" / "auth.log.gz"
    expected, counts = oracles.sshd(path, 2017)
    reading = read_file(path, year=2017)
    same_records(reading.auth, expected, "sshd")
    assert reading.repeated == counts.pop("repeated")
    assert reading.skipped == dict(counts)
    assert reading.rejected == []
    assert reading.adds_up
    assert reading.auth["event_id"].is_unique().all()


def test_other_streams_are_skipped_line_for_line(shared_data: Path) -> None:
    for path in sorted((shared_data / "zeek").rglob("*.gz")):
        if "conn" in path.name or "corrupt" in path.name or "labels" in path.name:
            continue
        if path.name == "loaded_scripts.log.gz":  # neither time nor stream: no one could know it
            continue
        reading = read_file(path)
        records = [line for line in oracles.lines_of(path) if not line.startswith(b"#")]
        assert sum(reading.skipped.values()) == len(records), path.name
        assert events_of(reading) == 0
        assert all(kind.startswith("zeek:") for kind in reading.skipped), path.name


def events_of(reading: Reading) -> int:
    return sum(frame.height for frame in reading.events.values())
