"""Free loopback ports."""

from __future__ import annotations

import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65_535
NEIGHBOURS = 200
"""How far from a preferred port its replacement may lie."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address and of any address."""
    for address in (LOOPBACK, ""):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: a port in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def is_listening(port: int, timeout: float = 0.5) -> bool:
    """Whether somebody accepts connections on this port of the loopback address."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout):
            return True
    except OSError:
        return False


def next_free(preferred: int, taken: Collection[int] = ()) -> int:
    """``preferred`` or the first free port after it that is not in ``taken``.

    Raises OSError when none of the next 200 is free.
    """
    for port in range(preferred, min(preferred + NEIGHBOURS, HIGHEST_PORT) + 1):
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port from {preferred} to {preferred + NEIGHBOURS}")


def random_free(count: int) -> list[int]:
    """That many different ports that are free now, chosen by the operating system."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
