"""One child process in a group of its own, which ends with its parent and is read line by line."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LINE_BYTES = 64 * 1024
"""Longer lines are cut into several: no log line may fill the memory."""
TERM_SECONDS = 10
"""A stage that is asked to end has this long to say so in failure.json."""

_libc = ctypes.CDLL(None, use_errno=True)


def start_child(argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """Start ``argv`` in a session of its own, stdout and stderr merged into one pipe.

    The kernel kills it when the thread that started it ends, a kill -9 of the parent included.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before the kernel was told
            os._exit(1)

    return subprocess.Popen(
        list(argv),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent,  # only prctl: no lock is taken
    )


def follow(child: subprocess.Popen[bytes], say: Callable[[str], None]) -> tuple[int, str]:
    """Say each line of output as it comes; (exit code, last line) at the end.

    Negative exit codes are signals. Control characters, which a log field may smuggle in to
    repaint a terminal, are shown as ``\\ufffd``.
    """
    assert child.stdout is not None
    last = ""
    while data := child.stdout.readline(_LINE_BYTES):
        text = data.decode(errors="replace").rstrip()
        line = "".join(
            c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text
        )
        if line:
            say(line)
            last = line
    return child.wait(), last


def stop_group(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the child's whole group, SIGKILL after TERM_SECONDS; returns when it is gone."""
    try:
        os.killpg(child.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    try:
        child.wait(TERM_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # what the child itself started, and the child if it would not listen
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()
