"""The login features equal their definitions, and single out what they are named after."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from contracts.features import FEATURE_COLUMNS
from tasks.features.auth_day import AuthDay, auth_day
from tests.features.made_flows import write_raw

Login = dict[str, Any]
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def login(number: int, moment: datetime, user: str | None, source: str, *, ok: bool) -> Login:
    return {
        "event_id": f"L{number}",
        "timestamp": moment,
        "user": user,
        "src_ip": source,
        "host": "srv1",
        "method": "password",
        "outcome": "success" if ok else "failure",
        "logon_type": "network",
        "reason": None,
        "sensor": "sshd",
    }


def random_logins(seed: int, count: int) -> list[Login]:
    draw = random.Random(seed)
    return [
        login(
            n,
            MONDAY + timedelta(seconds=draw.randint(0, 80_000)),
            draw.choice(["ann", "bob", "eve", None]),
            f"10.0.0.{draw.randint(1, 4)}",
            ok=draw.random() < 0.6,
        )
        for n in range(count)
    ]


def day_of(logins: list[Login], path: Path, **options: Any) -> AuthDay:
    raw = write_raw(logins, path / "auth.parquet", "auth")
    return auth_day(raw, "2026-03-02", (), 15, 7, **{"clean": False, **options})


def window(row: Login) -> int:
    return int(row["timestamp"].timestamp() // 900)


def defined(row: Login, logins: list[Login]) -> dict[str, float]:
    """The counting features of one login, by definition."""

    def bad(rows: list[Login]) -> list[Login]:
        return [r for r in rows if r["outcome"] == "failure"]

    failed = row["outcome"] == "failure"
    source = [r for r in logins if r["src_ip"] == row["src_ip"]]
    user = [r for r in logins if r["user"] == row["user"]]
    source_w = [r for r in source if window(r) == window(row)]
    user_w = [r for r in user if window(r) == window(row)]
    hour = timedelta(hours=1)

    def before(r: Login) -> int:
        if r["outcome"] == "failure":
            return 0
        return sum(r["timestamp"] - hour <= f["timestamp"] <= r["timestamp"] for f in bad(source))

    got_in = {r["user"] for r in source if before(r) >= 3}
    few = len(bad(source_w)) < 3
    return {
        "src_window_failures": math.log1p(len(bad(source_w))),
        "src_day_failures": math.log1p(len(bad(source))),
        "src_window_failed_share": 0.0 if few else len(bad(source_w)) / len(source_w),
        "user_window_failures": math.log1p(len(bad(user_w))) if failed else 0.0,
        "pair_day_failures": math.log1p(sum(r["src_ip"] == row["src_ip"] for r in bad(user))),
        "src_window_users": math.log1p(len({r["user"] for r in bad(source_w)})),
        "src_day_users": math.log1p(len({r["user"] for r in source})),
        "src_day_hosts": math.log1p(1),
        "user_day_sources": math.log1p(len({r["src_ip"] for r in bad(user)})) if failed else 0.0,
        "user_window_sources": math.log1p(len({r["src_ip"] for r in bad(user_w)}))
        if failed
        else 0.0,
        "failures_before_success": math.log1p(before(row)),
        "src_day_users_succeeded": math.log1p(len(got_in)) if before(row) >= 3 else 0.0,
    }


def test_counting_features_equal_their_definitions(tmp_path: Path) -> None:
    logins = random_logins(1, 160)
    actual = day_of(logins, tmp_path).logins
    assert actual["event_id"].to_list() == [r["event_id"] for r in logins]
    expected = [defined(row, logins) for row in logins]
    for name in expected[0]:
        np.testing.assert_allclose(
            actual[name], [e[name] for e in expected], rtol=1e-5, atol=1e-6, err_msg=name
        )


def test_rarity_is_the_share_of_the_others(tmp_path: Path) -> None:
    """ann logs in from two sources, bob from one; a stranger tries ann."""
    hours = [MONDAY + timedelta(hours=h) for h in range(8, 18)]
    logins = [login(n, hours[n], "ann", f"10.0.0.{1 + n % 2}", ok=True) for n in range(8)]
    logins += [login(8, hours[8], "bob", "10.0.0.3", ok=True)]
    logins += [login(9, hours[9], "ann", "203.0.113.9", ok=False)]
    day = day_of(logins, tmp_path, clean=True)
    stranger = day.logins.filter(pl.col("event_id") == "L9").row(0, named=True)
    # None of ann's 8 logins came from there, 2 of the 3 usual sources log in as ann, and nobody
    # of the 2 usual users was ever seen from there.
    assert math.isclose(stranger["pair_rarity"], -math.log(0.5 / 9), rel_tol=1e-5)
    assert math.isclose(stranger["user_source_rarity"], -math.log(2.5 / 4), rel_tol=1e-5)
    assert math.isclose(stranger["src_user_rarity"], -math.log(0.5 / 3), rel_tol=1e-5)


def test_off_hours_is_odd_only_for_who_keeps_hours(tmp_path: Path) -> None:
    logins = [
        login(n, MONDAY + timedelta(hours=8 + n), "ann", "10.0.0.1", ok=True) for n in range(6)
    ]
    logins += [
        login(10 + n, MONDAY + timedelta(hours=n), "cron", "10.0.0.2", ok=True) for n in range(6)
    ]
    night = MONDAY + timedelta(hours=3)
    logins += [
        login(20, night, "ann", "10.0.0.1", ok=True),
        login(21, night, "cron", "10.0.0.2", ok=True),
    ]
    day = day_of(logins, tmp_path, clean=True)
    off = dict(zip(day.logins["event_id"], day.logins["off_hours"], strict=True))
    assert off["L20"] == 1.0
    assert off["L21"] == 0.0
    assert off["L0"] == 0.0


def test_reference_is_one_success_of_each_user_source_and_host(tmp_path: Path) -> None:
    logins = random_logins(3, 2_000)
    day = day_of(logins, tmp_path)
    chosen = [logins[row] for row in day.reference]
    keys = {(r["user"], r["src_ip"]) for r in logins if r["outcome"] == "success"}
    assert {(r["user"], r["src_ip"]) for r in chosen if r["outcome"] == "success"} == keys


def test_profiles_of_earlier_days_say_who_is_known(tmp_path: Path) -> None:
    earlier = [
        login(n, MONDAY + timedelta(hours=8, minutes=n), "ann", "10.0.0.1", ok=True)
        for n in range(9)
    ]
    known = day_of(earlier, tmp_path, clean=True)
    profile = tmp_path / "profile.parquet"
    known.profile(7).write_parquet(profile)
    today = [
        login(50, MONDAY + timedelta(days=1, hours=9), "ann", "10.0.0.1", ok=True),
        login(51, MONDAY + timedelta(days=1, hours=9), "ann", "203.0.113.1", ok=True),
    ]
    raw = write_raw(today, tmp_path / "today.parquet", "auth")
    day = auth_day(raw, "2026-03-03", [("2026-03-02", profile)], 15, 7, clean=False)
    usual, new = day.logins["pair_rarity"].to_list()
    assert new > usual + 1
    reference = day.reference_rows(1_000)
    assert reference.columns[5:] == list(FEATURE_COLUMNS["auth"])
    assert reference.filter(~pl.col("today")).height == len(earlier)
