"""Why a model raised an alert: its features, seen against usual, and what each one did."""

from __future__ import annotations

from typing import Any, Final

from contracts.features import FEATURE_BY_NAME
from dashboard.views.safe import Markup, tag
from dashboard.views.wording import quantity

SHOWN: Final = 10
"""Features of an alert that are shown, the most anomalous first."""


def explanation(kind: str, rows: list[dict[str, Any]]) -> Markup:
    """Bars of the attributions, towards anomalous on the right.

    ``rows`` are ``EXPLANATION_COLUMNS`` of one alert. The attribution is the SHAP value of
    decision_function: the most negative names the culprit.
    """
    if not rows:
        return tag("p", "No explanation was stored for this alert.", class_="muted")
    ordered = sorted(rows, key=lambda row: row["rank"])
    shown = ordered[:SHOWN]
    longest = max(abs(row["attribution"] or 0.0) for row in ordered) or 1.0
    rest = len(ordered) - len(shown)
    more = f"{rest} more features moved the score less." if rest > 0 else None
    return tag(
        "div",
        tag(
            "div",
            tag("span", f"Method: {rows[0]['method']}"),
            tag("span", "← towards normal  |  towards anomalous →"),
            class_="scale",
        ),
        tag("ol", *(_row(kind, row, longest) for row in shown), class_="why"),
        tag("small", more) if more else None,
        data_testid="explanation",
    )


def _row(kind: str, row: dict[str, Any], longest: float) -> Markup:
    feature = FEATURE_BY_NAME.get(kind, {}).get(row["feature"])
    unit = feature.unit if feature else ""
    meaning = feature.meaning if feature else row["feature"]
    # Rare shares are suspicious when small: their usual is a least, not a most.
    bound = "at least" if feature and feature.scale == "surprisal" else "at most"
    attribution = row["attribution"] or 0.0
    direction = "towards anomalous" if attribution < 0 else "towards normal"
    return tag(
        "li",
        tag("div", meaning, class_="what", title=row["feature"]),
        tag(
            "div",
            tag("b", quantity(row["value"], unit)),
            tag("small", f" usually {_usual(row['usual'], unit, bound)}"),
            class_="value",
        ),
        tag(
            "div",
            tag(
                "span",
                class_="right" if attribution < 0 else "left",
                width=f"{_length(attribution, longest):.1f}%",
            ),
            class_="force",
            role="img",
            aria_label=f"{abs(attribution):.4f} {direction}",
            title=f"SHAP value {attribution:+.4f}, {direction}",
        ),
    )


def _usual(usual: float | None, unit: str, bound: str) -> str:
    """The usual value; its unit is left out where the value beside it says the same word."""
    if usual == 0:
        return "none"
    shown = quantity(usual, unit)
    return f"{bound} {shown.removesuffix(f' {unit}') if unit else shown}"


def _length(attribution: float, longest: float) -> float:
    """Bar length in percent of its side; the side of normal is a quarter as wide, and cut off."""
    share = 100 * abs(attribution) / longest
    return share if attribution < 0 else min(100.0, 4 * share)
