"""What machines do by themselves, day and night: polls, agents, names, time, backups, updates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.simulator.conversations import (
    DATAGRAM,
    STEADY,
    UNANSWERED,
    Conversation,
    Outcomes,
    Scene,
    ends,
)
from tasks.simulator.flows import Flows
from tasks.simulator.office import DNS, HTTP, HTTPS, KERBEROS, LDAP, SMB

Array = NDArray[Any]

_ICMP: Final[Outcomes] = ends(OTH=1.0)
PING: Final = Conversation("icmp", "-", 0, (56, 0), (56, 0), (0.0006, 0.8), _ICMP, packet=56)
_UNREACHABLE = PING.but(sent=(36, 0), received=(0, 0), port=3)
# Solicitation and advertisement: Zeek gives the counterpart type as the other port.
_NEIGHBOUR = PING.but(sent=(24, 0), received=(0, 0), port=136, packet=24)
NTP: Final = Conversation("udp", "ntp", 123, (48, 0), (48, 0), (0.02, 0.8), DATAGRAM, packet=48)
SNMP: Final = Conversation(
    "udp", "snmp", 161, (86, 0.5), (140, 0.6), (0.01, 1.0), DATAGRAM, packet=480
)
SYSLOG: Final = Conversation(
    "udp", "syslog", 514, (900, 1.3), (0, 0), (20.0, 1.2), UNANSWERED, packet=180
)
MYSQL: Final = Conversation("tcp", "mysql", 3306, (1800, 1.2), (6400, 1.6), (1.2, 2.0))
SIP: Final = Conversation(
    "udp", "sip", 5060, (620, 0.2), (540, 0.2), (0.05, 0.7), DATAGRAM, packet=640
)
NETBIOS: Final = Conversation(
    "udp", "dns", 137, (150, 0.3), (0, 0), (1.5, 0.02), UNANSWERED, packet=50
)
DHCP: Final = Conversation("udp", "dhcp", 67, (310, 0.1), (300, 0.1), (0.03, 0.9), DATAGRAM)
CAMERA: Final = Conversation("tcp", "-", 554, (60e6, 0.6), (9000, 0.5), (3300.0, 0.4))
BACKUP: Final = Conversation("tcp", "-", 9102, (260e6, 0.7), (40e3, 0.6), (240.0, 0.9))
# What the nightly inventory finds: mostly what it knows, some firewalled or closed ports.
_INVENTORY = SMB.but(
    service="-",
    sent=(90, 0.6),
    seconds=(0.3, 1.0),
    outcomes=ends(SF=0.45, RSTO=0.1, REJ=0.25, S0=0.2),
)
_INVENTORY_PORTS = (22, 80, 135, 443, 445, 3389, 9100)
_CUSTOMERS: Final[Outcomes] = ends(
    SF=0.74, RSTO=0.07, RSTR=0.05, S1=0.02, S3=0.02, S0=0.07, REJ=0.02, RSTOS0=0.01
)
_AGENT_FLEETS = 3  # telemetry clouds: endpoint protection, updates, software inventory


def machine_traffic(scene: Scene, rows: int) -> Iterator[Flows]:
    """Flows that do not need people; ``rows`` is the working day's number of all benign flows."""
    for share, part in _PARTS:
        yield from part(scene, round(rows * share * scene.rng.lognormal(0.0, 0.04)))


def _polls(scene: Scene, count: int) -> Iterator[Flows]:
    """The monitoring server asks everything, regularly, in three ways."""
    site = scene.site
    hosts = np.concatenate([site.servers, site.printers])
    for kind, share in ((SNMP, 0.4), (PING, 0.3), (HTTP.but(outcomes=STEADY, port=9182), 0.3)):
        pair, start = scene.clock.periodic(scene.rng, round(count * share), len(hosts), 0.004)
        source = np.full(len(pair), site.server["monitor1"])
        kind_port = 8 if kind is PING else None
        yield scene.talk(kind, start, source, hosts[pair], source_port=kind_port)


