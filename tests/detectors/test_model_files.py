"""Model files: the same bytes for the same input, and no code but a forest's is ever loaded."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from tasks.detectors.model_files import load_model, read_arrays, write_arrays, write_model
from tasks.detectors.training import ForestParameters, KindModel, matrix_of, train_kind
from tasks.errors import StageError
from tests.silver_frames import reference, silver

PROJECT = Path(__file__).resolve().parents[2]


def write_files(folder: Path, contamination: float | str = "auto") -> dict[str, KindModel]:
    parameters = ForestParameters(20, contamination, 42)  # type: ignore[arg-type]
    trained = {
        kind: train_kind(kind, reference(kind, [silver(kind, 300, seed=4)], None), parameters)
        for kind in ("auth", "network")
    }
    models = {kind: model for kind, (model, _) in trained.items()}
    write_model(folder / "model.pkl", models, {kind: e for kind, (_, e) in trained.items()})
    write_arrays(folder / "model.npz", models)
    return models


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_files(folder)
    return folder


def test_another_process_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; from tests.detectors.test_model_files import write_files\n"
        "write_files(Path(sys.argv[1]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(PROJECT)],
        check=True,
        env=environment,
    )
    for name in ("model.pkl", "model.npz"):
        assert digest(tmp_path / name) == digest(folder / name)


@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_the_estimator_in_the_pickle_scores_raw_features_as_the_arrays_do(
    tmp_path: Path, contamination: float | str
) -> None:
    write_files(tmp_path, contamination)
    content = load_model(tmp_path / "model.pkl", digest(tmp_path / "model.pkl"))
    arrays = read_arrays(tmp_path / "model.npz")
    assert (content["version"], content["family"]) == (1, "isoforest")
    for kind, model in arrays.items():
        stored = content["kinds"][kind]
        rows = np.nan_to_num(
            matrix_of(silver(kind, 200, seed=8, attacks=9), tuple(stored["features"])), nan=-1
        )
        mine = model.forest.decision_function(np.ascontiguousarray(rows.T))
        np.testing.assert_allclose(mine, stored["estimator"].decision_function(rows), atol=1e-12)


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    models = write_files(tmp_path)
    again = read_arrays(tmp_path / "model.npz")
    for kind, model in models.items():
        for field in fields(KindModel):
            before, after = getattr(model, field.name), getattr(again[kind], field.name)
            np.testing.assert_equal(
                vars(after) if hasattr(after, "__dataclass_fields__") else after,
                vars(before) if hasattr(before, "__dataclass_fields__") else before,
            )


def test_a_model_whose_bytes_changed_is_not_unpickled(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes((folder / "model.pkl").read_bytes() + b"\0")
    with pytest.raises(StageError, match="SHA-256"):
        load_model(path, digest(folder / "model.pkl"))


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def test_a_pickle_with_anything_but_a_forest_is_refused_before_it_runs(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"version": 1, "kinds": Payload(f"touch {marker}")}))
    with pytest.raises(StageError, match="not allowed"):
        load_model(path, digest(path))
    assert not marker.exists()


def test_arrays_of_another_family_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    about = np.frombuffer(b'{"version": 1, "family": "copod", "kinds": {}}', dtype=np.uint8)
    np.savez(path, about=about)
    with pytest.raises(StageError, match="isoforest"):
        read_arrays(path)
