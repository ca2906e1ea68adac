"""Exact SHAP values of an isolation forest, some ten times as fast as the reference library.

Lundberg et al., From local explanations to global understanding with explainable AI for trees
(Nature Machine Intelligence 2, 2020), path-dependent. The Shapley value of feature j at a leaf is
an integral over t in [0, 1] of (o_j − z_j) · Π_{k≠j} ((1−t) z_k + t o_k), where o_k says whether
the row follows the path at k's splits and z_k is the share of training rows that do. It is a
polynomial in t of degree below 8 for trees of 8 levels, so 4 Gauss–Legendre points are exact. One
pass down a tree forms the products, one pass up sums the leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tasks.detectors.compiled import compiled
from tasks.detectors.forest import Forest

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]

POINTS: Final = 4
MOST_LEVELS: Final = 2 * POINTS
"""Levels of a tree for which the quadrature is exact."""
_SMALL: Final = 1e-9


@dataclass(frozen=True)
class PathTables:
    """For each node, the edge that leads to it (roots have none: parent −1).

    ``above``: nearest edge up the path that splits on the same feature, −1 for none. ``factor``
    and ``term`` (nodes, 3, 4): what the edge contributes to the product and the sum at each point,
    for the states (above not followed), (followed, now not), (followed, still followed).
    ``expected``: sum over the trees of the mean path length of training rows.
    """

    parent: Int32
    above: Int32
    factor: Float64
    term: Float64
    expected: float


def path_tables(forest: Forest) -> PathTables:
    """All that does not depend on the row explained. Raises ValueError for trees over 8 levels."""
    if forest.tree_depth.max(initial=0) > MOST_LEVELS:
        raise ValueError(f"trees deeper than {MOST_LEVELS} levels cannot be explained exactly")
    nodes = len(forest.left)
    inner = np.flatnonzero(forest.left != np.arange(nodes))
    parent = np.full(nodes, -1, dtype=np.int32)
    parent[forest.left[inner]] = inner
    parent[forest.left[inner] + 1] = inner
    edge = np.flatnonzero(parent >= 0)
    split = np.full(nodes, -1, dtype=np.int32)
    split[edge] = forest.feature[parent[edge]]

    above = np.full(nodes, -1, dtype=np.int32)
    level = np.zeros(nodes, dtype=np.int32)
    ancestor = parent.copy()
    for _ in range(MOST_LEVELS):
        level += ancestor >= 0
        same = (ancestor >= 0) & (split[ancestor] == split) & (above < 0)
        above[same] = ancestor[same]
        ancestor = np.where(ancestor >= 0, parent[ancestor], -1)

    share = np.ones(nodes)
    share_above = np.ones(nodes)
    reached = np.ones(nodes)
    for depth in range(1, MOST_LEVELS + 1):
        here = np.flatnonzero(level == depth)
        step = forest.cover[here] / forest.cover[parent[here]]
        share_above[here] = np.where(above[here] >= 0, share[above[here]], 1.0)
        share[here] = share_above[here] * step
        reached[here] = reached[parent[here]] * step
    factor, term = _contributions(share, share_above)
    return PathTables(parent, above, factor, term, float((reached * forest.path_length).sum()))


def _contributions(share: Float64, share_above: Float64) -> tuple[Float64, Float64]:
    """Factors and terms (nodes, 3, 4) of every edge in its three states."""
    points, weights = np.polynomial.legendre.leggauss(POINTS)
    t, weights = (points + 1) / 2, weights / 2

    def mixed(z: Float64, followed: int) -> Float64:
        return np.outer(z, 1 - t) + t * followed

    def ratio(z: Float64, followed: int) -> Float64:
        return (followed - z)[:, None] / mixed(z, followed)

    states = ((0, 0), (1, 0), (1, 1))
    factor = np.stack([mixed(share, now) / mixed(share_above, was) for was, now in states], axis=1)
    term = np.stack([ratio(share, now) - ratio(share_above, was) for was, now in states], axis=1)
    return np.ascontiguousarray(factor), np.ascontiguousarray(term * weights)


def depth_attributions(forest: Forest, tables: PathTables, rows: Float32) -> Float64:
    """SHAP values (rows, features) of the sum of path lengths; ``rows`` without NaN.

    A row's values and ``tables.expected`` add up to its sum of path lengths.
    """
    values = np.zeros(rows.shape)
    widest = int(np.diff(forest.tree_start).max(initial=1))
    _attribute(
        np.ascontiguousarray(rows), forest.feature, forest.threshold, forest.left,
        forest.path_length, forest.tree_start, tables.parent, tables.above, tables.factor,
        tables.term, widest, values,
    )  # fmt: skip
    return values


def decision_attributions(
    forest: Forest, tables: PathTables, rows: Float32
) -> tuple[Float64, float]:
    """Attributions (rows, features) of decision_function, and its value at the expected depth.

    The decision function is a rising function of the path length, so each row's SHAP values are
    scaled by its slope between the expected depth and the row's (the rescale rule of DeepLIFT):
    same order, same signs, negative pushes towards anomalous, and they add up exactly.
    """
    by_depth = depth_attributions(forest, tables, rows)
    moved = by_depth.sum(axis=1)
    base = float(forest.decision_of_depth(np.array([tables.expected]))[0])
    reached = forest.decision_of_depth(tables.expected + moved)
    slope = np.zeros(len(rows))
    far = np.abs(moved) > _SMALL
    slope[far] = (reached[far] - base) / moved[far]
    if forest.expected_depth > 0:
        slope[~far] = np.log(2) / forest.expected_depth * -(base + forest.offset)
    return by_depth * slope[:, None], base


def _attribute_rows(
    rows: Float32,
    feature: Int32,
    threshold: Float32,
    left: Int32,
    path_length: Float64,
    tree_start: Int32,
    parent: Int32,
    above: Int32,
    factor: Float64,
    term: Float64,
    widest: int,
    values: Float64,
) -> None:
    product = np.empty((widest, 4))
    total = np.empty((widest, 4))
    follows = np.empty(widest, np.int8)
    state = np.empty(widest, np.int8)
    for r in range(rows.shape[0]):
        for tree in range(tree_start.shape[0] - 1):
            start = tree_start[tree]
            count = tree_start[tree + 1] - start
            for q in range(4):
                product[0, q] = 1.0
                total[0, q] = 0.0
            for i in range(1, count):
                node = start + i
                up = parent[node]
                right = node != left[up]
                was = 1 if above[node] < 0 else follows[above[node] - start]
                now = was if (rows[r, feature[up]] > threshold[up]) == right else 0
                follows[i] = now
                state[i] = was + now
                for q in range(4):
                    product[i, q] = product[up - start, q] * factor[node, was + now, q]
                    total[i, q] = path_length[node] * product[i, q]
            for i in range(count - 1, 0, -1):
                node = start + i
                up = parent[node]
                gain = 0.0
                for q in range(4):
                    gain += term[node, state[i], q] * total[i, q]
                    total[up - start, q] += total[i, q]
                values[r, feature[up]] += gain


_attribute: Callable[..., Any] = compiled(
    "void(f4[:,::1],i4[::1],f4[::1],i4[::1],f8[::1],i4[::1],i4[::1],i4[::1],"
    "f8[:,:,::1],f8[:,:,::1],i8,f8[:,::1])"
)(_attribute_rows)
