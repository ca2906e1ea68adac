"""The columns of simulated connections, before they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PROTOCOLS: Final = ("tcp", "udp", "icmp")
STATES: Final = (
    *("SF", "S0", "REJ", "RSTO", "RSTR", "RSTOS0", "S1", "S2", "S3", "OTH"),
)  # https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html
SERVICES: Final = (
    *("-", "dns", "http", "ssl", "ssh", "gssapi,smb", "dce_rpc", "krb_tcp", "ldap_tcp", "rdp"),
    *("ntp", "dhcp", "snmp", "syslog", "smtp", "mysql", "quic,ssl", "sip", "ftp"),
)
UNSET: Final = -1
"""In ``duration``, ``sent`` and ``received``: Zeek writes ``-`` (a single packet was seen)."""

_TYPES: Final[dict[str, type[np.generic]]] = {
    "start": np.int64,
    "duration": np.int64,
    "source": np.int32,
    "target": np.int32,
    "source_port": np.uint16,
    "target_port": np.uint16,
    "protocol": np.uint8,
    "service": np.uint8,
    "state": np.uint8,
    "history": np.uint8,
    "sent": np.int64,
    "received": np.int64,
    "packets_sent": np.int32,
    "ip_sent": np.int64,
    "packets_received": np.int32,
    "ip_received": np.int64,
    "logged": np.int64,
    "incident": np.uint16,
}


@dataclass(frozen=True)
class Flows:
    """Connections, one an array element.

    ``start``, ``duration``, ``logged`` (when Zeek writes the row) in microseconds; ``source`` and
    ``target`` index the site's addresses; ``protocol``, ``service``, ``state`` and ``history`` are
    codes of their tables; ``sent``/``received`` payload bytes, ``ip_…`` the same with headers;
    ``incident`` 0 is benign, else 1 + the index of the incident.
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
    history: Array
    sent: Array
    received: Array
    packets_sent: Array
    ip_sent: Array
    packets_received: Array
    ip_received: Array
    logged: Array
    incident: Array

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: Array | slice) -> Flows:
        """The named rows."""
        return Flows(**{name: getattr(self, name)[rows] for name in _TYPES})


def pack(**columns: Array) -> Flows:
    """Flows of the given columns, each in its smallest sufficient type."""
    return Flows(**{name: columns[name].astype(_TYPES[name]) for name in _TYPES})


def join(blocks: Sequence[Flows]) -> Flows:
    """All blocks, one after the other."""
    return Flows(
        **{
            field.name: np.concatenate([getattr(block, field.name) for block in blocks])
            for field in fields(Flows)
        }
    )
