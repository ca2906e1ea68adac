"""Zeek conn.log as JSON lines, in the forms that Zeek and its shippers write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.sources import zeek_json
from tasks.sources.identity import RecordIds
from tests.sources.reading import conn_header, conn_row, read_text

RECORD: dict[str, Any] = {
    "ts": 1655071198.444458, "uid": "CHLXQF2OBY4onAR0Ug", "id.orig_h": "147.32.81.167",
    "id.orig_p": 62771, "id.resp_h": "40.74.108.123", "id.resp_p": 443, "proto": "tcp",
    "service": "ssl", "duration": 1.135424, "orig_bytes": 1596, "resp_bytes": 4039,
    "conn_state": "SF", "local_orig": True, "local_resp": False, "missed_bytes": 0,
    "history": "ShADdaFf", "orig_pkts": 14, "orig_ip_bytes": 1016, "resp_pkts": 16,
    "resp_ip_bytes": 1226,
}  # fmt: skip


def line(without: tuple[str, ...] = (), **changes: Any) -> str:
    """One record; keyword names are the keys with ``__`` for the dot (``id__orig_h``)."""
    record = {**RECORD, **{name.replace("__", "."): value for name, value in changes.items()}}
    return json.dumps({key: value for key, value in record.items() if key not in without}) + "\n"


def test_json_and_tsv_of_one_connection_are_one_event(tmp_path: Path) -> None:
    tsv = read_text(tmp_path, conn_header() + conn_row()).network
    assert read_text(tmp_path, line()).network.equals(tsv)


def test_underscored_ids_and_iso_times_are_the_same_event(tmp_path: Path) -> None:
    renamed = {key.replace("id.", "id_"): value for key, value in RECORD.items()}
    renamed["ts"] = "2022-06-12T21:59:58.444458Z"
    text = json.dumps({"_path": "conn", **renamed}) + "\n"
    assert read_text(tmp_path, text).network.equals(read_text(tmp_path, line()).network)


def test_absent_keys_are_null(tmp_path: Path) -> None:
    gone = ("duration", "orig_bytes", "resp_bytes", "service", "local_orig", "history")
    row = read_text(tmp_path, line(without=gone)).network.row(0, named=True)
    names = ("duration", "bytes", "bytes_sent", "service", "local_orig", "history")
    assert [row[name] for name in names] == [None] * 6


def test_other_streams_in_the_same_file_are_skipped(tmp_path: Path) -> None:
    others = [
        {"_path": "dns", "ts": 1.0, "uid": "C", "query": "a.example"},
        {"ts": 2.0, "uid": "C", "qtype": 1, "rcode": 0},
        {"@stream": "http", "ts": 3.0},
        {"ts": 4.0, "something": "else"},
    ]
    text = line() + "".join(json.dumps(other) + "\n" for other in others) + line()
    reading = read_text(tmp_path, text)
    assert reading.network.height == 2
    assert reading.skipped == {"zeek:dns": 2, "zeek:http": 1, "zeek:other": 1}
    assert reading.adds_up


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{broken\n", "not a JSON object"),
        ("[1, 2]\n", "not a JSON object"),
        (line().rstrip("\n") + line(), "not a JSON object"),
        ("{}\n", "neither ts nor a stream's name"),
        (line(ts="soon"), "ts is not a time"),
        (line(without=("ts",)), "ts is missing"),
        (line(ts=-5), "ts is out of range"),
        (line(ts=True), "ts is not a time"),
        (line(id__orig_p=70000), "id.orig_p is out of range"),
        (line(id__orig_p="http"), "id.orig_p is not a number"),
        (line(id__resp_h="nowhere"), "id.resp_h is not an IP address"),
        (line(orig_bytes=1.5), "orig_bytes is not a number"),
        (line(orig_bytes={"a": 1}), "orig_bytes is not a number"),
        (line(duration=-1), "duration is out of range"),
        (line(local_orig=3), "local_orig is neither T nor F"),
        (line().replace("1.135424", "NaN"), "not a JSON object"),
        (line().replace("1596", "9" * 5000), "not a JSON object"),
    ],
)
def test_a_malformed_record_is_rejected_alone(tmp_path: Path, text: str, reason: str) -> None:
    reading = read_text(tmp_path, line() + text + line())
    assert reading.rejected == [(2, reason, text.rstrip("\n")[:500])]
    assert (reading.network.height, reading.adds_up) == (2, True)


def test_escapes_that_no_store_takes_are_replaced(tmp_path: Path) -> None:
    text = line(service="X").replace('"X"', '"a\\u0000b\\ud800c"')
    reading = read_text(tmp_path, line() + text)
    assert reading.network["service"].to_list() == ["ssl", "a�b?c"]


def test_odd_bytes_and_blank_lines_neither_crash_nor_spread(tmp_path: Path) -> None:
    odd = line(uid="B").encode().replace(b"ssl", b"s\xff")
    data = b"\xef\xbb\xbf" + line(uid="A").encode() + b"\n" + odd + b"\x00\n" + line().encode()[:-1]
    reading = read_text(tmp_path, data.replace(b"\n", b"\r\n"))
    assert reading.network["event_id"].to_list() == ["A", "B", RECORD["uid"]]
    assert reading.reasons == {4: "not a JSON object"}
    assert reading.skipped == {"blank": 1}
    assert reading.adds_up


def test_labels_are_kept(tmp_path: Path) -> None:
    reading = read_text(tmp_path, line(label="Malicious") + line())
    assert reading.network["label"].to_list() == ["Malicious", None]


values = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70000), st.integers(), st.floats(),
    st.sampled_from(["1", "T", "", "(empty)", "10.0.0.1", "::1", "2022-06-12 21:59:58+02:00"]),
    st.text(max_size=5), st.lists(st.integers(0, 9), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)  # fmt: skip


TEXT_KEYS = {*RECORD, "label", "_path"} - {
    key for key, value in RECORD.items() if not isinstance(value, str)
}


@settings(max_examples=500, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted({*RECORD, "label", "_path"})), values, max_size=3
    ).filter(
        # A number where text belongs is taken as text; which digits it has is left open.
        lambda changes: all(
            value is None or isinstance(value, str)
            for key, value in changes.items()
            if key in TEXT_KEYS
        )
    )
)
def test_fast_and_careful_path_agree(changes: dict[str, Any]) -> None:
    """Where the fast path vouches for a block, the careful one finds the same events."""
    block = (line() + json.dumps({**RECORD, **changes}) + "\n").encode()
    fast = zeek_json._fast(block)
    careful = zeek_json._careful(1, block, RecordIds())
    found = careful.events["network"].height + careful.rejected.height
    assert found + sum(careful.skipped.values()) == 2
    if fast is not None:
        assert careful.rejected.rows() == []
        assert fast.events["network"].equals(careful.events["network"])


def test_the_fast_path_reads_ordinary_logs() -> None:
    assert zeek_json._fast((line() + line(without=("duration",))).encode()) is not None
