"""Event times as text: seconds since 1970, or ISO 8601 with or without a zone (then UTC)."""

from __future__ import annotations

import polars as pl

MAX_EPOCH_SECONDS = 253_402_300_800.0
"""The year 10,000: the end of what Python, Parquet readers and Postgres take."""
TIME = pl.Datetime("us", "UTC")

_ISO = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)([.,]\d{1,9})?\s*(Z|[+-]\d\d(?::?\d\d)?)?$"


def epoch_time(seconds: pl.Expr) -> pl.Expr:
    """Float64 seconds since 1970 → Datetime(us, UTC), to the nearest microsecond."""
    return (seconds * 1e6).round().cast(pl.Int64).cast(TIME)


def iso_time(text: pl.Expr) -> pl.Expr:
    """ISO 8601 text → Datetime(us, UTC); null where it is none. More than 6 decimals are cut."""
    groups = text.str.strip_chars().str.extract_groups(_ISO)
    zone = (
        groups.struct.field("4").fill_null("+0000").str.replace("Z", "+0000").str.replace(":", "")
    )
    zone = pl.when(zone.str.len_bytes() == 3).then(zone + "00").otherwise(zone)
    decimals = groups.struct.field("3").fill_null(".0").str.replace(",", ".").str.slice(0, 7)
    whole = pl.concat_str(
        groups.struct.field("1"), pl.lit("T"), groups.struct.field("2"), decimals, zone
    )
    return whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", strict=False)


def any_time(text: pl.Expr) -> pl.Expr:
    """Text that is either seconds since 1970 or ISO 8601 → Datetime(us, UTC); else null."""
    seconds = text.str.strip_chars().cast(pl.Float64, strict=False)
    sound = (seconds >= 0) & (seconds < MAX_EPOCH_SECONDS)
    return pl.coalesce(epoch_time(pl.when(sound).then(seconds)), iso_time(text))
