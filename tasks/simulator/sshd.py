"""``auth.log`` as rsyslog collects it from the Linux hosts (RFC 3164): sshd, PAM, cron, sudo.

Wording as of OpenSSH 9 on Ubuntu; see auth.c, auth2.c and packet.c of openssh-portable.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from tasks.simulator.clock import SECOND_US, Clock
from tasks.simulator.logins import SECONDS_A_TRY, Logins
from tasks.simulator.site import Site

_MOST_TRIES = 6
_MOST_PIDS = 4_194_304  # pid_max of 64-bit Linux
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_COMMANDS: Final = (
    *("/usr/bin/systemctl status nginx", "/usr/bin/apt-get update", "/usr/bin/journalctl -xe"),
    *(
        "/usr/bin/tail -f /var/log/syslog",
        "/usr/bin/systemctl restart app",
        "/usr/bin/less /etc/hosts",
    ),
)


Marks = dict[int, int]
"""Line number (from 1) → incident, for the lines of attacks."""


class Line(NamedTuple):
    """One line before it is written: time (µs), host number, text after the host name."""

    time: int
    host: int
    text: str
    incident: int


def write_auth_log(path: Path, site: Site, clock: Clock, lines: list[Line]) -> tuple[int, Marks]:
    """Write the lines in order of time; says how many, and which belong to attacks.

    Lines of sessions that end after midnight belong to the next day's file and are left out.
    """
    lines = sorted((line for line in lines if line.time < clock.end), key=lambda line: line[:2])
    attacks = {number: line.incident for number, line in enumerate(lines, 1) if line.incident}
    stamp, second = "", -1
    with path.open("w", encoding="ascii", newline="\n") as out:
        for line in lines:
            if line.time // SECOND_US != second:
                second = line.time // SECOND_US
                at = datetime.fromtimestamp(second, UTC)
                stamp = f"{_MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S}"
            out.write(f"{stamp} {site.names[line.host]} {line.text}\n")
    return len(lines), attacks


def login_lines(rng: np.random.Generator, site: Site, logins: Logins) -> Iterator[Line]:
    """Everything the hosts log about the logins."""
    pids = rng.integers(900, _MOST_PIDS, len(logins)).tolist()
    sudo = (rng.random(len(logins)) < 0.25).tolist()
    command = rng.integers(0, len(_COMMANDS), len(logins)).tolist()
    sessions = [100 * (1 + number % 7) for number in range(len(site.names))]
    rows = zip(
        logins.start.tolist(),
        logins.source.tolist(),
        logins.source_port.tolist(),
        logins.host.tolist(),
        logins.user.tolist(),
        logins.known.tolist(),
        logins.key.tolist(),
        logins.failures.tolist(),
        logins.success.tolist(),
        logins.seconds.tolist(),
        logins.incident.tolist(),
        strict=True,
    )
    for number, row in enumerate(rows):
        start, source, port, host, user, known, key, failures, success, seconds, incident = row
        peer = f"{site.addresses[source]} port {port}"
        tag = f"sshd[{pids[number]}]: "
        at = start + SECOND_US // 2
        for delay, text in _failed(user, peer, site.addresses[source], known, failures, success):
            yield Line(at + delay, host, tag + text, incident)
        if not success:
            continue
        at += int(failures * SECONDS_A_TRY * SECOND_US)
        sessions[host] += 1
        how = f"publickey for {user} from {peer} ssh2: ED25519 SHA256:{_fingerprint(user)}"
        if not key:
            how = f"password for {user} from {peer} ssh2"
        opened = f"session opened for user {user}(uid={_uid(user)}) by (uid=0)"
        yield Line(at, host, f"{tag}Accepted {how}", incident)
        yield Line(at + 2000, host, f"{tag}pam_unix(sshd:session): {opened}", incident)
        logind = "systemd-logind[612]: "
        session = sessions[host]
        yield Line(at + 4000, host, f"{logind}New session {session} of user {user}.", incident)
        if not key and sudo[number] and seconds > 60:
            for delay, text in _sudo(user, _COMMANDS[command[number]]):
                yield Line(at + 20 * SECOND_US + delay, host, text, incident)
        end = start + int(seconds * SECOND_US)
        left = (
            f"{tag}Received disconnect from {peer}:11: disconnected by user",
            f"{tag}Disconnected from user {user} {peer}",
            f"{tag}pam_unix(sshd:session): session closed for user {user}",
            f"{logind}Session {session} logged out. Waiting for processes to exit.",
            f"{logind}Removed session {session}.",
        )
        for step, text in enumerate(left):
            yield Line(end + 1000 * step, host, text, incident)


def cron_lines(rng: np.random.Generator, site: Site, clock: Clock, count: int) -> Iterator[Line]:
    """About ``count`` runs of root's cron jobs: at minute 17 as Debian has them, or every ten."""
    hosts = rng.integers(0, len(site.names), count)
    minutes = 10 * rng.integers(0, 144, count)
    hourly = rng.random(count) < 0.4
    minutes[hourly] = minutes[hourly] // 60 * 60 + 17
    runs = sorted(set(zip(minutes.tolist(), hosts.tolist(), strict=True)))
    pids = rng.integers(900, _MOST_PIDS, count).tolist()
    for (minute, host), pid in zip(runs, pids, strict=False):
        at = clock.start + (minute * 60 + 1) * SECOND_US
        tag = f"CRON[{pid}]: pam_unix(cron:session): session "
        yield Line(at, host, f"{tag}opened for user root(uid=0) by (uid=0)", 0)
        yield Line(at + 90_000, host, f"{tag}closed for user root", 0)


