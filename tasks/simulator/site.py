"""The office: its hosts, people and the part of the outside it talks to. Fixed by the seed alone.

Inside addresses are private (RFC 1918), outside ones come from the ranges set apart for
documentation and benchmarks (RFC 5737, RFC 2544), so nothing here names a real machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_FIRST_NAMES: Final = (
    *("anna", "ben", "carla", "david", "elena", "felix", "grace", "hugo", "irene", "jonas"),
    *("karin", "luis", "marta", "nils", "olga", "pablo", "rosa", "stefan", "teresa", "victor"),
)
_LAST_NAMES: Final = (
    *("alonso", "bauer", "castro", "diaz", "egger", "fuchs", "garcia", "huber", "ibarra"),
    *("jung", "keller", "lopez", "moreno", "novak", "ortega", "pohl", "ruiz", "schmid", "vogel"),
)
SERVICE_USERS: Final = ("backup", "ansible", "nagios", "deploy", "svc-report", "svc-sync")
_SERVERS: Final = (
    *("dc1", "dc2", "file1", "file2", "mail1", "intranet1", "app1", "db1", "backup1"),
    *("monitor1", "inventory1", "update1", "nvr1", "log1", "pbx1", "print1"),
)
_RETIRED = 8  # addresses of scrapped machines that old settings still name


@dataclass(frozen=True)
class Site:
    """Addresses, and index arrays into them by role.

    ``addresses[i]`` is text; ``local[i]`` says whether the sensor counts it as the site's own;
    ``linux[i]`` whether its traffic is a Linux host's; ``ipv6[i]`` its family;
    ``names`` are the host names of ``linux_hosts``; ``busyness`` (shares) and ``favourites``
    (addresses) belong to the desks, in the order of ``workstations`` and ``users``.
    """

    addresses: tuple[str, ...]
    local: Array
    linux: Array
    ipv6: Array
    server: dict[str, int]
    linux_hosts: Array
    names: tuple[str, ...]
    public: Array
    printers: Array
    phones: Array
    cameras: Array
    retired: Array
    workstations: Array
    admins: Array
    broadcast_of: Array
    link_local: Array
    group: dict[str, int]
    popular: Array
    tail: Array
    users: tuple[str, ...]
    busyness: Array
    favourites: Array

    @property
    def servers(self) -> Array:
        """Every server with a name of its own, public and Linux ones too."""
        named = np.array(list(self.server.values()))
        return np.concatenate([named, self.public, self.linux_hosts])

    @property
    def hosts(self) -> Array:
        """Everything of the site that is switched on."""
        parts = (self.servers, self.printers, self.phones, self.cameras, self.workstations)
        return np.unique(np.concatenate(parts))


def host_count(events: int) -> int:
    """Hosts of a site with so many events on a working day: about 60 at 20 k, 2,000 at 5 M."""
    return max(36, round(60 * math.pow(events / 20_000, 0.63)))


def build_site(seed: int, events: int) -> Site:
    """The site of ``seed`` at the size that ``events`` a working day suggests."""
    rng = np.random.default_rng(np.random.SeedSequence([seed]))
    total = host_count(events)
    net = int(rng.integers(1, 250))
    book = _AddressBook(f"10.{net}")
    server = {name: book.host(1) for name in _SERVERS}
    public = np.array([book.host(4) for _ in range(2 + total // 400)])
    linux_count = min(700, max(4, total // 15))
    linux_hosts = np.array([book.host(2) for _ in range(linux_count)])
    names = ("bastion1", *(f"srv-{role}{n}" for n, role in enumerate(_roles(rng, linux_count - 1))))
    printers = np.array([book.host(5) for _ in range(max(2, total // 22))])
    phones = np.array([book.host(6) for _ in range(max(3, total // 10))])
    cameras = np.array([book.host(10) for _ in range(max(2, total // 60))])
    retired = np.array([book.host(11) for _ in range(_RETIRED)])
    desks = max(10, total - len(book.texts) + _RETIRED)
    workstations = np.array([book.host(16 + n // 230) for n in range(desks)])
    inside = len(book.texts)
    broadcast_of = np.array([book.broadcast(16 + n // 230) for n in range(desks)])
    link_local = np.array([book.link_local(rng) for _ in range(desks)])
    near = len(book.texts)
    group = {name: book.add(text) for name, text in _GROUPS.items()}
    popular = np.array([book.add(text) for text in _documentation_addresses(rng)])
    tail_size = min(120_000, 2000 + events // 20)
    numbers = rng.permutation(2**17)[:tail_size]
    tail = np.array([book.add(_benchmark_address(int(number))) for number in numbers])

    local = np.zeros(len(book.texts), dtype=bool)
    local[:near] = True
    linux = rng.random(len(book.texts)) < 0.6
    linux[workstations] = rng.random(desks) < 0.1
    linux[linux_hosts] = True
    linux[inside:near] = False
    busyness = rng.lognormal(0.0, 0.7, desks)
    ranks = rng.zipf(1.3, (desks, _FAVOURITES)) - 1
    return Site(
        addresses=tuple(book.texts),
        local=local,
        linux=linux,
        ipv6=np.array([":" in text for text in book.texts]),
        server=server,
        linux_hosts=linux_hosts,
        names=names,
        public=public,
        printers=printers,
        phones=phones,
        cameras=cameras,
        retired=retired,
        workstations=workstations,
        admins=rng.permutation(workstations)[: max(3, desks // 30)],
        broadcast_of=broadcast_of,
        link_local=link_local,
        group=group,
        popular=popular,
        tail=tail,
        users=_people(rng, desks),
        busyness=busyness / busyness.sum(),
        favourites=popular[ranks % len(popular)],
    )


_FAVOURITES = 14  # outside services a person uses again and again
_GROUPS: Final = {
    "mdns": "224.0.0.251",
    "llmnr": "224.0.0.252",
    "ssdp": "239.255.255.250",
    "broadcast": "255.255.255.255",
    "unassigned": "0.0.0.0",  # noqa: S104 - a DHCP client's source, not a bind address
    "mdns6": "ff02::fb",
    "llmnr6": "ff02::1:3",
    "neighbour6": "ff02::1:ff00:1",
}


class _AddressBook:
    """Hands out addresses; each subnet (third octet) fills from .10 and spills into the next."""

    def __init__(self, prefix: str) -> None:
        self.texts: list[str] = []
        self._prefix = prefix
        self._used: dict[int, int] = {}
        self._known: dict[str, int] = {}

    def add(self, text: str) -> int:
        """The index of an address, new or known."""
        if text not in self._known:
            self._known[text] = len(self.texts)
            self.texts.append(text)
        return self._known[text]

    def host(self, subnet: int) -> int:
        while self._used.get(subnet, 0) >= 240:
            subnet += 1
        self._used[subnet] = self._used.get(subnet, 0) + 1
        return self.add(f"{self._prefix}.{subnet}.{9 + self._used[subnet]}")

    def broadcast(self, subnet: int) -> int:
        return self.add(f"{self._prefix}.{subnet}.255")

    def link_local(self, rng: np.random.Generator) -> int:
        words = rng.integers(0x1000, 0xFFFF, 4)
        return self.add("fe80::" + ":".join(f"{int(word):x}" for word in words))


def _roles(rng: np.random.Generator, count: int) -> list[str]:
    return [str(role) for role in rng.choice(("web", "app", "ci", "git", "etl", "cache"), count)]


def _people(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Login names, initial and surname; a number tells namesakes apart."""
    seen: dict[str, int] = {}
    names = []
    for _ in range(count):
        name = str(rng.choice(_FIRST_NAMES))[0] + str(rng.choice(_LAST_NAMES))
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}{seen[name]}")
    return tuple(names)


def _documentation_addresses(rng: np.random.Generator) -> list[str]:
    nets = ("192.0.2", "198.51.100", "203.0.113")
    texts = [f"{net}.{host}" for net in nets for host in range(1, 255)]
    return [texts[int(place)] for place in rng.permutation(len(texts))]


def _benchmark_address(number: int) -> str:
    return f"198.{18 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}"
