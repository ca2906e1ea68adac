"""The attacks are real: each shows in behaviour what it is, though in no single column."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.simulator import SimulatedDay
from tests.simulator.raw_columns import auth_rows, read_conn_log

SOURCE, TARGET, PORT = "id.orig_h", "id.resp_h", "id.resp_p"


@pytest.fixture(scope="module")
def flows(wednesday: SimulatedDay) -> pl.DataFrame:
    """All flows with ``attack`` and ``incident``, null for benign ones."""
    truth = pl.read_csv(wednesday.truth, schema_overrides={"reference": pl.String})
    marked = truth.filter(file="conn.log").drop("file").rename({"reference": "uid"})
    return read_conn_log(wednesday.conn_log).join(marked, on="uid", how="left")


def _incidents(flows: pl.DataFrame, attack: str) -> list[pl.DataFrame]:
    parts = flows.filter(attack=attack).partition_by("incident")
    assert parts
    return parts


def test_scans_touch_many_ports_or_hosts_and_mostly_fail(flows: pl.DataFrame) -> None:
    for scan in _incidents(flows, "port_scan"):
        assert scan[SOURCE].n_unique() == 1
        assert scan.select(TARGET, PORT).unique().height > 0.8 * scan.height
        assert scan["conn_state"].is_in(["S0", "REJ"]).mean() > 0.4
    spans = {
        scan["incident"][0].split("-")[1]: scan["ts"].max() - scan["ts"].min()
        for scan in _incidents(flows, "port_scan")
    }
    assert spans["vertical"] < 3600 < 6 * 3600 < spans["slow"]


def test_beacons_call_one_rare_address_at_steady_intervals(flows: pl.DataFrame) -> None:
    for beacon in _incidents(flows, "beaconing"):
        assert beacon.select(SOURCE, TARGET, PORT).unique().height == 1
        assert beacon[PORT][0] == 443
        callers = flows.filter(pl.col(TARGET) == beacon[TARGET][0])[SOURCE].n_unique()
        assert callers <= 5
        gaps = beacon["ts"].sort().diff().drop_nulls()
        assert 0.01 < gaps.std() / gaps.mean() < 0.5


def test_exfiltration_is_few_large_uploads_to_the_outside(flows: pl.DataFrame) -> None:
    for theft in _incidents(flows, "exfiltration"):
        assert 2 <= theft.height <= 25
        assert (theft["local_resp"] == "F").all()
        assert theft["orig_bytes"].sum() > 50 * theft["resp_bytes"].sum()
        assert theft["orig_bytes"].median() > 10e6


def test_lateral_movement_completes_on_several_hosts(flows: pl.DataFrame) -> None:
    for moves in _incidents(flows, "lateral_movement"):
        assert moves[SOURCE].n_unique() == 1
        assert moves[TARGET].n_unique() >= 3
        assert set(moves[PORT]) <= {445, 3389, 5985}
        assert (moves["local_resp"] == "T").all()
        assert (moves["conn_state"] == "SF").mean() > 0.75


def test_a_flood_comes_from_many_sources_at_once(flows: pl.DataFrame) -> None:
    for flood in _incidents(flows, "ddos"):
        assert flood[TARGET].n_unique() == 1
        assert flood[SOURCE].n_unique() > 10
        assert flood["ts"].max() - flood["ts"].min() < 1800
        assert flood["conn_state"].n_unique() >= 4


def test_accounts_are_attacked_in_three_ways(wednesday: SimulatedDay) -> None:
    rows = auth_rows(wednesday.auth_log.parent, 2026).filter(pl.col("attack").is_not_null())
    guessed = rows.filter(attack="ssh_brute_force")
    assert guessed.height > guessed["src_ip"].n_unique() * 2
    assert (guessed["outcome"] == "failure").all()
    sprayed = rows.filter(attack="password_spraying")
    assert sprayed["user"].n_unique() == sprayed.height
    assert sprayed["src_ip"].n_unique() <= 3
    stuffed = rows.filter(attack="credential_stuffing")
    assert set(stuffed["outcome"]) == {"success", "failure"}
    assert guessed.height + sprayed.height + stuffed.height == rows.height