def _agents(scene: Scene, count: int) -> Iterator[Flows]:
    """Agents on desks and servers call their clouds at fixed intervals: benign beacons."""
    site = scene.site
    machines = np.concatenate([site.workstations, site.servers])
    clouds = site.popular[10 : 10 + 2 * _AGENT_FLEETS]
    for fleet in range(_AGENT_FLEETS):
        crowd = machines[fleet::2]
        pair, start = scene.clock.periodic(
            scene.rng, count // _AGENT_FLEETS, len(crowd), (0.01, 0.06, 0.15)[fleet]
        )
        kind = HTTPS.but(
            sent=((620, 1100, 2400)[fleet], 0.12),
            received=((900, 3800, 700)[fleet], 0.2),
            seconds=(0.35, 0.5),
        )
        yield scene.talk(kind, start, crowd[pair], clouds[2 * fleet + pair % 2])


def _databases(scene: Scene, count: int) -> Iterator[Flows]:
    site = scene.site
    clients = np.concatenate(
        [site.linux_hosts[1:], [site.server["app1"], site.server["intranet1"]]]
    )
    day_share = round(count * 0.6 * max(scene.clock.presence, 0.3))
    start = np.concatenate(
        [
            scene.clock.at_work(scene.rng, day_share),
            scene.clock.anytime(scene.rng, round(count * 0.4)),
        ]
    )
    source = scene.pick(clients, len(start))
    yield scene.talk(MYSQL, start, source, np.full(len(start), site.server["db1"]))


def _time_and_names(scene: Scene, count: int) -> Iterator[Flows]:
    """NTP from every host, recursion of the resolvers, directory look-ups of servers."""
    site, rng = scene.site, scene.rng
    pair, start = scene.clock.periodic(rng, round(count * 0.3), len(site.hosts), 0.02)
    source = site.hosts[pair]
    keeper = np.where(pair % 3 == 0, site.server["dc2"], site.server["dc1"])
    yield scene.talk(NTP, start, source, keeper, source_port=123)
    both = np.array([site.server["dc1"], site.server["dc2"]])
    start = scene.clock.at_work(rng, round(count * 0.35 * max(scene.clock.presence, 0.3)))
    resolver = scene.pick(both, len(start))
    yield scene.talk(DNS.but(seconds=(0.05, 0.9)), start, resolver, scene.popular(len(start)))
    for kind, share in ((DNS, 0.2), (LDAP, 0.08), (KERBEROS, 0.07)):
        start = scene.clock.anytime(rng, round(count * share))
        source = scene.pick(site.servers, len(start))
        yield scene.talk(kind, start, source, scene.pick(both, len(start)))


def _logging(scene: Scene, count: int) -> Iterator[Flows]:
    site = scene.site
    pair, start = scene.clock.periodic(scene.rng, count, len(site.servers), 0.3)
    target = np.full(len(pair), site.server["log1"])
    yield scene.talk(SYSLOG, start, site.servers[pair], target, source_port=514)


def _local_noise(scene: Scene, count: int) -> Iterator[Flows]:
    """NetBIOS, DHCP, IPv6 discovery: broadcast and multicast, mostly unanswered."""
    site, rng = scene.site, scene.rng
    desks = len(site.workstations)
    pair, start = scene.clock.periodic(rng, round(count * 0.45), desks, 0.2)
    yield scene.talk(
        NETBIOS, start, site.workstations[pair], site.broadcast_of[pair], source_port=137
    )
    pair, start = scene.clock.periodic(rng, round(count * 0.1), desks, 0.1)
    target = np.full(len(pair), site.server["dc1"])
    yield scene.talk(DHCP, start, site.workstations[pair], target, source_port=68)
    start = scene.clock.at_work(rng, round(count * 0.03 * scene.clock.presence) + 1)
    nobody = np.full(len(start), site.group["unassigned"])
    everybody = np.full(len(start), site.group["broadcast"])
    yield scene.talk(
        DHCP.but(outcomes=UNANSWERED, received=(0, 0)), start, nobody, everybody, source_port=68
    )
    for kind, group, port in ((NETBIOS, "llmnr6", 5355), (NETBIOS, "mdns6", 5353)):
        start = scene.clock.anytime(rng, round(count * 0.12))
        source = scene.pick(site.link_local, len(start))
        target = np.full(len(start), site.group[group])
        source_port = 5353 if port == 5353 else None
        yield scene.talk(kind.but(port=port), start, source, target, source_port=source_port)
    start = scene.clock.anytime(rng, round(count * 0.18))
    source = scene.pick(site.link_local, len(start))
    target = np.full(len(start), site.group["neighbour6"])
    yield scene.talk(_NEIGHBOUR, start, source, target, source_port=135)


