"""What is usual for logins: who comes from where, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from contracts.features import FEATURE_COLUMNS

PSEUDO_COUNT = 0.5
BUSINESS_HOURS = (7, 19)
"""First hour of the business day and the first after it, UTC, Monday to Friday."""
FRIDAY = 5
HABIT_LOGINS = 5
"""Fewer usual logins than this show no habit."""
HABIT_SHARE = 0.8
"""Share of a user's usual logins within business hours from which one outside is odd."""


@dataclass(frozen=True)
class AuthContext:
    """Usual logins by (user, source), and the sampled rows of earlier days."""

    pairs: pl.DataFrame
    """user, src_ip, logins, in_hours: usual successful logins, and those in business hours."""
    sampled: pl.DataFrame
    """Reference rows of history with their own day's features; empty on a cold start."""


def in_business_hours() -> pl.Expr:
    """True where ``timestamp`` lies in business hours."""
    time = pl.col("timestamp").dt
    first, after = BUSINESS_HOURS
    return (time.weekday() <= FRIDAY) & (time.hour() >= first) & (time.hour() < after)


def logins_by_pair(logins: pl.DataFrame) -> pl.DataFrame:
    """Successful logins by (user, source); columns user, src_ip, logins, in_hours."""
    return (
        logins.filter(~pl.col("failed"))
        .group_by(pl.col("user").fill_null(""), pl.col("src_ip").fill_null(""))
        .agg(logins=pl.len().cast(pl.Int64), in_hours=in_business_hours().sum().cast(pl.Int64))
        .sort("user", "src_ip")
    )


def context_of(profiles: Sequence[tuple[str, Path]], usual_today: pl.DataFrame) -> AuthContext:
    """Join earlier days' profiles (day, file) with today's usual logins."""
    pairs, sampled = [logins_by_pair(usual_today)], []
    for day, path in profiles:
        profile = pl.read_parquet(path)
        pairs.append(profile.filter(pl.col("table") == "pair").select(pairs[0].columns))
        sampled.append(
            profile.filter(pl.col("table") == "reference").select(
                "event_id",
                pl.lit(day).alias("day"),
                "timestamp",
                "user",
                "src_ip",
                "key_id",
                "pair_id",
                *FEATURE_COLUMNS["auth"],
            )
        )
    merged = (
        pl.concat(pairs)
        .group_by("user", "src_ip")
        .agg(pl.col("logins", "in_hours").sum())
        .sort("user", "src_ip")
    )
    return AuthContext(merged, pl.concat(sampled) if sampled else pl.DataFrame())


def context_features(logins: pl.DataFrame, context: AuthContext) -> pl.DataFrame:
    """Add (or replace) pair_rarity, user_source_rarity, src_user_rarity and off_hours.

    Needs ``timestamp``, ``user``, ``src_ip``; keeps the row order.
    """
    pairs = context.pairs
    by_user = pairs.group_by("user").agg(
        pl.len().alias("user_sources"),
        pl.col("logins").sum().alias("user_logins"),
        pl.col("in_hours").sum().alias("user_in_hours"),
    )
    by_source = pairs.group_by("src_ip").agg(pl.len().alias("source_users"))
    users, sources = by_user.height, by_source.height
    keyed = logins.with_columns(
        pl.col("user").fill_null("").alias("_user"), pl.col("src_ip").fill_null("").alias("_source")
    )
    joined = (
        keyed.join(
            pairs.select("user", "src_ip", pl.col("logins").alias("pair_logins")),
            left_on=["_user", "_source"],
            right_on=["user", "src_ip"],
            how="left",
            maintain_order="left",
        )
        .join(by_user, left_on="_user", right_on="user", how="left", maintain_order="left")
        .join(by_source, left_on="_source", right_on="src_ip", how="left", maintain_order="left")
    )
    seen = pl.col("pair_logins").is_not_null()

    def others(column: str, own: pl.Expr) -> pl.Expr:
        return (pl.col(column).fill_null(0) - own.cast(pl.Int64)).clip(lower_bound=0)

    def surprisal(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
        return (-((part + PSEUDO_COUNT) / (whole + 2 * PSEUDO_COUNT)).log()).cast(pl.Float32)

    habit = (pl.col("user_logins") >= HABIT_LOGINS) & (
        pl.col("user_in_hours") >= HABIT_SHARE * pl.col("user_logins")
    )
    added = joined.with_columns(
        pair_rarity=surprisal(others("pair_logins", seen), others("user_logins", seen)),
        user_source_rarity=surprisal(others("user_sources", seen), pl.lit(sources) - seen),
        src_user_rarity=surprisal(others("source_users", seen), pl.lit(users) - seen),
        off_hours=(habit.fill_null(False) & ~in_business_hours()).cast(pl.Float32),
    )
    return added.drop("_user", "_source")
