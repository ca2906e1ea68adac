"""One simulated day on disk: ``conn.log``, ``auth.log``, and the truth beside them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from tasks.errors import InputError
from tasks.simulator.clock import Clock
from tasks.simulator.conversations import Scene
from tasks.simulator.credential_attacks import credential_attacks
from tasks.simulator.flows import Flows, join
from tasks.simulator.incidents import ATTACKS, Incidents
from tasks.simulator.intrusions import network_attacks
from tasks.simulator.logins import Logins, house_logins, join_logins, ssh_flows
from tasks.simulator.machines import machine_traffic
from tasks.simulator.office import office_traffic
from tasks.simulator.site import Site, build_site
from tasks.simulator.sshd import cron_lines, login_lines, write_auth_log
from tasks.simulator.zeek import write_conn_log

_AUTH_SHARE = 0.03  # of the events are accepted and failed logins; the rest are flows
_NETWORK_ATTACKS = 0.04  # of the flows: under the promised 5 % with room for the logins' flows
_AUTH_ATTACKS = 0.042
_FEWEST_EVENTS = 500  # below, a day has no shape
_MOST_EVENTS = 20_000_000  # about 5 GiB of memory
_LOGINS_AN_EVENT = 0.85  # connections a login event: some carry several failures
_CRON_RUNS = 0.3  # a login event, shown in auth.log
# Independent randomness of each part, so that attacks do not change the benign traffic.
_PARTS: Final = ("office", "machines", "logins", "intrusions", "credentials", "flows", "uids")


@dataclass(frozen=True)
class SimulatedDay:
    """What was written. ``truth`` names file, uid or line number, attack and incident of each
    malicious record; ``attacks`` counts them: attack → file name → records."""

    day: date
    conn_log: Path
    auth_log: Path
    truth: Path
    flows: int
    auth_lines: int
    auth_events: int
    attacks: dict[str, dict[str, int]]


def simulate_day(
    day: date, out: Path, seed: int, events: int, attacks: bool = True
) -> SimulatedDay:
    """Write a day of an office network to ``out`` and say what it holds.

    ``seed`` and ``events`` fix the site, ``day`` varies its traffic; the same arguments give the
    same bytes. ``events`` is about the number of flows and login events (accepted and failed lines
    of auth.log) of a working day; at weekends people are away and there are about half as many.
    Other lines of auth.log (sessions, cron, sudo) come on top. Without ``attacks`` the same benign
    day is written.

    Raises InputError for a number of events or a seed that cannot be simulated, or when ``out``
    cannot be written.
    """
    if not _FEWEST_EVENTS <= events <= _MOST_EVENTS:
        raise InputError(f"events: {events} is not between {_FEWEST_EVENTS} and {_MOST_EVENTS}")
    if seed < 0:
        raise InputError(f"seed: {seed} is negative; give 0 or more")
    try:
        out.mkdir(parents=True, exist_ok=True)
        return _write(day, out, seed, events, attacks)
    except OSError as error:
        raise InputError(f"cannot write to {out}: {error.strerror}") from error


def _write(day: date, out: Path, seed: int, events: int, attacks: bool) -> SimulatedDay:
    site, clock = build_site(seed, events), Clock(day)
    scenes = _scenes(site, clock, seed)
    incidents = Incidents()
    house, hostile = _logins(scenes, events, attacks, incidents)
    logins = join_logins([*house, *hostile])
    flows = _flows(scenes, events, attacks, incidents, house, hostile)
    auth = scenes["uids"].rng.spawn(1)[0]

    lines = list(login_lines(auth, site, logins))
    lines += cron_lines(auth, site, clock, round(_CRON_RUNS * _login_events(house)))
    auth_log, conn_log, truth = out / "auth.log", out / "conn.log", out / "truth.csv"
    auth_lines, marked = write_auth_log(auth_log, site, clock, lines)
    counted: Counter[tuple[str, str]] = Counter()
    with truth.open("w", newline="", encoding="ascii") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("file", "reference", "attack", "incident"))
        for uids, codes in write_conn_log(conn_log, scenes["uids"].rng, site, clock, flows):
            for uid, code in zip(uids.tolist(), codes.tolist(), strict=True):
                incident = incidents.of(code)
                counted[incident.attack, conn_log.name] += 1
                rows.writerow((conn_log.name, uid.decode(), incident.attack, incident.name))
        for number, code in marked.items():
            incident = incidents.of(code)
            counted[incident.attack, auth_log.name] += 1
            rows.writerow((auth_log.name, number, incident.attack, incident.name))
    result = SimulatedDay(
        day=day,
        conn_log=conn_log,
        auth_log=auth_log,
        truth=truth,
        flows=len(flows),
        auth_lines=auth_lines,
        auth_events=_login_events([logins]),
        attacks={
            attack: {name: counted[attack, name] for name in (conn_log.name, auth_log.name)}
            for attack in ATTACKS
        },
    )
    (out / "truth.json").write_text(json.dumps(_summary(result, seed, events), indent=2) + "\n")
    return result


def _scenes(site: Site, clock: Clock, seed: int) -> dict[str, Scene]:
    streams = np.random.SeedSequence([seed, clock.day.toordinal()]).spawn(len(_PARTS))
    return {
        part: Scene(site, clock, np.random.default_rng(stream))
        for part, stream in zip(_PARTS, streams, strict=True)
    }


def _login_events(blocks: Sequence[Logins]) -> int:
    """Accepted and failed lines that the logins leave."""
    return sum(int(block.failures.sum() + block.success.sum()) for block in blocks)


def _logins(
    scenes: dict[str, Scene], events: int, attacks: bool, incidents: Incidents
) -> tuple[list[Logins], list[Logins]]:
    """The house's logins and the attackers'."""
    wanted = events * _AUTH_SHARE
    house = house_logins(scenes["logins"], round(wanted * (1 - _AUTH_ATTACKS)))
    if not attacks:
        return house, []
    # In proportion to what the day has: a weekend day is smaller.
    hostile = int(_login_events(house) * _AUTH_ATTACKS / (1 - _AUTH_ATTACKS))
    return house, credential_attacks(scenes["credentials"], hostile, incidents)


def _flows(
    scenes: dict[str, Scene],
    events: int,
    attacks: bool,
    incidents: Incidents,
    house: list[Logins],
    hostile: list[Logins],
) -> Flows:
    rows = round(events * (1 - _AUTH_SHARE))
    benign = round(rows * (1 - _NETWORK_ATTACKS)) - round(events * _AUTH_SHARE * _LOGINS_AN_EVENT)
    blocks = [
        ssh_flows(scenes["flows"], join_logins(house)),
        *office_traffic(scenes["office"], benign),
        *machine_traffic(scenes["machines"], benign),
    ]
    if attacks:
        size = sum(len(block) for block in blocks)
        wanted = round(size * _NETWORK_ATTACKS / (1 - _NETWORK_ATTACKS))
        blocks += network_attacks(scenes["intrusions"], wanted, incidents)
        blocks += [ssh_flows(scenes["credentials"], block) for block in hostile]
    return join(blocks)


def _summary(result: SimulatedDay, seed: int, events: int) -> dict[str, Any]:
    return {
        "day": result.day.isoformat(),
        "seed": seed,
        "events": events,
        "flows": result.flows,
        "auth_lines": result.auth_lines,
        "auth_events": result.auth_events,
        "attacks": result.attacks,
    }
