# mypy: disallow-untyped-calls=False
"""A link shows a colleague the same thing, and no link can break the app."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.state import PAGES, Workplace
from dashboard.store.events import EventQuery


def test_the_default_state_has_a_bare_address() -> None:
    assert Workplace().search() == ""


@given(
    st.sampled_from(PAGES),
    st.text(max_size=50),
    st.text(max_size=50),
    st.none() | st.floats(0, 1),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_a_link_leads_to_the_same_state(
    page: str, alert: str, text: str, threshold: float | None, above: bool, offset: int
) -> None:
    here = Workplace(
        page=page, alert=alert, text=text, threshold=threshold, above=above, offset=offset,
        run="2026-03-04.2", severity="HIGH", column="dst_port", sort="-bytes", dark=True,
    )  # fmt: skip
    there = Workplace()
    there.follow(here.search())
    for name in Workplace.param:
        if name != "name":
            assert getattr(there, name) == getattr(here, name), name


@pytest.mark.parametrize(
    "search",
    [
        "?page=admin&threshold=nan&offset=-3",
        "?threshold=1e999&offset=99999999999999999999",
        "?severity=%3Cscript%3E&column=1%3BDROP%20TABLE%20alerts&sort=x",
        "?page=&threshold=&offset=&above=maybe",
        "?" + "&".join(f"a{i}=1" for i in range(500)),
        "no query at all",
        "?text=" + quote("\x00\ud7ff"),
    ],
)
def test_a_broken_link_leads_to_the_defaults(search: str) -> None:
    state = Workplace()
    state.follow(search)
    assert state.page == "alerts"
    assert state.threshold is None
    assert state.offset == 0
    assert state.severity == state.column == ""


def test_what_a_link_does_not_say_is_forgotten() -> None:
    state = Workplace(page="events", text="ssh", threshold=0.5)
    state.follow("?page=events")
    assert (state.page, state.text, state.threshold) == ("events", "", None)


def test_the_threshold_limits_the_events_only_when_asked() -> None:
    assert Workplace(kind="auth").query(0.7) == EventQuery(kind="auth")
    assert Workplace(above=True).query(0.7) == EventQuery(floor=0.7)
