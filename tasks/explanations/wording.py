"""Numbers and log fields as a sentence shows them: in natural units, short, and harmless."""

from __future__ import annotations

import math
import unicodedata
from typing import Final

from contracts.features import Feature

LONGEST_FIELD: Final = 60
"""Characters of a log field that a sentence shows: a user name may have been chosen to flood."""
UNKNOWN: Final = "unknown"

_BYTE_STEP: Final = 1000.0
_BYTE_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB", "PB")
_MOST_DIGITS: Final = 4


def field(value: object) -> str:
    """A log field fit for a sentence: no control or invisible characters, one line, capped."""
    if value is None:
        return UNKNOWN
    shown = "".join(
        character if unicodedata.category(character)[0] not in "CZ" else " "
        for character in str(value)[: 4 * LONGEST_FIELD]
    )
    text = " ".join(shown.split())
    if len(text) > LONGEST_FIELD:
        text = text[: LONGEST_FIELD - 1].rstrip() + "…"
    return text or UNKNOWN


def value_and_usual(feature: Feature, value: float, usual: float) -> tuple[str, str]:
    """Both numbers, given on the stored scale, in the feature's unit, with just enough digits to
    tell them apart."""
    seen, common = feature.natural(value), feature.natural(usual)
    for digits in range(1, _MOST_DIGITS):
        shown = quantity(feature, seen, digits), quantity(feature, common, digits)
        if shown[0] != shown[1]:
            return shown
    return quantity(feature, seen, _MOST_DIGITS), quantity(feature, common, _MOST_DIGITS)


def quantity(feature: Feature, natural: float, digits: int = 1) -> str:
    """A natural value with its unit: ``412``, ``3.2 MB``, ``0.04 %``, ``95 %``, ``2.41``.

    ``digits``: digits after the point, or significant digits of a small share.
    """
    if math.isnan(natural):
        return "not known"
    if feature.unit == "bytes":
        return _bytes(natural, digits)
    if feature.unit == "share":
        return f"{_plain(100 * natural, digits - 1)} %"
    if feature.unit.startswith("%"):
        return f"{_percent(natural, digits)} %"
    if feature.unit in ("points", "deviations"):
        return _plain(natural, digits)
    if feature.unit in ("times", "flows per window"):
        return _plain(natural, digits if natural < 10 else digits - 1)
    return _plain(natural, digits - 1)


def _plain(number: float, digits: int) -> str:
    """Rounded, with thousands separated; ``0`` rather than ``-0``, no empty decimals."""
    text = f"{round(number, digits) + 0.0:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percent(percent: float, digits: int) -> str:
    """Small shares keep their significant digits: 12, 3.1, 0.04."""
    if percent >= 10 or percent <= 0:
        return _plain(percent, digits - 1)
    return _plain(percent, digits - 1 - math.floor(math.log10(percent)))


def _bytes(number: float, digits: int) -> str:
    size, unit = max(number, 0.0), 0
    while size >= _BYTE_STEP - 0.05 and unit < len(_BYTE_UNITS) - 1:
        size /= _BYTE_STEP
        unit += 1
    return f"{_plain(size, digits if unit else 0)} {_BYTE_UNITS[unit]}"
