"""``manifest.json`` and ``failure.json``: how an attempt of a stage ended.

No manifest, no result: what a killed attempt wrote is read by nobody.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from contracts.layers import Stage
from contracts.plan import Frozen, ObjectRef

ArtifactRole = Literal[
    "raw", "baseline_raw", "rejected", "silver", "profile", "reference",
    "model", "model_arrays", "model_card", "scored", "eval", "alerts", "explanations",
]  # fmt: skip


class Artifact(ObjectRef):
    """One object that a stage wrote. ``location`` is ``<bucket>/<key>``.

    ``figures`` is what the audit and the app show of it: for a model the parameters and reference
    rows of its kind, for an evaluation the metrics of its kind.
    """

    role: ArtifactRole
    kind: str | None = None
    """network, auth, web, dns; None where an artifact spans kinds."""
    day: str | None = None
    """UTC date (``YYYY-MM-DD``) of most of its events, where it has events."""
    rows: Annotated[int, Field(ge=0)] = 0
    figures: dict[str, Any] = {}


class Manifest(Frozen):
    """A stage attempt that ended well."""

    version: Literal[1] = 1
    stage: Stage
    attempt: Annotated[int, Field(ge=1)]
    plan_digest: str
    """SHA-256 of ``plan.json`` as read by the stage."""
    started: datetime
    finished: datetime
    code_version: str
    inputs: tuple[ObjectRef, ...] = ()
    outputs: tuple[Artifact, ...] = ()
    rows_in: int = 0
    rows_out: int = 0
    rows_rejected: int = 0
    rows_skipped: dict[str, int] = {}
    """Recognised but not read, by kind (``cron``, ``zeek:dns``, ``out_of_day``, …)."""
    parameters: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    """For the audit and the app: metrics, reference rows, cold start, peak_rss_mib, seconds, …"""

    def output(self, role: ArtifactRole, kind: str | None = None) -> Artifact | None:
        """The only output of that role (and kind); None when there is none."""
        found = [a for a in self.outputs if a.role == role and (kind is None or a.kind == kind)]
        if len(found) > 1:
            raise ValueError(f"{self.stage}: {len(found)} outputs of role {role}, kind {kind}")
        return found[0] if found else None


class Failure(Frozen):
    """A stage attempt that ended badly and could still say so."""

    version: Literal[1] = 1
    stage: Stage
    attempt: Annotated[int, Field(ge=1)]
    started: datetime
    finished: datetime
    reason: str
    """One line: what, where, how to mend it."""
    usage: bool = False
    """True: the input or the settings are wrong (exit 2), repeating will not help."""
    figures: dict[str, Any] = {}
