"""The form of a manual run: one ``Param`` for each field of ``RunParameters``, and the inputs."""

from __future__ import annotations

from airflow.sdk import Param

from contracts.plan import RunParameters

DEFAULTS = RunParameters()
MINUTES_OF_DAY = 1_440
LONGEST_WINDOW_MINUTES = 240


def run_form() -> dict[str, Param]:
    """Parameters by name, in the form's order; ranges are those of ``RunParameters``."""
    windows = [n for n in range(1, LONGEST_WINDOW_MINUTES + 1) if MINUTES_OF_DAY % n == 0]
    return {
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="UTC day of event time. Takes cybersec-ml-raw/landing/<day>/. Empty, and "
            "no input: yesterday.",
        ),
        "input": Param(
            None,
            type=["null", "string"],
            format="multiline",
            title="Input",
            description="Logs inside cybersec-ml-raw as a pattern (landing/2026-01-31/conn*.gz; * "
            "also matches /; one pattern a line). Without a day they are one batch, every event "
            "kept.",
        ),
        "baseline": Param(
            None,
            type=["null", "string"],
            format="multiline",
            title="Baseline",
            description="Earlier logs believed clean, as a pattern inside cybersec-ml-raw: models "
            "learn from them. Never scored.",
        ),
        "contamination": Param(
            str(DEFAULTS.contamination),
            type=["string", "number"],
            pattern=r"^(auto|0?\.[0-9]{1,6})$",
            exclusiveMinimum=0,
            maximum=0.5,
            title="Contamination",
            description="Share of anomalies that the forest assumes: auto, or a number up to 0.5.",
        ),
        "n_estimators": Param(
            DEFAULTS.n_estimators,
            type="integer",
            minimum=10,
            maximum=2_000,
            title="Trees",
            description="Trees of the Isolation Forest: more are steadier and slower.",
        ),
        "window_minutes": Param(
            DEFAULTS.window_minutes,
            type="integer",
            enum=windows,
            title="Window (minutes)",
            description="Length of the windows in which behaviour is counted; divides the day.",
        ),
        "alert_budget": Param(
            DEFAULTS.alert_budget,
            type="integer",
            minimum=1,
            maximum=10_000,
            title="Alert budget",
            description="Alerts a day at most; unused when a threshold is given.",
        ),
        "alert_threshold": Param(
            DEFAULTS.alert_threshold,
            type=["null", "number"],
            minimum=0,
            maximum=1,
            title="Alert threshold",
            description="Alert from this score (0 to 1) on; empty: as many as the budget allows.",
        ),
        "retrain": Param(
            DEFAULTS.retrain,
            type="boolean",
            title="Retrain",
            description="No: score with the model that was published last.",
        ),
        "max_rejected_share": Param(
            DEFAULTS.max_rejected_share,
            type="number",
            minimum=0,
            maximum=1,
            title="Rejected lines, at most",
            description="The run stops when a larger share of the lines cannot be read.",
        ),
        "year": Param(
            DEFAULTS.year,
            type=["null", "integer"],
            minimum=1_970,
            maximum=9_999,
            title="Year of syslog lines",
            description="For lines that carry no year; empty: the latest not in the future.",
        ),
    }
