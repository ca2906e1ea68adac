# mypy: disallow-untyped-calls=False
"""All scored events of a run: threshold, filters, and pages that DuckDB cuts out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import panel as pn
import panel_material_ui as pmui

from contracts.events import SCORED_COLUMNS
from contracts.severity import SEVERITIES
from dashboard.state import Workplace
from dashboard.store.events import PAGE_ROWS
from dashboard.store.figures import SCORE_STEPS, ScoreFigures
from dashboard.store.records import Page, Publication
from dashboard.views.alert import event_column
from dashboard.views.components import DataTable, ThresholdChart
from dashboard.views.wording import cell, title

_COLUMNS: Final = (
    "timestamp", "severity", "ml_score", "kind", "src_ip", "src_port", "dst_ip", "dst_port",
    "protocol", "service", "conn_state", "bytes", "user", "host", "outcome", "label",
)  # fmt: skip
_DESCENDING_FIRST: Final = ("ml_score", "bytes", "timestamp")
_ANY: Final = "Any field"
_SEVERITIES: Final = {"All": "", **{name: name for name in SEVERITIES}}
_FILTER: Final[dict[str, Any]] = {"size": "small", "margin": (8, 10, 8, 0)}


def published_threshold(publication: Publication) -> float:
    """The run's own threshold on the chart's scale; the floor of MEDIUM where it has none."""
    threshold = publication.alert_threshold
    return 0.7 if threshold is None else min(1.0, max(0.0, threshold))


class EventsView:
    """Built once a session; ``update`` brings it to the state."""

    def __init__(self, state: Workplace) -> None:
        self._state = state
        self._digest = ""
        self.chart = ThresholdChart(steps=SCORE_STEPS, sizing_mode="stretch_width", margin=0)
        self.table = DataTable(
            on_sort=self._sort,
            on_offset=self._go,
            label="Scored events",
            nothing="No event matches; widen the filters.",
            testid="events",
            counted=True,
            step=PAGE_ROWS,
        )
        columns = {_ANY: "", **{title(name): name for name in SCORED_COLUMNS if name in _COLUMNS}}
        self.text = pmui.TextInput(label="Find", placeholder="contains …", width=230, **_FILTER)
        self.column = pmui.Select(label="In", options=columns, width=160, **_FILTER)
        self.severity = pmui.Select(
            label="Severity",
            options=_SEVERITIES,
            width=140,
            **_FILTER,
        )
        self.kind = pmui.Select(label="Kind", options={"All": ""}, width=130, **_FILTER)
        self.above = pmui.Checkbox(label="Only at or above the threshold", **_FILTER)
        self._bind()
        self.panel = pn.Column(
            self.chart,
            pn.FlexBox(
                self.text, self.column, self.severity, self.kind, self.above, align_items="center"
            ),
            self.table,
            sizing_mode="stretch_width",
            margin=0,
        )

    def update(
        self,
        publication: Publication,
        figures: Callable[[], ScoreFigures],
        page: Page,
    ) -> None:
        """Show ``page``; the chart is filled anew only when the publication changed."""
        state = self._state
        digest = publication.name
        if digest != self._digest:
            found = figures()
            self.kind.options = {"All": "", **{kind: kind for kind in found.kinds}}
            self.chart.kinds = {kind: asdict(counts) for kind, counts in found.kinds.items()}
            self._digest = digest
        threshold = state.threshold
        self.chart.threshold = published_threshold(publication) if threshold is None else threshold
        for name, widget in self._widgets().items():
            if widget.value != getattr(state, name):
                widget.value = getattr(state, name)
        used = [n for n in _COLUMNS if n not in ("label", "user", "host", "outcome")] + [
            n for n in ("user", "host", "outcome", "label") if any(r[n] for r in page.mappings())
        ]
        self.table.fill(
            [event_column(name, sortable=True) for name in used],
            [[cell(name, row[name]) for name in used] for row in page.mappings()],
            sort=state.sort,
            total=page.total,
            offset=page.offset,
        )

    def _widgets(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "column": self.column,
            "severity": self.severity,
            "kind": self.kind,
            "above": self.above,
        }

    def _bind(self) -> None:
        for name, widget in self._widgets().items():
            widget.param.watch(
                lambda event, name=name: self._state.param.update(**{name: event.new, "offset": 0}),
                "value",
            )
        self.chart.param.watch(self._threshold, "threshold")

    def _threshold(self, event: Any) -> None:
        self._state.param.update(
            threshold=event.new, **({"offset": 0} if self._state.above else {})
        )

    def _go(self, offset: int) -> None:
        self._state.offset = offset

    def _sort(self, name: str) -> None:
        """First click the useful direction, second the other, third back to the stored order."""
        first = f"-{name}" if name in _DESCENDING_FIRST else name
        second = name if first.startswith("-") else f"-{name}"
        now = self._state.sort
        self._state.param.update(
            sort=second if now == first else "" if now == second else first, offset=0
        )
