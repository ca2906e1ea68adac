"""How good the run's scores are, what the model learned from, and what drifted."""

from __future__ import annotations

from typing import Any, Final

from contracts.features import FEATURE_BY_NAME
from dashboard.store.records import Publication
from dashboard.views.health import COLD_START, PROVISIONAL
from dashboard.views.safe import Markup, join, tag
from dashboard.views.wording import NOT_MEASURED, count, number

_PSI: Final = "psi_"
DRIFT_MODERATE: Final = 0.1
DRIFT_STRONG: Final = 0.25
"""Usual reading of the population stability index (Siddiqi, Credit Risk Scorecards, 2006)."""
_DRIFT_SHOWN: Final = 10

MEANINGS: Final[dict[str, str]] = {
    "precision": "share of the alerts' events that the labels call attacks",
    "recall": "share of the labelled attacks' events that are above the threshold",
    "f1": "harmonic mean of precision and recall",
    "auc": "chance that an attack scores higher than a normal event",
    "average_precision": "precision averaged over all thresholds; the figure to compare runs by",
    "recall_at_1pct_fpr": "share of attacks found when 1 % of normal events are flagged",
    "precision_at_budget": "share of attacks among the alerts that the budget allows",
    "anomaly_rate": "share of events that the model calls anomalous",
    "score_mean": "mean of the raw score; a jump means other traffic or another model",
    "score_std": "spread of the raw score",
    "rows": "events scored",
    "labelled_rows": "events that carry a label",
}
"""Metrics in the order shown; others follow by name."""
_NAMES: Final = {
    "f1": "F1",
    "auc": "AUC",
    "recall_at_1pct_fpr": "recall at 1 % FPR",
}


def metric_tables(rows: list[dict[str, Any]]) -> Markup:
    """A table of the metrics with a column for each kind (and split), and one of the drift."""
    columns = list(dict.fromkeys((r["kind"], r["split"]) for r in rows))
    values = {(r["metric"], r["kind"], r["split"]): r["value"] for r in rows}
    plain = sorted({r["metric"] for r in rows if not r["metric"].startswith(_PSI)}, key=_order)
    head = tag(
        "tr",
        tag("th", "Metric", scope="col"),
        *(tag("th", f"{kind or 'all'}, {split}" if split else kind or "all", scope="col",
              class_="number") for kind, split in columns),
        tag("th", "Meaning", scope="col"),
    )  # fmt: skip
    body = [
        tag(
            "tr",
            tag("td", _NAMES.get(name, name.replace("_", " "))),
            *(_value(name, values.get((name, *column))) for column in columns),
            tag("td", MEANINGS.get(name, ""), class_="muted meaning"),
        )
        for name in plain
    ]
    return tag(
        "section",
        tag("h2", "Metrics"),
        tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="scroll"),
        tag("h2", "Drift by feature (population stability index against the reference rows)"),
        _drift(rows),
        data_testid="metrics",
    )


def model_section(publication: Publication, card: dict[str, Any]) -> Markup:
    """What the model is and what it learned from, in plain words."""
    train = publication.stage_figures("train")
    kinds = {**(card.get("kinds") or {}), **(train.get("kinds") or {})}
    facts = []
    for kind, given in sorted(kinds.items()):
        both = {**((card.get("kinds") or {}).get(kind) or {}), **(given or {})}
        facts.append(_kind(kind, both, card.get("parameters") or {}))
    notes = [COLD_START] if publication.cold_start else []
    notes += [PROVISIONAL] if publication.provisional else []
    return tag(
        "section",
        tag("h2", "Model"),
        tag("p", str(card.get("method") or card.get("family") or "method not recorded")),
        *(tag("p", f"{note}.", class_="note") for note in notes),
        tag("div", *facts, class_="kinds"),
        data_testid="model",
    )


def _kind(kind: str, given: dict[str, Any], shared: dict[str, Any]) -> Markup:
    parameters = {**shared, **(given.get("parameters") or {})}
    pairs: list[tuple[str, str]] = [("Trained on", str(given.get("trained_on") or "not recorded"))]
    if given.get("reference_rows") is not None:
        pairs.append(("Reference rows", count(given["reference_rows"])))
    if given.get("history_days") is not None:
        pairs.append(("Clean days of history", count(given["history_days"])))
    if parameters:
        named = ", ".join(f"{k} = {v}" for k, v in sorted(parameters.items()))
        pairs.append(("Parameters", named))
    return tag(
        "div",
        tag("h2", kind),
        tag("dl", *(join(tag("dt", k), tag("dd", v)) for k, v in pairs), class_="fields"),
        class_="card kind",
    )


def _drift(rows: list[dict[str, Any]]) -> Markup:
    measured = [r for r in rows if r["metric"].startswith(_PSI) and r["value"] is not None]
    if not measured:
        return tag("p", f"Drift: {NOT_MEASURED} (it needs clean history).", class_="muted")
    measured.sort(key=lambda row: -row["value"])
    body = [_drift_row(row) for row in measured[:_DRIFT_SHOWN]]
    head = tag(
        "tr",
        *(tag("th", name, scope="col") for name in ("Feature", "Kind")),
        tag("th", "PSI", scope="col", class_="number"),
        tag("th", "Reading", scope="col"),
    )
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="scroll")


def _drift_row(row: dict[str, Any]) -> Markup:
    name = row["metric"].removeprefix(_PSI)
    feature = FEATURE_BY_NAME.get(row["kind"] or "", {}).get(name)
    psi = row["value"]
    reading = "stable" if psi < DRIFT_MODERATE else "moved" if psi < DRIFT_STRONG else "changed"
    return tag(
        "tr",
        tag("td", feature.meaning if feature else name, title=name, class_="meaning"),
        tag("td", row["kind"] or "all"),
        tag("td", f"{psi:.3f}", class_="number"),
        tag("td", reading),
    )


def _value(name: str, value: float | None) -> Markup:
    if value is None:
        return tag("td", NOT_MEASURED, class_="number unknown")
    shown = count(value) if name in ("rows", "labelled_rows") else number(round(value, 4))
    return tag("td", shown, class_="number")


def _order(metric: str) -> tuple[int, str]:
    known = list(MEANINGS)
    return (known.index(metric) if metric in known else len(known), metric)
