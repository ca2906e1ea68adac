"""Rows of the audit database as the app uses them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from contracts.manifest import Artifact, ArtifactRole


@dataclass(frozen=True, slots=True)
class Publication:
    """One generation of one day: what is current is what a row of ``publications`` says."""

    id: int
    day: date
    generation: int
    run_id: str
    published_at: datetime
    rows_in: int
    rows_rejected: int
    rows_skipped: dict[str, int]
    alerts: int
    cold_start: bool
    provisional: bool
    alert_threshold: float | None
    artifacts: tuple[Artifact, ...] = ()
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How the URL names it: ``2026-03-04.1``."""
        return f"{self.day.isoformat()}.{self.generation}"

    def artifact(self, role: ArtifactRole) -> Artifact | None:
        """The first artifact of that role."""
        return next((a for a in self.artifacts if a.role == role), None)

    def stage_figures(self, stage: str) -> dict[str, Any]:
        """Figures of the stage's manifest; empty where the run recorded none."""
        figures = self.summary.get("figures") or {}
        return dict(figures.get(stage) or {})

    @property
    def rejected_share(self) -> float:
        """Rejected records among all that were read, 0 to 1."""
        read = self.rows_in
        return self.rows_rejected / read if read else 0.0


@dataclass(frozen=True, slots=True)
class FailedStage:
    """A stage of the newest run that ended badly, and was not mended since."""

    run_id: str
    stage: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of a table: column names, rows of plain values, rows there are in all."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int
    offset: int = 0

    def mappings(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]
