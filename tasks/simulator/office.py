"""What people cause: browsing, mail, files, printing, calls, and what fails on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.simulator.conversations import (
    DATAGRAM,
    FLAKY,
    UNANSWERED,
    UNREACHABLE,
    WEB,
    Conversation,
    Scene,
)
from tasks.simulator.flows import Flows

Array = NDArray[Any]
Targets = Callable[[Scene, Array], Array]
"""Given the desk numbers of the sources, the addresses they talk to."""

DNS: Final = Conversation(
    "udp", "dns", 53, (42, 0.25), (120, 0.6), (0.012, 1.1), DATAGRAM, packet=512
)
HTTPS: Final = Conversation("tcp", "ssl", 443, (1900, 1.0), (7500, 1.6), (9.0, 1.9), WEB)
HTTP: Final = Conversation("tcp", "http", 80, (420, 0.7), (1800, 1.7), (0.6, 1.6), WEB)
QUIC: Final = Conversation("udp", "quic,ssl", 443, (4200, 1.0), (16000, 1.6), (14.0, 1.5), DATAGRAM)
SMB: Final = Conversation("tcp", "gssapi,smb", 445, (5200, 1.2), (9500, 1.7), (22.0, 1.8))
KERBEROS: Final = Conversation("tcp", "krb_tcp", 88, (1500, 0.3), (1600, 0.25), (0.012, 0.9))
LDAP: Final = Conversation("tcp", "ldap_tcp", 389, (620, 0.7), (2400, 0.9), (0.9, 1.4))
RPC: Final = Conversation("tcp", "dce_rpc", 135, (340, 0.3), (300, 0.3), (0.4, 1.0))
RDP: Final = Conversation("tcp", "rdp", 3389, (90e3, 1.3), (900e3, 1.6), (700.0, 1.3))
PEER: Final = Conversation("tcp", "-", 7680, (700, 0.8), (60e3, 2.0), (3.0, 1.4), FLAKY)
MEDIA: Final = Conversation(
    "udp", "-", 3479, (30e6, 1.1), (42e6, 1.1), (1300.0, 0.9), DATAGRAM, packet=1000
)
_HIGH_PORTS = (49664, 49700)  # where Windows servers answer RPC


def _favourites(scene: Scene, desks: Array) -> Array:
    """Mostly what the person always uses, sometimes something else, rarely something new."""
    habit = scene.rng.zipf(1.6, len(desks)) - 1
    fixed = scene.site.favourites[desks, habit % scene.site.favourites.shape[1]]
    chance = scene.rng.random(len(desks))
    other = np.where(chance < 0.94, scene.popular(len(desks)), scene.rare(len(desks)))
    return np.where(chance < 0.72, fixed, other)


def _resolvers(scene: Scene, desks: Array) -> Array:
    first, second = scene.site.server["dc1"], scene.site.server["dc2"]
    swapped = scene.rng.random(len(desks)) < 0.15
    return np.where((desks % 2 == 0) ^ swapped, first, second)


def _colleagues(scene: Scene, desks: Array) -> Array:
    step = scene.rng.integers(1, len(scene.site.workstations), len(desks))
    neighbours: Array = scene.site.workstations[(desks + step) % len(scene.site.workstations)]
    return neighbours


def _printers(scene: Scene, desks: Array) -> Array:
    nearest: Array = scene.site.printers[desks % len(scene.site.printers)]
    return nearest


def _retired(scene: Scene, desks: Array) -> Array:
    remembered: Array = scene.site.retired[desks % len(scene.site.retired)]
    return remembered


def _named(*names: str) -> Targets:
    def choose(scene: Scene, desks: Array) -> Array:
        chosen: Array = np.array([scene.site.server[name] for name in names])[desks % len(names)]
        return chosen

    return choose


def _elsewhere(scene: Scene, desks: Array) -> Array:
    return scene.rare(len(desks))


def _group(name: str) -> Targets:
    return lambda scene, desks: np.full(len(desks), scene.site.group[name])


# Share of a working day's benign flows, what, to whom, flows a burst, seconds within a burst.
_ACTIVITIES: Final[tuple[tuple[float, Conversation, Targets, int, float], ...]] = (
    (0.180, HTTPS, _favourites, 9, 60.0),
    (0.020, HTTP, _favourites, 5, 60.0),
    (0.050, QUIC, _favourites, 6, 60.0),
    (0.150, DNS, _resolvers, 8, 60.0),
    (0.028, HTTPS.but(sent=(9000, 1.2), seconds=(900.0, 1.2)), _favourites, 3, 300.0),
    (0.006, HTTPS.but(sent=(2.5e6, 1.9), seconds=(25.0, 1.2)), _favourites, 2, 300.0),
    (0.035, SMB, _named("file1", "file2"), 5, 120.0),
    (0.020, KERBEROS, _resolvers, 3, 30.0),
    (0.015, LDAP, _resolvers, 3, 60.0),
    (0.012, RPC, _resolvers, 2, 60.0),
    (0.020, HTTPS.but(port=993), _named("mail1"), 4, 200.0),
    (0.004, HTTPS.but(service="smtp", port=587, sent=(30e3, 1.8)), _named("mail1"), 2, 100.0),
    (0.020, HTTPS.but(service="http", port=8080), _named("intranet1", "app1"), 8, 90.0),
    (0.007, HTTP.but(service="-", port=9100, sent=(250e3, 1.4)), _printers, 2, 60.0),
    (0.002, HTTP.but(service="-", port=9100, outcomes=UNREACHABLE), _printers, 3, 20.0),
    (0.008, MEDIA, _favourites, 2, 30.0),
    (0.010, PEER, _colleagues, 12, 60.0),
    (0.006, SMB.but(outcomes=UNREACHABLE), _retired, 4, 60.0),
    (0.005, HTTPS.but(outcomes=UNREACHABLE), _elsewhere, 4, 30.0),
    (0.004, HTTPS.but(port=8443, outcomes=FLAKY), _elsewhere, 3, 30.0),
    (0.004, RDP.but(seconds=(300.0, 1.5)), _named("app1", "file1", "dc1"), 2, 200.0),
)
# Discovery, one sender's shouts a burst: what, group, source port (None: ephemeral).
_SHOUTS: Final[tuple[tuple[float, Conversation, str, int | None], ...]] = (
    (
        0.008,
        Conversation("udp", "dns", 5353, (160, 0.9), (0, 0), (2.0, 1.5), UNANSWERED, packet=80),
        "mdns",
        5353,
    ),
    (
        0.005,
        Conversation("udp", "-", 1900, (700, 0.3), (0, 0), (3.0, 0.1), UNANSWERED, packet=175),
        "ssdp",
        None,
    ),
    (
        0.006,
        Conversation("udp", "dns", 5355, (50, 0.6), (0, 0), (0.1, 0.1), UNANSWERED, packet=26),
        "llmnr",
        None,
    ),
)


def office_traffic(scene: Scene, rows: int) -> Iterator[Flows]:
    """People's flows of the day; ``rows`` is the working day's number of all benign flows."""
    site, rng = scene.site, scene.rng
    present = rows * scene.clock.presence
    for share, kind, targets, size, seconds in _ACTIVITIES:
        count = round(present * share * rng.lognormal(0.0, 0.05))
        burst, start = scene.clock.bursts(rng, count, size, seconds)
        desks = _desks(scene, count, size)[burst]
        yield scene.talk(kind, start, site.workstations[desks], targets(scene, desks))
    yield from _dynamic_ports(scene, round(present * 0.012))
    for share, kind, name, source_port in _SHOUTS:
        count = round(present * share)
        burst, start = scene.clock.bursts(rng, count, 4, 5.0)
        desks = _desks(scene, count, 4)[burst]
        source = site.workstations[desks]
        yield scene.talk(kind, start, source, _group(name)(scene, desks), source_port=source_port)


def _desks(scene: Scene, count: int, size: int) -> Array:
    """Who is behind each burst: busy people more often."""
    desks = len(scene.site.workstations)
    return scene.rng.choice(desks, max(1, count // size), p=scene.site.busyness)


def _dynamic_ports(scene: Scene, count: int) -> Iterator[Flows]:
    """The second half of RPC, and calls: ports that the endpoint mapper or ICE hands out."""
    burst, start = scene.clock.bursts(scene.rng, count, 2, 60.0)
    desks = _desks(scene, count, 2)[burst]
    source = scene.site.workstations[desks]
    port = scene.rng.integers(*_HIGH_PORTS, count)
    kind = RPC.but(sent=(2600, 0.8), received=(2200, 0.9), seconds=(15.0, 1.2))
    yield scene.talk(kind, start, source, _resolvers(scene, desks), port=port)
    some = slice(0, count // 3)
    port = scene.rng.integers(50000, 60000, len(start[some]))
    yield scene.talk(MEDIA, start[some], source[some], _favourites(scene, desks[some]), port=port)
