"""Zeek's JSON logs, one object a line: connections are read, other streams counted as skipped.

Keys are ``id.orig_h`` or ``id_orig_h``; ``ts`` is seconds or ISO 8601 (JSON streaming). The
stream is named in ``_path`` or ``@stream``, else told by the keys. An unset field is absent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from contracts.events import LABEL_COLUMN
from tasks.sources.addresses import all_addresses
from tasks.sources.compression import Head, count_lines, read_blocks
from tasks.sources.identity import RecordIds
from tasks.sources.skipping import Skipped, stream_kind
from tasks.sources.source import Batch, ReadOptions, rejections
from tasks.sources.times import iso_time
from tasks.sources.zeek_conn import ADDRESSES, FIELDS, from_text, is_sound, raw_frame

_STREAM_KEYS = ("_path", "@stream")
_CONN_KEYS = ("conn_state", "orig_ip_bytes", "resp_ip_bytes", "orig_pkts", "missed_bytes")
_SIGNATURES = {
    "dns": ("rcode", "qtype", "trans_id"),
    "http": ("status_code", "uri", "method"),
    "ssl": ("cipher", "ssl_history", "server_name"),
    "ssh": ("auth_attempts", "auth_success"),
    "files": ("fuid", "total_bytes"),
    "notice": ("note",),
    "weird": ("notice",),
    "software": ("software_type",),
    "x509": ("certificate.serial", "fingerprint"),
    "dhcp": ("msg_types", "lease_time"),
    "kerberos": ("request_type",),
    "ntp": ("stratum",),
}
"""Keys that tell the stream of a record that does not name it; the first that fits."""
_ALIASES = {name.replace(".", "_"): name for name in FIELDS if "." in name}
_BOOLEANS = ("local_orig", "local_resp")
_TEXT = tuple(
    name for name, dtype in FIELDS.items() if dtype == pl.String() and name not in _BOOLEANS
)
_MOST_RECORDS_LOOKED_AT = 20


class ZeekJson:
    """Zeek JSON lines."""

    name = "zeek_json"

    def recognises(self, head: Head) -> bool:
        """Most of the first lines are objects that Zeek could have written."""
        lines = [line for line in head.lines if line.strip()][:_MOST_RECORDS_LOOKED_AT]
        if not lines or not lines[0].lstrip().startswith("{"):
            return False
        return sum(_is_zeek(_object(line)) for line in lines) * 2 > len(lines)

    def read(self, path: Path, options: ReadOptions) -> Iterator[Batch]:
        ids = RecordIds()
        for first_line, block in read_blocks(path):
            batch = _fast(block)
            yield batch if batch is not None else _careful(first_line, block, ids)


def _is_zeek(record: dict[str, Any] | None) -> bool:
    if record is None:
        return False
    if any(isinstance(record.get(key), str) for key in _STREAM_KEYS):
        return True
    ts = record.get("ts")
    if isinstance(ts, str):
        return "uid" in record or _stream(record) != "other"
    return isinstance(ts, int | float) and not isinstance(ts, bool)


def _fast(block: bytes) -> Batch | None:
    """The block if it holds well-formed connection records alone, else None."""
    if b"\\u" in block:
        return None
    first = _object(block.partition(b"\n")[0].decode("utf-8", "replace"))
    if first is None or _stream(first) != "conn":
        return None
    names = {name: name for name in FIELDS}
    names.update({name: alias for alias, name in _ALIASES.items() if alias in first})
    schema: dict[str, pl.DataType] = {names[name]: dtype for name, dtype in FIELDS.items()}
    schema.update(dict.fromkeys(_BOOLEANS, pl.Boolean()))
    schema.update(dict.fromkeys(_STREAM_KEYS, pl.String()))
    iso = isinstance(first.get("ts"), str)
    if iso:
        schema["ts"] = pl.String()
    try:
        frame = pl.read_ndjson(block, schema=schema)
    except (pl.exceptions.PolarsError, ValueError):
        return None
    if frame.height != count_lines(block):
        return None
    named = frame.rename({key: name for name, key in names.items()})
    typed = named.with_columns(
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in _TEXT
    ).with_columns(
        pl.when(pl.col(name)).then(pl.lit("T")).when(~pl.col(name)).then(pl.lit("F")).alias(name)
        for name in _BOOLEANS
    )
    for key in _STREAM_KEYS:
        if not (typed[key].fill_null("conn") == "conn").all():
            return None
    if iso:
        typed = typed.with_columns(ts=iso_time(pl.col("ts")).dt.epoch("us") / 1e6)
    # A record without any of these may be of another stream: the careful path tells.
    if typed["uid"].null_count() or typed["conn_state"].null_count() or not is_sound(typed):
        return None
    if not all(all_addresses(typed[name]) for name in ADDRESSES):
        return None
    events = _with_label(raw_frame(typed))
    return Batch(lines=frame.height, events={"network": events})


def _careful(first_line: int, block: bytes, ids: RecordIds) -> Batch:
    """The same, one object at a time."""
    skipped, rejected, records = Skipped(), [], []
    lines = block.decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, first_line):
        if not line.strip():
            skipped.add("blank")
            continue
        record = _object(line)
        if record is None:
            rejected.append((number, "not a JSON object", line.removesuffix("\r")))
            continue
        stream = _stream(record)
        if not stream:
            rejected.append((number, "neither ts nor a stream's name", line.removesuffix("\r")))
        elif stream != "conn":
            skipped.add(stream_kind(stream))
        else:
            values = {_ALIASES.get(key, key): value for key, value in reversed(record.items())}
            cells = [_text(values.get(name)) for name in FIELDS]
            records.append((number, line.removesuffix("\r"), None, *cells))
    schema = {"line": pl.Int64(), "text": pl.String(), "problem": pl.String()}
    schema.update(dict.fromkeys(FIELDS, pl.String()))
    events, malformed = from_text(pl.DataFrame(records, schema=schema, orient="row"), ids)
    return Batch(
        lines=len(lines),
        events={"network": _with_label(events)},
        rejected=pl.concat([rejections(rejected), malformed]).sort("line"),
        skipped=skipped.counts,
    )


def _object(line: str) -> dict[str, Any] | None:
    """A JSON object; of equal keys the first counts. None for anything else."""
    try:
        record = json.loads(
            line, object_pairs_hook=lambda pairs: dict(reversed(pairs)), parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _stream(record: dict[str, Any]) -> str:
    """``conn`` or another stream's name; empty where the record cannot be Zeek's."""
    for key in _STREAM_KEYS:
        if isinstance(name := record.get(key), str):
            return name
    if any(key in record for key in _CONN_KEYS):
        return "conn"
    for stream, keys in _SIGNATURES.items():
        if any(key in record for key in keys):
            return stream
    return "other" if "ts" in record else ""


def _text(value: Any) -> str | None:
    """A JSON value as the text that Zeek's TSV would have; sets and vectors joined by commas."""
    if value is None:
        return None
    if isinstance(value, list):
        return ",".join(_text(item) or "" for item in value)
    if isinstance(value, str):
        clean = value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
        return clean or None
    return json.dumps(value)


def _with_label(events: pl.DataFrame) -> pl.DataFrame:
    """Without its label column where no record has the key."""
    return (
        events.drop(LABEL_COLUMN) if events[LABEL_COLUMN].null_count() == events.height else events
    )


SOURCE = ZeekJson()
