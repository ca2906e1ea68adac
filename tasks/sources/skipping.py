"""Counts of what is recognised and not read, by kind. Kinds come from logs, so they are bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST_KINDS = 50
"""A log with more program or stream names than this counts the others together."""
OTHER = "other"
_NAME = re.compile(r"[A-Za-z0-9_.()/+-]{1,40}")


class Skipped:
    """A counter by kind that a hostile log cannot make grow without end."""

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self.counts: dict[str, int] = {} if counts is None else counts

    def add(self, kind: str, count: int = 1) -> None:
        if not count:
            return
        if kind not in self.counts and len(self.counts) >= MOST_KINDS:
            kind = f"{kind.partition(':')[0]}:{OTHER}" if ":" in kind else OTHER
        self.counts[kind] = self.counts.get(kind, 0) + count

    def merge(self, other: Mapping[str, int]) -> None:
        for kind, count in other.items():
            self.add(kind, count)


def stream_kind(stream: str) -> str:
    """``zeek:<stream>``; a name that is none counts as ``zeek:other``."""
    return f"zeek:{stream if _NAME.fullmatch(stream) else OTHER}"


def program_kind(program: str) -> str:
    """``syslog:<program>``; a name that is none counts as ``syslog:other``."""
    return f"syslog:{program if _NAME.fullmatch(program) else OTHER}"
