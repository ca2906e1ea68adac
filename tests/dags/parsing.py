"""The DAG as the DAG processor reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.sdk import DAG

PROJECT = Path(__file__).resolve().parents[2]


def parse(launcher: str) -> DAG:
    """The DAG for one launcher; fails when the folder does not parse."""
    from airflow.dag_processing.dagbag import BundleDagBag

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIPELINE_LAUNCHER", launcher)
        bag = BundleDagBag(
            dag_folder=str(PROJECT / "dags"),
            bundle_path=PROJECT / "dags",
            bundle_name="dags",
        )
    assert bag.import_errors == {}
    assert bag.dag_ids == ["soc_pipeline"]
    dag: DAG = bag.dags["soc_pipeline"]
    return dag
