"""The health line: can what this page shows be believed, and is it the newest there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from dashboard.store.figures import ScoreFigures
from dashboard.store.records import FailedStage, Publication
from dashboard.views.safe import Markup, tag
from dashboard.views.wording import ago, count, counted, moment_utc

Level = Literal["good", "attention", "failed"]

REJECTED_NOTABLE: Final = 0.01
"""Share of rejected rows from which the line asks for attention."""
STALE_AFTER: Final = timedelta(hours=48)
"""A daily run that is this old was missed at least once."""

COLD_START: Final = (
    "Cold start: there is no clean history yet, so the model learned from this day itself; "
    "what is common today counts as usual"
)
PROVISIONAL: Final = (
    "Provisional scores: fewer than two clean days of history; "
    "severities may shift as history grows"
)


@dataclass(frozen=True, slots=True)
class Health:
    """``verdict`` in two or three words, ``reasons`` in whole sentences, ``facts`` by name."""

    level: Level
    verdict: str
    reasons: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def assess(
    shown: Publication,
    newest: Publication,
    failed: list[FailedStage],
    figures: ScoreFigures | None,
    now: datetime,
) -> Health:
    """Health of what is shown; never good when the newest run failed. ``figures`` None: unknown."""
    reasons = [
        f"Stage {f.stage} of run {f.run_id} failed at {moment_utc(f.at)}: {f.reason}"
        for f in failed
    ]
    warnings = []
    last = ago(newest.published_at, now)
    if shown.id != newest.id:
        warnings.append(f"Not the newest: day {newest.day} was published {last}")
    if now - newest.published_at > STALE_AFTER:
        warnings.append(f"No newer run: the last one was published {last}")
    if shown.cold_start:
        warnings.append(COLD_START)
    if shown.provisional:
        warnings.append(PROVISIONAL)
    if shown.rejected_share >= REJECTED_NOTABLE:
        warnings.append(
            f"{shown.rejected_share:.1%} of the rows could not be read; see History, Ingestion"
        )
    level: Level = "failed" if failed else "attention" if warnings else "good"
    verdict = {"failed": "Newest run failed", "attention": "Read with care", "good": "In order"}
    return Health(level, verdict[level], (*reasons, *warnings), _facts(shown, figures, now))


def _facts(
    shown: Publication, figures: ScoreFigures | None, now: datetime
) -> tuple[tuple[str, str], ...]:
    facts = [
        ("Day", f"{shown.day} (UTC), generation {shown.generation}"),
        ("Published", f"{moment_utc(shown.published_at)}, {ago(shown.published_at, now)}"),
    ]
    if figures is not None and figures.last is not None:
        facts.append(("Data until", moment_utc(figures.last)))
    rejected = f"{count(shown.rows_rejected)} of {counted(shown.rows_in, 'row')} rejected"
    if shown.rows_rejected:
        rejected += f" ({100 * shown.rejected_share:.2g} %)"
    facts.append(("Read", rejected))
    skipped = sorted(shown.rows_skipped.items(), key=lambda item: -item[1])
    if skipped:
        named = ", ".join(f"{kind} {count(rows)}" for kind, rows in skipped[:4])
        more = f" and {len(skipped) - 4} more kinds" if len(skipped) > 4 else ""
        facts.append(("Skipped", named + more))
    return tuple(facts)


def health_line(health: Health) -> Markup:
    """The line as it stands above every page."""
    return tag(
        "section",
        tag("span", health.verdict, class_="verdict"),
        *(tag("p", reason, class_="reason") for reason in health.reasons),
        tag(
            "ul",
            *(tag("li", f"{name} ", tag("b", value)) for name, value in health.facts),
        ),
        class_=f"health {health.level}",
        role="status",
        aria_label="Health of the newest run",
        data_testid="health",
    )


def now_utc() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)
