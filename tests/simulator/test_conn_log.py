"""conn.log is what Zeek would write: header, order, and fields that agree with one another."""

from __future__ import annotations

import gzip
import ipaddress
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tasks.simulator import SimulatedDay, simulate_day
from tests.simulator.raw_columns import read_conn_log
from tests.simulator.zeek_rules import broken

OUTSIDE = [
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")
]


@pytest.fixture(scope="module")
def flows(wednesday: SimulatedDay) -> pl.DataFrame:
    return read_conn_log(wednesday.conn_log)


def _unpack(packed: Path, folder: Path) -> Path:
    plain = folder / packed.stem
    with gzip.open(packed) as source, plain.open("wb") as target:
        shutil.copyfileobj(source, target)
    return plain


def test_the_fields_of_every_row_agree(flows: pl.DataFrame) -> None:
    assert broken(flows) == {}


def test_the_rules_hold_on_a_log_that_zeek_wrote(shared_data: Path, tmp_path: Path) -> None:
    real = read_conn_log(_unpack(shared_data / "zeek" / "zat" / "conn.log.gz", tmp_path))
    handshakes = real.filter(~pl.col("history").fill_null("-").str.contains("^[^ShDd-]"))
    assert len(handshakes) > 300
    # That capture lost packets: then bytes (from sequence numbers) and letters disagree.
    assert all(count < 0.05 * len(handshakes) for count in broken(handshakes).values())


def test_the_header_is_that_of_a_real_log(shared_data: Path, wednesday: SimulatedDay) -> None:
    packed = shared_data / "zeek" / "001-zeek-scenario-malicious" / "conn.log.gz"
    with gzip.open(packed, "rt") as lines:
        real = [next(lines) for _ in range(8)]
    with wednesday.conn_log.open() as lines:
        simulated = [next(lines) for _ in range(8)]
    assert simulated[:5] == real[:5]
    assert simulated[5] == "#open\t2026-11-18-00-00-00\n"
    assert simulated[6:] == real[6:]
    assert wednesday.conn_log.read_text().endswith("\n#close\t2026-11-19-00-00-00\n")


def test_rows_come_as_connections_end(flows: pl.DataFrame) -> None:
    midnight = pl.lit(1795046400.0)  # 2026-11-19 UTC, when everything open is flushed
    linger = pl.when(proto="tcp").then(5).otherwise(60)
    ends = pl.col("ts") + pl.col("duration").fill_null(0) + linger
    logged = flows.select(pl.min_horizontal(ends, midnight))["ts"]
    assert (logged.diff().drop_nulls() > -1e-3).all()
    assert not flows["ts"].is_sorted()


def test_locality_follows_from_the_address(flows: pl.DataFrame) -> None:
    for address, local in (("id.orig_h", "local_orig"), ("id.resp_h", "local_resp")):
        for text, flag in flows.select(address, local).unique().iter_rows():
            ip = ipaddress.ip_address(text)
            inside = text.startswith("10.") or ip.is_link_local
            assert (flag == "T") == inside, text
            group = ip.is_multicast or text in ("255.255.255.255", "0.0.0.0")
            assert inside or group or any(ip in net for net in OUTSIDE), text


def test_names_are_unique_and_shaped_like_zeeks(flows: pl.DataFrame) -> None:
    assert flows["uid"].n_unique() == len(flows)
    assert flows["uid"].str.contains(r"^C[0-9A-Za-z]{17}$").all()


def test_every_flow_lies_within_the_day(flows: pl.DataFrame) -> None:
    ends = flows["ts"] + flows["duration"].fill_null(0)
    assert flows["ts"].min() >= 1794960000.0
    assert ends.max() <= 1795046400.0 + 1e-3


def test_what_hides_attacks_is_there(clean_wednesday: SimulatedDay) -> None:
    flows = read_conn_log(clean_wednesday.conn_log)
    tcp = flows.filter(proto="tcp")
    assert 0.02 < (tcp["conn_state"] == "S0").mean() < 0.12
    assert 0.005 < (tcp["conn_state"] == "REJ").mean() < 0.05
    uploads = flows.filter(pl.col("orig_bytes") > 50_000_000)
    assert uploads.filter(local_resp="T").height > 5
    assert uploads.filter(local_resp="F").height > 1
    calls = flows.filter(local_resp="F", **{"id.resp_p": 443}).group_by("id.orig_h", "id.resp_h")
    gaps = calls.agg(gap=pl.col("ts").sort().diff().drop_nulls()).filter(
        pl.col("gap").list.len() > 7
    )
    steady = gaps.filter(pl.col("gap").list.std() < 0.1 * pl.col("gap").list.mean())
    assert steady.height > 10  # regular calls of agents, like a beacon's


@pytest.mark.parametrize("events", [1000, 60_000])
def test_other_sizes_are_consistent_too(tmp_path: Path, events: int) -> None:
    simulate_day(date(2026, 2, 1), tmp_path, 5, events)
    assert broken(read_conn_log(tmp_path / "conn.log")) == {}
