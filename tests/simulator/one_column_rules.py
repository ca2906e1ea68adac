"""The best rule that looks at one column: what a simulated day must not give away to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from sklearn.metrics import average_precision_score


class Rule(NamedTuple):
    """A rule and the average precision that it reaches."""

    average_precision: float
    text: str


def best_rule(rows: pl.DataFrame, target: pl.Series) -> Rule:
    """The best of: any numeric column up or down (nulls first or last), any ``column == value``."""
    truth = target.to_numpy()
    rules = []
    for name, dtype in rows.schema.items():
        if dtype.is_numeric():
            rules += _orderings(name, rows[name], truth)
        rules.append(_equality(name, rows[name], target))
    return max(rules)


def _orderings(name: str, column: pl.Series, truth: np.ndarray) -> list[Rule]:
    values = column.cast(pl.Float64)
    low, high = values.min() - 1, values.max() + 1
    return [
        Rule(
            float(average_precision_score(truth, sign * values.fill_null(fill).to_numpy())),
            f"{name} {'high' if sign > 0 else 'low'} (null as {fill:.0f})",
        )
        for fill in (low, high)
        for sign in (1, -1)
    ]


def _equality(name: str, column: pl.Series, target: pl.Series) -> Rule:
    """Best single value. A 0/1 score has AP = R·P + (1 − R)·base rate."""
    total, base = target.sum(), target.mean()
    counts = (
        pl.DataFrame({"value": column, "hit": target})
        .group_by("value")
        .agg(hits=pl.col("hit").sum(), size=pl.len())
    )
    recall = pl.col("hits") / total
    best = counts.with_columns(
        ap=recall * pl.col("hits") / pl.col("size") + (1 - recall) * base
    ).sort("ap")[-1]
    return Rule(best["ap"].item(), f"{name} == {best['value'].item()}")
