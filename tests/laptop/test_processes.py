"""Stopping leaves nothing behind and touches nothing that is not ours."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from laptop.processes import Service, died, is_alive, members, process_of, spawn, stop

FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in sys.argv else signal.SIG_DFL)
child = [sys.executable, "-c", "import time; time.sleep(600)"]
same_session = subprocess.Popen(child, env={})  # as programs look that set their title
own_session = subprocess.Popen(child, start_new_session=True)
print(same_session.pid, own_session.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def family(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Service, list[int]]]:
    """A service with a child in its session and one in a session of its own."""
    service = spawn(
        "family",
        [sys.executable, "-c", FAMILY, *getattr(request, "param", [])],
        log=tmp_path / "logs" / "family.log",
        owner=tmp_path,
        env=dict(os.environ),
        cwd=tmp_path,
        grace=0.5,
    )
    log = Path(service.log)
    deadline = time.monotonic() + 20
    while len(log.read_text().split()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    yield service, [service.pid, *map(int, log.read_text().split())]
    stop([service], tmp_path, everything=True)


def running(pids: list[int]) -> list[int]:
    return [p for p in pids if psutil.pid_exists(p) and psutil.Process(p).status() != "zombie"]


@pytest.mark.parametrize("family", [[], ["deaf"]], indirect=True, ids=["obedient", "deaf"])
def test_stop_ends_the_service_and_its_children_in_any_session(
    family: tuple[Service, list[int]], tmp_path: Path
) -> None:
    service, pids = family
    assert {p.pid for p in members([service], tmp_path)} == set(pids)
    assert stop([service], tmp_path) == []
    assert running(pids) == []
    assert not is_alive(service)


def test_children_are_found_when_their_parent_was_killed(
    family: tuple[Service, list[int]], tmp_path: Path
) -> None:
    service, pids = family
    os.kill(service.pid, signal.SIGKILL)
    assert stop([service], tmp_path) == []
    assert running(pids) == []


def test_services_that_no_record_names_are_found_by_their_folder(
    family: tuple[Service, list[int]], tmp_path: Path
) -> None:
    _, pids = family
    assert stop([], tmp_path) == []
    assert running(pids) == pids
    assert stop([], tmp_path / "other", everything=True) == []
    assert running(pids) == pids
    assert stop([], tmp_path, everything=True) == []
    assert running(pids) == []


def test_a_stale_record_after_a_reboot_touches_nobody(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        now = psutil.Process(stranger.pid).create_time()
        stale = Service("app", stranger.pid, now - 1000.0, str(tmp_path / "app.log"))
        assert process_of(stale) is None
        assert stop([stale], tmp_path) == []
        assert stranger.poll() is None
        assert process_of(dataclasses.replace(stale, started=now)) is not None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_service_that_died_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    service = spawn(
        "app",
        [sys.executable, "-c", "print('first'); raise SystemExit('no such database')"],
        log=tmp_path / "app.log",
        owner=tmp_path,
        env=dict(os.environ),
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 20
    while is_alive(service) and time.monotonic() < deadline:
        time.sleep(0.02)
    said = str(died(service))
    assert said.startswith("app stopped; ")
    assert said.endswith("no such database")
    assert (tmp_path / "app.log").stat().st_mode & 0o077 == 0
