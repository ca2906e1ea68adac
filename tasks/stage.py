"""What a stage sees of its run, and what it hands back. How an attempt runs: tasks.attempt."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from contracts.layers import Stage, versioned_key
from contracts.manifest import Artifact, ArtifactRole, Manifest
from contracts.plan import InputFile, ObjectRef, Plan
from tasks.errors import InputError, StageError
from tasks.storage.digest import sha256_of
from tasks.storage.store import AlreadyExists, Store

NEEDED_ROLES: Final[dict[Stage, frozenset[ArtifactRole]]] = {
    "ingest": frozenset(),
    "transform": frozenset({"raw"}),
    "train": frozenset({"reference"}),
    "evaluate": frozenset({"silver", "model_arrays"}),
    "explain": frozenset({"silver", "scored", "model_arrays"}),
}
"""What a stage is sure to read of the stages before it."""


@dataclass
class StageOutcome:
    """What a stage did: its artifacts and the figures for the audit."""

    outputs: list[Artifact]
    rows_in: int
    rows_out: int
    rows_rejected: int = 0
    rows_skipped: dict[str, int] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StageContext:
    """What a stage may know: the plan, the manifests before it, and where bytes come and go."""

    stage: Stage
    attempt: int
    plan: Plan
    store: Store
    workdir: Path
    manifests: Mapping[Stage, Manifest]
    log: Any
    fetched: dict[str, ObjectRef] = field(default_factory=dict)
    coming: dict[str, Future[Path]] = field(default_factory=dict)

    def fetch(self, ref: ObjectRef) -> Path:
        """A local path of an object whose bytes hash to what the plan or a manifest says."""
        coming = self.coming.get(ref.location)
        path = coming.result() if coming else self._verified(ref)
        self.fetched[ref.location] = ObjectRef(**ref.model_dump(include={*ObjectRef.model_fields}))
        return path

    def _verified(self, ref: ObjectRef) -> Path:
        path = self.store.fetch(ref.location, self.workdir)
        self._verify(path, ref.location, ref.sha256)
        return path

    def fetch_ahead(self, pool: ThreadPoolExecutor) -> None:
        """Begin to fetch what the stage will ask for, while its libraries are being imported."""
        for manifest in self.manifests.values():
            for artifact in manifest.outputs:
                if artifact.role in NEEDED_ROLES[self.stage]:
                    self.coming[artifact.location] = pool.submit(self._verified, artifact)

    def fetch_input(self, file: InputFile) -> Path:
        """The same for a file of ``plan.inputs``, landed or on the local disk."""
        ref = ObjectRef(location=file.location, sha256=file.sha256, bytes=file.bytes)
        if not file.local:
            return self.fetch(ref)
        path = Path(file.location)
        if not path.is_file():
            raise InputError(f"{path}: the file is gone since the run was planned; run again")
        self._verify(path, file.location, file.sha256)
        self.fetched[file.location] = ref
        return path

    def output(self, stage: Stage, role: ArtifactRole, kind: str | None = None) -> Artifact | None:
        """The artifact of an earlier stage with that role (and kind), if there is one."""
        return self.manifests[stage].output(role, kind)

    def outputs(self, stage: Stage, role: ArtifactRole) -> list[Artifact]:
        """All artifacts of an earlier stage with that role."""
        return [artifact for artifact in self.manifests[stage].outputs if artifact.role == role]

    def publish_file(
        self,
        path: Path,
        bucket: str,
        name: str,
        *,
        role: ArtifactRole,
        kind: str | None = None,
        day: str | None = None,
        rows: int = 0,
        figures: dict[str, Any] | None = None,
        suffix: str = "parquet",
    ) -> Artifact:
        """Store a finished file under the next free versioned key of ``name``."""
        digest, size = sha256_of(path), path.stat().st_size
        moment = datetime.now(UTC)
        while True:
            location = f"{bucket}/{versioned_key(name, moment, suffix)}"
            if not self.store.exists(location):
                with contextlib.suppress(AlreadyExists):
                    self.store.put(path, location)
                    break
            moment += timedelta(seconds=1)
        return Artifact(
            location=location,
            sha256=digest,
            bytes=size,
            role=role,
            kind=kind,
            day=day,
            rows=rows,
            figures=figures or {},
        )

    def publish_sibling(
        self,
        path: Path,
        beside: Artifact,
        *,
        role: ArtifactRole,
        suffix: str,
        figures: dict[str, Any] | None = None,
    ) -> Artifact:
        """Store a file under the key of ``beside`` with another suffix."""
        digest, size = sha256_of(path), path.stat().st_size
        location = f"{beside.location.rpartition('.')[0]}.{suffix}"
        try:
            self.store.put(path, location)
        except AlreadyExists as error:
            raise StageError(f"store: {location} exists already; run the stage again") from error
        return Artifact(
            location=location, sha256=digest, bytes=size, role=role, figures=figures or {}
        )

    @staticmethod
    def _verify(path: Path, location: str, expected: str) -> None:
        actual = sha256_of(path)
        if actual != expected:
            raise StageError(
                f"{location}: SHA-256 is {actual[:12]}…, not {expected[:12]}… as pinned;"
                " the object was changed or damaged, plan the run again"
            )
