"""Text becomes HTML in one place, and there everything hostile is escaped."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.views.safe import Markup, join, pane, tag, visible

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "&lt;b&gt;",
)


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(markup: str) -> _Seen:
    seen = _Seen()
    seen.feed(markup)
    return seen


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text(hostile: str) -> None:
    seen = parsed(tag("p", hostile, title=hostile))
    assert seen.tags == ["p"]
    assert seen.attributes == ["title"]
    assert seen.text == hostile


@given(st.text(), st.text())
def test_no_text_ever_adds_an_element_or_attribute(child: str, title: str) -> None:
    seen = parsed(tag("div", child, tag("b", child), title=title))
    assert seen.tags == ["div", "b"]
    assert seen.attributes == ["title"]


def test_what_tag_built_is_not_escaped_again() -> None:
    assert tag("p", tag("b", "a & b")) == "<p><b>a &amp; b</b></p>"
    assert join("<", tag("b", "x")) == "&lt;<b>x</b>"


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("script", {}),
        ("iframe", {}),
        ("a", {"href": "javascript:alert(1)"}),
        ("a", {"href": "https://example.org/"}),
        ("a", {"href": "//example.org/"}),
        ("p", {"onclick": "alert(1)"}),
        ("p", {"style": "background:url(//example.org)"}),
        ("p", {"width": "1%;background:url(//example.org)"}),
    ],
)
def test_elements_and_attributes_off_the_list_are_refused(
    name: str, attributes: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"allowed|leads out|percentage"):
        tag(name, "x", **attributes)


def test_a_plain_string_cannot_become_html() -> None:
    with pytest.raises(TypeError):
        pane("<b>x</b>")  # type: ignore[arg-type]
    assert pane(Markup("<b>x</b>")) is not None


def test_hidden_characters_are_written_out() -> None:
    assert visible("admin\u202etxt.exe\x1b[2J") == "admin\\u202etxt.exe\\u001b[2J"
    assert visible("Grüße, 東京") == "Grüße, 東京"


UNSAFE = {
    "Markdown", "Alert", "HTML", "Str", "StaticText", "Card", "Accordion", "Number", "MultiChoice",
    "Tabulator", "Typography", "Details", "Dialog", "Tabs", "Chip", "Tooltip",
}  # fmt: skip
"""Components that render HTML from text (design §5)."""


def test_only_the_safe_module_uses_components_that_render_html() -> None:
    found = [
        f"{path.name}:{node.lineno} {node.attr}"
        for path in DASHBOARD.rglob("*.py")
        if path.name != "safe.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in UNSAFE
        if ast.unparse(node.value) != "param"
    ]
    assert found == []


def test_the_scripts_put_text_on_the_page_as_text_only() -> None:
    scripts = list(DASHBOARD.rglob("*.js"))
    assert len(scripts) == 3
    risky = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(")
    assert [path.name for path in scripts if risky.search(path.read_text())] == []


def test_the_store_knows_no_panel_and_the_app_no_stage_or_dag() -> None:
    def imports(path: Path) -> set[str]:
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").split(".")[0])
        return found

    for path in DASHBOARD.rglob("*.py"):
        assert not imports(path) & {"tasks", "dags", "airflow", "polars", "pandas"}, path
        if path.parent.name == "store":
            assert not imports(path) & {"panel", "panel_material_ui", "bokeh", "param"}, path
