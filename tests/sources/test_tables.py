"""CSV and Parquet with the RAW columns."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from contracts.events import RAW_COLUMNS
from tasks.errors import InputError
from tests.sources.reading import conn_header, conn_row, read_file, read_text

AUTH_HEADER = "event_id,timestamp,user,src_ip,host,method,outcome,logon_type,reason,sensor\n"
AUTH_ROW = "e1,2026-11-20T08:00:00Z,eve,192.0.2.7,bastion,password,failure,network,,sshd\n"


def flows(folder: Path) -> pl.DataFrame:
    text = conn_header() + conn_row(uid="A") + conn_row(uid="B", service="-", orig_bytes="-")
    return read_text(folder, text).network


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_was_written_as_csv_reads_back_equal(tmp_path: Path, delimiter: str) -> None:
    frame = flows(tmp_path)
    text = frame.write_csv(separator=delimiter)
    again = read_text(tmp_path, text).network
    assert again.equals(frame)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_was_written_as_parquet_reads_back_equal(tmp_path: Path, pack: Any) -> None:
    frame = flows(tmp_path)
    written = io.BytesIO()
    frame.select(reversed(frame.columns)).write_parquet(written)
    again = read_text(tmp_path, pack(written.getvalue())).network
    assert again.select(frame.columns).equals(frame)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-20T08:00:00.5Z", datetime(2026, 11, 20, 8, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-20 08:00:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20 08:00:00+02:00", datetime(2026, 11, 20, 6, tzinfo=UTC)),
        ("2026-11-20T08:00:00-0530", datetime(2026, 11, 20, 13, 30, tzinfo=UTC)),
        ("1763625600", datetime(2025, 11, 20, 8, tzinfo=UTC)),
        ("1763625600.25", datetime(2025, 11, 20, 8, 0, 0, 250000, tzinfo=UTC)),
    ],
)
def test_times_are_iso_or_seconds(tmp_path: Path, written: str, moment: datetime) -> None:
    text = AUTH_HEADER + AUTH_ROW.replace("2026-11-20T08:00:00Z", written)
    assert read_text(tmp_path, text).auth["timestamp"].to_list() == [moment]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("too,short\n", "2 fields instead of 10"),
        (AUTH_ROW.replace("2026", "soon"), "timestamp cannot be read as Datetime"),
        (AUTH_ROW.replace("192.0.2.7", "here"), "src_ip is not an IP address"),
        (AUTH_ROW.replace("failure", "perhaps"), "outcome is neither success nor failure"),
        (AUTH_ROW.replace("2026-11-20T08:00:00Z", ""), "timestamp is missing"),
    ],
)
def test_malformed_rows_are_rejected_alone(tmp_path: Path, row: str, reason: str) -> None:
    reading = read_text(tmp_path, AUTH_HEADER + AUTH_ROW + row + AUTH_ROW)
    assert [(line, text) for line, _, text in reading.rejected] == [(3, row.rstrip("\n"))]
    assert reading.reasons[3].startswith(reason)
    assert (reading.auth.height, reading.adds_up) == (2, True)


def test_quoted_fields_may_hold_anything(tmp_path: Path) -> None:
    row = AUTH_ROW.replace(",eve,", ',"two\nlines, a ""quote""",')
    reading = read_text(tmp_path, AUTH_HEADER + row + AUTH_ROW)
    assert reading.auth["user"].to_list() == ['two\nlines, a "quote"', "eve"]


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path: Path) -> None:
    stray = AUTH_ROW.replace(",eve,", ',"eve,')
    text = AUTH_HEADER + AUTH_ROW + stray + AUTH_ROW * 2000
    reading = read_text(tmp_path, text)
    assert set(reading.reasons) == {3}
    assert reading.auth.height == 2001
    assert reading.adds_up


def test_an_empty_user_is_a_name_and_an_empty_reason_is_unknown(tmp_path: Path) -> None:
    row = read_text(tmp_path, AUTH_HEADER + AUTH_ROW.replace("eve", "")).auth.row(0, named=True)
    assert (row["user"], row["reason"]) == ("", None)


def test_rows_without_id_get_ids_that_a_rerun_repeats(tmp_path: Path) -> None:
    text = (AUTH_HEADER + AUTH_ROW * 3).replace("event_id,", "").replace("e1,", "")
    ids = read_text(tmp_path, text).auth["event_id"]
    assert ids.n_unique() == 3
    assert read_text(tmp_path, text).auth["event_id"].equals(ids)


def test_types_that_pandas_makes_of_unknown_values_are_understood(tmp_path: Path) -> None:
    frame = flows(tmp_path).with_columns(
        pl.col("src_port", "bytes").cast(pl.Float64),
        pl.col("timestamp").dt.replace_time_zone(None),
    )
    path = tmp_path / "table"
    frame.write_parquet(path)
    assert read_file(path).network.equals(flows(tmp_path))


def test_out_of_range_values_of_a_parquet_row_are_rejected(tmp_path: Path) -> None:
    frame = flows(tmp_path).with_columns(pl.col("src_port").cast(pl.Int64) * 1000)
    path = tmp_path / "table"
    frame.write_parquet(path)
    reading = read_file(path)
    assert reading.reasons == dict.fromkeys((1, 2), "src_port cannot be read as UInt16")


def test_a_damaged_parquet_file_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "table"
    flows(tmp_path).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"^table: row 1: the Parquet file cannot be read.*again$"):
        read_file(path)


def test_every_contract_column_of_auth_is_read(tmp_path: Path) -> None:
    frame = read_text(tmp_path, AUTH_HEADER + AUTH_ROW).auth
    assert {name: str(dtype) for name, dtype in frame.schema.items()} == {
        name: dtype.replace("(us, UTC)", "(time_unit='us', time_zone='UTC')")
        for name, dtype in RAW_COLUMNS["auth"].items()
    }
