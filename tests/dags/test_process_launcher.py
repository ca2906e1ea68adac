"""A stage as a child process: real processes of a stand-in ``tasks`` package, made in the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags import child, process_launcher
from dags.process_launcher import INHERITED, StageProcess
from tests.dags.runs import Run
from tests.dags.servers import Servers

PROJECT = Path(__file__).resolve().parents[2]
CANARY = "canary-value"
FOREIGN = (
    "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW_CONN_OTHER", "PG_PASSWORD", "MINIO_SECRET_KEY",
    "AWS_PROFILE", "SOC_UNKNOWN", "PYTHONPATH", "GITHUB_TOKEN",
)  # fmt: skip
SLEEP = "[sys.executable, '-c', 'import time; time.sleep(60)']"


@pytest.fixture
def run(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(process_launcher, "object_storage", lambda: servers.hook)
    return Run(servers)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], StageProcess]:
    """A stage whose ``python -m tasks`` runs the given lines."""
    monkeypatch.setattr(process_launcher, "PROJECT", tmp_path)

    def make(code: str) -> StageProcess:
        (tmp_path / "tasks.py").write_text(code)
        return StageProcess(task_id="train", stage="train", argv=["train", "--attempt", "2"])

    return make


def execute(stage: StageProcess, run: Run, attempt: int = 2) -> None:
    stage.execute({"run_id": run.run_id, "ti": SimpleNamespace(try_number=attempt)})  # type: ignore[typeddict-item]


def gone(pid: int, within_seconds: float = 10) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_stage_gets_its_arguments_and_its_output_is_the_log(
    stage: Callable[[str], StageProcess], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(stage("import sys; print(sys.argv[1:]); print('done 100%', file=sys.stderr)"), run)
    log = capsys.readouterr().out
    assert "['train', '--attempt', '2']" in log
    assert "done 100%" in log


def test_a_stage_sees_object_storage_and_nothing_of_airflow(
    stage: Callable[[str], StageProcess], run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in FOREIGN:
        monkeypatch.setenv(name, CANARY)
    execute(
        stage(
            "import json, os, pathlib; pathlib.Path('env').write_text(json.dumps({**os.environ}))"
        ),
        run,
    )
    env = json.loads((tmp_path / "env").read_text())
    assert CANARY not in env.values()
    added = {"TMPDIR", "PYTHONUNBUFFERED"} | set(run.servers.storage.environment())
    assert added <= set(env) <= added | set(INHERITED)
    assert env.items() >= run.servers.storage.environment().items()


def test_what_a_stage_leaves_in_its_scratch_folder_is_removed(
    stage: Callable[[str], StageProcess], run: Run, tmp_path: Path
) -> None:
    code = (
        "import os, signal, tempfile, pathlib\n"
        "pathlib.Path('scratch').write_text(tempfile.mkdtemp())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with pytest.raises(AirflowException, match="train: killed by SIGKILL") as caught:
        execute(stage(code), run)
    assert type(caught.value) is AirflowException, "it must be retried"
    assert not Path((tmp_path / "scratch").read_text()).exists()


@pytest.mark.parametrize(("code", "kind"), [(1, AirflowException), (2, AirflowFailException)])
def test_only_a_failure_that_a_retry_may_mend_is_retried(
    stage: Callable[[str], StageProcess], run: Run, code: int, kind: type[Exception]
) -> None:
    script = (
        "import sys; print('error: conn.log: line 3: no header', file=sys.stderr)\n"
        f"sys.exit({code})"
    )
    with pytest.raises(AirflowException, match=r"^conn\.log: line 3: no header$") as caught:
        execute(stage(script), run)
    assert type(caught.value) is kind


def test_the_reason_is_that_of_the_attempts_failure_file(
    stage: Callable[[str], StageProcess], run: Run
) -> None:
    run.fail("train", "an older attempt's reason", attempt=1)
    run.fail("train", "train: 3 reference rows; land more logs", attempt=2)
    with pytest.raises(AirflowFailException, match=r"^train: 3 reference rows; land more logs$"):
        execute(stage("import sys; print('noise'); sys.exit(2)"), run)


def test_lines_are_said_as_they_are_written(tmp_path: Path) -> None:
    script = (
        "import pathlib, time; print('first', flush=True)\n"
        "while not pathlib.Path('go').exists(): time.sleep(.02)\n"
        "print('second')"
    )
    process = child.start_child([sys.executable, "-c", script], {}, tmp_path)
    lines: list[str] = []

    def say(line: str) -> None:
        assert process.poll() is None or line == "second"
        lines.append(line)
        (tmp_path / "go").touch()

    assert child.follow(process, say) == (0, "second")
    assert lines == ["first", "second"]


def test_control_characters_cannot_repaint_the_log(tmp_path: Path) -> None:
    lines: list[str] = []
    script = r"print('\x1b[2J user \x07\x00 \udcff tab\tok', flush=True)"
    env = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8:surrogateescape"}
    process = child.start_child([sys.executable, "-c", script], env, tmp_path)
    code, last = child.follow(process, lines.append)
    assert (code, [last]) == (0, lines)
    assert lines == ["\ufffd[2J user \ufffd\ufffd \ufffd tab\tok"]


def test_a_very_long_line_is_cut(tmp_path: Path) -> None:
    lines: list[str] = []
    process = child.start_child([sys.executable, "-c", "print('x' * 200_000)"], {}, tmp_path)
    child.follow(process, lines.append)
    assert len(lines) == 4
    assert sum(map(len, lines)) == 200_000


def test_killing_the_task_ends_the_whole_group(
    stage: Callable[[str], StageProcess], run: Run, tmp_path: Path
) -> None:
    operator = stage(
        f"import pathlib, subprocess, sys; grandchild = subprocess.Popen({SLEEP})\n"
        "pathlib.Path('pid').write_text(str(grandchild.pid)); grandchild.wait()"
    )
    caught: list[BaseException] = []

    def body() -> None:
        try:
            execute(operator, run)
        except AirflowException as error:
            caught.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    pid = _written(tmp_path / "pid")
    operator.on_kill()
    thread.join(20)
    assert gone(pid)
    assert "killed by SIGTERM" in str(caught[0])


def test_a_stage_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "TERM_SECONDS", 0.3)
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True); time.sleep(60)"
    )
    process = child.start_child([sys.executable, "-c", script], {}, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == b"deaf\n"
    child.stop_group(process)
    assert process.returncode == -signal.SIGKILL


def test_a_stage_dies_with_a_worker_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\nfrom dags.child import start_child\n"
        f"stage = start_child({SLEEP}, {{}}, pathlib.Path('/'))\n"
        "print(stage.pid, flush=True); stage.wait()\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)}, cwd=tmp_path,
    )  # fmt: skip
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    assert psutil.pid_exists(pid)
    worker.kill()
    worker.wait()
    assert gone(pid)


def _written(path: Path) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")
