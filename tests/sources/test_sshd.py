"""sshd in syslog: which lines are logins, whose they are, and in which year."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import RAW_COLUMNS
from tests.sources.reading import Reading, read_text

NOVEMBER = datetime(2026, 11, 21, 12, tzinfo=UTC)


def sshd(message: str, *, when: str = "Nov  3 04:05:06", program: str = "sshd[1291]") -> str:
    return f"{when} bastion {program}: {message}\n"


def failed(user: str, source: str = "192.0.2.7") -> str:
    return sshd(f"Failed password for {user} from {source} port 40022 ssh2")


def logins(reading: Reading) -> list[tuple[str, str, str]]:
    return reading.auth.select("user", "src_ip", "outcome").rows()


def test_a_login_becomes_the_raw_columns_in_contract_order(tmp_path: Path) -> None:
    text = sshd("Accepted publickey for ubuntu from 85.245.107.41 port 54259 ssh2: RSA SHA256:Kl8k")
    frame = read_text(tmp_path, text).auth
    assert frame.columns == [*RAW_COLUMNS["auth"]]
    row = frame.row(0, named=True)
    assert len(row.pop("event_id")) == 24
    assert row == {
        "timestamp": datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC), "user": "ubuntu",
        "src_ip": "85.245.107.41", "host": "bastion", "method": "publickey", "outcome": "success",
        "logon_type": "network", "reason": None, "sensor": "sshd",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("named", "user", "reason"),
    [
        ("root", "root", None),
        ("invalid user admin", "admin", "invalid user"),
        ("invalid user ", "", "invalid user"),
        ("", "", None),
        ("invalid user  two words ", " two words ", "invalid user"),
        ("invalid user x from 198.51.100.1 port 1 ssh2", "x from 198.51.100.1 port 1 ssh2",
         "invalid user"),
        ("invalid user \\303\\251t\\303\\251", "\\303\\251t\\303\\251", "invalid user"),
    ],
)  # fmt: skip
def test_the_user_is_what_the_client_said(
    tmp_path: Path, named: str, user: str, reason: str | None
) -> None:
    frame = read_text(tmp_path, failed(named)).auth
    assert frame.select("user", "src_ip", "reason", "outcome").rows() == [
        (user, "192.0.2.7", reason, "failure")
    ]


@pytest.mark.parametrize("source", ["2001:db8::7", "::ffff:192.0.2.7", "fe80::1%eth0"])
def test_ipv6_sources_are_taken(tmp_path: Path, source: str) -> None:
    assert logins(read_text(tmp_path, failed("root", source))) == [("root", source, "failure")]


def test_repeated_messages_are_that_many_events(tmp_path: Path) -> None:
    inner = "Failed password for root from 192.0.2.7 port 40022 ssh2"
    reading = read_text(tmp_path, failed("root") + sshd(f"message repeated 5 times: [ {inner}]"))
    assert reading.auth.height == 6
    assert reading.auth["event_id"].n_unique() == 6
    assert (reading.repeated, reading.adds_up) == (4, True)


@pytest.mark.parametrize("times", ["0", "99999999999999999999", "10001"])
def test_unbelievable_repetitions_are_rejected(tmp_path: Path, times: str) -> None:
    inner = "Failed password for root from 192.0.2.7 port 40022 ssh2"
    reading = read_text(tmp_path, sshd(f"message repeated {times} times: [ {inner}]"))
    assert "is not believable" in reading.reasons[1]
    assert reading.adds_up


def test_other_lines_and_programs_are_skipped_by_kind(tmp_path: Path) -> None:
    text = (
        sshd("Invalid user admin from 192.0.2.7") + failed("invalid user admin")
        + sshd("pam_unix(sshd:auth): authentication failure; rhost=192.0.2.7")
        + sshd("Connection closed by 192.0.2.7 port 4 [preauth]")
        + sshd("message repeated 2 times: [ Connection closed by 192.0.2.7]")
        + sshd("session opened for user root", program="CRON[77]")
        + sshd("ubuntu : TTY=pts/0 ; COMMAND=/bin/ls", program="sudo")
        + sshd("New seat seat0.", program="systemd-logind[3]")
        + sshd("x", program="ünïcode") + "\n"
    )  # fmt: skip
    reading = read_text(tmp_path, text)
    assert reading.auth.height == 1
    assert reading.skipped == {
        "sshd:other": 4, "syslog:CRON": 1, "syslog:sudo": 1, "syslog:systemd-logind": 1,
        "syslog:other": 1, "blank": 1,
    }  # fmt: skip
    assert reading.adds_up


def test_many_program_names_do_not_fill_the_counts(tmp_path: Path) -> None:
    text = "".join(sshd("x", program=f"program{n}") for n in range(500))
    reading = read_text(tmp_path, text)
    assert len(reading.skipped) <= 60
    assert reading.adds_up


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("garbage\n", "not a syslog line"),
        (sshd("x", when="Feb 30 01:02:03"), "no such date or time"),
        (sshd("x", when="Nov  3 25:02:03"), "no such date or time"),
        (sshd("Failed password for root from nowhere port 22 ssh2"),
         "the login's source is not an IP address"),
        (sshd("Failed password for root from 192.0.2.7 port 99999 ssh2"),
         "the login's port is out of range"),
        (sshd("Failed password for root from 192.0.2.7"),
         "a login outcome without user, address and port"),
        (sshd("Accepted password for root"), "a login outcome without user, address and port"),
    ],
)  # fmt: skip
def test_malformed_lines_are_rejected_alone(tmp_path: Path, line: str, reason: str) -> None:
    reading = read_text(tmp_path, failed("a") + failed("b") + line)
    assert reading.rejected == [(3, reason, line.rstrip("\n"))]
    assert (reading.auth.height, reading.adds_up) == (2, True)


def test_newer_systems_write_iso_times_and_other_program_names(tmp_path: Path) -> None:
    text = sshd(
        "Accepted password for eve from 192.0.2.7 port 1 ssh2",
        when="2024-03-27T13:06:56.123456+02:00", program="sshd-session[9]",
    )  # fmt: skip
    frame = read_text(tmp_path, text).auth
    assert frame["timestamp"].to_list() == [datetime(2024, 3, 27, 11, 6, 56, 123456, tzinfo=UTC)]


def years(tmp_path: Path, *days: str, **options: object) -> list[int]:
    text = "".join(
        sshd(f"Failed password for u from 192.0.2.7 port {n} ssh2", when=f"{day} 00:00:01")
        for n, day in enumerate(days, 1)
    )
    frame = read_text(tmp_path, text, **options).auth  # type: ignore[arg-type]
    return [moment.year for moment in frame["timestamp"].to_list()]


def test_the_year_is_the_latest_that_is_not_in_the_future(tmp_path: Path) -> None:
    assert years(tmp_path, "Nov 20", "Nov 21", created=NOVEMBER) == [2026, 2026]
    assert years(tmp_path, "Nov 22", created=NOVEMBER) == [2026]  # a zone ahead of UTC
    assert years(tmp_path, "Nov 20", "Nov 24", created=NOVEMBER) == [2025, 2025]


def test_a_file_may_roll_over_at_new_year(tmp_path: Path) -> None:
    rolled = ["Dec 30", "Dec 31", "Jan  1", "Dec 31", "Jan  1", "Mar  2"]
    assert years(tmp_path, *rolled, created=NOVEMBER) == [2025, 2025, 2026, 2025, 2026, 2026]
    assert years(tmp_path, *rolled, year=2019) == [2019, 2019, 2020, 2019, 2020, 2020]


def test_lines_some_weeks_out_of_order_are_no_new_year(tmp_path: Path) -> None:
    assert years(tmp_path, "Apr 20", "Mar 27", "Apr 21", created=NOVEMBER) == [2026] * 3


def test_a_leap_day_chooses_a_leap_year(tmp_path: Path) -> None:
    assert years(tmp_path, "Feb 28", "Feb 29", "Mar  1", created=NOVEMBER) == [2024] * 3
    assert years(tmp_path, "Feb 28", "Feb 29", "Mar  1", year=2023) == [2023, 2023]


def test_equal_lines_stay_distinct_and_keep_their_ids(tmp_path: Path) -> None:
    text = failed("root") * 3 + failed("admin")
    first = read_text(tmp_path, text).auth["event_id"]
    assert first.n_unique() == 4
    assert read_text(tmp_path, text).auth["event_id"].equals(first)


def test_odd_bytes_neither_crash_nor_spread(tmp_path: Path) -> None:
    data = failed("ro\0ot").encode() + failed("X").encode().replace(b"X", b"\xff\xfe")
    data += b"\xff\x00\xfe\n" + failed("last").encode().replace(b"\n", b"\r\n")
    reading = read_text(tmp_path, b"\xef\xbb\xbf" + data)
    assert reading.auth["user"].to_list() == ["ro�ot", "��", "last"]
    assert set(reading.reasons) == {3}


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8"), max_size=30),
            st.ip_addresses().map(str),
            st.booleans(),
        ),
        min_size=1, max_size=3,
    )
)  # fmt: skip
def test_whatever_user_a_client_names_it_and_its_address_come_out(
    tmp_path: Path, attempts: list[tuple[str, str, bool]]
) -> None:
    text = "".join(
        failed(f"invalid user {user}" if invalid else f"u{user}", source)
        for user, source, invalid in attempts
    )
    reading = read_text(tmp_path, text)
    expected = [
        (user if invalid else f"u{user}", source, "failure") for user, source, invalid in attempts
    ]
    assert logins(reading) == expected
    assert reading.adds_up
