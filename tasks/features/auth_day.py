"""One day of logins against its context: features, reference rows and the day's profile.

"Usual" comes from successful logins only: clean history, and of the day itself one success of each
(user, source, host). Failures are counted by window and day; a user under attack keeps 0 on the
rows that succeed, so that bystanders stay clean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from contracts.events import REFERENCE_COLUMNS
from contracts.features import FEATURE_COLUMNS
from tasks.features.auth_context import AuthContext, context_features, context_of, logins_by_pair
from tasks.features.flows import day_blocks, mix
from tasks.features.grouping import Index, group
from tasks.features.reference import MIN_REFERENCE_ROWS, filled_up, one_a_key, sample

SHARE_FROM_FAILURES = 3
"""One or two mistyped passwords make no share worth telling."""
SUCCESS_AFTER_FAILURES = 3
"""Failures within the hour before a success that make it a success *after failing*."""
SLICE_ROWS = 250_000


@dataclass
class AuthDay:
    """The logins of a day (RAW columns, ids and features) and which of them are reference."""

    logins: pl.DataFrame
    day: str
    reference: Index
    context: AuthContext
    raw_columns: list[str]

    def silver(self) -> Iterator[pl.DataFrame]:
        """SILVER, slice by slice, in RAW's row order."""
        columns = [*self.raw_columns, "key_id", "pair_id", *FEATURE_COLUMNS["auth"]]
        for start in range(0, self.logins.height, SLICE_ROWS):
            yield self.logins.slice(start, SLICE_ROWS).select(columns)

    def reference_rows(self, at_most: int) -> pl.DataFrame:
        """What models learn from: history's sample on this context, and today's rows."""
        rows = np.sort(self.reference[:at_most])
        columns = (*REFERENCE_COLUMNS, *FEATURE_COLUMNS["auth"])
        today = self.logins[rows].with_columns(today=pl.lit(True), day=pl.lit(self.day))
        parts = [today.select(columns)]
        if self.context.sampled.height:
            earlier = context_features(self.context.sampled, self.context)
            parts.insert(0, earlier.with_columns(today=pl.lit(False)).select(columns))
        return pl.concat(parts)

    def profile(self, seed: int) -> pl.DataFrame:
        """The day's own profile: successful logins by (user, source), and reference rows."""
        usual = self.logins[np.sort(self.reference)]
        rows = self.logins[sample(self.reference, seed)].select(
            "event_id", "timestamp", "user", "src_ip", "key_id", "pair_id", *FEATURE_COLUMNS["auth"]
        )
        tables = {"pair": logins_by_pair(usual), "reference": rows}
        return pl.concat(
            [frame.select(pl.lit(name).alias("table"), pl.all()) for name, frame in tables.items()],
            how="diagonal",
        )


def auth_day(
    raw: Path,
    day: str,
    profiles: Sequence[tuple[str, Path]],
    window_minutes: int,
    seed: int,
    *,
    clean: bool,
) -> AuthDay:
    """Compute a day's features on the context of earlier days' profiles and of the day itself.

    ``clean``: the day is believed free of attacks, so all its rows are reference rows.
    """
    frame = pl.read_parquet(raw)
    logins = frame.with_columns(_coded(frame, window_minutes))
    reference = _reference(logins, seed, clean=clean, alone=not profiles)
    context = context_of(profiles, logins[np.sort(reference)])
    logins = context_features(_counted(logins), context)
    return AuthDay(logins, day, reference, context, frame.columns)


def _coded(frame: pl.DataFrame, window_minutes: int) -> list[pl.Series]:
    """Ids, window and day of each login; an unknown user or source is a value of its own."""
    names = {name: frame[name].fill_null("") for name in ("user", "src_ip", "host")}
    user, source, host = (names[n].hash().to_numpy() for n in ("user", "src_ip", "host"))
    time_us = np.ascontiguousarray(frame["timestamp"].dt.epoch("us").to_numpy())
    window = time_us // (window_minutes * 60 * 1_000_000)
    return [
        pl.Series("u", group(user).ids),
        pl.Series("s", group(source).ids),
        pl.Series("h", group(host).ids),
        pl.Series("w", window),
        pl.Series("block", day_blocks(time_us)),
        pl.Series("failed", (frame["outcome"] == "failure").fill_null(False)),
        pl.Series("key_id", mix(user, source, host)),
        pl.Series("pair_id", mix(user, source)),
    ]


def _reference(logins: pl.DataFrame, seed: int, *, clean: bool, alone: bool) -> Index:
    """Reference rows in the seed's random order; see the module's first lines."""
    random = np.random.default_rng(seed)
    everything: Index = random.permutation(logins.height)
    if clean:
        return everything
    success = np.flatnonzero(~logins["failed"].to_numpy())
    key = group(mix(logins["key_id"].to_numpy(), logins["block"].cast(pl.UInt64).to_numpy()))
    chosen = one_a_key(key, success, random)
    if alone and len(chosen) < MIN_REFERENCE_ROWS:
        chosen = filled_up(chosen, random.permutation(success), everything)
    return chosen


def _log1p(expression: pl.Expr) -> pl.Expr:
    return expression.cast(pl.Float64).log1p().cast(pl.Float32)


def _counted(logins: pl.DataFrame) -> pl.DataFrame:
    """Add the features that count within the day."""
    failed = pl.col("failed")
    failures = failed.sum()
    of_failed = pl.col("u").filter(failed).n_unique()
    sources = pl.col("s").filter(failed).n_unique()
    source_window, source_day = ["s", "w"], ["s", "block"]
    before = (
        pl.col("failed").cast(pl.UInt32).rolling_sum_by("timestamp", "1h", closed="both").over("s")
    )
    logins = logins.with_columns(
        src_window_failures=_log1p(failures.over(source_window)),
        src_day_failures=_log1p(failures.over(source_day)),
        src_window_failed_share=pl.when(failures.over(source_window) >= SHARE_FROM_FAILURES)
        .then(failed.mean().over(source_window))
        .otherwise(0.0)
        .cast(pl.Float32),
        user_window_failures=_only_failed(_log1p(failures.over("u", "w"))),
        pair_day_failures=_log1p(failures.over("u", "s", "block")),
        src_window_users=_log1p(of_failed.over(source_window)),
        src_day_users=_log1p(pl.col("u").n_unique().over(source_day)),
        src_day_hosts=_log1p(pl.col("h").n_unique().over(source_day)),
        user_day_sources=_only_failed(_log1p(sources.over("u", "block"))),
        user_window_sources=_only_failed(_log1p(sources.over("u", "w"))),
        before=pl.when(failed).then(0).otherwise(before),
    )
    got_in = pl.col("before") >= SUCCESS_AFTER_FAILURES
    return logins.with_columns(
        failures_before_success=_log1p(pl.col("before")),
        src_day_users_succeeded=pl.when(got_in)
        .then(_log1p(pl.col("u").filter(got_in).n_unique().over(source_day)))
        .otherwise(0.0)
        .cast(pl.Float32),
    )


def _only_failed(expression: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("failed")).then(expression).otherwise(0.0).cast(pl.Float32)
