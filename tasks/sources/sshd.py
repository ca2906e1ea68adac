"""Logins from sshd's lines in syslog (auth.log): RFC 3164 times, or the ISO 8601 of newer systems.

One event is one "Accepted" or "Failed" line (OpenSSH auth.c: auth_log). The other lines of the
same attempt (Invalid user, PAM, Connection closed, …) are counted as ``sshd:other``; other programs
as ``syslog:<program>``. Times without a zone are taken as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from contracts.events import RAW_COLUMNS
from tasks.parquet import polars_type
from tasks.sources.addresses import IPV4, IPV6
from tasks.sources.compression import Head, read_blocks
from tasks.sources.identity import RecordIds
from tasks.sources.skipping import Skipped, program_kind
from tasks.sources.source import Batch, ReadOptions, rejections
from tasks.sources.syslog_years import MONTHS, SyslogYears, first_year

_MONTH = "|".join(MONTHS)
_LINE = re.compile(
    rf"(?:<\d{{1,3}}>\d? ?)?"
    rf"(?:(?P<month>{_MONTH}) +(?P<day>\d{{1,2}}) (?P<clock>\d\d:\d\d:\d\d)"
    rf"|(?P<iso>\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{{1,6}})?\d*(?:Z|[+-]\d\d:?\d\d)?))"
    r" (?P<host>\S+) (?P<program>[^\s:\[]+)(?:\[[^\]]*\])?: ?(?P<message>.*)",
    re.DOTALL,
)
_SSHD = frozenset({"sshd", "sshd-session", "sshd-auth"})
"""OpenSSH 9.8 and later log from sshd-session, 10 and later also from sshd-auth."""
_REPEATED = re.compile(r"message repeated (\d+) times: \[ (.*)\]\s*", re.DOTALL)
MOST_REPEATS = 10_000
"""A count beyond this is no login attempt but an attack on the reader."""
_OUTCOME = re.compile(r"(?:Accepted|Failed) \S+ for ")
# From the right: the user name is the client's own text and may itself say " from 192.0.2.1 port".
_LOGIN = re.compile(
    r"(?P<verb>Accepted|Failed) (?P<method>\S+) for (?P<invalid>invalid user )?(?P<user>.*)"
    r" from (?P<src>\S+) port (?P<port>\d{1,5})(?: ssh2?)?(?:: \S+ \S+.*)?\s*",
    re.DOTALL,
)
_ADDRESS = re.compile(rf"{IPV4}|{IPV6}")
_SCHEMA = pl.Schema({name: polars_type(dtype) for name, dtype in RAW_COLUMNS["auth"].items()})
_LINES_LOOKED_AT = 100


class Sshd:
    """syslog with sshd's lines."""

    name = "sshd"

    def recognises(self, head: Head) -> bool:
        """Most of the first lines are syslog, of whatever program."""
        lines = [line for line in head.lines if line.strip()][:_LINES_LOOKED_AT]
        return sum(_LINE.fullmatch(line) is not None for line in lines) * 2 > len(lines)

    def read(self, path: Path, options: ReadOptions) -> Iterator[Batch]:
        years = SyslogYears(first_year(path, options))
        ids = RecordIds()
        for first_line, block in read_blocks(path):
            yield _batch(first_line, block, years, ids)


def _batch(first_line: int, block: bytes, years: SyslogYears, ids: RecordIds) -> Batch:
    skipped = Skipped()
    rejected: list[tuple[int, str, str]] = []
    events: list[tuple[object, ...]] = []
    repeated = 0
    lines = block.decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    for number, raw in enumerate(lines, first_line):
        line = raw.removesuffix("\r")
        if not line.strip():
            skipped.add("blank")
            continue
        parts = _LINE.fullmatch(line)
        if parts is None:
            rejected.append((number, "not a syslog line", line))
            years.pass_by(line)
            continue
        # Years are told by every dated line in turn, not by the logins alone.
        moment = _moment(parts, years)
        if moment is None:
            rejected.append((number, "no such date or time", line))
            continue
        if parts["program"] not in _SSHD:
            skipped.add(program_kind(parts["program"]))
            continue
        found = _logins(parts["message"])
        if isinstance(found, str):
            rejected.append((number, found, line))
        elif found is None:
            skipped.add("sshd:other")
        else:
            login, times = found
            content = f"{moment.isoformat()} {line.partition(parts['host'])[2]} {parts['host']}"
            repeated += times - 1
            events += [_event(ids.of(content), moment, login, parts["host"]) for _ in range(times)]
    return Batch(
        lines=len(lines),
        events={"auth": pl.DataFrame(events, schema=_SCHEMA, orient="row")},
        rejected=rejections(rejected),
        skipped=skipped.counts,
        repeated=repeated,
    )


def _moment(parts: re.Match[str], years: SyslogYears) -> datetime | None:
    """The line's time in UTC; None for a day or hour that does not exist."""
    try:
        if parts["iso"]:
            moment = datetime.fromisoformat(_six_decimals(parts["iso"]))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        month, day = MONTHS.index(parts["month"]) + 1, int(parts["day"])
        hour, minute, second = (int(part) for part in parts["clock"].split(":"))
        year = years.of(month, day)
        # No calendar here has a leap second: it counts as the last of its minute.
        second = 59 if second == 60 else second
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _six_decimals(iso: str) -> str:
    return re.sub(r"(\.\d{6})\d+", r"\1", iso)


def _logins(message: str) -> tuple[re.Match[str], int] | str | None:
    """(login, how many times), what is wrong with it, or None where the line is no outcome."""
    times = 1
    if repeated := _REPEATED.fullmatch(message):
        message = repeated[2]
        # More digits than this are not even converted.
        times = int(repeated[1]) if len(repeated[1]) < 8 else MOST_REPEATS + 1
    if not _OUTCOME.match(message):
        return None
    login = _LOGIN.fullmatch(message)
    if login is None:
        return "a login outcome without user, address and port"
    if not _ADDRESS.fullmatch(login["src"]):
        return "the login's source is not an IP address"
    if int(login["port"]) > 65_535:
        return "the login's port is out of range"
    if not 1 <= times <= MOST_REPEATS:
        return f"repeated {repeated[1][:12] if repeated else times} times is not believable"
    return login, times


def _event(event_id: str, moment: datetime, login: re.Match[str], host: str) -> tuple[object, ...]:
    """One RAW row of kind auth."""
    return (
        event_id,
        moment,
        login["user"],
        login["src"],
        host,
        login["method"],
        "success" if login["verb"] == "Accepted" else "failure",
        "network",
        "invalid user" if login["invalid"] else None,
        "sshd",
    )


SOURCE = Sshd()
