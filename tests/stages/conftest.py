"""A day with both kinds, labelled, taken through train, evaluate and explain once."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from contracts.plan import RunParameters
from tasks.stage import StageOutcome
from tests.silver_frames import reference, silver
from tests.stages.stage_context import Day

Frames = dict[str, pl.DataFrame]


def frames(*, labelled: bool = True, kinds: tuple[str, ...] = ("auth", "network")) -> Frames:
    rows = {"auth": (700, 40), "network": (2_000, 120)}
    return {
        kind: silver(kind, rows[kind][0], seed=3, attacks=rows[kind][1], labelled=labelled)
        for kind in kinds
    }


def references(today: Frames, days: int = 2) -> Frames:
    return {
        kind: reference(
            kind,
            [silver(kind, 900, seed=50 + day) for day in range(days)],
            frame if "label" in frame.columns else None,
        )
        for kind, frame in today.items()
    }


def ran(root: Path, today: Frames, known: Frames, parameters: RunParameters) -> Ran:
    day = Day(root, parameters)
    day.transformed(today, known)
    return Ran(day, today, {name: day.run(name) for name in ("train", "evaluate", "explain")})


class Ran:
    """A day after its three stages."""

    def __init__(self, day: Day, silver: Frames, outcomes: dict[str, StageOutcome]) -> None:
        self.day = day
        self.silver = silver
        self.outcomes = outcomes

    def frame(self, stage: str, role: str) -> pl.DataFrame:
        return self.day.frame(self.outcomes[stage], role)


@pytest.fixture(scope="session")
def both_kinds(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    today = frames()
    parameters = RunParameters(n_estimators=50)
    return ran(tmp_path_factory.mktemp("day"), today, references(today), parameters)
