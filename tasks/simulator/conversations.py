"""Kinds of conversations: how much they carry, how long they last, how they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.simulator.clock import SECOND_US, Clock
from tasks.simulator.flows import PROTOCOLS, SERVICES, STATES, Flows
from tasks.simulator.site import Site
from tasks.simulator.wire import Draft, observe

Array = NDArray[Any]
Spread = tuple[float, float]
"""Median and sigma of a log-normal quantity."""
Outcomes = tuple[tuple[str, float], ...]
"""(Zeek state, share) pairs; shares add up to 1."""


def ends(**shares: float) -> Outcomes:
    """Outcomes by state, e.g. ``ends(SF=0.9, S0=0.1)``."""
    return tuple(shares.items())


STEADY: Final[Outcomes] = ends(
    SF=0.951, RSTO=0.02, RSTR=0.01, S1=0.006, S3=0.004, S2=0.002, S0=0.004, REJ=0.003
)
"""Servers and clients of one house: nearly always orderly."""
WEB: Final[Outcomes] = ends(
    SF=0.79,
    RSTO=0.085,
    RSTR=0.05,
    S1=0.02,
    S3=0.02,
    S2=0.01,
    S0=0.015,
    REJ=0.004,
    RSTOS0=0.002,
    OTH=0.004,
)
"""Browsers: tabs closed, connections kept and dropped."""
UNREACHABLE: Final[Outcomes] = ends(S0=0.9, REJ=0.1)
FLAKY: Final[Outcomes] = ends(S0=0.3, REJ=0.4, RSTO=0.05, SF=0.25)
"""Peers that are off, asleep or refuse."""
DATAGRAM: Final[Outcomes] = ends(SF=1.0)
UNANSWERED: Final[Outcomes] = ends(S0=1.0)


@dataclass(frozen=True)
class Conversation:
    """What one kind of connection looks like.

    ``sent`` and ``received`` are payload bytes, ``seconds`` the duration, ``packet`` the payload of
    one UDP packet.
    """

    protocol: str
    service: str
    port: int
    sent: Spread
    received: Spread
    seconds: Spread
    outcomes: Outcomes = STEADY
    packet: int = 1200

    def but(self, **changes: Any) -> Conversation:
        """The same conversation with some fields changed."""
        return Conversation(**{**self.__dict__, **changes})


@dataclass(frozen=True)
class Scene:
    """Where and when: the site, the day and the randomness of one part of it."""

    site: Site
    clock: Clock
    rng: np.random.Generator

    def talk(
        self,
        kind: Conversation,
        start: Array,
        source: Array,
        target: Array,
        *,
        port: Array | None = None,
        source_port: int | Array | None = None,
        seconds: Array | None = None,
        incident: int | Array = 0,
    ) -> Flows:
        """Connections of one kind, as Zeek would log them.

        ``port`` and ``seconds`` stand in for the kind's port and durations, ``source_port`` for an
        ephemeral one.
        """
        count = len(start)
        rng = self.rng
        if source_port is None:
            source_port = self.ephemeral(source)
        state = rng.choice(
            np.array([STATES.index(name) for name, _ in kind.outcomes]),
            count,
            p=np.array([share for _, share in kind.outcomes]),
        )
        duration = _quantity(rng, kind.seconds, count, SECOND_US)
        draft = Draft(
            start=start,
            duration=duration if seconds is None else (seconds * SECOND_US).astype(np.int64),
            source=source,
            target=target,
            source_port=np.broadcast_to(source_port, count),
            target_port=np.full(count, kind.port) if port is None else port,
            protocol=np.full(count, PROTOCOLS.index(kind.protocol)),
            service=np.full(count, SERVICES.index(kind.service)),
            state=state,
            sent=_quantity(rng, kind.sent, count),
            received=_quantity(rng, kind.received, count),
            packet=np.full(count, kind.packet),
            incident=np.broadcast_to(incident, count),
        )
        return observe(rng, draft, self.clock.end, self.site)

    def ephemeral(self, source: Array) -> Array:
        """Source ports from the range of the source's operating system (Linux, or RFC 6335)."""
        spread = self.rng.random(len(source))
        linux = self.site.linux[source]
        low, high = np.where(linux, 32768, 49152), np.where(linux, 61000, 65536)
        ports: Array = (low + spread * (high - low)).astype(np.int64)
        return ports

    def pick(self, choices: Array, count: int) -> Array:
        """``count`` of the choices, each as likely."""
        return self.rng.choice(choices, count)

    def popular(self, count: int) -> Array:
        """Outside services, few of them much used."""
        rank = self.rng.zipf(1.25, count) - 1
        popular: Array = self.site.popular[rank % len(self.site.popular)]
        return popular

    def rare(self, count: int) -> Array:
        """Outside addresses from the long tail."""
        tail = self.site.tail
        rare: Array = tail[(self.rng.random(count) ** 2 * len(tail)).astype(np.int64)]
        return rare


def _quantity(rng: np.random.Generator, spread: Spread, count: int, unit: int = 1) -> Array:
    median, sigma = spread
    if median <= 0:
        return np.zeros(count, dtype=np.int64)
    drawn = np.rint(rng.lognormal(np.log(median * unit), sigma, count))
    return np.maximum(drawn, 1).astype(np.int64)