def _phones(scene: Scene, count: int) -> Iterator[Flows]:
    site = scene.site
    pair, start = scene.clock.periodic(scene.rng, count, len(site.phones), 0.03)
    target = np.full(len(pair), site.server["pbx1"])
    yield scene.talk(SIP, start, site.phones[pair], target, source_port=5060)


def _cameras(scene: Scene, count: int) -> Iterator[Flows]:
    site = scene.site
    pair, start = scene.clock.periodic(scene.rng, count, len(site.cameras), 0.02)
    yield scene.talk(CAMERA, start, site.cameras[pair], np.full(len(pair), site.server["nvr1"]))


def _backups(scene: Scene, count: int) -> Iterator[Flows]:
    """Every night the servers send to the backup server, and that sends a copy outside."""
    site, rng = scene.site, scene.rng
    start = scene.clock.between(rng, count, 0.5, 4.5)
    source = np.resize(site.servers, count)
    yield scene.talk(BACKUP, start, source, np.full(count, site.server["backup1"]))
    copies = max(2, count // 4)
    start = scene.clock.between(rng, copies, 3.0, 7.0)
    source = np.full(copies, site.server["backup1"])
    offsite = HTTPS.but(sent=(700e6, 0.8), received=(90e3, 0.6), seconds=(300.0, 0.5))
    yield scene.talk(offsite, start, source, np.full(copies, site.popular[3]))


def _updates(scene: Scene, count: int) -> Iterator[Flows]:
    """Large downloads from content networks, and from the update server inside."""
    site, rng = scene.site, scene.rng
    start = scene.clock.anytime(rng, count)
    source = scene.pick(np.concatenate([site.workstations, site.servers]), count)
    outside = rng.random(count) < 0.5
    target = np.where(outside, site.popular[rng.integers(4, 10, count)], site.server["update1"])
    kind = HTTP.but(received=(25e6, 1.7), sent=(2500, 1.0), seconds=(12.0, 1.3))
    yield scene.talk(kind, start, source, target, port=np.where(outside, 80, 8530))


def _inventory(scene: Scene, count: int) -> Iterator[Flows]:
    """The nightly inventory knocks on the usual ports of servers and printers: a benign scanner."""
    site, rng = scene.site, scene.rng
    start = scene.clock.between(rng, count, 1.5, 3.5)
    target = scene.pick(np.concatenate([site.servers, site.printers, site.retired]), count)
    source = np.full(count, site.server["inventory1"])
    port = rng.choice(_INVENTORY_PORTS, count)
    yield scene.talk(_INVENTORY, start, source, target, port=port)


def _customers(scene: Scene, count: int) -> Iterator[Flows]:
    """The public servers' visitors, from all over the outside."""
    site, rng = scene.site, scene.rng
    burst, start = scene.clock.bursts(rng, count, 6, 90.0)
    visitors = np.where(
        rng.random(max(1, count // 6)) < 0.3,
        scene.popular(max(1, count // 6)),
        scene.rare(max(1, count // 6)),
    )
    target = scene.pick(site.public, count)
    wish = rng.random(count)
    for service, port, low, high in (
        ("ssl", 443, 0.0, 0.7),
        ("http", 80, 0.7, 0.9),
        ("smtp", 25, 0.9, 1.0),
    ):
        rows = np.flatnonzero((wish >= low) & (wish < high))
        kind = HTTPS.but(service=service, port=port, outcomes=_CUSTOMERS, received=(22e3, 1.6))
        yield scene.talk(kind, start[rows], visitors[burst[rows]], target[rows])


def _icmp_errors(scene: Scene, count: int) -> Iterator[Flows]:
    """Routers and hosts saying that something could not be reached (type 3)."""
    site = scene.site
    start = scene.clock.anytime(scene.rng, count)
    inside = scene.rng.random(count) < 0.7
    source = np.where(inside, scene.pick(site.servers, count), scene.rare(count))
    target = scene.pick(site.hosts, count)
    yield scene.talk(_UNREACHABLE.but(outcomes=_ICMP), start, source, target, source_port=3)


# Share of a working day's benign flows. People's activities (office.py) have the rest.
_PARTS: Final = (
    (0.085, _polls),
    (0.050, _agents),
    (0.045, _databases),
    (0.085, _time_and_names),
    (0.015, _logging),
    (0.048, _local_noise),
    (0.012, _phones),
    (0.003, _cameras),
    (0.002, _backups),
    (0.004, _updates),
    (0.004, _inventory),
    (0.036, _customers),
    (0.004, _icmp_errors),
)
