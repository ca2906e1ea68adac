"""Dumb readers, one line at a time, to compare the real ones with. They share no code with them."""

from __future__ import annotations

import gzip
import ipaddress
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RAW_OF_ZEEK = {
    "uid": ("event_id", str),
    "id.orig_h": ("src_ip", str),
    "id.orig_p": ("src_port", int),
    "id.resp_h": ("dst_ip", str),
    "id.resp_p": ("dst_port", int),
    "proto": ("protocol", str),
    "service": ("service", str),
    "duration": ("duration", float),
    "orig_bytes": ("bytes_sent", int),
    "resp_bytes": ("bytes_received", int),
    "orig_pkts": ("packets_sent", int),
    "resp_pkts": ("packets_received", int),
    "conn_state": ("conn_state", str),
    "history": ("history", str),
}


def lines_of(path: Path) -> list[bytes]:
    data = path.read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return data.split(b"\n")[:-1] if data.endswith(b"\n") else data.split(b"\n")


def moment(ts: str | float) -> datetime:
    """Exact to the microsecond: from the decimal text where there is one."""
    whole, _, decimals = (ts if isinstance(ts, str) else f"{ts:.6f}").partition(".")
    return EPOCH + timedelta(seconds=int(whole), microseconds=int(decimals.ljust(6, "0")[:6]))


def zeek_tsv(path: Path) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Events (RAW column → value) of a conn.log, and counts by what lines are."""
    events: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    fields: list[str] = []
    stream = ""
    for raw in lines_of(path):
        line = raw.decode()
        if line.startswith("#"):
            counts["header"] += 1
            if line.startswith("#fields\t"):
                fields = line.split("\t")[1:]
            if line.startswith("#path\t"):
                stream = line.split("\t")[1]
        elif stream != "conn":
            counts[f"zeek:{stream}"] += 1
        else:
            cells = line.split("\t")
            given = {name: cell for name, cell in zip(fields, cells, strict=True) if cell != "-"}
            event = _event(given)
            event["timestamp"] = moment(cells[fields.index("ts")])
            events.append(event)
    return events, counts


def zeek_json(path: Path) -> tuple[list[dict[str, Any]], Counter[str]]:
    events: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for line in lines_of(path):
        record = json.loads(line)
        if "conn_state" not in record:
            counts["other"] += 1
            continue
        given = {
            name: ("T" if value else "F") if isinstance(value, bool) else str(value)
            for name, value in record.items()
        }
        event = _event(given)
        event["timestamp"] = moment(record["ts"])
        events.append(event)
    return events, counts


def _event(given: dict[str, str]) -> dict[str, Any]:
    for name in ("id.orig_h", "id.resp_h"):
        ipaddress.ip_address(given[name])
    event: dict[str, Any] = {
        column: convert(given[name]) if name in given else None
        for name, (column, convert) in RAW_OF_ZEEK.items()
    }
    sent, received = event["bytes_sent"], event["bytes_received"]
    event["bytes"] = None if sent is None or received is None else sent + received
    for side in ("local_orig", "local_resp"):
        event[side] = {"T": True, "F": False}.get(given.get(side, "-"))
    if "label" in given:
        event["label"] = None if given["label"] == "(empty)" else given["label"]
    event["sensor"] = "zeek"
    return event


def sshd(path: Path, year: int) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Login outcomes of a syslog file within one year, told by splitting at spaces."""
    events: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for raw in lines_of(path):
        line = raw.decode()
        stamp, rest = line[:15], line[16:]
        host, tag, message = rest.split(" ", 2)
        program = tag.rstrip(":").split("[")[0]
        if program != "sshd":
            counts[f"syslog:{program}"] += 1
            continue
        times = 1
        if message.startswith("message repeated "):
            times = int(message.split(" ")[2])
            message = message[message.index("[ ") + 2 : message.rindex("]")]
        words = message.split(" ")
        if words[0] not in ("Accepted", "Failed") or words[2] != "for":
            counts["sshd:other"] += 1
            continue
        place = len(words) - 1 - words[::-1].index("from")
        name = words[3:place]
        invalid = name[:2] == ["invalid", "user"]
        counts["repeated"] += times - 1
        event = {
            "timestamp": datetime.strptime(f"{year} {stamp}", "%Y %b %d %H:%M:%S").replace(
                tzinfo=UTC
            ),
            "user": " ".join(name[2:] if invalid else name),
            "src_ip": words[place + 1],
            "host": host,
            "method": words[1],
            "outcome": "success" if words[0] == "Accepted" else "failure",
            "logon_type": "network",
            "reason": "invalid user" if invalid else None,
            "sensor": "sshd",
        }
        events += [event] * times
    return events, counts
