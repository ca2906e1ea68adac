"""The state folder (`.soc`, or SOC_STATE_DIR): what runs, secrets, data. Its owner's eyes only."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from laptop.processes import Service

PROJECT = Path(__file__).resolve().parent.parent
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


def write_private(path: Path, text: str) -> None:
    """Replace a file's content in one step; only its owner can read it at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


class State:
    """One state folder. Two folders are two independent systems."""

    def __init__(self, folder: Path | None = None) -> None:
        chosen = folder or Path(os.environ.get("SOC_STATE_DIR") or PROJECT / ".soc")
        self.folder = chosen.resolve()
        self._writing = threading.RLock()  # services start in threads of one command

    def create(self) -> None:
        """Make the folder, or close an existing one to others."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        self.folder.chmod(PRIVATE_FOLDER)

    def path(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)

    def log(self, service: str) -> Path:
        return self.folder / "logs" / f"{service}.log"

    @property
    def services(self) -> dict[str, Service]:
        """The recorded services by name, running or not."""
        return {name: Service(**fields) for name, fields in self._services().items()}

    def record(self, service: Service) -> None:
        with self._writing:
            self.note("services", self._services() | {service.name: service.as_dict()})

    def forget(self, *names: str) -> None:
        """Drop services from the record."""
        with self._writing:
            left = {name: kept for name, kept in self._services().items() if name not in names}
            if left != self._services():
                self.note("services", left)

    def note(self, key: str, value: Any) -> None:
        """Keep a JSON value (the last run, versions) beside the services."""
        with self._writing:
            known = self._read("state.json")
            known[key] = value
            write_private(self.path("state.json"), json.dumps(known, indent=1))

    def noted(self, key: str) -> Any:
        """A kept value; None when there is none."""
        return self._read("state.json").get(key)

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
        """A secret that is made once and kept, readable by the owner only."""
        with self._writing:
            known = self._read("secrets.json")
            if name not in known:
                known[name] = make()
                write_private(self.path("secrets.json"), json.dumps(known, indent=1))
            return str(known[name])

    @contextmanager
    def locked(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """One process at a time starts or stops services; ``waiting`` is called when it is not us.

        The kernel drops the lock with the process, so a killed command leaves none behind.
        """
        self.create()
        descriptor = os.open(self.path("lock"), os.O_WRONLY | os.O_CREAT, PRIVATE_FILE)
        with os.fdopen(descriptor, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _services(self) -> dict[str, dict[str, Any]]:
        recorded: dict[str, dict[str, Any]] = self.noted("services") or {}
        return recorded

    def _read(self, name: str) -> dict[str, Any]:
        try:
            loaded: dict[str, Any] = json.loads(self.path(name).read_text())
        except FileNotFoundError:
            return {}
        return loaded
