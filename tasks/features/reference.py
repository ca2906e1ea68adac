"""Which rows models learn from and "usual" is read from: one good row a key, in random order."""

from __future__ import annotations

import numpy as np

from tasks.features.grouping import Groups, Index, least_by_group

MIN_REFERENCE_ROWS = 50
"""A cold start with fewer keys that completed or succeeded takes further rows as reference."""
REFERENCE_ROWS = 50_000
"""Most reference rows that one day gives, to its own model and to later days (design §2)."""


def one_a_key(key: Groups, rows: Index, random: np.random.Generator) -> Index:
    """One random row of each key among ``rows``, in random order."""
    priority = random.random(len(rows))
    best = least_by_group(key.ids[rows], len(key), priority)
    best = best[best >= 0]
    chosen: Index = rows[best[np.argsort(priority[best], kind="stable")]]
    return chosen


def filled_up(*candidates: Index) -> Index:
    """The first ``MIN_REFERENCE_ROWS`` different rows of several lists, one list after another."""
    rows = np.concatenate(candidates)
    _, at = np.unique(rows, return_index=True)
    different: Index = rows[np.sort(at)]
    return different[:MIN_REFERENCE_ROWS]


def sample(rows: Index, seed: int) -> Index:
    """A seeded sample of at most ``REFERENCE_ROWS`` rows, in row order."""
    if len(rows) <= REFERENCE_ROWS:
        return np.sort(rows)
    chosen = np.random.default_rng(seed).choice(len(rows), REFERENCE_ROWS, replace=False)
    return np.sort(rows[chosen])
