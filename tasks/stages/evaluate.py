"""evaluate: score every event of the day, and say how good the scores are.

Reads SILVER twice in slices: the features to score them, the events to write them in order. Holds
32 bytes a row between the two. Loads the model's plain arrays only.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from contracts.events import LABEL_COLUMN
from contracts.layers import EVAL_BUCKET, EVAL_NAME, SCORED_NAME
from contracts.plan import RunParameters
from contracts.severity import SEVERITIES
from tasks.detectors.evaluation import day_metrics, histogram, metric_table, severity_counts
from tasks.detectors.model_files import FAMILY, read_arrays
from tasks.detectors.ranked_file import ScoredKind, write_ranked
from tasks.detectors.scoring import DayScores, best_rows, score_day
from tasks.detectors.slices import row_count, rows_at, slices
from tasks.detectors.threshold import Candidate, alert_floor, budget_threshold
from tasks.detectors.training import KindModel
from tasks.errors import InputError, StageError
from tasks.stage import StageContext, StageOutcome

RANKED_KEYS: Final = 20_000
"""Keys of a kind that are looked at for the threshold; a budget is far smaller."""
_ENDS: Final = {"network": ("src_ip", "dst_ip"), "auth": ("src_ip", "user")}


def run(context: StageContext) -> StageOutcome:
    """Score, rank and measure the day."""
    arrays = context.output("train", "model_arrays")
    if arrays is None:
        raise StageError("evaluate: the train manifest names no model arrays; run train again")
    models = read_arrays(context.fetch(arrays))
    parameters = context.plan.parameters
    silver: dict[str, Path] = {}
    scored: dict[str, DayScores] = {}
    skipped: dict[str, int] = {}
    for artifact in sorted(context.outputs("transform", "silver"), key=lambda a: a.kind or ""):
        kind = artifact.kind or ""
        if kind not in models:
            skipped[f"no_model:{kind}"] = artifact.rows
            context.log.warning("not scored: there is no model", kind=kind, rows=artifact.rows)
            continue
        silver[kind] = context.fetch(artifact)
        scored[kind] = _scores(context, kind, silver[kind], models[kind])
    if not scored:
        raise InputError("evaluate: the model knows none of the day's kinds; run with retrain on")

    floors = _floors(parameters, models, scored)
    threshold = _threshold(parameters, floors, models, scored, silver)
    metrics = {
        kind: day_metrics(models[kind], scores, threshold, parameters.alert_budget)
        for kind, scores in scored.items()
    }
    figures: dict[str, Any] = {
        "alert_threshold": threshold,
        "alert_floors": floors,
        "metrics": metrics,
        "histogram": {kind: histogram(scores) for kind, scores in scored.items()},
        "severity_counts": _total([severity_counts(scores) for scores in scored.values()]),
        "label_counts": {kind: scores.label_counts for kind, scores in scored.items()},
    }
    clock = time.perf_counter()
    path = context.workdir / "scored.parquet"
    rows = write_ranked(
        [ScoredKind(kind, silver[kind], s.decision, s.ml_score) for kind, s in scored.items()],
        path,
        context.workdir,
    )
    context.log.info("events ranked", rows=rows, seconds=round(time.perf_counter() - clock, 2))
    table = context.workdir / "eval.parquet"
    metric_table(metrics, FAMILY).write_parquet(table)
    outputs = [
        context.publish_file(path, EVAL_BUCKET, SCORED_NAME, role="scored", rows=rows),
        context.publish_file(
            table, EVAL_BUCKET, EVAL_NAME, role="eval", rows=sum(map(len, metrics.values())),
            figures={"metrics": metrics},
        ),
    ]  # fmt: skip
    recorded = {
        "alert_budget": parameters.alert_budget,
        "alert_threshold": parameters.alert_threshold,
    }
    return StageOutcome(
        outputs, rows + sum(skipped.values()), rows, rows_skipped=skipped,
        parameters=recorded, figures=figures,
    )  # fmt: skip


def _scores(context: StageContext, kind: str, path: Path, model: KindModel) -> DayScores:
    clock = time.perf_counter()
    present = set(pl.read_parquet_schema(path))
    missing = [name for name in model.features if name not in present]
    if missing:
        raise InputError(
            f"evaluate: the model of {kind} events needs {missing[0]}, which SILVER does not have;"
            " it is a champion of another version: run with retrain on"
        )
    columns = [*model.features, "key_id", *([LABEL_COLUMN] if LABEL_COLUMN in present else [])]
    rows = row_count(path)
    scores = score_day(model, slices(path, columns), rows)
    seconds = round(time.perf_counter() - clock, 2)
    context.log.info("events scored", kind=kind, rows=rows, seconds=seconds)
    return scores


def _floors(
    parameters: RunParameters, models: dict[str, KindModel], scored: dict[str, DayScores]
) -> dict[str, float]:
    """By kind the ml_score that an alert has to exceed; a threshold that the run names has none."""
    if parameters.alert_threshold is not None:
        return {}
    return {kind: alert_floor(models[kind].calibration) for kind in scored}


def _threshold(
    parameters: RunParameters,
    floors: dict[str, float],
    models: dict[str, KindModel],
    scored: dict[str, DayScores],
    silver: dict[str, Path],
) -> float:
    if parameters.alert_threshold is not None:
        return parameters.alert_threshold
    candidates: list[Candidate] = []
    for kind, scores in scored.items():
        rows = best_rows(scores, floors[kind])
        rows = rows[scores.ml_score[rows] > floors[kind]]
        rows = np.sort(rows[np.argsort(scores.best[rows], kind="stable")[:RANKED_KEYS]])
        ends = rows_at(silver[kind], _ENDS[kind], rows)
        unlikely = models[kind].calibration.minus_log10_p(scores.best[rows])
        candidates += [
            Candidate(p, score, tuple((kind, at, end) for at, end in enumerate(names)))
            for p, score, (_, *names) in zip(
                unlikely, scores.ml_score[rows].tolist(), ends.iter_rows(), strict=True
            )
        ]
    candidates.sort(key=lambda candidate: -candidate.minus_log10_p)
    return budget_threshold(candidates, parameters.alert_budget, min(floors.values()))


def _total(counts: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(one[name] for one in counts) for name in SEVERITIES}
