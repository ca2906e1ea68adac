"""Ends the services of a state folder when the process that started this one ends, however.

`python -m laptop.guard FOLDER` waits for the end of its standard input, a pipe that the kernel
closes with its writer, kill -9 included; then it stops the folder's services and deletes it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from laptop import object_storage, processes
from laptop.state import PROJECT, State

STOP_WITHIN_S = 60.0


@contextmanager
def guarded(folder: Path) -> Iterator[State]:
    """A state folder whose services end, and which is deleted, with this block or this process."""
    state = State(folder)
    state.create()
    guard = subprocess.Popen(
        [sys.executable, "-m", "laptop.guard", str(state.folder)],
        stdin=subprocess.PIPE,
        cwd=PROJECT,
        start_new_session=True,  # Ctrl-C in the terminal must not end it first
    )
    try:
        yield state
    finally:
        if guard.stdin:
            guard.stdin.close()
        guard.wait(STOP_WITHIN_S)


def main() -> None:
    state = State(Path(sys.argv[1]))
    sys.stdin.buffer.read()
    processes.stop(list(state.services.values()), state.folder, everything=True)
    object_storage.remove_sockets(state.path("object-storage"))
    shutil.rmtree(state.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
