# mypy: disallow-untyped-calls=False
"""The web server of the app: loopback only, everything it sends comes from this host."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Any, Final

import panel as pn
from bokeh.server.server import Server
from tornado.web import RequestHandler

from dashboard.app import Tab
from dashboard.store.errors import StoreUnavailable
from dashboard.store.results import Results
from dashboard.store.settings import StoreSettings

_WARM_SECONDS: Final = 30
_SESSION_LINGER_MS: Final = 60_000
"""A closed tab's session is kept this long."""


class Health(RequestHandler):
    """``GET /health``: the server answers; says nothing about the stores."""

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps({"status": "ok"}))


def is_loopback(address: str) -> bool:
    """True for ``localhost`` and addresses of this machine's loopback network."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def start(address: str, port: int, settings: StoreSettings) -> Server:
    """Start to listen.

    Raises:
        OSError: the port is taken.
    """
    # Scripts, styles and fonts come from this server, never from another host.
    os.environ["BOKEH_RESOURCES"] = "server"
    pn.config.autoreload = False
    results = Results(settings)
    _keep_warm(results)

    def tab() -> Any:
        location = pn.state.location
        return Tab(results, location.search if location else "").page

    host = f"[{address}]" if ":" in address else address
    server: Server = pn.serve(
        {"/": tab},
        address=address,
        port=port,
        show=False,
        start=False,
        verbose=False,
        title="SOC Copilot",
        websocket_origin=[f"{name}:{port}" for name in {host, "localhost", "127.0.0.1"}],
        extra_patterns=[(r"/health", Health)],
        check_unused_sessions_milliseconds=10_000,
        unused_session_lifetime_milliseconds=_SESSION_LINGER_MS,
    )
    return server


def run(server: Server) -> None:
    """Serve until SIGTERM or SIGINT, then end the process."""

    def stop(*_: Any) -> None:
        server.io_loop.add_callback_from_signal(server.io_loop.stop)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.start()
    server.io_loop.start()
    # Nothing is left to save, and a query or a download must not hold up the end.
    sys.stdout.flush()
    os._exit(0)


def _keep_warm(results: Results) -> None:
    """Fetch the newest publication's events before anybody asks for them."""

    def look() -> None:
        while True:
            with suppress(StoreUnavailable):  # a page that needs the store says so
                results.warm()
            if wait.wait(_WARM_SECONDS):
                return

    wait = threading.Event()
    threading.Thread(target=look, name="warm", daemon=True).start()
