"""Attacks on the network, as a mix of states, ports and sources that hides among the benign.

Volumes are bounded by the rows given; every attack has several incidents with different attackers,
so that no single address, port or state stands for the attacks of a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.simulator.clock import HOUR_US, SECOND_US
from tasks.simulator.conversations import Conversation, Outcomes, Scene, ends
from tasks.simulator.flows import Flows
from tasks.simulator.incidents import Incidents
from tasks.simulator.logins import SSH
from tasks.simulator.office import HTTP, HTTPS, KERBEROS, LDAP, RDP, SMB

Array = NDArray[Any]

_PROBED: Final[Outcomes] = ends(S0=0.4, REJ=0.33, RSTO=0.15, SF=0.12)
_SWEPT: Final[Outcomes] = ends(S0=0.42, REJ=0.2, RSTO=0.12, SF=0.26)
_GUESSED: Final[Outcomes] = ends(SF=0.72, RSTO=0.1, RSTR=0.12, S0=0.04, REJ=0.02)
_CALLED_HOME: Final[Outcomes] = ends(SF=0.86, RSTO=0.05, RSTR=0.03, S0=0.04, REJ=0.02)
_FLOODED: Final[Outcomes] = ends(S0=0.3, SF=0.38, RSTO=0.14, RSTR=0.1, REJ=0.08)
_WELL_KNOWN: Final = (
    *(21, 22, 23, 25, 53, 80, 88, 110, 111, 135, 139, 143, 161, 389, 443, 445, 465, 514, 587, 636),
    *(873, 993, 995, 1433, 1521, 2049, 3128, 3306, 3389, 5060, 5432, 5900, 5985, 6379, 8000, 8080),
    *(8443, 9100, 9200, 27017),
)
_SWEEP_PORTS: Final = (22, 80, 135, 445, 3389, 5985)
_PROBE = Conversation("tcp", "-", 0, (60, 0.9), (180, 1.2), (0.2, 1.2), _PROBED)
# Regular calls of implants: seconds between calls, jitter as a share of it.
_BEACONS: Final = ((60, 0.12), (300, 0.2), (120, 0.3), (600, 0.1))
_MOVES: Final = (SMB, HTTP.but(port=5985, sent=(3800, 0.8)), RDP)


def network_attacks(scene: Scene, rows: int, incidents: Incidents) -> Iterator[Flows]:
    """About ``rows`` flows in all, some of every network attack; fewer where a limit says so."""
    teams = 2 + max(0, round(2 * np.log10(max(rows, 1) / 800)))
    victims = scene.rng.permutation(scene.site.workstations)
    for part, share, fewest, most in _PARTS:
        wanted = max(1, round(rows * share))
        groups = max(1, min(teams, wanted // fewest))
        for number in range(groups):
            victims = np.roll(victims, 1)
            size = min(most, wanted // groups + (number < wanted % groups))
            yield from part(scene, size, int(victims[0]), number, incidents)


def _window(scene: Scene, count: int, hours: float) -> Array:
    """Times within some ``hours`` of the day."""
    first = scene.rng.random() * (24 - hours)
    return np.sort(scene.clock.between(scene.rng, count, first, first + hours))


def _full(value: int, count: int) -> Array:
    return np.full(count, value)


def _vertical_scan(
    scene: Scene, count: int, victim: int, number: int, incidents: Incidents
) -> Iterator[Flows]:
    """T1046: many ports of one server within minutes."""
    code = incidents.open("port_scan", "vertical")
    others = np.setdiff1d(np.arange(1, 12_000), _WELL_KNOWN)
    ports = np.concatenate([scene.rng.permutation(_WELL_KNOWN), scene.rng.permutation(others)])
    target = _full(int(scene.pick(scene.site.servers, 1)[0]), count)
    start = _window(scene, count, 0.3)
    yield scene.talk(_PROBE, start, _full(victim, count), target, port=ports[:count], incident=code)


def _horizontal_scan(
    scene: Scene, count: int, victim: int, number: int, incidents: Incidents
) -> Iterator[Flows]:
    """T1018, T1046: one or two ports of many hosts."""
    code = incidents.open("port_scan", "horizontal")
    site = scene.site
    hosts = np.concatenate([site.hosts, site.retired])
    few = scene.rng.permutation(_SWEEP_PORTS)[: 2 if count > 40 else 1]
    count = min(count, 2 * len(hosts))
    target = np.resize(scene.rng.permutation(hosts), count)
    port = np.repeat(few, -(-count // len(few)))[:count]
    kind = _PROBE.but(outcomes=_SWEPT)
    start = _window(scene, count, 0.5)
    yield scene.talk(kind, start, _full(victim, count), target, port=port, incident=code)


def _slow_scan(
    scene: Scene, count: int, victim: int, number: int, incidents: Incidents
) -> Iterator[Flows]:
    """T1046 below the usual thresholds: a probe now and then, all day, over hosts and ports."""
    code = incidents.open("port_scan", "slow")
    start = _window(scene, count, 18.0)
    target = scene.pick(scene.site.hosts, count)
    port = scene.rng.choice(_WELL_KNOWN, count)
    yield scene.talk(_PROBE, start, _full(victim, count), target, port=port, incident=code)


def _brute_force(
    scene: Scene, count: int, victim: int, number: int, incidents: Incidents
) -> Iterator[Flows]:
    """T1110.001 over SSH against machines that send no auth.log: cameras, printers, phones."""
    code = incidents.open("ssh_brute_force", "appliance")
    site = scene.site
    source = victim if number % 2 else int(scene.rare(1)[0])
    boxes = np.concatenate([site.cameras, site.printers, site.phones])
    target = scene.pick(scene.rng.permutation(boxes)[:3], count)
    kind = SSH.but(outcomes=_GUESSED, sent=(1700, 0.15), received=(2300, 0.12), seconds=(4.5, 0.6))
    yield scene.talk(kind, _window(scene, count, 1.5), _full(source, count), target, incident=code)


def _spraying(
    scene: Scene, count: int, victim: int, number: int, incidents: Incidents
) -> Iterator[Flows]:
    """T1110.003: one password for every account, asked of the directory and the file servers."""
    code = incidents.open("password_spraying", "directory")
    start = _window(scene, count, 2.0)
    way = scene.rng.integers(0, 3, count)
    for choice, kind in enumerate((KERBEROS, LDAP, SMB.but(sent=(2100, 0.3), seconds=(0.3, 0.8)))):
        rows = np.flatnonzero(way == choice)
        names = ("file1", "file2") if choice == 2 else ("dc1", "dc2")
        target = scene.pick(np.array([scene.site.server[name] for name in names]), len(rows))
        kind = kind.but(outcomes=_GUESSED)
        yield scene.talk(kind, start[rows], _full(victim, len(rows)), target, incident=code)


def _beaconing(
    scene: Scene, count: int, victim: int, number: int, incidents: Incidents
) -> Iterator[Flows]:
    """T1071.001, T1573: an implant calls a rare address over 443, regularly, with jitter."""
    code = incidents.open("beaconing")
    seconds, jitter = _BEACONS[number % len(_BEACONS)]
    if count * seconds < 2 * 3600:  # few calls: rather rarer ones than a short episode
        seconds = min(900, 2 * 3600 // max(count, 1))
    count = min(count, int(23 * 3600 / seconds))
    lasting = count * seconds * SECOND_US
    first = scene.clock.start + scene.rng.integers(0, max(24 * HOUR_US - lasting, 1))
    noise = scene.rng.normal(0.0, jitter * seconds, count)
    start = first + ((np.arange(count) * seconds + noise) * SECOND_US).astype(np.int64)
    size = float(scene.rng.integers(500, 2200))
    kind = HTTPS.but(
        sent=(size, 0.1), received=(size * 0.7, 0.25), seconds=(0.4, 0.6), outcomes=_CALLED_HOME
    )
    target = _full(int(scene.rare(1)[0]), count)
    yield scene.talk(kind, scene.clock.within(start), _full(victim, count), target, incident=code)


def _exfiltration(
    scene: Scene, count: int, victim: int, number: int, incidents: Incidents
) -> Iterator[Flows]:
    """T1048, T1041: a few large uploads to an address nobody else uses."""
    code = incidents.open("exfiltration")
    count = max(count, 2)
    kind = (HTTPS, SSH)[number % 2].but(
        sent=(120e6, 0.9), received=(60e3, 0.8), seconds=(90.0, 0.8)
    )
    target = _full(int(scene.rare(1)[0]), count)
    start = _window(scene, count, 4.0)
    yield scene.talk(kind, start, _full(victim, count), target, incident=code)


def _lateral_movement(
    scene: Scene, count: int, victim: int, number: int, incidents: Incidents
) -> Iterator[Flows]:
    """T1021: one desk opens SMB, WinRM and RDP sessions on hosts it has no business with."""
    code = incidents.open("lateral_movement")
    site = scene.site
    hosts = scene.rng.permutation(np.concatenate([site.servers, site.workstations]))
    few = hosts[hosts != victim][: max(3, min(count // 3, 25))]
    start = _window(scene, count, 3.0)
    way = scene.rng.integers(0, len(_MOVES), count)
    for choice, kind in enumerate(_MOVES):
        rows = np.flatnonzero(way == choice)
        target = scene.pick(few, len(rows))
        yield scene.talk(kind, start[rows], _full(victim, len(rows)), target, incident=code)


def _ddos(
    scene: Scene, count: int, victim: int, number: int, incidents: Incidents
) -> Iterator[Flows]:
    """T1498: many sources flood a public server for a quarter of an hour."""
    code = incidents.open("ddos")
    crowd = scene.rare(max(3, count // 3))
    target = _full(int(scene.pick(scene.site.public, 1)[0]), count)
    service, port = (("ssl", 443), ("http", 80))[number % 2]
    kind = HTTP.but(service=service, port=port, outcomes=_FLOODED, received=(900, 1.4))
    start = _window(scene, count, 0.25)
    yield scene.talk(kind, start, scene.pick(crowd, count), target, incident=code)


# What, share of the attacks' flows; fewest flows of an incident when there are several, so that a
# small day has few but distinct ones; and the most, so that a large day stays believable (a beacon
# a minute makes 1,380 calls in 23 hours).
_PARTS: Final = (
    (_vertical_scan, 0.14, 100, 4000),
    (_horizontal_scan, 0.13, 100, 4000),
    (_slow_scan, 0.07, 60, 2000),
    (_brute_force, 0.11, 40, 5000),
    (_spraying, 0.09, 60, 4000),
    (_beaconing, 0.17, 50, 1380),
    (_exfiltration, 0.015, 4, 25),
    (_lateral_movement, 0.10, 40, 800),
    (_ddos, 0.175, 120, 3000),
)
