"""Which alerts belong together, in which order an analyst should read them, and their ids.

A scan of a thousand targets is one incident. Incidents are ordered by their best row and a little
by their size, and alerts so that the first of each incident come first (recipe §4).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tasks.explanations.techniques import Technique

ALERTS_PER_INCIDENT: Final = 5
"""Alerts of one incident that are shown; the rest count in ``incident_events``."""
ROWS_THAT_COUNT: Final = 50
"""Rows beyond which an incident does not rank higher for its size."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The best row of a key above the threshold. ``events``: rows of the key; ``position``: where
    the row stands in the caller's tables."""

    position: int
    kind: str
    event: Mapping[str, Any]
    technique: Technique
    minus_log10_p: float
    events: int

    @property
    def group(self) -> tuple[str, ...]:
        """What incidents are grouped by: kind, UTC day, technique and the entities."""
        ends = {
            "src": ("src_ip",),
            "dst": ("dst_ip",),
            "user": ("user",),
            "pair": ("src_ip", "dst_ip") if self.kind == "network" else ("user", "src_ip"),
        }[self.technique.grouping]
        day = f"{self.event['timestamp']:%Y-%m-%d}"
        return (self.kind, day, self.technique.name, *(str(self.event[end]) for end in ends))

    @property
    def entity(self) -> str | None:
        """The address or user that the alert is about."""
        column = {"src": "src_ip", "dst": "dst_ip", "user": "user", "pair": "src_ip"}
        value: str | None = self.event[column[self.technique.grouping]]
        return value


@dataclass(frozen=True, slots=True)
class RankedFinding:
    """A finding as an alert: its place from 1, its incident and the incident's rows."""

    finding: Finding
    rank: int
    incident_id: str
    incident_events: int


def ranked(findings: Sequence[Finding], budget: int | None) -> list[RankedFinding]:
    """Alerts in reading order: first the best alert of each incident, then the second of each …

    At most five an incident and, with a ``budget``, at most so many in all.
    """
    incidents: dict[tuple[str, ...], list[Finding]] = {}
    for finding in sorted(findings, key=_improbable_first):
        incidents.setdefault(finding.group, []).append(finding)
    ordered = sorted(incidents.items(), key=lambda item: (-_weight(item[1]), item[0]))
    chosen = sorted(
        (turn, place)
        for place, (_, members) in enumerate(ordered)
        for turn in range(min(len(members), ALERTS_PER_INCIDENT))
    )
    return [
        RankedFinding(
            finding=ordered[place][1][turn],
            rank=rank,
            incident_id=identifier(*ordered[place][0]),
            incident_events=sum(member.events for member in ordered[place][1]),
        )
        for rank, (turn, place) in enumerate(chosen[:budget], start=1)
    ]


def identifier(*parts: str) -> str:
    """A short id that the same content gets in every run."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def _improbable_first(finding: Finding) -> tuple[float, str, str]:
    return (-finding.minus_log10_p, finding.kind, str(finding.event["event_id"]))


def _weight(members: Sequence[Finding]) -> float:
    rows = sum(member.events for member in members)
    return members[0].minus_log10_p * math.log(10) + math.log(min(rows, ROWS_THAT_COUNT))
