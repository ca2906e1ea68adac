"""Zeek's connection record (conn.log), in TSV and JSON alike: checks, and its RAW columns.

https://docs.zeek.org/en/master/logs/conn.html
"""

from __future__ import annotations

from typing import Final

import polars as pl

from contracts.events import LABEL_COLUMN
from tasks.sources.addresses import is_address
from tasks.sources.identity import RecordIds
from tasks.sources.source import HISTORY_COLUMN, REJECTED_TEXT_CHARS
from tasks.sources.times import MAX_EPOCH_SECONDS, epoch_time, iso_time

FIELDS: Final[dict[str, pl.DataType]] = {
    "ts": pl.Float64(),
    "uid": pl.String(),
    "id.orig_h": pl.String(),
    "id.orig_p": pl.Int64(),
    "id.resp_h": pl.String(),
    "id.resp_p": pl.Int64(),
    "proto": pl.String(),
    "service": pl.String(),
    "duration": pl.Float64(),
    "orig_bytes": pl.Int64(),
    "resp_bytes": pl.Int64(),
    "orig_pkts": pl.Int64(),
    "resp_pkts": pl.Int64(),
    "conn_state": pl.String(),
    "local_orig": pl.String(),
    "local_resp": pl.String(),
    "history": pl.String(),
    "label": pl.String(),
}
"""The fields that are read, with the dtype of their values."""
REQUIRED: Final = ("ts", "id.orig_h", "id.resp_h", "proto")
ADDRESSES: Final = ("id.orig_h", "id.resp_h")
EMPTY: Final = "(empty)"

_COUNTS: Final = ("orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts")
_PORTS: Final = ("id.orig_p", "id.resp_p")
_MAX_PORT: Final = 65_535
_MAX_COUNT: Final = 2**62
"""Sums of two still fit 64 bits; no connection carries 4 EiB."""
_MAX_DURATION_SECONDS: Final = 1e10
"""Three centuries."""
_NUMERIC: Final = tuple(name for name, dtype in FIELDS.items() if dtype.is_numeric())
_TRUE: Final = ("T", "true")
_FALSE: Final = ("F", "false")


def problems() -> dict[str, pl.Expr]:
    """What makes a typed record no event: reason → expression that is true for such rows.

    Addresses are apart: ``address_problems``, dearer, because they are patterns.
    """
    ts, duration = pl.col("ts"), pl.col("duration")
    found = {f"{name} is missing": pl.col(name).is_null() for name in REQUIRED}
    found["ts is out of range"] = ~((ts >= 0) & (ts < MAX_EPOCH_SECONDS))
    found["duration is out of range"] = ~((duration >= 0) & (duration < _MAX_DURATION_SECONDS))
    for name in _PORTS:
        found[f"{name} is out of range"] = ~pl.col(name).is_between(0, _MAX_PORT)
    for name in _COUNTS:
        found[f"{name} is out of range"] = ~pl.col(name).is_between(0, _MAX_COUNT)
    for name in ("local_orig", "local_resp"):
        found[f"{name} is neither T nor F"] = ~pl.col(name).is_in([*_TRUE, *_FALSE])
    return found


def address_problems() -> dict[str, pl.Expr]:
    """The same for what is no IP address."""
    return {f"{name} is not an IP address": ~is_address(pl.col(name)) for name in ADDRESSES}


def is_sound(typed: pl.DataFrame) -> bool:
    """Whether no record has any of ``problems`` (addresses not looked at)."""
    checks = typed.select(problem.any().alias(reason) for reason, problem in problems().items())
    return not any(checks.row(0))


def raw_frame(typed: pl.DataFrame) -> pl.DataFrame:
    """Sound typed records with all FIELDS, ``uid`` never null → RAW columns of kind network.

    ``label`` is kept as written. ICMP's type and code stay in the port columns, as Zeek has them.
    """
    return typed.select(
        event_id="uid",
        timestamp=epoch_time(pl.col("ts")),
        src_ip="id.orig_h",
        src_port=pl.col("id.orig_p").cast(pl.UInt16),
        dst_ip="id.resp_h",
        dst_port=pl.col("id.resp_p").cast(pl.UInt16),
        protocol="proto",
        service=_known("service"),
        duration="duration",
        bytes=pl.col("orig_bytes") + pl.col("resp_bytes"),
        bytes_sent="orig_bytes",
        bytes_received="resp_bytes",
        packets_sent="orig_pkts",
        packets_received="resp_pkts",
        conn_state=_known("conn_state"),
        local_orig=pl.col("local_orig").is_in(_TRUE),
        local_resp=pl.col("local_resp").is_in(_TRUE),
        sensor=pl.lit("zeek"),
        **{LABEL_COLUMN: _known("label"), HISTORY_COLUMN: _known("history")},
    )


def from_text(records: pl.DataFrame, ids: RecordIds) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records as text, one by one checked: (RAW events, rejected with line, reason, text).

    ``records``: ``line``, ``text``, ``problem`` (known already, else null), and any FIELDS as
    String, null where unset. ``ts`` may be seconds or ISO 8601. The exact and slower path: the
    readers take it for stretches in which their fast path met something odd.
    """
    present = [name for name in FIELDS if name in records.columns]
    text = {name: pl.col(name).str.strip_chars_start(" ") for name in present if name in _NUMERIC}
    typed = records.with_columns(
        *(pl.lit(None, dtype).alias(name) for name, dtype in FIELDS.items() if name not in present),
        *(expr.cast(FIELDS[name], strict=False) for name, expr in text.items() if name != "ts"),
        *([_seconds(text["ts"])] if "ts" in text else []),
    )
    unreadable = pl.DataFrame(
        [(records[name].is_not_null() & typed[name].is_null()).alias(name) for name in text]
    )
    typed = typed.with_columns(unreadable.select(pl.all().name.prefix("unreadable:")))
    reasons = {f"{name} is not a number": pl.col(f"unreadable:{name}") for name in text}
    reasons["ts is not a time"] = reasons.pop("ts is not a number", pl.lit(False))
    reason = pl.col("problem")
    for words, problem in {**reasons, **problems(), **address_problems()}.items():
        reason = reason.fill_null(pl.when(problem).then(pl.lit(words)))
    typed = typed.with_columns(problem=reason)
    bad = typed.filter(pl.col("problem").is_not_null())
    good = typed.filter(pl.col("problem").is_null())
    if good["uid"].null_count():
        known = zip(good["uid"], good["text"], strict=True)
        made = [uid if uid is not None else ids.of(content) for uid, content in known]
        good = good.with_columns(pl.Series("uid", made, dtype=pl.String))
    rejected = bad.select(
        pl.col("line").cast(pl.Int64),
        reason="problem",
        text=pl.col("text").str.slice(0, REJECTED_TEXT_CHARS),
    )
    return raw_frame(good), rejected


def _known(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != EMPTY).then(pl.col(name))


def _seconds(text: pl.Expr) -> pl.Expr:
    """Seconds as a number, whatever number it is; ISO 8601 becomes one."""
    number = text.cast(pl.Float64, strict=False)
    return pl.coalesce(number, iso_time(text).dt.epoch("us") / 1e6)
