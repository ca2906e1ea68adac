"""What a sensor sees of a conversation: packets, IP bytes and Zeek's state history.

Everything here follows from the conversation's protocol, state, payload and duration, so that the
fields of a row always agree, as in
https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.simulator.clock import SECOND_US
from tasks.simulator.flows import PROTOCOLS, STATES, UNSET, Flows, pack
from tasks.simulator.site import Site

Array = NDArray[Any]
TCP, UDP, ICMP = (PROTOCOLS.index(name) for name in ("tcp", "udp", "icmp"))
SF, S0, REJ, RSTO, RSTR, RSTOS0, S1, S2, S3, OTH = range(len(STATES))

# Histories of each state by what carried payload: nobody, originator, responder, both.
# Upper case is the originator's packet, lower case the responder's.
_TCP_HISTORIES: Final[dict[int, tuple[tuple[str, ...], ...]]] = {
    SF: (
        ("ShAFf", "ShAfF", "ShAFaf"),
        ("ShADaFf", "ShADafF"),
        ("ShAdFaf", "ShAdfFa", "ShAdaFf"),
        ("ShADadFf", "ShADadfF", "ShADdaFf", "ShADdafF", "ShAdDaFf", "ShADadFfR"),
    ),
    S0: (("S",), ("S",), ("S",), ("S",)),
    REJ: (("Sr",), ("Sr",), ("Sr",), ("Sr",)),
    RSTOS0: (("SR",), ("SR",), ("SR",), ("SR",)),
    RSTO: (
        ("ShR", "ShAR"),
        ("ShADR", "ShADaR"),
        ("ShAdR", "ShAdaR"),
        ("ShADadR", "ShADadfR", "ShADdaR", "ShADadFR"),
    ),
    RSTR: (
        ("ShAr", "ShAFr"),
        ("ShADr", "ShADar"),
        ("ShAdr", "ShAdar"),
        ("ShADadr", "ShADdar", "ShADadFr"),
    ),
    S1: (("ShA", "Sh"), ("ShADa", "ShAD"), ("ShAd", "ShAda"), ("ShADad", "ShADda")),
    S2: (("ShAF",), ("ShADaF",), ("ShAdaF",), ("ShADadF", "ShADdaF")),
    S3: (("ShAf",), ("ShADaf",), ("ShAdaf",), ("ShADadf", "ShADdaf")),
    OTH: (("Aa",), ("Da", "DA"), ("dA", "Ada"), ("DdA", "DadA")),
}
HISTORIES: Final[tuple[str, ...]] = (
    *("-", "D", "Dd"),
    *sorted({text for cells in _TCP_HISTORIES.values() for cell in cells for text in cell}),
)
_UPPER: Final = np.array([sum(c.isupper() for c in text) for text in HISTORIES])
_LOWER: Final = np.array([sum(c.islower() for c in text) for text in HISTORIES])

_SEGMENT = 1448  # payload of a full Ethernet TCP segment with timestamps
_TCP_HEADER = 40  # IPv4 + TCP; Linux adds 12 of timestamps
_UDP_HEADER = 28  # IPv4 + UDP (ICMP: IPv4 + ICMP, the same)
_IPV6_EXTRA = 20  # its header has 40 bytes, not 20
_LAN_BYTES_A_SECOND = 110e6  # gigabit Ethernet, in practice
_UPLINK_BYTES_A_SECOND = 25e6  # a 200 Mbit/s line
# How long after the last packet Zeek writes the row: its close delay, attempt delay, UDP timeout.
_TCP_LINGER = 5 * SECOND_US
_UDP_LINGER = 60 * SECOND_US


@dataclass(frozen=True)
class Draft:
    """A conversation before it is seen: equally long arrays.

    Times in microseconds, ``sent``/``received`` payload bytes. What cannot be (payload in an
    unanswered attempt) is removed by ``observe``. ``packet`` is the payload of one UDP packet.
    """

    start: Array
    duration: Array
    source: Array
    target: Array
    source_port: Array
    target_port: Array
    protocol: Array
    service: Array
    state: Array
    sent: Array
    received: Array
    packet: Array
    incident: Array


def observe(rng: np.random.Generator, draft: Draft, day_end: int, site: Site) -> Flows:
    """The rows Zeek would write for the conversations between addresses of ``site``.

    A conversation that outlasts the day is cut there, as when the sensor is restarted at midnight.
    """
    tcp, udp = draft.protocol == TCP, draft.protocol == UDP
    state = draft.state.copy()
    failed = tcp & np.isin(state, (S0, REJ, RSTOS0))
    sent = np.where(failed, 0, np.maximum(draft.sent, 0))
    received = np.where(failed | (udp & (state == S0)), 0, np.maximum(draft.received, 0))
    state[udp] = np.where(received[udp] > 0, SF, S0)
    duration = np.maximum(draft.duration, 1)
    slow = ~(site.local[draft.source] & site.local[draft.target])
    speed = np.where(slow, _UPLINK_BYTES_A_SECOND, _LAN_BYTES_A_SECOND)
    duration = np.maximum(duration, ((sent + received) / speed * SECOND_US).astype(np.int64))

    room = np.maximum(day_end - draft.start, 1)
    cut = ~failed & (duration > room)
    share = np.where(cut, room / duration, 1.0)
    sent = np.where(cut & (sent > 0), np.maximum(sent * share, 1).astype(np.int64), sent)
    received = np.where(
        cut & (received > 0), np.maximum(received * share, 1).astype(np.int64), received
    )
    duration = np.where(cut, room, duration)
    state[cut & tcp & (state != OTH)] = S1

    tries = np.where(failed, rng.choice(3, len(state), p=(0.3, 0.3, 0.4)) + 1, 1)
    history = _histories(rng, state, tcp, sent, received)
    packets_sent, packets_received = _tcp_packets(history, sent, received)
    packets_sent = np.where(failed, tries + (state == RSTOS0), packets_sent)
    packets_received = np.where(failed, np.where(state == REJ, tries, 0), packets_received)
    packets_sent = np.where(tcp, packets_sent, np.maximum(-(-sent // draft.packet), 1))
    packets_received = np.where(tcp, packets_received, -(-received // draft.packet))
    backoff = np.array([0, 0, 1, 3])[tries] * SECOND_US + rng.integers(20, 9000, len(state))
    duration = np.where(failed, backoff, duration)

    lone = packets_sent + packets_received <= 1
    stamped = site.linux[draft.source]
    header = np.where(tcp, _TCP_HEADER + 12 * (stamped & ~failed), _UDP_HEADER)
    header = header + _IPV6_EXTRA * site.ipv6[draft.source]
    options = np.where(tcp & (state != OTH), np.where(stamped, 8 + 12 * failed, 12), 0)
    syns = np.where(failed, tries, 1)
    ip_sent = sent + packets_sent * header + options * syns
    answered = tcp & (packets_received > 0) & ~failed & (state != OTH)
    ip_received = received + packets_received * header + np.where(answered, options, 0)
    duration = np.where(lone, UNSET, duration)
    linger = np.where(tcp, _TCP_LINGER, _UDP_LINGER)
    return pack(
        start=draft.start,
        duration=duration,
        source=draft.source,
        target=draft.target,
        source_port=draft.source_port,
        target_port=draft.target_port,
        protocol=draft.protocol,
        # Zeek names a TCP service only once payload has confirmed it.
        service=np.where(tcp & (sent + received == 0), 0, draft.service),
        state=state,
        history=history,
        sent=np.where(lone, UNSET, sent),
        received=np.where(lone, UNSET, received),
        packets_sent=packets_sent,
        ip_sent=ip_sent,
        packets_received=packets_received,
        ip_received=ip_received,
        logged=np.minimum(draft.start + np.maximum(duration, 0) + linger, day_end),
        incident=draft.incident,
    )


def _histories(
    rng: np.random.Generator, state: Array, tcp: Array, sent: Array, received: Array
) -> Array:
    """Codes of a history that fits the state and who carried payload."""
    history = np.zeros(len(state), dtype=np.int64)
    pick = rng.random(len(state))
    cell_of = (sent > 0) + 2 * (received > 0)
    for code, cells in _TCP_HISTORIES.items():
        for number, texts in enumerate(cells):
            rows = np.flatnonzero(tcp & (state == code) & (cell_of == number))
            # Earlier histories of a cell are the common ones.
            choice = (pick[rows] ** 2 * len(texts)).astype(np.int64)
            history[rows] = np.array([HISTORIES.index(text) for text in texts])[choice]
    udp = ~tcp & (state != OTH)
    history[udp] = np.where(received[udp] > 0, HISTORIES.index("Dd"), HISTORIES.index("D"))
    return history


def _tcp_packets(history: Array, sent: Array, received: Array) -> tuple[Array, Array]:
    """Packets each way: those of the history, full segments, and an ACK for every second one."""
    out, back = -(-sent // _SEGMENT), -(-received // _SEGMENT)
    packets_sent = _UPPER[history] + np.maximum(out - 1, 0) + np.maximum(back // 2 - 1, 0)
    packets_received = _LOWER[history] + np.maximum(back - 1, 0) + np.maximum(out // 2 - 1, 0)
    return packets_sent, packets_received
