"""A stage's context on a folder store, with what the stages before would have left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import structlog

from contracts.layers import SILVER_BUCKET, STAGES, Stage, reference_name, silver_events_name
from contracts.manifest import Artifact, ArtifactRole, Manifest
from contracts.plan import ModelRef, Plan, RunParameters
from tasks.stage import StageContext, StageOutcome
from tasks.storage import FolderStore, open_store


@dataclass
class Day:
    """One run's store: SILVER and reference frames in, then stage after stage."""

    root: Path
    parameters: RunParameters = field(default_factory=RunParameters)
    champion: ModelRef | None = None
    manifests: dict[Stage, Manifest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        store = open_store(str(self.root / "store"))
        assert isinstance(store, FolderStore)
        store.create_buckets()
        self.store = store

    def transformed(
        self, silver: Mapping[str, pl.DataFrame], reference: Mapping[str, pl.DataFrame]
    ) -> None:
        """What transform would have left."""
        context = self.context("transform")
        outputs: list[Artifact] = []
        layers: tuple[tuple[ArtifactRole, Mapping[str, pl.DataFrame], Callable[[str], str]], ...]
        layers = (
            ("silver", silver, silver_events_name),
            ("reference", reference, reference_name),
        )
        for role, frames, name in layers:
            for kind, frame in frames.items():
                path = context.workdir / f"{role}-{kind}.parquet"
                frame.write_parquet(path)
                outputs.append(
                    context.publish_file(
                        path, SILVER_BUCKET, name(kind), role=role, kind=kind, rows=frame.height
                    )
                )
        self.keep("transform", StageOutcome(outputs, 0, 0))

    def context(self, stage: Stage) -> StageContext:
        workdir = self.root / f"work-{stage}-{len(list(self.root.iterdir()))}"
        workdir.mkdir()
        plan = Plan(
            run_id="test", slug="test", created=datetime(2026, 11, 21, tzinfo=UTC), inputs=(),
            parameters=self.parameters, champion=self.champion,
        )  # fmt: skip
        before = {name: self.manifests[name] for name in STAGES if name in self.manifests}
        return StageContext(stage, 1, plan, self.store, workdir, before, structlog.get_logger())

    def run(self, stage: Stage) -> StageOutcome:
        """Run the stage as an attempt would, and keep its manifest for the next."""
        import importlib

        outcome: StageOutcome = importlib.import_module(f"tasks.stages.{stage}").run(
            self.context(stage)
        )
        self.keep(stage, outcome)
        return outcome

    def keep(self, stage: Stage, outcome: StageOutcome) -> None:
        moment = datetime(2026, 11, 21, tzinfo=UTC)
        self.manifests[stage] = Manifest(
            stage=stage, attempt=1, plan_digest="0" * 64, started=moment, finished=moment,
            code_version="test", outputs=tuple(outcome.outputs), figures=outcome.figures,
        )  # fmt: skip

    def path(self, artifact: Artifact) -> Path:
        return self.store.fetch(artifact.location, self.root)

    def frame(self, outcome: StageOutcome, role: str) -> pl.DataFrame:
        (artifact,) = [one for one in outcome.outputs if one.role == role]
        return pl.read_parquet(self.path(artifact))

    def bytes_of(self, outcome: StageOutcome) -> dict[str, Any]:
        return {one.role: self.path(one).read_bytes() for one in outcome.outputs}
