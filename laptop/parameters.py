"""`PARAMS='alert_budget=20 retrain=false'`: the DAG's parameters from one line of text."""

from __future__ import annotations

import json
import shlex
from typing import Any

from pydantic import ValidationError

from contracts.plan import RunParameters

WORDS = {"yes": True, "no": False, "none": None}


def parse_parameters(text: str) -> dict[str, Any]:
    """Names and values, checked against ``RunParameters``. Raises UsageError."""
    from laptop.errors import UsageError

    found: dict[str, Any] = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"PARAMS={text}: {error}") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in RunParameters.model_fields:
            known = ", ".join(RunParameters.model_fields)
            raise UsageError(f"PARAMS: {word!r} is not name=value with one of: {known}")
        found[name] = _value(value)
    try:
        RunParameters(**found)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][:1])
        raise UsageError(f"PARAMS: {name}={first['input']}: {first['msg']}") from None
    return found


def _value(text: str) -> Any:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text
