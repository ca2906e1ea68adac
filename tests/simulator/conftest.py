"""One simulated working day and its Saturday, shared by the tests."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tasks.simulator import SimulatedDay, simulate_day

WEDNESDAY = date(2026, 11, 18)
THURSDAY = date(2026, 11, 19)
SATURDAY = date(2026, 11, 21)
EVENTS = 20_000


@pytest.fixture(scope="session")
def wednesday(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDay:
    return simulate_day(WEDNESDAY, tmp_path_factory.mktemp("wednesday"), 1, EVENTS)


@pytest.fixture(scope="session")
def saturday(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDay:
    return simulate_day(SATURDAY, tmp_path_factory.mktemp("saturday"), 1, EVENTS)


@pytest.fixture(scope="session")
def clean_wednesday(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDay:
    folder: Path = tmp_path_factory.mktemp("clean")
    return simulate_day(WEDNESDAY, folder, 1, EVENTS, attacks=False)
