"""``python -m dashboard`` says what is wrong in one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tests.dashboard.conftest import PROJECT


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dashboard", *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_it_refuses_to_listen_where_others_can_reach_it(address: str) -> None:
    ended = run("--address", address)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "not a loopback address" in ended.stderr


def test_a_taken_port_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = run("--port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert "try another --port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_setting_is_named() -> None:
    ended = run(PG_PORT="postgres")
    assert ended.returncode == 2
    assert ended.stderr.startswith("dashboard: PG_PORT: ")
