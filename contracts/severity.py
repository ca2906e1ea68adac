"""Severity of an event or alert from its calibrated score."""

from __future__ import annotations

from typing import Final

CRITICAL_ABOVE: Final = 0.95
HIGH_ABOVE: Final = 0.85
MEDIUM_ABOVE: Final = 0.70
LOW_ABOVE: Final = 0.50

SEVERITY_FLOORS: Final[tuple[tuple[str, float], ...]] = (
    ("CRITICAL", CRITICAL_ABOVE),
    ("HIGH", HIGH_ABOVE),
    ("MEDIUM", MEDIUM_ABOVE),
    ("LOW", LOW_ABOVE),
)
"""Highest first; a score has the first severity whose floor it exceeds."""
INFO: Final = "INFO"
"""Below LOW: nothing to act on by itself, shown where something asks for it."""
ALERT_FLOOR: Final = 0.40
"""A budget raises no alert at or below this, p being at least 1 % of clean keys there, unless the
key is more anomalous than every clean key of its kind: with a few dozen reference rows, p cannot
become small enough to say more."""
SEVERITIES: Final = (*(name for name, _ in SEVERITY_FLOORS), INFO)


def severity_of(ml_score: float) -> str:
    """CRITICAL > .95, HIGH > .85, MEDIUM > .70, LOW > .50, else INFO."""
    return next((name for name, floor in SEVERITY_FLOORS if ml_score > floor), INFO)


ML_SCORE_DECADES: Final = 5.0
"""``ml_score = clip(-log10(p) / 5, 0, 1)``: 1 is a one-in-100,000 key on a clean day."""
