"""The card beside a model: what it is, what it learned from and what it cannot do, in plain words.

No clock and no path: the same reference rows, parameters and code give the same card.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tasks.detectors.model_files import FAMILY, VERSION
from tasks.detectors.training import KindModel

_METHOD: Final = (
    "Isolation Forest (Liu, Ting, Zhou, 2008) on one-sided features: only values above the usual"
    " count as evidence. A score is turned into the probability of such a score on clean data."
)
_LIMITS: Final = (
    "It finds what is unusual, which is not the same as what is malicious: a new busy service"
    " looks like an attack, and an attack that looks like everyday traffic is missed.",
    "Probabilities below about 1 in 1,000 are extrapolated, not counted.",
    "Few large uploads, and moving sideways over connections that complete, are hard for it.",
)
_COLD: Final = (
    "Cold start: it learned from the day that it judges, so an attack that completes on many"
    " connections defines part of its normal. Give earlier clean days."
)
_PROVISIONAL: Final = (
    "Provisional probabilities: calibrated by cross-fitting because there were not two clean days"
    " of history."
)


def card_of(
    models: Mapping[str, KindModel],
    parameters: Mapping[str, Any],
    reference_digests: Mapping[str, str],
    code_version: str,
) -> dict[str, Any]:
    """The card as JSON data. ``reference_digests``: SHA-256 of each kind's reference file."""
    return {
        "version": VERSION,
        "family": FAMILY,
        "method": _METHOD,
        "code_version": code_version,
        "parameters": dict(parameters),
        "kinds": {
            kind: {
                "trained_on": model.trained_on,
                "reference_rows": model.reference_rows,
                "history_days": model.history_days,
                "cold_start": model.history_days == 0,
                "provisional": model.provisional,
                "reference_sha256": reference_digests[kind],
                "null_keys": len(model.calibration.null),
                "features": list(model.features),
                "limits": _limits(model),
            }
            for kind, model in models.items()
        },
    }


def _limits(model: KindModel) -> list[str]:
    own = [_COLD] if model.history_days == 0 else []
    return [*_LIMITS, *own, *([_PROVISIONAL] if model.provisional else [])]
