"""No single column tells the attacks from the rest (issue 3: average precision under 0.5)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tasks.simulator import simulate_day
from tests.simulator.one_column_rules import best_rule
from tests.simulator.raw_columns import auth_rows, network_rows

DAYS = (date(2026, 11, 18), date(2026, 11, 21), date(2026, 3, 2))


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("seed", [0, 1, 42])
def test_the_best_one_column_rule_stays_under_half(tmp_path: Path, seed: int, day: date) -> None:
    simulate_day(day, tmp_path, seed, 20_000)
    for rows in (network_rows(tmp_path), auth_rows(tmp_path, day.year)):
        attack = rows["attack"].is_not_null()
        assert 0.02 < attack.mean() <= 0.05
        rule = best_rule(rows.drop("attack"), attack)
        assert rule.average_precision < 0.5, rule.text


def test_the_yardstick_finds_a_threshold_and_a_value() -> None:
    attack = pl.Series([False] * 95 + [True] * 5)
    size = pl.DataFrame({"bytes": [*range(95), *range(1000, 1005)]})
    state = pl.DataFrame({"conn_state": ["SF"] * 95 + ["S0"] * 5})
    unknown = pl.DataFrame({"duration": [1.0] * 95 + [None] * 5})
    for rows, text in ((size, "bytes high"), (state, "conn_state == S0"), (unknown, "duration")):
        rule = best_rule(rows, attack)
        assert rule.average_precision == pytest.approx(1.0)
        assert rule.text.startswith(text)
