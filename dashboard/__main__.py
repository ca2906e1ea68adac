"""``python -m dashboard``: serve the app on loopback.

Exit codes: 0 stopped; 1 the port is taken; 2 a setting is wrong.
"""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError

from dashboard.store.settings import StoreSettings

DEFAULT_PORT = 8501


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, start the server, serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description="SOC Copilot's app.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--address", default="127.0.0.1", help="a loopback address")
    given = parser.parse_args(arguments)
    try:
        settings = StoreSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        return _fail(f"{name}: {first['msg']}", 2)

    from dashboard import server  # Panel takes a second: not before the settings are right

    if not server.is_loopback(given.address):
        return _fail(
            f"--address {given.address} is not a loopback address, and there is no sign-in yet: "
            "use 127.0.0.1 and, from elsewhere, an ssh tunnel",
            2,
        )
    try:
        running = server.start(given.address, given.port, settings)
    except OSError as error:
        return _fail(
            f"cannot listen on {given.address}:{given.port}: {error.strerror}; try another --port",
            1,
        )
    print(f"SOC Copilot: http://{given.address}:{given.port}/", flush=True)
    server.run(running)
    return 0


def _fail(reason: str, code: int) -> int:
    print(f"dashboard: {reason}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
