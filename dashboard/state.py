"""What one browser tab shows: every choice an analyst can make, as a param and in the URL."""

from __future__ import annotations

import math
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import param

from contracts.events import SCORED_COLUMNS
from contracts.severity import SEVERITIES
from dashboard.store.events import EventQuery

PAGES: Final = ("alerts", "events", "metrics", "history")
_TEXT_CHARACTERS: Final = 200
"""Longest text taken from a URL."""
_FIELDS: Final = 50
"""Most fields a URL may have."""
_LAST_OFFSET: Final = 10**9


class Workplace(param.Parameterized):
    """The state of a tab. Empty means the default: newest run, its own threshold, no filter."""

    run = param.String("", doc="Publication, '2026-03-04.1'; empty: the newest.")
    page: Any = param.Selector(default="alerts", objects=list(PAGES))
    alert = param.String("", doc="alert_id of the alert that is open on the alerts page.")
    threshold = param.Number(default=None, bounds=(0, 1), allow_None=True)
    kind = param.String("")
    severity: Any = param.Selector(default="", objects=["", *SEVERITIES])
    column: Any = param.Selector(default="", objects=["", *SCORED_COLUMNS])
    text = param.String("")
    above = param.Boolean(default=False, doc="Only events at or above the threshold.")
    sort = param.String("")
    offset = param.Integer(default=0, bounds=(0, _LAST_OFFSET))
    table = param.String("publications", doc="Table of the history page.")
    dark = param.Boolean(default=False)

    def search(self) -> str:
        """The query part of the URL that leads here: only what differs from the default."""
        return self.search_with()

    def search_with(self, **changes: Any) -> str:
        """``search`` of this state with some choices changed."""
        pairs = []
        for name in IN_URL:
            value = changes.get(name, getattr(self, name))
            if value != self.param[name].default:
                pairs.append((name, _written(value)))
        return f"?{urlencode(pairs)}" if pairs else ""

    def follow(self, search: str) -> None:
        """Take the state from a URL's query; what it cannot hold falls back to the default."""
        try:
            given = dict(parse_qsl(search.removeprefix("?"), max_num_fields=_FIELDS))
        except ValueError:
            given = {}
        values = {name: self.param[name].default for name in IN_URL}
        for name in IN_URL:
            if name not in given:
                continue
            try:
                value = _read(self.param[name], given[name][:_TEXT_CHARACTERS])
                Workplace(**{name: value})  # type: ignore[no-untyped-call]
            except ValueError:
                continue
            values[name] = value
        self.param.update(**values)

    def query(self, threshold: float) -> EventQuery:
        """The events that the filters ask for, with ``threshold`` as the floor if wanted."""
        return EventQuery(
            kind=self.kind,
            severity=self.severity,
            column=self.column,
            text=self.text,
            floor=threshold if self.above else None,
            sort=self.sort,
            offset=self.offset,
        )


IN_URL: Final = tuple(name for name in Workplace.param if name != "name")


def _written(value: object) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def _read(parameter: object, text: str) -> str | bool | int | float:
    if isinstance(parameter, param.Boolean):
        return text == "1"
    if isinstance(parameter, param.Integer):
        return int(text)
    if isinstance(parameter, param.Number):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError("not a number of the scale")
        return number
    return text
