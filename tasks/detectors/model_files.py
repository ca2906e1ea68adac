"""The files of a model: pickle for scikit-learn, plain arrays for scoring and explaining.

The same reference rows and parameters give the same bytes: no clock, no path, no random id.
Pickles are code, so one is loaded only by ``load_model``: digest first, then an unpickler that
knows nothing but the classes of a forest. The arrays hold no pickle at all.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from tasks.detectors.calibration import Calibration
from tasks.detectors.drift import Spread
from tasks.detectors.forest import Forest
from tasks.detectors.training import KindModel
from tasks.errors import StageError

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

FAMILY: Final = "isoforest"
VERSION: Final = 1
PICKLE_PROTOCOL: Final = 5

_FOREST_ARRAYS: Final = (
    "feature", "threshold", "left", "path_length", "cover", "tree_start", "tree_depth",
)  # fmt: skip

_ALLOWED: Final = {
    ("sklearn.ensemble._iforest", "IsolationForest"),
    ("sklearn.tree._classes", "ExtraTreeRegressor"),
    ("sklearn.tree._tree", "Tree"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
}


def write_model(
    path: Path, models: Mapping[str, KindModel], estimators: Mapping[str, IsolationForest]
) -> None:
    """The pickle: a plain dict with each kind's features, estimator and floor."""
    content = {
        "version": VERSION,
        "family": FAMILY,
        "kinds": {
            kind: {
                "features": list(model.features),
                "estimator": estimators[kind],
                "floor": [float(value) for value in model.floor],
            }
            for kind, model in models.items()
        },
    }
    path.write_bytes(pickle.dumps(content, protocol=PICKLE_PROTOCOL))


def load_model(path: Path, sha256: str) -> dict[str, Any]:
    """The pickle's dict, if its bytes hash to ``sha256`` and it holds nothing but forests.

    Raises StageError otherwise, before any of its code could run.
    """
    data = path.read_bytes()
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise StageError(f"{path.name}: SHA-256 is {actual[:12]}…, not {sha256[:12]}… as pinned")
    try:
        content = _ForestUnpickler(io.BytesIO(data)).load()
    except pickle.UnpicklingError as error:
        raise StageError(f"{path.name}: not a model of ours: {error}") from error
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise StageError(f"{path.name}: not a version {VERSION} model; train a new one")
    return content


class _ForestUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a model")
        return super().find_class(module, name)


def write_arrays(path: Path, models: Mapping[str, KindModel]) -> None:
    """The arrays (``.npz``): what ``read_arrays`` gives back."""
    about = {
        "version": VERSION,
        "family": FAMILY,
        "kinds": {
            kind: {
                "features": list(model.features),
                "provisional": model.provisional,
                "reference_rows": model.reference_rows,
                "history_days": model.history_days,
                "trained_on": model.trained_on,
                "expected_depth": model.forest.expected_depth,
                "offset": model.forest.offset,
            }
            for kind, model in models.items()
        },
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        "about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    }
    for kind, model in models.items():
        for name in _FOREST_ARRAYS:
            arrays[f"{kind}.{name}"] = getattr(model.forest, name)
        arrays[f"{kind}.floor"] = model.floor
        arrays[f"{kind}.usual"] = model.usual
        arrays[f"{kind}.null"] = model.calibration.null
        arrays[f"{kind}.bin_edges"] = model.spread.edges
        arrays[f"{kind}.bin_counts"] = model.spread.counts
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy types allow_pickle into **kwds


def read_arrays(path: Path) -> dict[str, KindModel]:
    """Each kind's model from the arrays. Raises StageError for another version or family."""
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(stored["about"].tobytes())
        if (about.get("version"), about.get("family")) != (VERSION, FAMILY):
            raise StageError(f"{path.name}: not arrays of a version {VERSION} {FAMILY} model")
        return {kind: _kind_model(kind, facts, stored) for kind, facts in about["kinds"].items()}


def _kind_model(kind: str, facts: dict[str, Any], stored: Any) -> KindModel:
    return KindModel(
        features=tuple(facts["features"]),
        forest=Forest(
            **{name: stored[f"{kind}.{name}"] for name in _FOREST_ARRAYS},
            expected_depth=facts["expected_depth"],
            offset=facts["offset"],
        ),
        floor=stored[f"{kind}.floor"],
        usual=stored[f"{kind}.usual"],
        calibration=Calibration(stored[f"{kind}.null"], facts["offset"]),
        spread=Spread(stored[f"{kind}.bin_edges"], stored[f"{kind}.bin_counts"]),
        provisional=facts["provisional"],
        reference_rows=facts["reference_rows"],
        history_days=facts["history_days"],
        trained_on=facts["trained_on"],
    )
