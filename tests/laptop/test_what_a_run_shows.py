"""What the terminal shows while a run goes on, and what of a hostile log it does not show."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from laptop.airflow_api import TaskState
from laptop.progress import watch
from laptop.report import plain

BEGUN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def task(name: str, state: str | None, attempt: int = 1) -> TaskState:
    ended = BEGUN + timedelta(seconds=2.5) if state in {"success", "failed"} else None
    return TaskState(name, state, attempt, BEGUN if state else None, ended)


def shown(looks: list[tuple[str, list[TaskState]]], *, terminal: bool) -> tuple[str, str]:
    """What `watch` prints for a run that looks so, one look after another, and its final state."""
    given: Iterator[tuple[str, list[TaskState]]] = iter(looks)
    state = ["queued"]

    def tasks() -> dict[str, TaskState]:
        state[0], found = next(given)
        return {one.task: one for one in found}

    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    final, _ = watch(console, tasks, lambda: state[0], lambda name, attempt: 1_234 + attempt)
    return out.getvalue(), final


FAILING = [
    ("queued", [task("plan", None), task("ingest", None)]),
    ("running", [task("plan", "running"), task("ingest", None)]),
    ("running", [task("plan", "success"), task("ingest", "running")]),
    ("running", [task("plan", "success"), task("ingest", "up_for_retry")]),
    ("running", [task("plan", "success"), task("ingest", "running", 2)]),
    (
        "failed",
        [task("plan", "success"), task("ingest", "failed", 2), task("train", "upstream_failed")],
    ),
]


def test_each_change_is_one_plain_line_where_there_is_no_terminal() -> None:
    output, final = shown(FAILING, terminal=False)
    assert final == "failed"
    assert [" ".join(line.split()) for line in output.splitlines()] == [
        "plan running",
        "plan done, 1,235 rows, 2.5 s",
        "ingest running",
        "ingest retrying soon",
        "ingest running (attempt 2)",
        "ingest failed (attempt 2), 2.5 s",
        "train not run",
    ]


def test_a_terminal_shows_every_task_with_state_rows_and_seconds() -> None:
    output, _ = shown(FAILING, terminal=True)
    last = output[output.rindex("stage") :]
    for name in ("plan", "ingest", "transform", "train", "evaluate", "explain", "publish"):
        assert name in last
    assert "failed (attempt 2)" in last
    assert "1,235" in last
    assert "2.5" in last


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("usually none", "usually none"),
        ("user \x1b[2Jroot\r\n", "user \N{REPLACEMENT CHARACTER}[2Jroot" + 2 * "\ufffd"),
        ("a\u202eb", "a\N{REPLACEMENT CHARACTER}b"),
    ],
)
def test_a_log_field_cannot_repaint_the_terminal(text: str, seen: str) -> None:
    assert plain(text) == seen
