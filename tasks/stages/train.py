"""train: an isolation forest for each kind of event, from reference rows only.

Writes ``model_isoforest_<ts>.pkl`` with its arrays (``.npz``) and its card (``.json``) beside it;
with ``retrain`` off it checks the plan's champion and names that instead.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from contracts.layers import MODELS_BUCKET, model_name
from contracts.manifest import Artifact, ArtifactRole
from contracts.plan import ModelRef, ObjectRef
from tasks.detectors.model_card import card_of
from tasks.detectors.model_files import FAMILY, read_arrays, write_arrays, write_model
from tasks.detectors.one_sided import FLOOR_QUANTILE
from tasks.detectors.training import TREE_ROWS, ForestParameters, KindModel, train_kind
from tasks.errors import InputError
from tasks.stage import StageContext, StageOutcome
from tasks.version import code_version

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

_NOTHING: Final = (
    "train: there is no event to learn from: no completed flow or successful login in the input"
    " and no clean history; give more logs, or earlier ones with --baseline"
)


def run(context: StageContext) -> StageOutcome:
    """Train on the run's reference rows, or take the champion over."""
    if not context.plan.parameters.retrain:
        return _champion(context)
    wanted = context.plan.parameters
    parameters = ForestParameters(wanted.n_estimators, wanted.contamination, wanted.random_state)
    recorded = {
        "n_estimators": parameters.n_estimators,
        "contamination": parameters.contamination,
        "random_state": parameters.random_state,
        "max_samples": TREE_ROWS,
        "floor_quantile": FLOOR_QUANTILE,
    }
    models: dict[str, KindModel] = {}
    estimators: dict[str, IsolationForest] = {}
    digests: dict[str, str] = {}
    rows_in = 0
    for artifact in sorted(context.outputs("transform", "reference"), key=lambda a: a.kind or ""):
        kind = artifact.kind or ""
        reference = pl.read_parquet(context.fetch(artifact))
        rows_in += reference.height
        if reference.is_empty():
            context.log.warning("nothing to learn from", kind=kind)
            continue
        models[kind], estimators[kind] = train_kind(kind, reference, parameters)
        digests[kind] = artifact.sha256
        context.log.info("forest trained", kind=kind, rows=reference.height)
    if not models:
        raise InputError(_NOTHING)

    pickle, arrays, card = (context.workdir / f"model.{end}" for end in ("pkl", "npz", "json"))
    write_model(pickle, models, estimators)
    write_arrays(arrays, models)
    about = card_of(models, recorded, digests, code_version())
    card.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    figures = _figures(models)
    model = context.publish_file(
        pickle, MODELS_BUCKET, model_name(FAMILY), role="model", rows=rows_in,
        figures={**figures, "parameters": recorded}, suffix="pkl",
    )  # fmt: skip
    outputs = [
        model,
        context.publish_sibling(arrays, model, role="model_arrays", suffix="npz"),
        context.publish_sibling(card, model, role="model_card", suffix="json"),
    ]
    return StageOutcome(outputs, rows_in, rows_in, parameters=recorded, figures=figures)


def _champion(context: StageContext) -> StageOutcome:
    """Name the plan's champion as this run's model, once its three files are what they were."""
    champion = context.plan.champion
    if champion is None:
        raise InputError(
            "train: retrain is off and there is no champion model yet; run once with retrain on"
        )
    context.fetch(champion)
    models = read_arrays(context.fetch(champion.arrays))
    card = json.loads(context.fetch(champion.card).read_text(encoding="utf-8"))
    figures = {**_figures(models), "trained": False, "champion": champion.location}
    outputs = [
        _named(champion, "model", figures),
        _named(champion.arrays, "model_arrays", {}),
        _named(champion.card, "model_card", {}),
    ]
    return StageOutcome(
        outputs, 0, 0, parameters={**card.get("parameters", {}), "retrain": False}, figures=figures
    )


def _named(ref: ObjectRef | ModelRef, role: ArtifactRole, figures: dict[str, Any]) -> Artifact:
    return Artifact(
        location=ref.location, sha256=ref.sha256, bytes=ref.bytes, role=role, figures=figures
    )


def _figures(models: dict[str, KindModel]) -> dict[str, Any]:
    return {
        "trained": True,
        "cold_start": any(model.history_days == 0 for model in models.values()),
        "provisional": any(model.provisional for model in models.values()),
        "kinds": {
            kind: {
                "reference_rows": model.reference_rows,
                "history_days": model.history_days,
                "cold_start": model.history_days == 0,
                "provisional": model.provisional,
                "trained_on": model.trained_on,
            }
            for kind, model in models.items()
        },
    }
