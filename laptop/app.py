"""The Panel app as a service."""

from __future__ import annotations

import sys

from laptop.ports import LOOPBACK
from laptop.processes import Service, spawn
from laptop.state import PROJECT, State

SERVICE = "app"
PREFERRED_PORT = 8501
STOP_WITHIN_S = 3.0


def start(state: State, env: dict[str, str], port: int, fingerprint: str) -> Service:
    """Start the app; it answers ``/health`` some seconds later."""
    return spawn(
        SERVICE,
        [sys.executable, "-m", "dashboard", "--port", str(port), "--address", LOOPBACK],
        log=state.log(SERVICE),
        owner=state.folder,
        env=env,
        cwd=PROJECT,
        port=port,
        url=url(port),
        grace=STOP_WITHIN_S,
        fingerprint=fingerprint,
    )


def url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
