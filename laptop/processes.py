"""Service processes that outlive the command that starts them, and their sure end.

A service runs in a session of its own and carries a mark in its environment. Its members are the
processes of its session, whatever carries the mark (a program that sets its title wipes it), and
the descendants of both, so that nothing is left behind when a parent dies first. A process is known
by pid *and* start time: after a reboot, or when the kernel has given the pid to somebody else, the
record is stale and nothing is touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from laptop.errors import RunFailed

MARK = "SOC_SERVICE_OF"
"""Environment variable of every service process: ``<state folder>#<service>``."""
START_TIME_TOLERANCE_S = 0.05
KILL_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Service:
    """One started service. ``started``: seconds since the epoch; ``port`` and ``url`` as served;
    ``grace``: seconds that it may take to end after ``stop_signal`` before it is killed."""

    name: str
    pid: int
    started: float
    log: str
    port: int | None = None
    url: str | None = None
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0
    fingerprint: str = ""
    """Of its command line and environment: a service that would be started otherwise is another."""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class ServiceDied(RunFailed):
    """A service ended before it was ready. The text names it and shows the end of its log."""


def spawn(
    name: str,
    argv: Sequence[str],
    *,
    log: Path,
    owner: Path,
    env: Mapping[str, str],
    cwd: Path,
    port: int | None = None,
    url: str | None = None,
    stop_signal: int = signal.SIGTERM,
    grace: float = 10.0,
    fingerprint: str = "",
) -> Service:
    """Start ``argv`` in a session of its own, its output appended to ``log`` (mode 0600)."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=cwd,
            env={**env, MARK: f"{owner}#{name}"},
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    try:
        started = psutil.Process(child.pid).create_time()
    except psutil.NoSuchProcess:
        started = time.time()
    child.returncode = 0  # a daemon: nobody waits for it here, and no warning says so
    return Service(
        name, child.pid, started, str(log), port, url, int(stop_signal), grace, fingerprint
    )


def process_of(service: Service) -> psutil.Process | None:
    """The service's own process while it runs; None when it ended or the record is stale."""
    _reap(service.pid)
    try:
        process = psutil.Process(service.pid)
        same = abs(process.create_time() - service.started) < START_TIME_TOLERANCE_S
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except psutil.NoSuchProcess:
        pass
    return None


def is_alive(service: Service) -> bool:
    return process_of(service) is not None


def log_tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, for a message; empty when there is none."""
    try:
        text = path.read_bytes()[-20_000:].decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def died(service: Service, how: str = "stopped") -> ServiceDied:
    """The error that names a dead (or silent) service and ends with its log."""
    tail = log_tail(Path(service.log)) or "(the log is empty)"
    return ServiceDied(f"{service.name} {how}; the end of its log ({service.log}):\n{tail}")


def members(
    services: Sequence[Service], owner: Path, *, everything: bool = False
) -> list[psutil.Process]:
    """All living processes of these services, or of every service of ``owner``."""
    marks = [f"{MARK}={owner}#"] if everything else [f"{MARK}={owner}#{s.name}" for s in services]
    sessions = {service.pid for service in services if _session_is_ours(service)}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if _belongs(process, sessions, marks):
            found[process.pid] = process
    for process in list(found.values()):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.update({child.pid: child for child in process.children(recursive=True)})
    found.pop(os.getpid(), None)
    return [process for process in found.values() if _living(process)]


def stop(
    services: Sequence[Service], owner: Path, *, everything: bool = False
) -> list[psutil.Process]:
    """End the services and everything they started; return what could not be ended (nothing).

    Each service's leader gets its stop signal and its grace; then whatever still runs, children
    born meanwhile included, is killed. ``everything``: also services that no record names.
    """
    remaining = {p.pid: p for p in members(services, owner, everything=everything)}
    for service in services:
        if leader := process_of(service):
            with contextlib.suppress(psutil.NoSuchProcess):
                leader.send_signal(service.stop_signal)
    begun = time.monotonic()
    while waiting := [s for s in services if is_alive(s)]:
        if time.monotonic() - begun > max(service.grace for service in waiting):
            break
        time.sleep(0.05)
    deadline = time.monotonic() + KILL_WAIT_S
    while True:
        found = members(services, owner, everything=everything)
        remaining.update({process.pid: process for process in found})
        left = [process for process in remaining.values() if _living(process)]
        if not left or time.monotonic() > deadline:
            return left
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.kill()
        time.sleep(0.05)


def _session_is_ours(service: Service) -> bool:
    """Whether processes in the session of that number are the service's, its leader dead or not.

    The kernel gives a pid to nobody while a session of that number lives: so the session is
    another's only after a reboot, or when the pid itself is somebody else's now.
    """
    if service.started < psutil.boot_time() - START_TIME_TOLERANCE_S:
        return False
    return is_alive(service) or not psutil.pid_exists(service.pid)


def _living(process: psutil.Process) -> bool:
    try:
        _reap(process.pid)
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _reap(pid: int) -> None:
    """Collect an ended child of this very process, which would stay a zombie otherwise."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _belongs(process: psutil.Process, sessions: set[int], marks: list[str]) -> bool:
    try:
        if os.getsid(process.pid) in sessions:
            return True
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:
        return False
    variables = environment.decode(errors="replace").split("\0")
    return any(
        variable == mark or (mark.endswith("#") and variable.startswith(mark))
        for variable in variables
        if variable.startswith(MARK)
        for mark in marks
    )
