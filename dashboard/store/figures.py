"""Counts by score of one run's events: made once, kept on the local disk for every session."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from contracts.events import MALICIOUS_LABELS
from dashboard.store.events import _OTHER_KEY, KEY_COLUMNS, query

SCORE_STEPS: Final = 1_000
"""Steps of ``ml_score`` from 0 to 1: a count at a threshold is exact to .001."""
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class KindFigures:
    """Counts at each step of the score; element i holds scores in [i, i + 1) thousandths."""

    events: list[int]
    keys: list[int]
    labelled: list[int]
    malicious: list[int]


@dataclass(frozen=True, slots=True)
class ScoreFigures:
    """What the threshold view and the health line need of a run's scored events."""

    kinds: dict[str, KindFigures]
    first: datetime | None
    """Event time of the earliest event, UTC."""
    last: datetime | None

    @property
    def has_labels(self) -> bool:
        return any(sum(kind.labelled) for kind in self.kinds.values())


def score_figures(path: Path, digest: str, keep_in: Path) -> ScoreFigures:
    """The figures of one scored Parquet, from ``keep_in`` when they were made before."""
    kept = keep_in / f"{digest}.figures{_FORMAT}.json"
    if kept.exists():
        try:
            return _load(kept.read_text())
        except (ValueError, KeyError, TypeError):
            kept.unlink(missing_ok=True)
    figures = _measure(path)
    keep_in.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = kept.with_name(f"{kept.name}.{uuid4().hex}.part")
    partial.write_text(json.dumps(asdict(figures), default=_iso))
    partial.replace(kept)
    return figures


def _measure(path: Path) -> ScoreFigures:
    # 1e-9: 0.285 * 1000 is 284.99999999999997 in binary.
    step = f"CAST(floor(ml_score * {SCORE_STEPS} + 1e-9) AS INTEGER)"
    bad = ", ".join("?" for _ in MALICIOUS_LABELS)
    _, rows = query(
        f"SELECT kind, {step} AS step, count(*), count(label), "  # noqa: S608
        f"count(*) FILTER (lower(label) IN ({bad})), min(timestamp), max(timestamp) "
        "FROM read_parquet(?) GROUP BY ALL",
        [*MALICIOUS_LABELS, str(path)],
    )
    kinds: dict[str, KindFigures] = {}
    for kind, at, events, labelled, malicious, _, _ in rows:
        figures = kinds.setdefault(kind, KindFigures(*([0] * (SCORE_STEPS + 1) for _ in range(4))))
        figures.events[at] = events
        figures.labelled[at] = labelled
        figures.malicious[at] = malicious
    for kind, figures in kinds.items():
        key = ", ".join(f'"{name}"' for name in KEY_COLUMNS.get(kind, _OTHER_KEY))
        _, keyed = query(
            f"SELECT {step.replace('ml_score', 'best')}, count(*) FROM ("  # noqa: S608
            f"SELECT max(ml_score) AS best FROM read_parquet(?) WHERE kind = ? GROUP BY {key}) "
            "GROUP BY ALL",
            [str(path), kind],
        )
        for at, keys in keyed:
            figures.keys[at] = keys
    first = min((row[5] for row in rows if row[5]), default=None)
    last = max((row[6] for row in rows if row[6]), default=None)
    return ScoreFigures(kinds, first, last)


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} is not a figure")


def _load(kept: str) -> ScoreFigures:
    found = json.loads(kept)
    kinds = {kind: KindFigures(**figures) for kind, figures in found["kinds"].items()}
    moments = [found[k] and datetime.fromisoformat(found[k]) for k in ("first", "last")]
    return ScoreFigures(kinds, *moments)
