"""One sentence an alert: what was seen against what is usual, in plain words and units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from contracts.features import Feature
from tasks.explanations.wording import UNKNOWN, field, value_and_usual

_NOTHING: Final = {
    "network": "{src} reached {dst} on {port}: no single feature stands out",
    "auth": "A login as {user} from {src} on {host}: no single feature stands out",
}
_NOUGHTS: Final = ("0", "0 %", "0 bytes")
_SERVICE: Final = "an unknown application"
_STATE: Final = "an unknown state"


def sentence(
    feature: Feature, value: float, usual: float, event: Mapping[str, Any], window_minutes: int
) -> str:
    """The feature's template (``contracts.features``) filled in; log fields are made harmless.

    ``value`` and ``usual`` are on the stored scale; ``event`` has the columns of a scored event.
    """
    seen, common = value_and_usual(feature, value, usual)
    text = feature.template.format(
        **_fields(event), window=f"{window_minutes} min", value=seen, usual=common
    )
    if common in _NOUGHTS:
        text = re.sub(f"usually at most {common}$", "usually none", text)
    return text


def plain_sentence(kind: str, event: Mapping[str, Any]) -> str:
    """For an event of which no feature lies above the usual: no reason is made up."""
    return _NOTHING[kind].format(**_fields(event))


def _fields(event: Mapping[str, Any]) -> dict[str, str]:
    return {
        "src": field(event["src_ip"]),
        "dst": field(event["dst_ip"]),
        "port": _port(event),
        "service": _SERVICE if event["service"] is None else field(event["service"]),
        "state": _STATE if event["conn_state"] is None else field(event["conn_state"]),
        "user": field(event["user"]),
        "host": field(event["host"]),
    }


def _port(event: Mapping[str, Any]) -> str:
    port, protocol = event["dst_port"], event["protocol"]
    if port is None:
        return field(protocol) if protocol is not None else f"an {UNKNOWN} port"
    return f"{port}/{field(protocol)}" if protocol is not None else str(port)
