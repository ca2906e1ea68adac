"""The state folder: private, whole at any moment, one writer of services at a time."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from laptop.processes import Service
from laptop.state import PROJECT, State, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_and_secrets_are_closed_to_others(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    (tmp_path / "state").mkdir(mode=0o755)
    state.create()
    state.secret("password")
    state.note("last_run", "x")
    with state.locked():
        pass
    assert mode(state.folder) == 0o700
    assert {mode(path) for path in state.folder.iterdir()} == {0o600}


def test_a_file_is_private_from_its_first_byte_even_where_a_public_one_was(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600


def test_a_secret_is_made_once_and_two_folders_have_two(tmp_path: Path) -> None:
    first, second = State(tmp_path / "a"), State(tmp_path / "b")
    password = first.secret("password")
    assert len(password) >= 32
    assert State(tmp_path / "a").secret("password") == password
    assert second.secret("password") != password


def test_a_service_is_remembered_until_it_is_forgotten(tmp_path: Path) -> None:
    state = State(tmp_path)
    service = Service("app", 12, 34.5, "app.log", 8501, "http://127.0.0.1:8501", grace=3.0)
    state.record(service)
    state.note("last_run", {"state": "success"})
    assert State(tmp_path).services == {"app": service}
    state.forget("app")
    assert State(tmp_path).services == {}
    assert State(tmp_path).noted("last_run") == {"state": "success"}


HOLDER = """
import sys, time
from pathlib import Path
from laptop.state import State
with State(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_makes_a_second_command_wait_and_ends_with_a_killed_holder(
    tmp_path: Path,
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    waited: list[float] = []

    def waiting() -> None:
        waited.append(time.monotonic())
        holder.kill()

    with State(tmp_path).locked(waiting):
        assert len(waited) == 1
    holder.wait()


def test_the_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOC_STATE_DIR", str(tmp_path / "elsewhere"))
    assert State().folder == tmp_path / "elsewhere"
    monkeypatch.delenv("SOC_STATE_DIR")
    assert State().folder == PROJECT / ".soc"
