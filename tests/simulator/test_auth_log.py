"""auth.log is what rsyslog would collect, and the sensor saw the same connections."""

from __future__ import annotations

import gzip
import re
from datetime import date
from pathlib import Path

import polars as pl

from tasks.simulator import SimulatedDay, simulate_day
from tests.simulator.raw_columns import auth_rows, read_conn_log

RFC3164 = re.compile(
    r"^(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123]\d \d\d:\d\d:\d\d"
    r" [a-z0-9-]+ (?P<program>[a-zA-Z-]+)(?:\[\d+\])?: +\S.*$"
)
PEER = re.compile(r"from (\S+) port (\d+) ssh2")


def test_every_line_is_syslog_in_order_of_time(wednesday: SimulatedDay) -> None:
    lines = wednesday.auth_log.read_text().splitlines()
    matches = [RFC3164.match(line) for line in lines]
    assert all(matches)
    programs = {match["program"] for match in matches if match}
    assert programs == {"sshd", "sudo", "CRON", "systemd-logind"}
    clock = [line[7:15] for line in lines]
    assert clock == sorted(clock)
    assert len(lines) == wednesday.auth_lines


def test_days_below_ten_are_padded_with_a_space(tmp_path: Path) -> None:
    day = simulate_day(date(2026, 3, 2), tmp_path, 1, 1000)
    assert day.auth_log.read_text().startswith("Mar  2 ")


def test_each_login_is_a_flow_from_the_same_port(wednesday: SimulatedDay) -> None:
    lines = wednesday.auth_log.read_text().splitlines()
    logged = {match.groups() for line in lines if (match := PEER.search(line))}
    ssh = read_conn_log(wednesday.conn_log).filter(**{"id.resp_p": 22})
    seen = set(zip(ssh["id.orig_h"], ssh["id.orig_p"].cast(pl.String), strict=True))
    assert len(logged) > 300
    assert logged <= seen


def test_people_fail_without_any_attack(clean_wednesday: SimulatedDay) -> None:
    rows = auth_rows(clean_wednesday.auth_log.parent, 2026)
    failed = rows.filter(outcome="failure")
    assert 0.1 < failed.height / rows.height < 0.35
    assert failed["user"].n_unique() > 5
    assert failed["reason"].is_not_null().any()
    assert rows.filter(outcome="success", method="publickey").height > rows.height / 3
    assert len(rows) == clean_wednesday.auth_events


def test_wordings_are_those_of_a_real_log(shared_data: Path, wednesday: SimulatedDay) -> None:
    def shapes(text: str) -> set[str]:
        found = re.findall(
            r" sshd\[\d+\]: (Accepted \w+|Failed \w+|pam_unix\([^)]*\): \w+ \w+)", text
        )
        return set(found)

    real = gzip.decompress((shared_data / "sshd" / "auth.log.gz").read_bytes()).decode()
    assert shapes(wednesday.auth_log.read_text()) <= shapes(real)
