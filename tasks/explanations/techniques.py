"""What each feature family resembles, in ATT&CK's words, and what its alerts have in common.

A pattern is named, not proven: the names say what such a pattern usually is when it is an attack.
Identifiers after MITRE ATT&CK for Enterprise v15.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Grouping = Literal["src", "dst", "pair", "user"]


@dataclass(frozen=True, slots=True)
class Technique:
    """``grouping``: alerts of one such entity and technique are one incident; it is also the
    entity that the sentence is about (of a pair, the source)."""

    title: str
    ids: tuple[str, ...]
    grouping: Grouping

    @property
    def name(self) -> str:
        """As in the alerts' ``technique`` column: the title and, in brackets, the ATT&CK ids."""
        return f"{self.title} ({', '.join(self.ids)})" if self.ids else self.title


TECHNIQUES: Final[dict[str, dict[str, Technique]]] = {
    "network": {
        "unanswered": Technique("Remote System Discovery", ("T1018",), "pair"),
        "fanout": Technique("Network Service Discovery", ("T1046",), "src"),
        "horizontal": Technique("Remote Services on many hosts", ("T1046", "T1021"), "src"),
        "fanin": Technique("Active Scanning or Denial of Service", ("T1595", "T1498"), "dst"),
        "rare": Technique("Non-Standard Port", ("T1571",), "pair"),
        "regular": Technique("Beaconing over Application Layer Protocol", ("T1071",), "pair"),
        "volume": Technique("Exfiltration Over C2 Channel", ("T1041",), "pair"),
        "rate": Technique("Brute Force or Denial of Service", ("T1110", "T1498"), "pair"),
        "prevalence": Technique("Rarely seen destination", ("T1071",), "pair"),
    },
    "auth": {
        "failures": Technique("Password Guessing", ("T1110.001",), "src"),
        "spraying": Technique("Password Spraying", ("T1110.003",), "src"),
        "stuffing": Technique("Credential Stuffing", ("T1110.004",), "src"),
        "spread": Technique("Distributed Password Guessing", ("T1110.001",), "user"),
        "new": Technique("Valid Account from a new source", ("T1078",), "user"),
        "hours": Technique("Valid Account at unusual hours", ("T1078",), "user"),
    },
}
"""By kind and feature family (``contracts.features``)."""

UNNAMED: Final[dict[str, Technique]] = {
    "network": Technique("Unusual connection", (), "pair"),
    "auth": Technique("Unusual login", (), "src"),
}
"""For an alert of which no feature lies above what is usual."""
