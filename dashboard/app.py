# mypy: disallow-untyped-calls=False
"""One browser tab: the page, its navigation, and which view is drawn when the state changes."""

from __future__ import annotations

import threading
from typing import Any, Final

import panel as pn
import panel_material_ui as pmui
from panel_material_ui.template.base import Page

from dashboard.state import IN_URL, PAGES, Workplace
from dashboard.store.errors import StoreUnavailable
from dashboard.store.figures import ScoreFigures
from dashboard.store.records import Publication
from dashboard.store.results import Results
from dashboard.views import alert_page, alerts, empty, history, metrics
from dashboard.views.components import DataTable, Navigation
from dashboard.views.events import EventsView, published_threshold
from dashboard.views.health import assess, health_line, now_utc
from dashboard.views.safe import pane
from dashboard.views.theme import THEME

_FILTERS: Final = frozenset(
    ("threshold", "kind", "severity", "column", "text", "above", "sort", "offset")
)
_TITLES: Final = {
    "alerts": "Alerts", "events": "Events", "metrics": "Metrics", "history": "History",
}  # fmt: skip


class Tab:
    """What one session shows. Results are shared by all sessions, the state is this one's."""

    def __init__(self, results: Results, search: str) -> None:
        self._results = results
        self.state = Workplace()
        self.state.follow(search)
        self._publications: list[Publication] = []
        self._shown: Publication | None = None
        self._events: EventsView | None = None
        self._navigation = Navigation(self._go, self.state.follow, margin=0)
        self._picker = pmui.Select(
            label="Run", size="small", sizing_mode="stretch_width", max_width=400, margin=(8, 0)
        )
        self._health = pn.Column(sizing_mode="stretch_width", margin=0)
        self._body = pn.Column(sizing_mode="stretch_width", margin=(12, 0, 40, 0))
        main = pn.Column(
            pn.FlexBox(
                self._navigation,
                self._picker,
                justify_content="space-between",
                align_items="center",
                margin=(4, 0, 8, 0),
            ),
            self._health,
            self._body,
            sizing_mode="stretch_width",
            margin=(0, 20),
        )
        self.page = Page(
            title="SOC Copilot",
            main=[main],
            dark_theme=self.state.dark,
            theme_config=THEME,
            busy_indicator="linear",
        )
        self._load()
        self._picker.param.watch(self._pick_run, "value")
        self.page.param.watch(self._theme, "dark_theme")
        self.state.param.watch(self._changed, list(IN_URL))

    def _load(self) -> None:
        """Read the list of publications; done once a session, a reload reads it again."""
        try:
            self._publications = self._results.catalog.publications()
        except StoreUnavailable as error:
            self._body.objects = [pane(empty.problem(str(error)))]
            self._navigate()
            return
        current = {p.day: p.name for p in reversed(self._by_generation())}
        self._picker.options = {
            self._label(p, superseded=current[p.day] != p.name): p.name for p in self._publications
        }
        self._draw({"run"})

    def _by_generation(self) -> list[Publication]:
        return sorted(self._publications, key=lambda p: p.generation, reverse=True)

    @staticmethod
    def _label(publication: Publication, superseded: bool) -> str:
        old = ", superseded" if superseded else ""
        published = publication.published_at.strftime("%d %b %H:%M UTC")
        return (
            f"{publication.day} · {publication.alerts} alerts"
            f" · run {publication.generation} of {published}{old}"
        )

    def _changed(self, *events: Any) -> None:
        names = {event.name for event in events}
        if names == {"dark"}:
            self.page.dark_theme = self.state.dark
            self._navigate()
            return
        self._draw(names)

    def _draw(self, names: set[str]) -> None:
        self._navigate()
        try:
            if not self._publications:
                self._body.objects = [pane(empty.no_publication())]
                return
            if "run" in names or self._shown is None:
                self._choose()
            self._page(names)
        except StoreUnavailable as error:
            self._body.objects = [pane(empty.problem(str(error)))]

    def _choose(self) -> None:
        """Take the publication that the state names, or the newest."""
        self._shown = None
        newest = self._publications[0]
        wanted = self.state.run
        head = next((p for p in self._publications if p.name == wanted), newest)
        if wanted and head.name != wanted:
            raise StoreUnavailable(f"no publication {wanted}; pick a run above")
        shown = self._results.catalog.publication(head.id)
        failed = self._results.catalog.failed_stages()
        health = assess(shown, newest, failed, self._figures_if_ready(shown), now_utc())
        self._health.objects = [pane(health_line(health))]
        self._picker.value = head.name
        self._shown = shown

    def _figures_if_ready(self, publication: Publication) -> ScoreFigures | None:
        """Figures without waiting for object storage; else they are fetched for the next look."""
        if self._results.ready(publication):
            return self._results.figures(publication)
        threading.Thread(target=self._fetch, args=(publication,), daemon=True).start()
        return None

    def _fetch(self, publication: Publication) -> None:
        try:
            self._results.figures(publication)
        except StoreUnavailable:
            return  # the page that needs the events says why

    def _page(self, names: set[str]) -> None:
        assert self._shown is not None
        if self.state.page == "events":
            self._show_events(names)
        elif self.state.page == "metrics":
            rows = self._results.metrics(self._shown)
            card = self._results.model_card(self._shown)
            parts = (metrics.model_section(self._shown, card), metrics.metric_tables(rows))
            self._body.objects = [pane(part) for part in parts]
        elif self.state.page == "history":
            self._show_history(names)
        elif not names <= _FILTERS:
            self._show_alerts()

    def _show_alerts(self) -> None:
        assert self._shown is not None
        found = self._results.catalog.alerts(self._shown.id)
        opened = next((a for a in found if a["alert_id"] == self.state.alert), None)
        if opened is not None:
            self._body.objects = alert_page.build(
                self._results, self._shown, found, opened, self._search
            )
            return
        table = DataTable(on_pick=self._open, label="Alerts", testid="alerts")
        alerts.fill(table, found, self.state.alert)
        self._body.objects = [pane(alerts.summary(self._shown, found)), table]

    def _show_events(self, names: set[str]) -> None:
        assert self._shown is not None
        shown, state = self._shown, self.state
        if self._events is None:
            self._events = EventsView(state)
        threshold = published_threshold(shown) if state.threshold is None else state.threshold
        if names == {"threshold"} and not state.above:
            self._events.chart.threshold = threshold
        else:
            page = self._results.scored(shown).page(state.query(threshold))
            self._events.update(shown, lambda: self._results.figures(shown), page)
        if self._body.objects != [self._events.panel]:
            self._body.objects = [self._events.panel]

    def _show_history(self, names: set[str]) -> None:
        table = self.state.table if self.state.table in history.TABLES else "publications"
        page = history.read(self._results.catalog, table, self.state.offset)
        view = DataTable(on_offset=self._offset, label=history.TABLES[table], testid="history")
        history.fill(view, page)
        links = history.links(table, lambda name: self._search(table=name, offset=0))
        self._body.objects = [pane(links), view]

    def _search(self, **changes: Any) -> str:
        """The URL's query of this tab with some choices changed."""
        return self.state.search_with(**changes)

    def _navigate(self) -> None:
        pages = [
            {
                "name": page,
                "title": _TITLES[page],
                "search": self._search(page=page, alert="", offset=0),
            }
            for page in PAGES
        ]
        self._navigation.param.update(pages=pages, page=self.state.page, search=self.state.search())

    def _go(self, page: str) -> None:
        if page in PAGES:
            self.state.param.update(page=page, alert="", offset=0)

    def _open(self, alert_id: str) -> None:
        self.state.alert = alert_id

    def _offset(self, offset: int) -> None:
        self.state.offset = offset

    def _pick_run(self, event: Any) -> None:
        newest = self._publications[0].name
        name = "" if event.new == newest else event.new
        if name != self.state.run:
            self.state.param.update(run=name, alert="", threshold=None, offset=0)

    def _theme(self, event: Any) -> None:
        self.state.dark = bool(event.new)
