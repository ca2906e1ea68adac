"""The alerts and their explanations as tables, from candidate events and their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contracts.events import ALERT_COLUMNS, EXPLANATION_COLUMNS
from contracts.features import FEATURE_BY_NAME
from tasks.detectors.training import KindModel
from tasks.explanations.incidents import Finding, RankedFinding, identifier, ranked
from tasks.explanations.reasons import Reasons
from tasks.explanations.sentences import plain_sentence, sentence
from tasks.parquet import polars_type

DETECTOR: Final = "isoforest"
METHOD: Final = "shap"
ALERT_SCHEMA: Final = pl.Schema({name: polars_type(kind) for name, kind in ALERT_COLUMNS.items()})
EXPLANATION_SCHEMA: Final = pl.Schema(
    {name: polars_type(kind) for name, kind in EXPLANATION_COLUMNS.items()}
)


@dataclass(frozen=True)
class Explained:
    """Candidates of one kind: scored columns with ``events`` and ``minus_log10_p``, their raw
    features (rows, features; NaN where not measurable) and why they stand out."""

    model: KindModel
    events: pl.DataFrame
    rows: npt.NDArray[np.float32]
    reasons: Reasons


def alert_tables(
    explained: Mapping[str, Explained], budget: int | None, window_minutes: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Alerts (``ALERT_COLUMNS``, by rank) and explanations (``EXPLANATION_COLUMNS``)."""
    findings = [
        Finding(
            position=position,
            kind=kind,
            event=event,
            technique=one.reasons.techniques[position],
            minus_log10_p=event["minus_log10_p"],
            events=event["events"],
        )
        for kind, one in explained.items()
        for position, event in enumerate(one.events.iter_rows(named=True))
    ]
    alerts: list[dict[str, Any]] = []
    explanations: list[pl.DataFrame] = []
    for place in ranked(findings, budget):
        one = explained[place.finding.kind]
        alert = _alert(place, one, window_minutes)
        alerts.append(alert)
        explanations.append(_explanation(alert["alert_id"], place.finding, one))
    table = pl.DataFrame(alerts, schema=ALERT_SCHEMA)
    empty = pl.DataFrame(schema=EXPLANATION_SCHEMA)
    return table, pl.concat([empty, *explanations])


def _alert(place: RankedFinding, one: Explained, window_minutes: int) -> dict[str, Any]:
    finding = place.finding
    event = finding.event
    position = finding.position
    index = one.reasons.spoken[position]
    if index is None:
        text = plain_sentence(finding.kind, event)
    else:
        feature = FEATURE_BY_NAME[finding.kind][one.model.features[index]]
        value, usual = float(one.rows[position, index]), float(one.model.usual[index])
        text = sentence(feature, value, usual, event, window_minutes)
    own = {
        "alert_id": identifier("alert", finding.kind, str(event["event_id"]), DETECTOR),
        "incident_id": place.incident_id,
        "entity": finding.entity,
        "technique": finding.technique.name,
        "detector": DETECTOR,
        "sentence": text,
        "rank": place.rank,
        "incident_events": place.incident_events,
    }
    return {name: own[name] if name in own else event[name] for name in ALERT_COLUMNS}


def _explanation(alert_id: str, finding: Finding, one: Explained) -> pl.DataFrame:
    """All features of an alert, the one that pushes hardest towards anomalous first."""
    attribution = one.reasons.attribution[finding.position]
    order = np.argsort(attribution, kind="stable")
    features = [FEATURE_BY_NAME[finding.kind][one.model.features[index]] for index in order]
    stored = one.rows[finding.position][order]
    usual = one.model.usual[order]
    return pl.DataFrame(
        {
            "alert_id": [alert_id] * len(order),
            "feature": [feature.name for feature in features],
            "value": [_natural(f.natural, v) for f, v in zip(features, stored, strict=True)],
            "usual": [_natural(f.natural, v) for f, v in zip(features, usual, strict=True)],
            "attribution": attribution[order],
            "method": [METHOD] * len(order),
            "rank": np.arange(1, len(order) + 1),
        },
        schema=EXPLANATION_SCHEMA,
    )


def _natural(convert: Any, stored: np.float32) -> float | None:
    """In the feature's unit, with as many digits as a float32 carries: 412 and not 412.00007."""
    return None if np.isnan(stored) else float(f"{convert(float(stored)):.6g}")
