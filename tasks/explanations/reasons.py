"""Why the forest isolates a row: its attributions, culprits, technique and sentence's feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from contracts.features import FEATURE_BY_NAME, Feature
from tasks.detectors.one_sided import lifted
from tasks.detectors.training import KindModel
from tasks.explanations.techniques import TECHNIQUES, UNNAMED, Technique
from tasks.explanations.tree_shap import decision_attributions, path_tables

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


SYMPTOMS: Final = frozenset({"unanswered", "rare", "rate", "prevalence"})
"""Families that say how single flows look, not what somebody does with them."""
PATTERN_SHARE: Final = 0.1
"""Share of the strongest family's push from which a pattern names the technique instead."""


@dataclass(frozen=True)
class Reasons:
    """Attributions (rows, features) of decision_function, its base value, and for each row the
    technique and the index of the feature that the sentence speaks of (None: none stands out)."""

    attribution: Float64
    base: float
    techniques: list[Technique]
    spoken: list[int | None]


def reasons_of(kind: str, model: KindModel, rows: Float32) -> Reasons:
    """Explain rows (rows, features) of raw features, NaN where not measurable.

    Only features above the model's floor can be culprits: at or below it there is no evidence.
    The technique is that of the family whose culprits push hardest towards anomalous together;
    the sentence speaks of the hardest pushing culprit of that family that exceeds the usual.
    """
    seen = np.ascontiguousarray(lifted(rows, model.floor))
    attribution, base = decision_attributions(model.forest, path_tables(model.forest), seen)
    with np.errstate(invalid="ignore"):
        culprit = (rows > model.floor) & (attribution < 0)
        unusual = rows > model.usual
    features = [FEATURE_BY_NAME[kind][name] for name in model.features]
    techniques: list[Technique] = []
    spoken: list[int | None] = []
    for pushes, may, high in zip(attribution, culprit, unusual, strict=True):
        family = _family(features, pushes, may)
        technique = UNNAMED[kind] if family is None else TECHNIQUES[kind][family]
        own = np.array([feature.family == family for feature in features])
        index = _hardest(pushes, may & high & own)
        if index is None:
            index = _hardest(pushes, may & high)
        techniques.append(technique if index is not None else UNNAMED[kind])
        spoken.append(index)
    return Reasons(attribution, base, techniques, spoken)


def _family(features: list[Feature], pushes: Float64, may: Bools) -> str | None:
    """The family with the most negative sum over its culprits; the first of equals.

    A pattern comes before the symptoms it shows in, if it has a part in the score worth telling: a
    scan's flows are unanswered and end in a rare state, but "tried 412 ports" is what happened.
    """
    total: dict[str, float] = {}
    for index in np.flatnonzero(may):
        family = features[index].family
        total[family] = total.get(family, 0.0) + float(pushes[index])
    if not total:
        return None
    strongest = min(total, key=lambda name: total[name])
    enough = PATTERN_SHARE * total[strongest]
    patterns = {name for name in total if name not in SYMPTOMS and total[name] <= enough}
    return min(patterns, key=lambda name: total[name]) if patterns else strongest


def _hardest(pushes: Float64, allowed: Bools) -> int | None:
    candidates = np.flatnonzero(allowed)
    return int(candidates[np.argmin(pushes[candidates])]) if len(candidates) else None
