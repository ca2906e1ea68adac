"""SSH logins of the house: cron jobs, people, people at home, accounts that were set up wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.simulator.conversations import Conversation, Outcomes, Scene, ends
from tasks.simulator.flows import Flows
from tasks.simulator.site import SERVICE_USERS

Array = NDArray[Any]

_SSH_ENDS: Final[Outcomes] = ends(SF=0.93, RSTO=0.04, RSTR=0.03)
SSH: Final = Conversation("tcp", "ssh", 22, (5200, 0.9), (6400, 1.1), (30.0, 1.5), _SSH_ENDS)
SECONDS_A_TRY: Final = 2.7
"""A wrong password costs the pause of pam_unix (2 s) and the round trips."""


@dataclass(frozen=True)
class Logins:
    """SSH connections, one an array element, with what was tried on them.

    ``host`` counts within the site's Linux hosts; ``failures`` wrong passwords before the end or
    the success; ``known`` whether the account exists; ``key`` whether the success is by public key;
    ``seconds`` from the first packet to the last.
    """

    start: Array
    source: Array
    source_port: Array
    host: Array
    user: Array
    known: Array
    key: Array
    failures: Array
    success: Array
    seconds: Array
    incident: Array

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: Array) -> Logins:
        """The named rows."""
        return Logins(**{field.name: getattr(self, field.name)[rows] for field in fields(Logins)})


def join_logins(blocks: Sequence[Logins]) -> Logins:
    """All blocks in order of time."""
    columns = {
        field.name: np.concatenate([getattr(block, field.name) for block in blocks])
        for field in fields(Logins)
    }
    return Logins(**columns).take(np.argsort(columns["start"], kind="stable"))


def login(
    scene: Scene, start: Array, source: Array, host: Array, user: Array, **more: Any
) -> Logins:
    """Logins; what is not given is usual: one success by key, then a short session."""
    count = len(start)
    failures = np.broadcast_to(more.get("failures", 0), count)
    session = scene.rng.lognormal(np.log(8.0), 1.0, count)
    session = np.broadcast_to(more.get("session", session), count)
    success = np.broadcast_to(more.get("success", True), count)
    return Logins(
        start=start,
        source=source,
        source_port=scene.ephemeral(source),
        host=host,
        user=np.asarray(user, dtype="U24"),
        known=np.broadcast_to(more.get("known", True), count),
        key=np.broadcast_to(more.get("key", True), count),
        failures=failures,
        success=success,
        seconds=0.9 + failures * SECONDS_A_TRY + np.where(success, session, 0.4),
        incident=np.broadcast_to(more.get("incident", 0), count),
    )


def house_logins(scene: Scene, events: int) -> list[Logins]:
    """Benign logins that leave about ``events`` accepted and failed lines on a working day."""
    return [
        _automation(scene, round(events * 0.43)),
        _misconfigured(scene, round(events * 0.09)),
        _people(scene, round(events * 0.37 * max(scene.clock.presence, 0.2))),
        _from_home(scene, round(events * 0.11 * max(scene.clock.presence, 0.5))),
    ]


def ssh_flows(scene: Scene, logins: Logins) -> Flows:
    """The same connections as the network sensor sees them."""
    target = scene.site.linux_hosts[logins.host]
    return scene.talk(
        SSH,
        logins.start,
        logins.source,
        target,
        source_port=logins.source_port,
        seconds=logins.seconds,
        incident=logins.incident,
    )


def _automation(scene: Scene, count: int) -> Logins:
    """Cron-driven logins by key: backup, configuration management, checks, deployment."""
    site = scene.site
    masters = np.array([site.server[name] for name in ("backup1", "app1", "monitor1", "update1")])
    hosts = len(site.linux_hosts)
    pair, start = scene.clock.periodic(scene.rng, count, 4 * hosts, 0.002)
    job = pair % 4
    user = np.array(SERVICE_USERS[:4])[job]
    return login(scene, start, masters[job], pair // 4, user)


def _misconfigured(scene: Scene, count: int) -> Logins:
    """Jobs that try an old password, or an account that was deleted, all day long."""
    site = scene.site
    sources = np.array([site.server["app1"], site.server["intranet1"], site.server["print1"]])
    jobs = 4 + len(site.linux_hosts) // 10
    pair, start = scene.clock.periodic(scene.rng, count, jobs, 0.01)
    user = np.array((*SERVICE_USERS[4:], "root", "svc-old"))[pair % 4]
    host = (1 + pair * 2) % len(site.linux_hosts)
    return login(
        scene,
        start,
        sources[pair % 3],
        host,
        user,
        known=pair % 4 != 3,
        key=False,
        failures=1,
        success=False,
    )


def _people(scene: Scene, count: int) -> Logins:
    """Technical staff at their desks, each with a few machines; passwords get mistyped."""
    site, rng = scene.site, scene.rng
    staff = np.arange(0, len(site.workstations), 3)
    burst, start = scene.clock.bursts(rng, count * 4 // 5, 3, 400.0)
    desk = rng.choice(staff, max(1, count * 4 // 5 // 3))[burst]
    host = (desk * 7 + rng.integers(0, 3, len(desk))) % len(site.linux_hosts)
    return _typed(scene, start, site.workstations[desk], host, desk)


def _from_home(scene: Scene, count: int) -> Logins:
    """Staff outside reach the bastion from the address of their line."""
    site, rng = scene.site, scene.rng
    count = count * 4 // 5
    desk = rng.choice(np.arange(0, len(site.workstations), 4), count)
    moved = rng.random(count) < 0.15
    source = np.where(moved, scene.rare(count), site.tail[(desk * 31) % len(site.tail)])
    start = scene.clock.at_work(rng, count)
    return _typed(scene, start, source, np.zeros(count, dtype=np.int64), desk)


def _typed(scene: Scene, start: Array, source: Array, host: Array, desk: Array) -> Logins:
    """Logins of people: keys or passwords, slips of the finger, names misspelt, giving up."""
    rng = scene.rng
    count = len(start)
    key = (desk % 5 < 2) & (rng.random(count) < 0.9)
    slips = rng.choice(4, count, p=(0.74, 0.17, 0.06, 0.03))
    misspelt = ~key & (rng.random(count) < 0.05)
    gave_up = ~key & ((rng.random(count) < 0.04) & (slips > 0))
    names = np.array(scene.site.users)[desk]
    wrong = np.array([name[0] + name[2:] + name[1] for name in names[misspelt]], dtype="U24")
    user = names.astype("U24")
    user[misspelt] = wrong
    return login(
        scene,
        start,
        source,
        host,
        user,
        key=key,
        known=~misspelt,
        failures=np.where(key, 0, np.maximum(slips, misspelt)),
        success=~misspelt & ~gave_up,
        session=rng.lognormal(np.log(420.0), 1.3, count),
    )
