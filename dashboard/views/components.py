"""The three components that are drawn in the browser, and take text as text.

Their scripts use ``textContent`` only (a test holds that), so log fields may be handed to them
as they are; ``DataTable.fill`` writes out control characters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import param
from panel.custom import JSComponent

from dashboard.views.safe import STYLE, visible

_HERE: Final = Path(__file__).parent

Look = Literal["text", "mono", "number", "time", "severity", "state", "score", "sentence"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a ``DataTable``; ``clip`` shows long text whole in a tooltip only."""

    name: str
    title: str
    look: Look = "text"
    sortable: bool = False
    clip: bool = False


class DataTable(JSComponent):
    """One page of rows. Sorting and paging are asked of Python: it never holds more than a page."""

    columns = param.List()
    rows = param.List()
    keys = param.List(doc="What picking a row reports; empty: rows cannot be picked.")
    sort = param.String("")
    marked = param.String("", doc="Key of the row that is open.")
    total = param.Integer(0)
    offset = param.Integer(0)
    step = param.Integer(50)
    counted = param.Boolean(False, doc="Say how many rows there are, even on a single page.")
    label = param.String("")
    nothing = param.String("Nothing to show.")
    testid = param.String("table")
    drawn = param.Integer(0, doc="Counts up: one redraw however many fields changed.")

    _esm = (_HERE / "table.js").read_text()
    _stylesheets = [STYLE]  # noqa: RUF012

    def __init__(
        self,
        on_pick: Callable[[str], None] | None = None,
        on_sort: Callable[[str], None] | None = None,
        on_offset: Callable[[int], None] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(**{"sizing_mode": "stretch_width", "margin": 0, **params})  # type: ignore[no-untyped-call]
        self._on_pick, self._on_sort, self._on_offset = on_pick, on_sort, on_offset

    def fill(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[str | int | float | None]],
        **params: Any,
    ) -> None:
        """Replace what the table shows; ``params`` are the other fields (``total``, ``keys`` …)."""
        self.param.update(
            columns=[asdict(column) for column in columns],
            rows=[[visible(v) if isinstance(v, str) else v for v in row] for row in rows],
            drawn=self.drawn + 1,
            **params,
        )

    def _handle_msg(self, message: Any) -> None:
        """What the browser reports: ``pick`` a key, ``sort`` a column, go to an ``offset``."""
        pick, sort, offset = (message.get(name) for name in ("pick", "sort", "offset"))
        if self._on_pick and isinstance(pick, str) and pick in self.keys:
            self._on_pick(pick)
        if self._on_sort and isinstance(sort, str):
            self._on_sort(sort)
        if self._on_offset and isinstance(offset, int) and 0 <= offset < max(1, self.total):
            self._on_offset(offset)


class ThresholdChart(JSComponent):
    """Histogram of scores by kind and the threshold; ``threshold`` follows when it is let go."""

    kinds = param.Dict({}, doc="Kind → name of a count → count at each step of the score.")
    steps = param.Integer(1_000)
    threshold = param.Number(0.5, bounds=(0, 1))

    _esm = (_HERE / "threshold.js").read_text()
    _stylesheets = [STYLE]  # noqa: RUF012


class Navigation(JSComponent):
    """Links to the pages, and the address bar."""

    pages = param.List(doc="Dicts of name, title and search (the URL's query).")
    page = param.String("")
    search = param.String("", doc="The query that the address bar is to show.")

    _esm = (_HERE / "navigation.js").read_text()
    _stylesheets = [STYLE]  # noqa: RUF012

    def __init__(
        self, on_page: Callable[[str], None], on_search: Callable[[str], None], **params: Any
    ) -> None:
        super().__init__(**params)  # type: ignore[no-untyped-call]
        self._on_page, self._on_search = on_page, on_search

    def _handle_msg(self, message: Any) -> None:
        page, search = message.get("page"), message.get("search")
        if isinstance(page, str):
            self._on_page(page)
        if isinstance(search, str):
            self._on_search(search)
