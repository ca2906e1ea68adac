"""Which code ran: the version of the image or of the checkout."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

PACKAGES = ("contracts", "tasks")


@functools.cache
def code_version() -> str:
    """``SOC_CODE_VERSION`` (set in the image), else a digest of the sources that stages run."""
    stated = os.environ.get("SOC_CODE_VERSION")
    if stated:
        return stated
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"sources-{digest.hexdigest()[:12]}"
