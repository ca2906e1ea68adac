"""The shape of a simulated day: hours, weekend, size, truth, and what the seed fixes."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tasks.errors import InputError
from tasks.simulator import SimulatedDay, simulate_day
from tasks.simulator.incidents import ATTACKS
from tests.simulator.raw_columns import read_conn_log

PROJECT = Path(__file__).resolve().parents[2]
_SCRIPT = """
import sys
from datetime import date
from pathlib import Path
from tasks.simulator import simulate_day
simulate_day(date(2026, 11, 18), Path(sys.argv[1]), 1, 20_000)
"""


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _browsing(day: SimulatedDay) -> pl.Series:
    """Hour of each flow from a desk to the web."""
    flows = read_conn_log(day.conn_log).filter(
        pl.col("id.orig_h").str.contains(r"^10\.\d+\.16\."), pl.col("proto") == "udp"
    )
    quic = flows.filter(pl.col("id.resp_p").is_in([53, 443]))
    return (quic["ts"] % 86400 / 3600).cast(pl.Int64)


def test_the_same_seed_and_day_give_the_same_bytes_in_any_process(
    wednesday: SimulatedDay, tmp_path: Path
) -> None:
    for salt in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", _SCRIPT, str(tmp_path / salt)],
            check=True,
            cwd=PROJECT,
            env={**os.environ, "PYTHONHASHSEED": salt},
        )
        assert _digests(tmp_path / salt) == _digests(wednesday.conn_log.parent)


def test_people_work_by_day_and_stay_away_at_weekends(
    wednesday: SimulatedDay, saturday: SimulatedDay
) -> None:
    hours = _browsing(wednesday)
    assert hours.is_between(8, 17).sum() > 8 * hours.is_in([22, 23, 0, 1, 2, 3, 4, 5]).sum()
    assert hours.is_between(9, 11).sum() > 1.3 * 3 * (hours == 12).sum()
    assert len(_browsing(saturday)) < 0.25 * len(hours)
    assert 0.3 * wednesday.flows < saturday.flows < 0.6 * wednesday.flows


@pytest.mark.parametrize("events", [500, 1000, 5000, 60_000])
def test_a_working_day_has_about_the_events_asked_for(tmp_path: Path, events: int) -> None:
    day = simulate_day(date(2026, 5, 5), tmp_path, 3, events)
    assert 0.93 * events < day.flows + day.auth_events < 1.07 * events
    assert 0.95 < day.flows / (day.flows + day.auth_events) < 0.985


def test_larger_days_come_from_larger_sites(tmp_path: Path) -> None:
    hosts, rows = [], []
    for events in (1000, 20_000, 100_000):
        day = simulate_day(date(2026, 5, 5), tmp_path / str(events), 3, events)
        flows = read_conn_log(day.conn_log)
        hosts.append(flows.filter(local_orig="T")["id.orig_h"].n_unique())
        rows.append(len(flows))
    assert rows == sorted(rows)
    assert hosts == sorted(hosts)
    assert hosts[2] < 10 * hosts[0]


def test_the_seed_fixes_the_hosts_and_the_day_their_traffic(
    clean_wednesday: SimulatedDay, tmp_path: Path
) -> None:
    def hosts(day: SimulatedDay) -> set[str]:
        flows = read_conn_log(day.conn_log).filter(local_orig="T")
        return set(flows["id.orig_h"].filter(flows["id.orig_h"].str.starts_with("10.")))

    def users(day: SimulatedDay) -> set[str]:
        text = pl.Series(day.auth_log.read_text().splitlines())
        return set(text.str.extract(r"Accepted \w+ for (\S+) from 10\.").drop_nulls())

    day, seed = date(2026, 11, 19), 1
    thursday = simulate_day(day, tmp_path / "thursday", seed, 20_000, attacks=False)
    elsewhere = simulate_day(day, tmp_path / "elsewhere", seed + 1, 20_000, attacks=False)
    assert hosts(thursday) == hosts(clean_wednesday)
    assert not hosts(thursday) & hosts(elsewhere)
    both = users(thursday) & users(clean_wednesday)
    assert len(both) > 0.7 * len(users(thursday))
    assert _digests(tmp_path / "thursday") != _digests(clean_wednesday.conn_log.parent)


def test_truth_names_records_that_exist(wednesday: SimulatedDay) -> None:
    with wednesday.truth.open() as file:
        rows = list(csv.DictReader(file))
    uids = set(read_conn_log(wednesday.conn_log)["uid"])
    lines = wednesday.auth_log.read_text().splitlines()
    assert {row["file"] for row in rows} == {"conn.log", "auth.log"}
    assert {row["attack"] for row in rows} == set(ATTACKS)
    for row in rows:
        assert row["incident"].startswith(row["attack"])
        if row["file"] == "conn.log":
            assert row["reference"] in uids
        else:
            assert " CRON[" not in lines[int(row["reference"]) - 1]
    counted = {
        (attack, file): count
        for attack in ATTACKS
        for file, count in wednesday.attacks[attack].items()
        if count
    }
    assert counted == {
        key: sum((row["attack"], row["file"]) == key for row in rows) for key in counted
    }
    for file, size in (("conn.log", wednesday.flows), ("auth.log", wednesday.auth_lines)):
        assert sum(row["file"] == file for row in rows) <= 0.05 * size


def test_no_incident_is_most_of_the_day(wednesday: SimulatedDay) -> None:
    truth = pl.read_csv(wednesday.truth, schema_overrides={"reference": pl.String})
    sizes = truth.group_by("file", "incident").len()
    for file, most in (("conn.log", 0.2), ("auth.log", 0.5)):
        part = sizes.filter(file=file)["len"]
        assert part.max() < most * part.sum()


def test_the_logs_do_not_name_an_attack(wednesday: SimulatedDay) -> None:
    for path in (wednesday.conn_log, wednesday.auth_log):
        text = path.read_text()
        assert not any(attack in text for attack in ATTACKS)


def test_a_clean_day_is_the_same_day_without_the_attacks(
    wednesday: SimulatedDay, clean_wednesday: SimulatedDay
) -> None:
    names = ["ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "orig_bytes", "conn_state"]
    attacked = read_conn_log(wednesday.conn_log)
    clean = read_conn_log(clean_wednesday.conn_log)
    truth = pl.read_csv(wednesday.truth, schema_overrides={"reference": pl.String})
    benign = attacked.filter(~pl.col("uid").is_in(truth["reference"].to_list()))
    assert benign.select(names).sort(names).equals(clean.select(names).sort(names))
    assert clean_wednesday.truth.read_text() == "file,reference,attack,incident\n"
    assert not any(sum(files.values()) for files in clean_wednesday.attacks.values())


def test_a_small_day_still_has_a_little_of_every_attack(tmp_path: Path) -> None:
    day = simulate_day(date(2026, 11, 18), tmp_path, 3, 1000)
    missing = [name for name in ATTACKS if not sum(day.attacks[name].values())]
    assert missing == []
    for file, size in (("conn.log", day.flows), ("auth.log", day.auth_lines)):
        assert sum(files[file] for files in day.attacks.values()) <= 0.05 * size


def test_impossible_wishes_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="events: 10 is not between 500 and"):
        simulate_day(date(2026, 5, 5), tmp_path, 1, 10)
    with pytest.raises(InputError, match="seed: -1 is negative"):
        simulate_day(date(2026, 5, 5), tmp_path, -1, 1000)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        simulate_day(date(2026, 5, 5), tmp_path / "file" / "day", 1, 1000)
