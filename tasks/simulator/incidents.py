"""The list of what was done to the site: attack names and incident ids, for the ground truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

ATTACKS: Final = (
    *("ssh_brute_force", "password_spraying", "credential_stuffing", "port_scan"),
    *("beaconing", "exfiltration", "lateral_movement", "ddos"),
)


@dataclass(frozen=True)
class Incident:
    """One operation of one attacker; ``name`` tells incidents of the same attack apart."""

    attack: str
    name: str


@dataclass
class Incidents:
    """Incidents in order of appearance; an event refers to one by its code, 0 is benign."""

    known: list[Incident] = field(default_factory=list)

    def open(self, attack: str, variant: str = "") -> int:
        """The code of a new incident of ``attack``."""
        number = 1 + sum(incident.attack == attack for incident in self.known)
        name = "-".join(part for part in (attack, variant, str(number)) if part)
        self.known.append(Incident(attack, name))
        return len(self.known)

    def of(self, code: int) -> Incident:
        """The incident of a code above 0."""
        return self.known[code - 1]