def _failed(
    user: str, peer: str, address: str, known: bool, failures: int, success: bool
) -> Iterator[tuple[int, str]]:
    """(delay, text) of wrong passwords, and of the end if there is no success after them."""
    if not failures:
        return
    whom = user if known else f"invalid user {user}"
    rhost = f"logname= uid=0 euid=0 tty=ssh ruser= rhost={address}"
    if not known:
        yield 0, f"Invalid user {user} from {peer}"
        yield 1000, "pam_unix(sshd:auth): check pass; user unknown"
    named = f"  user={user}" if known else ""
    yield 2000, f"pam_unix(sshd:auth): authentication failure; {rhost}{named}"
    step = int(SECONDS_A_TRY * SECOND_US)
    for number in range(failures):
        yield 3000 + number * step, f"Failed password for {whom} from {peer} ssh2"
    end = 400_000 + (failures - 1) * step
    if success:
        return
    who = f"authenticating user {user}" if known else f"invalid user {user}"
    if failures >= _MOST_TRIES:
        most = f"error: maximum authentication attempts exceeded for {whom} from {peer} ssh2"
        yield end, f"{most} [preauth]"
        yield end + 1000, f"Disconnecting {who} {peer}: Too many authentication failures [preauth]"
    else:
        yield end, f"Connection closed by {who} {peer} [preauth]"
    if failures > 1:
        times = f"PAM {failures - 1} more authentication failure{'s' * (failures > 2)}"
        yield end + 2000, f"{times}; {rhost}{named}"


def _sudo(user: str, command: str) -> Iterator[tuple[int, str]]:
    ran = f"TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND={command}"
    session = "pam_unix(sudo:session): session"
    yield 0, f"sudo: {user:>8} : {ran}"
    yield 1000, f"sudo: {session} opened for user root(uid=0) by {user}(uid={_uid(user)})"
    yield SECOND_US, f"sudo: {session} closed for user root"


@cache
def _fingerprint(user: str) -> str:
    """The user's key: always the same, and nobody's."""
    digest = hashlib.sha256(f"simulated key of {user}".encode()).digest()
    return base64.b64encode(digest).decode().rstrip("=")


@cache
def _uid(user: str) -> int:
    return 1000 + int.from_bytes(hashlib.sha256(user.encode()).digest()[:2], "big") % 5000
