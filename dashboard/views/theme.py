"""Colours and sizes of Material's own parts; the views take theirs from them (style.css)."""

from __future__ import annotations

from typing import Any, Final

_BAR: Final = "#143a56"
_SHARED: Final[dict[str, Any]] = {
    "shape": {"borderRadius": 4},
    "typography": {"fontSize": 12.5},
    "components": {
        "MuiAppBar": {
            "defaultProps": {"elevation": 0},
            "styleOverrides": {
                "root": {"backgroundColor": _BAR, "backgroundImage": "none", "color": "#ffffff"}
            },
        },
        "MuiToolbar": {
            "styleOverrides": {"root": {"minHeight": "44px !important", "height": "44px"}}
        },
    },
}

THEME: Final[dict[str, Any]] = {
    "light": {
        **_SHARED,
        "palette": {
            "primary": {"main": "#1c5a86", "contrastText": "#ffffff"},
            "background": {"default": "#ffffff", "paper": "#ffffff"},
            "text": {"primary": "#1b2530"},
        },
    },
    "dark": {
        **_SHARED,
        "palette": {
            "primary": {"main": "#6fb1dd", "contrastText": "#0f151b"},
            "background": {"default": "#12181f", "paper": "#12181f"},
            "text": {"primary": "#dfe6ed"},
        },
    },
}
"""Material UI themes of the page, light and dark."""
