"""Colours of the app's own parts; the views take theirs from them (style.css)."""

from __future__ import annotations

from typing import Any, Final

_SHAPE: Final = {"shape": {"borderRadius": 4}}
_BAR: Final = {"MuiAppBar": {"defaultProps": {"elevation": 0}}}

THEME: Final[dict[str, Any]] = {
    "light": {
        "palette": {
            "primary": {"main": "#1c5a86", "contrastText": "#ffffff"},
            "background": {"default": "#ffffff", "paper": "#ffffff"},
            "text": {"primary": "#1b2530"},
        },
        "components": _BAR,
        **_SHAPE,
    },
    "dark": {
        "palette": {
            "primary": {"main": "#6fb1dd", "contrastText": "#0f151b"},
            "background": {"default": "#12181f", "paper": "#12181f"},
            "text": {"primary": "#dfe6ed"},
        },
        "components": _BAR,
        **_SHAPE,
    },
}

_ON_BAR: Final = "inherit"
HEADER: Final[dict[str, Any]] = {
    "color": _ON_BAR,
    "& .MuiInputBase-root": {"color": _ON_BAR},
    "& .MuiInputLabel-root, & .MuiInputLabel-root.Mui-focused": {"color": _ON_BAR},
    "& .MuiSelect-icon": {"color": _ON_BAR},
    "& .MuiOutlinedInput-notchedOutline": {"borderColor": "currentColor", "opacity": 0.45},
}
"""A field in the bar at the top takes the bar's text colour."""
