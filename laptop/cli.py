"""`python -m laptop`: what the Makefile calls. Exit 0 done, 1 failed, 2 bad usage or input."""

from __future__ import annotations

import os
import shutil
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from laptop import object_storage, processes
from laptop.errors import RunFailed, UsageError
from laptop.processes import log_tail, process_of
from laptop.state import PROJECT, State

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None,
    pretty_exceptions_enable=False, help="The whole system on one machine.",
)  # fmt: skip
REDIRECTED_WIDTH = 120
"""Columns of output that goes to a file: sentences stay on few lines."""
LEFTOVERS = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")


def main(arguments: list[str]) -> int:
    """Parse and run; returns the exit code."""
    try:
        result = app(arguments, standalone_mode=False)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RunFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted; services and runs go on (make status, make stop)", file=sys.stderr)
        return 130
    except Exception as error:
        # Typer carries its own copy of click; its usage errors are known by what they can do.
        show = getattr(error, "format_message", None)
        if show is None:
            raise
        print(f"error: {show()}", file=sys.stderr)
        return 2
    return result if isinstance(result, int) else 0


@app.command()
def run(
    input: Annotated[list[Path] | None, typer.Option(help="Log file or folder; INPUT too.")] = None,
    baseline: Annotated[
        list[Path] | None, typer.Option(help="Earlier logs believed clean; BASELINE too.")
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], envvar="DAY", help="Only this UTC day of event time."),
    ] = None,
    params: Annotated[
        str, typer.Option(envvar="PARAMS", help="Parameters: 'alert_budget=20 retrain=false'.")
    ] = "",
) -> None:
    """Bring everything up, run the DAG on the input (none: a simulated day), print the result."""
    from laptop.landing import log_files, paths_in
    from laptop.parameters import parse_parameters

    given = {"INPUT": input, "BASELINE": baseline}
    files = {
        name: log_files(name, paths or paths_in(name, os.environ.get(name, "")))
        for name, paths in given.items()
    }
    if files["BASELINE"] and not files["INPUT"]:
        raise UsageError("BASELINE is given, but no INPUT: name the logs to look at, too")
    parameters = parse_parameters(params)

    from laptop.run import Wanted
    from laptop.run import run as run_dag

    wanted = Wanted(files["INPUT"], files["BASELINE"], day.date() if day else None, parameters)
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, REDIRECTED_WIDTH)
    run_dag(State(), wanted, console)


@app.command()
def status() -> int:
    """Each service: state, pid, address, uptime; and the last run."""
    state, console = State(), Console(highlight=False)
    services = state.services
    if not services:
        print("no services: nothing has been started, or it has been stopped (make run)")
        return 0
    table = Table("service", "state", "pid", "address", "up", box=None, pad_edge=False)
    for service in services.values():
        process = process_of(service)
        table.add_row(
            service.name,
            "running" if process else "stopped",
            str(service.pid) if process else "",
            service.url or (f"127.0.0.1:{service.port}" if service.port else ""),
            _uptime(time.time() - service.started) if process else "",
        )
    console.print(table)
    if last := state.noted("last_run"):
        print(
            f"last run: {last['run_id']}, {last['state']}, {last.get('ended', last.get('started'))}"
        )
    return 0 if all(process_of(service) for service in services.values()) else 1


@app.command()
def stop() -> int:
    """End every service and everything that they started."""
    state = State()
    if not state.folder.exists():
        print("nothing to stop")
        return 0
    with state.locked(lambda: print("waiting for the command that is starting services")):
        return _stop(state)


@app.command()
def clean() -> int:
    """Stop, and delete the state folder (databases, buckets, secrets) and caches."""
    state = State()
    if state.folder.exists():
        with state.locked():
            if code := _stop(state):
                return code
            shutil.rmtree(state.folder)
    for name in LEFTOVERS:
        shutil.rmtree(PROJECT / name, ignore_errors=True)
    for cache in PROJECT.rglob("__pycache__"):
        if ".venv" not in cache.parts:
            shutil.rmtree(cache, ignore_errors=True)
    print("removed the state folder and caches")
    return 0


@app.command()
def logs(
    service: Annotated[str, typer.Option(envvar="SERVICE", help="One service only.")] = "",
    lines: Annotated[int, typer.Option(min=1, help="Lines of each log.")] = 20,
) -> None:
    """The end of each service's log."""
    found = sorted(State().path("logs").glob("*.log"))
    chosen = [path for path in found if not service or path.stem == service]
    if not chosen:
        names = ", ".join(path.stem for path in found) or "none yet"
        raise UsageError(f"SERVICE={service}: no such log; there are: {names}")
    for path in chosen:
        print(f"==> {path.stem} ({path})")
        print(log_tail(path, lines))


def _stop(state: State) -> int:
    services = list(state.services.values())
    left: list[psutil.Process] = processes.stop(services, state.folder, everything=True)
    object_storage.remove_sockets(state.path(object_storage.SERVICE))
    if left:
        raise RunFailed(f"still running: pids {', '.join(str(process.pid) for process in left)}")
    state.forget(*state.services)
    print("stopped " + (", ".join(service.name for service in services) or "nothing: none ran"))
    return 0


def _uptime(seconds: float) -> str:
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
