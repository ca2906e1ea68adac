"""A few flows as Zeek writes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

FIELDS = [
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service",
    "duration", "orig_bytes", "resp_bytes", "conn_state", "local_orig", "local_resp",
    "missed_bytes", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes",
    "tunnel_parents",
]  # fmt: skip
TYPES = [
    "time", "string", "addr", "port", "addr", "port", "enum", "string",
    "interval", "count", "count", "string", "bool", "bool",
    "count", "string", "count", "count", "count", "count",
    "set[string]",
]  # fmt: skip
HEADER = [
    "#separator \\x09",
    "#set_separator\t,",
    "#empty_field\t(empty)",
    "#unset_field\t-",
    "#path\tconn",
    "\t".join(["#fields", *FIELDS]),
    "\t".join(["#types", *TYPES]),
]


def refused(uid: str, seconds: float, src: str, dst: str, port: int, *, inside: bool) -> str:
    """A SYN that nobody answered."""
    local = ("T", "F") if inside else ("F", "T")
    values = [
        f"{seconds:.6f}", uid, src, "40000", dst, str(port), "tcp", "-", "-", "-", "-", "S0",
        *local, "0", "S", "1", "44", "0", "0", "-",
    ]  # fmt: skip
    return "\t".join(values)


def answered(uid: str, seconds: float, src: str, dst: str, port: int, sent: int, got: int) -> str:
    """A complete conversation."""
    values = [
        f"{seconds:.6f}", uid, src, "50000", dst, str(port), "tcp", "ssl", "1.5", str(sent),
        str(got), "SF", "T", "F", "0", "ShADadFf", "10", str(sent + 400), "12", str(got + 480), "-",
    ]  # fmt: skip
    return "\t".join(values)


def conn_log(path: Path, lines: Iterable[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*HEADER, *lines]) + "\n")
    return path
