"""The only place where text becomes HTML. Log fields are hostile: everything is escaped here.

Panel renders HTML in most of its text components (design §5). Views therefore build what they
show from ``tag``, which escapes every child and attribute, and put it on the page with ``pane``.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Final

import panel as pn

STYLE: Final = (Path(__file__).parent / "style.css").read_text()

_TAGS: Final = frozenset(
    ("a", "b", "code", "dd", "div", "dl", "dt", "em", "h1", "h2", "h3", "li", "ol", "p", "section",
     "small", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul")
)  # fmt: skip
_ATTRIBUTES: Final = frozenset(
    {"aria-label", "class", "colspan", "data-testid", "href", "role", "scope", "title"}
)
_WIDTH: Final = re.compile(r"\d{1,3}(\.\d{1,2})?%")

# Control and direction characters can hide or reorder what a line says (CWE-451, Trojan Source).
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)


class Markup(str):
    """HTML that was built by ``tag``: the only strings that are not escaped again."""

    __slots__ = ()


def visible(text: str) -> str:
    """The text with control and direction characters written out, e.g. ``\\u202e``."""
    return _HIDDEN.sub(lambda m: f"\\u{ord(m.group()):04x}", text)


def tag(name: str, *children: object, **attributes: str | None) -> Markup:
    """One element. Children are escaped unless they are ``Markup``; None children are left out.

    Attribute names lose a trailing underscore and use ``-`` for ``_`` (``class_``,
    ``aria_label``). ``width`` becomes a style and must be a percentage. ``href`` may only lead
    to another state of the app (``?…``).

    Raises:
        ValueError: an element or attribute that is not on the list, or such an href or width.
    """
    if name not in _TAGS:
        raise ValueError(f"element {name!r} is not allowed")
    written = "".join(
        _attribute(key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """Children one after another, escaped unless they are ``Markup``."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else html.escape(visible(str(child)))
            for child in children
            if child is not None
        )
    )


def pane(markup: Markup, **params: object) -> pn.viewable.Viewable:
    """The markup on the page, with the app's style sheet."""
    if not isinstance(markup, Markup):
        raise TypeError("only what `tag` built may become HTML")
    params.setdefault("sizing_mode", "stretch_width")
    params.setdefault("margin", 0)
    return pn.pane.HTML(markup, stylesheets=[STYLE], **params)  # type: ignore[no-untyped-call]


def _attribute(name: str, value: str) -> str:
    if name == "width":
        if not _WIDTH.fullmatch(value):
            raise ValueError(f"width {value!r} is no percentage")
        return f' style="width:{value}"'
    if name not in _ATTRIBUTES:
        raise ValueError(f"attribute {name!r} is not allowed")
    if name == "href" and not value.startswith("?"):
        raise ValueError(f"link {value!r} leads out of the app")
    return f' {name}="{html.escape(visible(value))}"'
