"""The five stages on local files, in this process: what ``tasks run`` does, without five starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from contracts.layers import EVAL_BUCKET, STAGES, Stage, run_prefix
from contracts.manifest import ArtifactRole, Failure, Manifest
from tasks.attempt import run_stage
from tasks.batch import plan_files
from tasks.storage import FolderStore


@dataclass
class Chain:
    """A finished (or failed) run: exit codes by stage, and its manifests."""

    store: FolderStore
    slug: str
    codes: dict[Stage, int]

    def folder(self, stage: Stage, attempt: int = 1) -> Path:
        return self.store.root / EVAL_BUCKET / run_prefix(self.slug) / stage / str(attempt)

    def manifest(self, stage: Stage, attempt: int = 1) -> Manifest:
        text = (self.folder(stage, attempt) / "manifest.json").read_text()
        return Manifest.model_validate_json(text)

    def failure(self, stage: Stage, attempt: int = 1) -> Failure:
        text = (self.folder(stage, attempt) / "failure.json").read_text()
        return Failure.model_validate_json(text)

    def table(self, stage: Stage, role: ArtifactRole, kind: str | None = None) -> pl.DataFrame:
        artifact = self.manifest(stage).output(role, kind)
        assert artifact is not None
        return pl.read_parquet(self.store.root / artifact.location)

    @property
    def url(self) -> str:
        return f"{self.store.root}/{EVAL_BUCKET}/{run_prefix(self.slug)}"


def planned(
    root: Path, inputs: Sequence[Path], baseline: Sequence[Path] = (), **parameters: Any
) -> Chain:
    store = FolderStore(root)
    store.create_buckets()
    plan = plan_files(store, inputs, baseline, parameters, day=None)
    return Chain(store, plan.slug, {})


def run_chain(
    root: Path, inputs: Sequence[Path], baseline: Sequence[Path] = (), **parameters: Any
) -> Chain:
    """Plan and run until a stage fails."""
    chain = planned(root, inputs, baseline, **parameters)
    for stage in STAGES:
        chain.codes[stage] = run_stage(stage, chain.url, 1)
        if chain.codes[stage]:
            break
    return chain
