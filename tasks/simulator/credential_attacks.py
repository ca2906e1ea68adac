"""Attacks on SSH accounts: guessing, spraying, and leaked passwords that work."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.simulator.conversations import Scene
from tasks.simulator.incidents import Incidents
from tasks.simulator.logins import Logins, login

Array = NDArray[Any]

# What guessers try first (the names of any honeypot's list); the site has root only.
_GUESSED_NAMES: Final = (
    *("admin", "test", "ubuntu", "oracle", "postgres", "git", "pi", "user", "guest", "support"),
    *("ftpuser", "mysql", "www-data", "jenkins", "hadoop", "tomcat"),
)
_ROOT_GUESSED = 0.2  # share of guesses at root, and as many at accounts that exist
_TRIES = (1, 4)  # wrong passwords a connection, as guessing tools send them
_STUFFED_WORKS = 0.2  # share of leaked passwords that still work


def credential_attacks(scene: Scene, events: int, incidents: Incidents) -> list[Logins]:
    """Attacks that leave ``events`` accepted and failed lines, in three kinds with several sources.

    Below four events there is room for one or two kinds only; a successful stuffing comes first.
    """
    stuffing = -(-events // 4)
    spraying = (events - stuffing) * 2 // 5
    guessing = events - stuffing - spraying
    teams = 2 + max(0, round(2 * np.log10(max(events, 1) / 24)))
    plan = ((_brute_force, guessing, 3), (_spraying, spraying, 4), (_stuffing, stuffing, 4))
    return [
        attack(scene, size, incidents)
        for attack, wanted, fewest in plan
        for size in _split(wanted, min(teams, wanted // fewest))
    ]


def _split(events: int, groups: int) -> list[int]:
    """Nearly equal parts."""
    return np.bincount(np.arange(events) % max(1, groups)).tolist() if events else []


def _times(scene: Scene, count: int, hours: float) -> Array:
    first = scene.rng.random() * (24 - hours)
    return np.sort(scene.clock.between(scene.rng, count, first, first + hours))


def _attacker(scene: Scene, inside: float) -> int:
    """An address outside, or a desk that was taken over."""
    if scene.rng.random() < inside:
        return int(scene.pick(scene.site.workstations, 1)[0])
    return int(scene.rare(1)[0])


def _brute_force(scene: Scene, events: int, incidents: Incidents) -> Logins:
    """T1110.001: many passwords for a few names on one host, several tries a connection."""
    rng = scene.rng
    tries = rng.integers(_TRIES[0], _TRIES[1] + 1, events)
    tries = tries[: int(np.searchsorted(np.cumsum(tries), events)) + 1]
    tries[-1] -= int(tries.sum()) - events
    count = len(tries)
    way = rng.random(count)
    names = rng.choice(_GUESSED_NAMES, count).astype("U24")
    names[way < _ROOT_GUESSED] = "root"
    staff = (way >= _ROOT_GUESSED) & (way < 2 * _ROOT_GUESSED)
    names[staff] = rng.choice(np.array(scene.site.users), int(staff.sum()))
    source = np.full(count, _attacker(scene, 0.4))
    host = np.full(count, _target(scene))
    return login(
        scene,
        _times(scene, count, 0.7),
        source,
        host,
        names,
        known=way < 2 * _ROOT_GUESSED,
        key=False,
        failures=tries,
        success=False,
        incident=incidents.open("ssh_brute_force"),
    )


def _target(scene: Scene) -> int:
    """The bastion in half of the cases: it is the one that the outside reaches."""
    return 0 if scene.rng.random() < 0.5 else int(scene.rng.integers(len(scene.site.linux_hosts)))


def _spraying(scene: Scene, events: int, incidents: Incidents) -> Logins:
    """T1110.003: one password for every account, one try each, over the hosts."""
    users = np.resize(scene.rng.permutation(np.array(scene.site.users)), events)
    source = np.full(events, _attacker(scene, 0.5))
    host = scene.rng.integers(0, min(5, len(scene.site.linux_hosts)), events)
    return login(
        scene,
        _times(scene, events, 2.5),
        source,
        host,
        users,
        key=False,
        failures=1,
        success=False,
        incident=incidents.open("password_spraying"),
    )


def _stuffing(scene: Scene, events: int, incidents: Incidents) -> Logins:
    """T1110.004: names and passwords from a leak, from a few addresses; some still work."""
    rng = scene.rng
    users = np.resize(rng.permutation(np.array(scene.site.users)), events)
    success = rng.random(events) < _STUFFED_WORKS
    success[rng.integers(events)] = True
    source = scene.rare(max(1, events // 6))[np.arange(events) % max(1, events // 6)]
    return login(
        scene,
        _times(scene, events, 1.5),
        source,
        np.zeros(events, dtype=np.int64),
        users,
        key=False,
        failures=(~success).astype(np.int64),
        success=success,
        session=np.full(events, 240.0),
        incident=incidents.open("credential_stuffing"),
    )
