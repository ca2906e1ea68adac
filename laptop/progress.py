"""A run while it runs: one line a task on a terminal, one line an event elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from contracts.layers import STAGES
from laptop.airflow_api import ENDED, TaskState

TASKS = ("plan", *STAGES, "publish")
POLL_S = 0.4
QUEUED_S = 5.0
"""A run that is queued for longer than this has another one before it."""
BEHIND = "waiting: another run goes first"
SETTLED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
WORDS = {
    None: ("waiting", "dim"),
    "scheduled": ("waiting", "dim"),
    "queued": ("waiting", "dim"),
    "running": ("running", "bold cyan"),
    "success": ("done", "green"),
    "failed": ("failed", "bold red"),
    "up_for_retry": ("retrying soon", "yellow"),
    "restarting": ("restarting", "yellow"),
    "upstream_failed": ("not run", "dim"),
    "skipped": ("not run", "dim"),
}

Rows = Callable[[str, int], int | None]
"""Rows that a task's attempt put out, once it has ended; None where there is no such figure."""


def watch(
    console: Console,
    tasks: Callable[[], Mapping[str, TaskState]],
    run_state: Callable[[], str],
    rows: Rows,
) -> tuple[str, dict[str, TaskState]]:
    """Show the run until it ends; its final state (success, failed) and the tasks' states."""
    seen: dict[str, int | None] = {}
    told: dict[str, str] = {}

    def look() -> tuple[str, dict[str, TaskState]]:
        now = dict(tasks())
        for task in now.values():
            if task.state == "success" and task.task not in seen:
                seen[task.task] = rows(task.task, task.attempt)
        # each question costs the API server what a stage then lacks: only when it may have ended
        unsettled = any(task.state not in SETTLED for task in now.values())
        return "running" if unsettled and _begun(now) else run_state(), now

    def behind(state: str) -> bool:
        return state == "queued" and time.monotonic() - begun > QUEUED_S

    begun = time.monotonic()
    if not console.is_terminal:
        while True:
            state, now = look()
            if behind(state) and "queue" not in told:
                told["queue"] = "said"
                console.print(BEHIND, markup=False, highlight=False)
            _tell(console, now, seen, told)
            if state in ENDED:
                return state, now
            time.sleep(POLL_S)
    with Live(console=console, refresh_per_second=4) as live:
        while True:
            state, now = look()
            live.update(_table(now, seen, BEHIND if behind(state) else None))
            if state in ENDED:
                return state, now
            time.sleep(POLL_S)


def seconds(task: TaskState, now: datetime) -> float | None:
    """How long a task has run, or ran."""
    return ((task.ended or now) - task.started).total_seconds() if task.started else None


def _word(task: TaskState) -> tuple[str, str]:
    word, style = WORDS.get(task.state, (str(task.state), ""))
    if task.attempt > 1:
        word += f" (attempt {task.attempt})"
    return word, style


def _table(
    tasks: Mapping[str, TaskState], rows: Mapping[str, int | None], caption: str | None
) -> Table:
    now = datetime.now(UTC)
    table = Table(
        "stage", "state", box=None, pad_edge=False,
        caption=caption,
    )  # fmt: skip
    table.add_column("rows", justify="right")
    table.add_column("seconds", justify="right")
    for name in TASKS:
        task = tasks.get(name) or TaskState(name, None, 0, None, None)
        word, style = _word(task)
        count, took = rows.get(name), seconds(task, now)
        table.add_row(
            name,
            Text(word, style),
            "" if count is None else f"{count:,}",
            "" if took is None else f"{took:.1f}",
        )
    return table


def _begun(tasks: Mapping[str, TaskState]) -> bool:
    return any(task.started for task in tasks.values())


def _tell(
    console: Console,
    tasks: Mapping[str, TaskState],
    rows: Mapping[str, int | None],
    told: dict[str, str],
) -> None:
    now = datetime.now(UTC)
    for name in TASKS:
        task = tasks.get(name)
        if task is None or WORDS.get(task.state, ("",))[0] == "waiting":
            continue
        word = _word(task)[0]
        if told.get(name) == word:
            continue
        told[name] = word
        line = f"{name:<10} {word}"
        if task.state in ENDED:
            count, took = rows.get(name), seconds(task, now)
            line += "" if count is None else f", {count:,} rows"
            line += "" if took is None else f", {took:.1f} s"
        console.print(line, markup=False, highlight=False)
