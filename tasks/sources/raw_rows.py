"""Rows that already have RAW columns: check them and give them the contract's types."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from contracts.events import LABEL_COLUMN, RAW_COLUMNS
from tasks.parquet import polars_type
from tasks.sources.addresses import is_address
from tasks.sources.identity import RecordIds
from tasks.sources.source import HISTORY_COLUMN, rejections
from tasks.sources.times import MAX_EPOCH_SECONDS, TIME, any_time

TABLE_KINDS = ("network", "auth")
_REQUIRED = {
    "network": ("timestamp", "src_ip", "dst_ip", "protocol"),
    "auth": ("timestamp", "user", "outcome"),
}
_OPTIONAL = ("event_id", "sensor")
"""Columns of a table that may be absent: a hash stands in for the id, null for the sensor."""
_ADDRESSES = ("src_ip", "dst_ip")
_OUTCOMES = ("success", "failure")
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")
_MAX_COUNT = 2**62


def table_kind(names: Iterable[str]) -> str | None:
    """The kind whose RAW columns (all but event_id and sensor) are among the names."""
    have = {*names, *_OPTIONAL}
    return next((kind for kind in TABLE_KINDS if have >= RAW_COLUMNS[kind].keys()), None)


def table_rows(
    frame: pl.DataFrame,
    kind: str,
    lines: pl.Series,
    text: Callable[[int], str],
    ids: RecordIds,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(RAW events, rejected) of a table's rows, whatever types its columns have.

    ``lines``: line of each row; ``text``: what the row at a position said.
    """
    dtypes = {name: polars_type(dtype) for name, dtype in RAW_COLUMNS[kind].items()}
    for extra in (LABEL_COLUMN, HISTORY_COLUMN):
        if extra in frame.columns:
            dtypes[extra] = pl.String()
    given = frame.select(
        _unset_is_null(frame, name, dtype)
        if name in frame.columns
        else pl.lit(None, pl.String).alias(name)
        for name, dtype in dtypes.items()
    )
    typed = given.select(
        _cast(pl.col(name), given.schema[name], dtype).alias(name) for name, dtype in dtypes.items()
    )
    reason = pl.lit(None, pl.String)
    for words, problem in _problems(kind, dtypes).items():
        reason = reason.fill_null(pl.when(problem).then(pl.lit(words)))
    unreadable = {
        f"unreadable:{name}": given[name].is_not_null() & typed[name].is_null() for name in dtypes
    }
    checked = typed.with_columns(lines.alias("line"), **unreadable).with_row_index("row")
    checked = checked.with_columns(problem=reason)
    bad = checked.filter(pl.col("problem").is_not_null())
    good = checked.filter(pl.col("problem").is_null())
    if good["event_id"].null_count():
        known = zip(good["event_id"], good["row"], strict=True)
        made = [known_id or ids.of(text(row)) for known_id, row in known]
        good = good.with_columns(pl.Series("event_id", made, dtype=pl.String))
    rejected = rejections(
        [
            (line, reason, text(row))
            for line, reason, row in bad.select("line", "problem", "row").rows()
        ]
    )
    return good.select(*dtypes), rejected


def _unset_is_null(frame: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Expr:
    """Empty text means unknown, except in a user's name, which may be empty."""
    column = pl.col(name)
    if frame.schema[name] != pl.String() or name == "user":
        return column
    column = column.str.replace_all("\0", "\ufffd", literal=True)
    stripped = column if dtype == pl.String() else column.str.strip_chars()
    return pl.when(stripped != "").then(stripped).alias(name)


def _cast(column: pl.Expr, given: pl.DataType, dtype: pl.DataType) -> pl.Expr:
    """To the contract's type; null where the value cannot be had in it."""
    if given == dtype:
        return column
    if isinstance(dtype, pl.Datetime):
        if isinstance(given, pl.Datetime):
            utc = column if given.time_zone else column.dt.replace_time_zone("UTC")
            return utc.dt.convert_time_zone("UTC").cast(TIME)
        return any_time(column.cast(pl.String, strict=False))
    if dtype == pl.Boolean():
        if given.is_numeric():
            return pl.when(column.is_in([0, 1])).then(column == 1)
        lower = column.cast(pl.String).str.to_lowercase()
        return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
    if dtype.is_integer() and not given.is_integer():
        # "443.0" is what a table with unknown values becomes in pandas.
        number = column.cast(pl.Float64, strict=False)
        exact = column.cast(pl.Int64, strict=False)
        whole = pl.when(number == number.round()).then(number.cast(pl.Int64, strict=False))
        return pl.coalesce(exact, whole).cast(dtype, strict=False)
    return column.cast(dtype, strict=False)


def _problems(kind: str, dtypes: dict[str, pl.DataType]) -> dict[str, pl.Expr]:
    """What makes a row no event: reason → expression that is true for such rows."""
    found = {
        f"{name} cannot be read as {dtype}": pl.col(f"unreadable:{name}")
        for name, dtype in dtypes.items()
    }
    for name in _REQUIRED[kind]:
        found[f"{name} is missing"] = pl.col(name).is_null()
    seconds = pl.col("timestamp").dt.epoch("us") / 1e6
    found["timestamp is out of range"] = ~((seconds >= 0) & (seconds < MAX_EPOCH_SECONDS))
    for name in _ADDRESSES:
        if name in dtypes:
            found[f"{name} is not an IP address"] = ~is_address(pl.col(name))
    for name in ("bytes", "bytes_sent", "bytes_received", "packets_sent", "packets_received"):
        if name in dtypes:
            found[f"{name} is out of range"] = ~pl.col(name).is_between(0, _MAX_COUNT)
    if "duration" in dtypes:
        duration = pl.col("duration")
        found["duration is out of range"] = ~((duration >= 0) & (duration < float("inf")))
    if "outcome" in dtypes:
        found["outcome is neither success nor failure"] = ~pl.col("outcome").is_in(_OUTCOMES)
    return found
