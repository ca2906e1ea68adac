"""What always holds between the fields of a connection that Zeek wrote.

Each rule is an expression that is true (or null) for a consistent row.
"""

from __future__ import annotations

from typing import Final

import polars as pl

_TCP = pl.col("proto") == "tcp"
_UDP = pl.col("proto") == "udp"
_STATE = pl.col("conn_state")
_HISTORY = pl.col("history").fill_null("")
_SENT = pl.col("orig_bytes").fill_null(0)
_RECEIVED = pl.col("resp_bytes").fill_null(0)


def _when(condition: pl.Expr, then: pl.Expr) -> pl.Expr:
    return ~condition | then


RULES: Final[dict[str, pl.Expr]] = {
    "duration and bytes are known together": (
        pl.col("duration").is_null() == pl.col("orig_bytes").is_null()
    )
    & (pl.col("duration").is_null() == pl.col("resp_bytes").is_null()),
    "a lone packet has no duration": _when(
        pl.col("orig_pkts") + pl.col("resp_pkts") == 1, pl.col("duration").is_null()
    ),
    "every row has a packet": pl.col("orig_pkts") + pl.col("resp_pkts") >= 1,
    "no answer, no packets back": _when(_TCP & (_STATE == "S0"), pl.col("resp_pkts") == 0),
    "a refusal is SYN and RST": _when(
        _TCP & (_STATE == "REJ"), (_HISTORY == "Sr") & (_SENT + _RECEIVED == 0)
    ),
    "D is payload sent": _when(_TCP, _HISTORY.str.contains("D") == (_SENT > 0)),
    "d is payload received": _when(_TCP, _HISTORY.str.contains("d") == (_RECEIVED > 0)),
    "a normal end has FINs both ways": _when(
        _TCP & (_STATE == "SF"),
        _HISTORY.str.contains("F") & _HISTORY.str.contains("f") & _HISTORY.str.contains("h"),
    ),
    "RSTO ends with the originator's RST": _when(
        _TCP & (_STATE == "RSTO"), _HISTORY.str.contains("h.*R")
    ),
    "RSTR ends with the responder's RST": _when(
        _TCP & (_STATE == "RSTR"), _HISTORY.str.contains("h.*r")
    ),
    "an open connection has no FIN": _when(
        _TCP & (_STATE == "S1"), _HISTORY.str.contains("h") & ~_HISTORY.str.contains("(?i)[fr]")
    ),
    "lower case letters need packets back": _when(
        pl.col("proto") != "icmp", _HISTORY.str.contains("[a-z]") == (pl.col("resp_pkts") > 0)
    ),
    "packets cover the letters": _when(
        _TCP,
        (_HISTORY.str.count_matches("[A-Z]") <= pl.col("orig_pkts"))
        & (_HISTORY.str.count_matches("[a-z]") <= pl.col("resp_pkts")),
    ),
    "udp is answered or not": _when(
        _UDP, (_STATE == "SF") == ((pl.col("orig_pkts") > 0) & (pl.col("resp_pkts") > 0))
    ),
    "icmp has no connection state": _when(
        pl.col("proto") == "icmp", (_STATE == "OTH") & pl.col("service").is_null()
    ),
    "headers come on top of payload": (pl.col("orig_ip_bytes") >= _SENT + 28 * pl.col("orig_pkts"))
    & (pl.col("resp_ip_bytes") >= _RECEIVED + 28 * pl.col("resp_pkts")),
    "packets fit the wire": (pl.col("orig_ip_bytes") <= 1500 * pl.col("orig_pkts"))
    & (pl.col("resp_ip_bytes") <= 1500 * pl.col("resp_pkts")),
    "a TCP service is known from its payload": _when(
        _TCP & pl.col("service").is_not_null(), _SENT + _RECEIVED > 0
    ),
}


def broken(rows: pl.DataFrame) -> dict[str, int]:
    """Rule → rows that break it, for the rules that are broken."""
    counts = rows.select((~rule.fill_null(True)).sum().alias(text) for text, rule in RULES.items())
    return {text: count for text, count in counts.row(0, named=True).items() if count}
