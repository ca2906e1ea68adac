"""Everything that the app reads, behind one object: publications, alerts, events, figures."""

from __future__ import annotations

import json
from typing import Any

from contracts.manifest import ArtifactRole
from dashboard.store.catalog import Catalog
from dashboard.store.errors import StoreUnavailable
from dashboard.store.events import ScoredEvents, query
from dashboard.store.figures import ScoreFigures, score_figures
from dashboard.store.objects import ObjectCache
from dashboard.store.records import Publication
from dashboard.store.settings import StoreSettings


class Results:
    """One a process, shared by all sessions. Every method raises ``StoreUnavailable`` only."""

    def __init__(self, settings: StoreSettings) -> None:
        self.catalog = Catalog(settings)
        self._objects = ObjectCache(settings)

    def ready(self, publication: Publication) -> bool:
        """True when the publication's scored events are on the local disk and verified."""
        scored = publication.artifact("scored")
        return scored is not None and self._objects.ready(scored)

    def scored(self, publication: Publication) -> ScoredEvents:
        """The publication's scored events."""
        return ScoredEvents(self._objects.fetch(self._artifact(publication, "scored")))

    def figures(self, publication: Publication) -> ScoreFigures:
        """Counts by score of the publication's events."""
        artifact = self._artifact(publication, "scored")
        path = self._objects.fetch(artifact)
        return score_figures(path, artifact.sha256, self._objects.folder)

    def explanation(self, publication: Publication, alert_id: str) -> list[dict[str, Any]]:
        """The alert's features (``EXPLANATION_COLUMNS``), most anomalous first."""
        path = self._objects.fetch(self._artifact(publication, "explanations"))
        names, rows = query(
            "SELECT feature, value, usual, attribution, method, rank FROM read_parquet(?) "
            "WHERE alert_id = ? ORDER BY rank",
            [str(path), alert_id],
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def metrics(self, publication: Publication) -> list[dict[str, Any]]:
        """The evaluation's long table (``EVAL_COLUMNS``)."""
        path = self._objects.fetch(self._artifact(publication, "eval"))
        names, rows = query(
            "SELECT metric, value, kind, model, split FROM read_parquet(?)", [str(path)]
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def model_card(self, publication: Publication) -> dict[str, Any]:
        """The model's card; empty when the run used the champion and wrote none."""
        artifact = publication.artifact("model_card")
        if artifact is None:
            return {}
        try:
            card = json.loads(self._objects.fetch(artifact).read_bytes())
        except ValueError as error:
            raise StoreUnavailable(f"{artifact.location} is no model card (not JSON)") from error
        return card if isinstance(card, dict) else {}

    def warm(self) -> None:
        """Fetch the newest publication's events and figures, so that the first page is quick."""
        newest = self.catalog.publications()
        if newest:
            self.figures(self.catalog.publication(newest[0].id))

    def _artifact(self, publication: Publication, role: ArtifactRole) -> Any:
        artifact = publication.artifact(role)
        if artifact is None:
            raise StoreUnavailable(f"run {publication.run_id} published no {role} file")
        return artifact
