"""An isolation forest as plain arrays, and a kernel that scores 1–1.5 M rows/s on two cores.

Liu, Ting, Zhou: Isolation Forest (ICDM 2008). Each tree's nodes lie breadth-first with siblings
adjacent; a leaf points at itself below an infinite threshold, so that every row takes the same
number of steps. Thresholds are rounded down to float32, which for float32 rows changes no
comparison: ``x <= t`` holds exactly when ``x <= down32(t)``. NaN goes left, as the floor does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from tasks.detectors.compiled import compiled

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]

BLOCK_ROWS: Final = 256
"""Rows that a core copies next to each other before it walks them: 36 features fit its cache."""


@dataclass(frozen=True)
class Forest:
    """Node arrays (one entry a node, all trees one after another) and what turns depth to score.

    ``left``: index of the left child; the right one follows it. ``path_length``: of a leaf, its
    depth plus the expected depth below it. ``cover``: training rows that reached the node.
    ``tree_start`` has one entry more than there are trees. ``expected_depth`` is the sum over the
    trees of the depth that an average training row reaches; ``offset`` as in scikit-learn.
    """

    feature: Int32
    threshold: Float32
    left: Int32
    path_length: Float64
    cover: Float64
    tree_start: Int32
    tree_depth: Int32
    expected_depth: float
    offset: float

    @property
    def trees(self) -> int:
        return len(self.tree_depth)

    def decision_function(self, by_feature: Float32) -> Float64:
        """Scores of rows given as (features, rows), float32; lower is more anomalous.

        Equals scikit-learn's ``decision_function`` of the same rows.
        """
        return self.decision_of_depth(self.depths(by_feature))

    def decision_of_depth(self, depth: Float64) -> Float64:
        """The decision function at a sum of path lengths over the trees; it grows with depth."""
        if self.expected_depth == 0:
            return np.full_like(depth, -0.5 - self.offset)
        score: Float64 = -(2.0 ** -(depth / self.expected_depth)) - self.offset
        return score

    def depths(self, by_feature: Float32) -> Float64:
        """Sum over the trees of each row's path length; rows are split between the cores."""
        rows = by_feature.shape[1]
        total = np.empty(rows)
        lowest, usual_depth = self._lowest(by_feature.shape[0]), self._usual_depth()
        blocks = -(-rows // BLOCK_ROWS)
        cores = max(1, min(usable_cores(), blocks))
        share = -(-blocks // cores) * BLOCK_ROWS
        parts = [(start, min(start + share, rows)) for start in range(0, rows, share)]

        def walk(part: tuple[int, int]) -> None:
            _walk(
                by_feature, part[0], part[1], lowest, usual_depth, self.feature, self.threshold,
                self.left, self.path_length, self.tree_start, self.tree_depth, total,
            )  # fmt: skip

        if len(parts) <= 1:
            for part in parts:
                walk(part)
        else:
            with ThreadPoolExecutor(len(parts)) as pool:
                list(pool.map(walk, parts))
        return total

    def _lowest(self, features: int) -> Float32:
        """The lowest threshold of each feature; infinity for one that no tree looks at."""
        lowest = np.full(features, np.inf, dtype=np.float32)
        np.minimum.at(lowest, self.feature, self.threshold)
        return lowest

    def _usual_depth(self) -> float:
        """Sum of path lengths of a row that goes left everywhere, added up tree by tree as the
        kernel does."""
        total = 0.0
        for node in self.tree_start[:-1]:
            while self.left[node] != node:
                node = self.left[node]
            total += float(self.path_length[node])
        return total


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def flatten(estimator: IsolationForest) -> Forest:
    """The arrays of a fitted scikit-learn forest (all features in every tree)."""
    trees = [
        _breadth_first(
            one.tree_,
            np.asarray(depths) + np.asarray(average) - 1.0,
        )
        for one, depths, average in zip(
            estimator.estimators_,
            estimator._decision_path_lengths,
            estimator._average_path_length_per_tree,
            strict=True,
        )
    ]
    start = np.cumsum([0] + [len(tree["feature"]) for tree in trees])

    def joined(name: str, kind: type[Any]) -> npt.NDArray[Any]:
        return np.concatenate([tree[name] for tree in trees]).astype(kind)

    left = np.concatenate([tree["left"] + first for tree, first in zip(trees, start, strict=False)])
    return Forest(
        feature=joined("feature", np.int32),
        threshold=joined("threshold", np.float32),
        left=left.astype(np.int32),
        path_length=joined("path_length", np.float64),
        cover=joined("cover", np.float64),
        tree_start=start.astype(np.int32),
        tree_depth=np.array([tree["depth"].max() for tree in trees], dtype=np.int32),
        expected_depth=len(trees) * _average_path_length(estimator.max_samples_),
        offset=float(estimator.offset_),
    )


def _average_path_length(rows: int) -> float:
    """Expected depth of an unsuccessful search among ``rows`` rows (Liu et al., equation 1)."""
    if rows <= 1:
        return 0.0
    if rows == 2:
        return 1.0
    return float(2.0 * (np.log(rows - 1.0) + np.euler_gamma) - 2.0 * (rows - 1.0) / rows)


def _breadth_first(tree: Any, path_length: Float64) -> dict[str, npt.NDArray[Any]]:
    """One tree's nodes renumbered breadth-first; ``left`` counts from the tree's own root."""
    order, depth, place = [0], [0], {0: 0}
    for at, node in enumerate(order):
        if tree.children_left[node] >= 0:
            for child in (int(tree.children_left[node]), int(tree.children_right[node])):
                place[child] = len(order)
                order.append(child)
                depth.append(depth[at] + 1)
    nodes = np.array(order)
    leaf = tree.children_left[nodes] < 0
    left = [at if leaf[at] else place[int(tree.children_left[n])] for at, n in enumerate(order)]
    return {
        "feature": np.where(leaf, 0, tree.feature[nodes]),
        "threshold": np.where(leaf, np.float32(np.inf), _down32(tree.threshold[nodes])),
        "left": np.array(left),
        "path_length": np.where(leaf, path_length[nodes], 0.0),
        "cover": tree.weighted_n_node_samples[nodes],
        "depth": np.array(depth),
    }


def _down32(values: Float64) -> Float32:
    """The largest float32 that is not above each value."""
    nearest = values.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > values, below, nearest).astype(np.float32)


def _walk_rows(
    by_feature: Float32,
    first: int,
    last: int,
    lowest: Float32,
    usual_depth: float,
    feature: Int32,
    threshold: Float32,
    left: Int32,
    path_length: Float64,
    tree_start: Int32,
    tree_depth: Int32,
    total: Float64,
) -> None:
    """Sum each tree's path length of rows ``first``…``last`` into ``total``. A row without a value
    above its feature's ``lowest`` threshold goes left everywhere and gets ``usual_depth``; the
    others are walked 8 at a time, so that one row's loads overlap with the others'."""
    width = by_feature.shape[0]
    rows = np.empty((256, width), np.float32)
    high = np.empty(256, np.int8)
    walked = np.empty(264, np.int64)
    for start in range(first, last, 256):
        size = min(256, last - start)
        high[:] = 0
        for j in range(width):
            edge = lowest[j]
            for i in range(size):
                value = by_feature[j, start + i]
                rows[i, j] = value
                high[i] |= value > edge
        count = 0
        for i in range(size):
            total[start + i] = usual_depth
            if high[i]:
                total[start + i] = 0.0
                walked[count] = i
                count += 1
        if count == 0:
            continue
        for t in range(tree_depth.shape[0]):
            root = tree_start[t]
            steps = tree_depth[t]
            i = 0
            while i + 8 <= count:
                a = b = c = d = e = f = g = h = root
                ra, rb, rc, rd = walked[i], walked[i + 1], walked[i + 2], walked[i + 3]
                re, rf, rg, rh = walked[i + 4], walked[i + 5], walked[i + 6], walked[i + 7]
                for _ in range(steps):
                    a = left[a] + (rows[ra, feature[a]] > threshold[a])
                    b = left[b] + (rows[rb, feature[b]] > threshold[b])
                    c = left[c] + (rows[rc, feature[c]] > threshold[c])
                    d = left[d] + (rows[rd, feature[d]] > threshold[d])
                    e = left[e] + (rows[re, feature[e]] > threshold[e])
                    f = left[f] + (rows[rf, feature[f]] > threshold[f])
                    g = left[g] + (rows[rg, feature[g]] > threshold[g])
                    h = left[h] + (rows[rh, feature[h]] > threshold[h])
                total[start + ra] += path_length[a]
                total[start + rb] += path_length[b]
                total[start + rc] += path_length[c]
                total[start + rd] += path_length[d]
                total[start + re] += path_length[e]
                total[start + rf] += path_length[f]
                total[start + rg] += path_length[g]
                total[start + rh] += path_length[h]
                i += 8
            while i < count:
                a = root
                ra = walked[i]
                for _ in range(steps):
                    a = left[a] + (rows[ra, feature[a]] > threshold[a])
                total[start + ra] += path_length[a]
                i += 1


_walk: Callable[..., None] = compiled(
    "void(f4[:,::1],i8,i8,f4[::1],f8,i4[::1],f4[::1],i4[::1],f8[::1],i4[::1],i4[::1],f8[::1])"
)(_walk_rows)
