"""The RAW columns of a simulated day, read by independent code, with the truth beside them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

_ZEEK_TO_RAW = {
    "id.orig_h": "src_ip",
    "id.orig_p": "src_port",
    "id.resp_h": "dst_ip",
    "id.resp_p": "dst_port",
    "proto": "protocol",
    "service": "service",
    "duration": "duration",
    "orig_bytes": "bytes_sent",
    "resp_bytes": "bytes_received",
    "orig_pkts": "packets_sent",
    "resp_pkts": "packets_received",
    "conn_state": "conn_state",
    "local_orig": "local_orig",
    "local_resp": "local_resp",
}
_LOGIN = re.compile(
    r"^(?P<stamp>.{15}) (?P<host>\S+) sshd\[\d+\]: (?P<verb>Accepted|Failed) (?P<method>\w+)"
    r" for (?P<invalid>invalid user )?(?P<user>\S+) from (?P<src_ip>\S+) port \d+ ssh2"
)


def read_conn_log(path: Path) -> pl.DataFrame:
    """Every column of a Zeek conn.log, with its own names; ``-`` is null."""
    with path.open() as lines:
        names = next(line for line in lines if line.startswith("#fields")).split()[1:]
    return pl.read_csv(
        path,
        separator="\t",
        comment_prefix="#",
        has_header=False,
        new_columns=names,
        null_values="-",
        quote_char=None,
        infer_schema_length=None,
    )


def network_rows(folder: Path) -> pl.DataFrame:
    """RAW columns of the flows, and ``attack``: its name or null."""
    truth = pl.read_csv(folder / "truth.csv", schema_overrides={"reference": pl.String})
    marked = truth.filter(file="conn.log").select(uid="reference", attack="attack")
    rows = read_conn_log(folder / "conn.log").join(marked, on="uid", how="left")
    return rows.select(
        pl.col("ts").alias("timestamp"),
        *(pl.col(zeek).alias(raw) for zeek, raw in _ZEEK_TO_RAW.items()),
        (pl.col("orig_bytes") + pl.col("resp_bytes")).alias("bytes"),
        "attack",
    )


def auth_rows(folder: Path, year: int) -> pl.DataFrame:
    """RAW columns of the accepted and failed logins, and ``attack``: its name or null."""
    truth = pl.read_csv(folder / "truth.csv", schema_overrides={"reference": pl.String})
    marked = truth.filter(file="auth.log")
    attacks = dict(zip(marked["reference"].to_list(), marked["attack"].to_list(), strict=True))
    rows = []
    with (folder / "auth.log").open() as lines:
        for number, line in enumerate(lines, 1):
            if match := _LOGIN.match(line):
                at = datetime.strptime(f"{year} {match['stamp']}", "%Y %b %d %H:%M:%S")
                row = {
                    "timestamp": at.replace(tzinfo=UTC).timestamp(),
                    "user": match["user"],
                    "src_ip": match["src_ip"],
                    "host": match["host"],
                    "method": match["method"],
                    "outcome": "success" if match["verb"] == "Accepted" else "failure",
                    "reason": "invalid user" if match["invalid"] else None,
                    "attack": attacks.get(str(number)),
                }
                rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)
