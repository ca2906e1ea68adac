"""What goes wrong is said in one line with the right exit code, and nothing half-done is seen."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.attempt import run_stage
from tasks.cli import main
from tests.run.chain import planned, run_chain
from tests.run.zeek_lines import answered, conn_log

PROJECT = Path(__file__).resolve().parent.parent.parent


def flows(count: int) -> list[str]:
    return [
        answered(f"C{n}", 1_772_600_000 + 60 * n, f"10.0.0.{n % 9}", "192.0.2.1", 443, 900, 4_000)
        for n in range(count)
    ]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one error line on stderr."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(lines) == 1, lines
    return lines[0]


def run(tmp_path: Path, *inputs: Path, more: tuple[str, ...] = ()) -> int:
    names = [str(path) for path in inputs]
    return main(["run", "--store", str(tmp_path / "store"), "--input", *names, "--json", *more])


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, tmp_path / "nowhere.log") == 2
    assert "nowhere.log" in said(capsys)


def test_an_empty_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    assert run(tmp_path, tmp_path / "logs") == 2
    assert "logs" in said(capsys)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.log", b""),
        ("image.png", bytes(range(256)) * 40),
        ("cut.log.gz", gzip.compress("\n".join(flows(3_000)).encode())[:-2_000]),
    ],
)
def test_what_is_no_log_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert run(tmp_path, path) == 2
    assert name in said(capsys)
    assert not list((tmp_path / "store").glob("cybersec-ml-*/*.parquet"))


def test_a_log_with_a_fifth_garbage_fails_and_keeps_the_rejects(tmp_path: Path) -> None:
    lines = flows(400)
    lines[::5] = ["garbage " + line[:20] for line in lines[::5]]
    log = conn_log(tmp_path / "conn.log", lines)
    chain = run_chain(tmp_path / "store", [log])
    assert chain.codes == {"ingest": 2}
    reason = chain.failure("ingest").reason
    assert "conn.log" in reason
    assert "max_rejected_share" in reason or "max-rejected-share" in reason
    rejected = list((tmp_path / "store" / "cybersec-ml-raw").glob("rejected_*.parquet"))
    assert len(rejected) == 1
    allowed = run_chain(tmp_path / "store", [log], max_rejected_share=0.3)
    assert set(allowed.codes.values()) == {0}
    assert allowed.manifest("ingest").rows_rejected == 80


@pytest.mark.parametrize(
    ("option", "value"),
    [("--n-estimators", "0"), ("--window-minutes", "7"), ("--contamination", "lots")],
)
def test_a_parameter_out_of_range_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    log = conn_log(tmp_path / "conn.log", flows(20))
    assert run(tmp_path, log, more=(option, value)) == 2
    assert option in said(capsys)


def test_a_run_url_that_is_none_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", "--run", "/nowhere/at/all"]) == 2
    assert "--run" in said(capsys)


def test_a_stage_out_of_order_says_which_one_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = planned(tmp_path / "store", [conn_log(tmp_path / "conn.log", flows(20))])
    assert run_stage("train", chain.url, 1) == 2
    assert "ingest" in said(capsys)


def test_a_changed_input_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = conn_log(tmp_path / "conn.log", flows(20))
    chain = planned(tmp_path / "store", [log])
    conn_log(log, flows(21))
    assert run_stage("ingest", chain.url, 1) == 1
    assert "SHA-256" in said(capsys)


def test_a_damaged_layer_is_noticed_before_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = planned(tmp_path / "store", [conn_log(tmp_path / "conn.log", flows(200))])
    assert run_stage("ingest", chain.url, 1) == 0
    artifact = chain.manifest("ingest").output("raw", "network")
    assert artifact is not None
    path = chain.store.root / artifact.location
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    capsys.readouterr()
    assert run_stage("transform", chain.url, 1) == 1
    assert artifact.location in said(capsys)


def test_an_attempt_is_never_written_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = planned(tmp_path / "store", [conn_log(tmp_path / "conn.log", flows(50))])
    assert run_stage("ingest", chain.url, 1) == 0
    before = (chain.folder("ingest") / "manifest.json").read_bytes()
    assert run_stage("ingest", chain.url, 1) == 2
    assert "--attempt 2" in said(capsys)
    assert (chain.folder("ingest") / "manifest.json").read_bytes() == before
    assert run_stage("ingest", chain.url, 2) == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_stage_leaves_nothing_that_anybody_reads(
    tmp_path: Path, how: signal.Signals
) -> None:
    log = conn_log(tmp_path / "conn.log", flows(300_000))
    chain = planned(tmp_path / "store", [log])
    argv = [sys.executable, "-m", "tasks", "ingest", "--run", chain.url]
    process = subprocess.Popen(argv, cwd=PROJECT, stderr=subprocess.DEVNULL, env=dict(os.environ))
    scratch = chain.store.root / ".scratch"
    deadline = time.monotonic() + 60
    while not any(scratch.glob(f"{chain.slug}-ingest-*/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(how)
    assert process.wait(timeout=10) != 0
    assert not (chain.folder("ingest") / "manifest.json").exists()
    assert not list((chain.store.root / "cybersec-ml-raw").iterdir())
    if how == signal.SIGTERM:
        assert "SIGTERM" in chain.failure("ingest").reason
    assert run_stage("ingest", chain.url, 2) == 0
    assert chain.manifest("ingest", 2).rows_out == 300_000
    assert not list(scratch.glob(f"{chain.slug}-ingest-*"))
