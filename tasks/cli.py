"""The command line: one stage of a run, a whole run without Airflow, and the simulator.

Everything heavy is imported inside the commands: a stage pays only for what it uses.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.layers import STAGES, Stage
from tasks.errors import InputError, StageError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Logs in, explained anomalies out.",
)

MANY_VALUES = ("--input", "--baseline")


def main(arguments: list[str]) -> int:
    """Parse and run; returns the exit code: 0 done, 1 failed, 2 bad usage or input."""
    try:
        result = app(_spread(arguments), standalone_mode=False)
    except (InputError, StageError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # Typer carries its own copy of click; its usage errors are known by what they can do.
        show = getattr(error, "format_message", None)
        if show is None:
            raise
        print(f"error: {show()}", file=sys.stderr)
        return 2
    return result if isinstance(result, int) else 0


def _spread(arguments: list[str]) -> list[str]:
    """``--input A B C`` becomes ``--input A --input B --input C``, as a shell glob gives it."""
    spread: list[str] = []
    option: str | None = None
    values = 0
    for argument in arguments:
        if argument.startswith("--"):
            option = argument if argument in MANY_VALUES else None
            values = 0
        elif option:
            values += 1
            if values > 1:
                spread.append(option)
        spread.append(argument)
    return spread


def _stage_command(stage: Stage) -> None:
    def command(
        run: Annotated[str, typer.Option("--run", help="URL of the run's folder.")],
        attempt: Annotated[int, typer.Option(min=1, help="Airflow's try number.")] = 1,
    ) -> int:
        from tasks.attempt import run_stage
        from tasks.logs import configure_logs

        configure_logs()
        return run_stage(stage, run, attempt)

    app.command(name=stage, help=f"Stage {stage} of a planned run: what a pod runs.")(command)


for _stage in STAGES:
    _stage_command(_stage)


@app.command(name="run")
def run_command(
    input: Annotated[list[Path], typer.Option("--input", help="Log files or folders.")],
    baseline: Annotated[
        list[Path] | None, typer.Option("--baseline", help="Earlier logs believed clean.")
    ] = None,
    store: Annotated[str, typer.Option(help="Folder, or s3:// with AWS_* set.")] = "soc-store",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Keep this UTC day only; default: everything."),
    ] = None,
    contamination: Annotated[str, typer.Option(help="'auto' or a share up to 0.5.")] = "auto",
    n_estimators: Annotated[int, typer.Option(help="Trees of the Isolation Forest.")] = 100,
    random_state: Annotated[int, typer.Option(help="Seed of everything random.")] = 42,
    window_minutes: Annotated[int, typer.Option(help="Window of the features.")] = 15,
    alert_budget: Annotated[int, typer.Option(help="Alerts a day at most.")] = 50,
    alert_threshold: Annotated[
        float | None, typer.Option(help="Alert from this ml_score on, instead of a budget.")
    ] = None,
    max_rejected_share: Annotated[float, typer.Option(help="More than this fails.")] = 0.05,
    year: Annotated[int | None, typer.Option(help="Year of syslog lines without one.")] = None,
) -> int:
    """Plan and run the five stages one after another, without Airflow or Postgres."""
    from tasks.batch import run_batch

    parameters: dict[str, Any] = {
        "contamination": contamination if contamination == "auto" else _share(contamination),
        "n_estimators": n_estimators,
        "random_state": random_state,
        "window_minutes": window_minutes,
        "alert_budget": alert_budget,
        "alert_threshold": alert_threshold,
        "max_rejected_share": max_rejected_share,
        "year": year,
    }
    return run_batch(
        inputs=input,
        baseline=baseline or [],
        store_url=store,
        parameters=parameters,
        day=day.date() if day else None,
        as_json=as_json,
    )


@app.command(name="simulate")
def simulate_command(
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="UTC day.")],
    out: Annotated[Path, typer.Option(help="Folder for the logs and their ground truth.")],
    seed: Annotated[int, typer.Option(min=0, help="Fixes the site's hosts and users.")] = 1,
    events: Annotated[int, typer.Option(min=500, help="About how many events.")] = 20_000,
    attacks: Annotated[bool, typer.Option(help="Without attacks: a clean day.")] = True,
) -> int:
    """Write a day of an office network as Zeek and sshd would, with its ground truth beside."""
    from tasks.simulator import simulate_day

    made = simulate_day(day.date(), out, seed, events, attacks=attacks)
    print(f"{made.conn_log}: {made.flows:,} flows")
    print(f"{made.auth_log}: {made.auth_lines:,} lines, {made.auth_events:,} of them logins")
    print(f"{made.truth}: {', '.join(sorted(made.attacks)) or 'no attacks'}")
    return 0


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--contamination {text}: give 'auto' or a number up to 0.5") from None
