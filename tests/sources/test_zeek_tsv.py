"""Zeek conn.log as TSV: its header, what is malformed, and odd bytes."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import RAW_COLUMNS
from tasks.sources import compression, zeek_tsv
from tests.sources.reading import CONN_FIELDS, CONN_ROW, conn_header, conn_row, read_file, read_text


def test_a_record_becomes_the_raw_columns_in_contract_order(tmp_path: Path) -> None:
    frame = read_text(tmp_path, conn_header() + conn_row()).network
    assert frame.columns == [*RAW_COLUMNS["network"], "history"]
    row = frame.row(0, named=True)
    assert str(row.pop("timestamp")) == "2022-06-12 21:59:58.444458+00:00"
    assert row == {
        "event_id": "CHLXQF2OBY4onAR0Ug", "src_ip": "147.32.81.167", "src_port": 62771,
        "dst_ip": "40.74.108.123", "dst_port": 443, "protocol": "tcp", "service": "ssl",
        "duration": 1.135424, "bytes": 5635, "bytes_sent": 1596, "bytes_received": 4039,
        "packets_sent": 14, "packets_received": 16, "conn_state": "SF", "local_orig": True,
        "local_resp": False, "sensor": "zeek", "history": "ShADdaFf",
    }  # fmt: skip


def test_unset_fields_are_null_and_never_zero(tmp_path: Path) -> None:
    unset = dict.fromkeys(
        ("service", "duration", "orig_bytes", "conn_state", "local_orig", "history", "orig_pkts"),
        "-",
    )
    row = read_text(tmp_path, conn_header() + conn_row(**unset)).network.row(0, named=True)
    names = ("service", "duration", "bytes_sent", "bytes", "conn_state", "local_orig", "history")
    assert [row[name] for name in (*names, "packets_sent")] == [None] * 8
    assert row["bytes_received"] == 4039


def test_the_header_names_the_columns_whatever_their_order(tmp_path: Path) -> None:
    order = list(range(len(CONN_FIELDS)))
    random.Random(3).shuffle(order)
    fields = [CONN_FIELDS[index] for index in order]
    record = "\t".join(CONN_ROW[index] for index in order) + "\n"
    shuffled = read_text(tmp_path, conn_header(fields) + record).network
    assert shuffled.equals(read_text(tmp_path, conn_header() + conn_row()).network)


def test_missing_columns_are_null(tmp_path: Path) -> None:
    fields = ["ts", "uid", "id.orig_h", "id.resp_h", "proto", "duration"]
    text = conn_header(fields) + "1.5\tC1\t10.0.0.1\t10.0.0.2\tudp\t0.5\n"
    row = read_text(tmp_path, text).network.row(0, named=True)
    assert (row["src_port"], row["bytes"], row["history"]) == (None, None, None)
    assert (row["duration"], row["timestamp"].year) == (0.5, 1970)


def test_another_separator_and_unset_word_are_obeyed(tmp_path: Path) -> None:
    text = (conn_header(unset="NIL") + conn_row(service="NIL", history="-")).replace("\t", "|")
    row = read_text(tmp_path, text.replace("\\x09", "\\x7c")).network.row(0, named=True)
    assert (row["service"], row["history"]) == (None, "-")


def test_a_new_header_in_the_middle_changes_the_columns(tmp_path: Path) -> None:
    short = ["proto", "id.resp_h", "uid", "ts", "id.orig_h", "label"]
    text = (
        conn_header() + conn_row(uid="A") + "#close\t2022-06-17-00-00-08\n"
        + conn_header(short) + "udp\t10.0.0.2\tB\t7\t10.0.0.1\tMalicious\n"
        + conn_header(path="dns") + "whatever\n" + conn_header() + conn_row(uid="C")
    )  # fmt: skip
    reading = read_text(tmp_path, text)
    assert reading.network["event_id"].to_list() == ["A", "B", "C"]
    assert reading.network["label"].to_list() == [None, "Malicious", None]
    assert reading.skipped == {"zeek:dns": 1}
    assert (reading.header, reading.adds_up) == (33, True)


def test_labels_are_kept_as_written(tmp_path: Path) -> None:
    fields = [*CONN_FIELDS, "label", "detailedlabel"]
    labels = ("Malicious", "Benign", "(empty)", "-")
    rows = "".join(conn_row().rstrip("\n") + f"\t{label}\tx\n" for label in labels)
    frame = read_text(tmp_path, conn_header(fields) + rows).network
    assert frame["label"].to_list() == ["Malicious", "Benign", None, None]


def test_a_label_in_the_last_column_is_kept_too(tmp_path: Path) -> None:
    rows = "".join(conn_row().rstrip("\n") + f"\t{label}\n" for label in ("Malicious", "-"))
    frame = read_text(tmp_path, conn_header([*CONN_FIELDS, "label"]) + rows).network
    assert frame["label"].to_list() == ["Malicious", None]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ts": "yesterday"}, "ts is not a time"),
        ({"ts": "-1"}, "ts is out of range"),
        ({"ts": "1e18"}, "ts is out of range"),
        ({"ts": "nan"}, "ts is out of range"),
        ({"ts": "-"}, "ts is missing"),
        ({"id_orig_h": "-"}, "id.orig_h is missing"),
        ({"id_orig_h": "1.2.3.400"}, "id.orig_h is not an IP address"),
        ({"id_resp_h": "example.org"}, "id.resp_h is not an IP address"),
        ({"id_resp_h": "1.2.3"}, "id.resp_h is not an IP address"),
        ({"id_orig_p": "65536"}, "id.orig_p is out of range"),
        ({"id_resp_p": "-7"}, "id.resp_p is out of range"),
        ({"id_resp_p": "http"}, "id.resp_p is not a number"),
        ({"proto": "-"}, "proto is missing"),
        ({"duration": "-0.5"}, "duration is out of range"),
        ({"duration": "inf"}, "duration is out of range"),
        ({"duration": "1,5"}, "duration is not a number"),
        ({"orig_bytes": "-1"}, "orig_bytes is out of range"),
        ({"resp_bytes": "12.5"}, "resp_bytes is not a number"),
        ({"resp_bytes": "99999999999999999999"}, "resp_bytes is not a number"),
        ({"orig_bytes": "9000000000000000000"}, "orig_bytes is out of range"),
        ({"resp_pkts": "0x10"}, "resp_pkts is not a number"),
        ({"local_orig": "maybe"}, "local_orig is neither T nor F"),
    ],
)
def test_a_malformed_record_is_rejected_alone(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    bad = conn_row(**changes)
    reading = read_text(tmp_path, conn_header() + conn_row() + bad + conn_row())
    assert reading.rejected == [(10, reason, bad.rstrip("\n"))]
    assert (reading.network.height, reading.adds_up) == (2, True)


def test_short_and_long_records_are_rejected_though_their_counts_balance(tmp_path: Path) -> None:
    short = conn_row().rpartition("\t")[0] + "\n"
    long = conn_row().rstrip("\n") + "\tmore\n"
    reading = read_text(tmp_path, conn_header() + short + long + conn_row())
    assert reading.reasons == {9: "20 fields instead of 21", 10: "22 fields instead of 21"}
    assert reading.network.height == 1


def test_records_before_any_header_are_rejected(tmp_path: Path) -> None:
    reading = read_text(tmp_path, "#separator \\x09\n#path\tconn\n" + conn_row())
    assert reading.reasons == {3: "no #fields line before this record"}


def test_icmp_type_and_code_stay_in_the_port_columns(tmp_path: Path) -> None:
    text = conn_header() + conn_row(proto="icmp", id_orig_p="8", id_resp_p="0")
    row = read_text(tmp_path, text).network.row(0, named=True)
    assert (row["src_port"], row["dst_port"]) == (8, 0)


@pytest.mark.parametrize(
    "address",
    ["::", "::1", "fe80::1%eth0", "fd2d:ab8c:225:0:81d3:fd3e:7f62:aec8", "::ffff:192.0.2.1",
     "255.255.255.255", "0.0.0.0"],
)  # fmt: skip
def test_addresses_of_all_forms_are_taken(tmp_path: Path, address: str) -> None:
    frame = read_text(tmp_path, conn_header() + conn_row(id_orig_h=address)).network
    assert frame["src_ip"].to_list() == [address]


def test_odd_bytes_neither_crash_nor_spread(tmp_path: Path) -> None:
    rows = [
        conn_row(uid="A").encode(),
        conn_row(uid="B").encode().replace(b"ssl", b"s\xff\xfel"),
        conn_row(uid="C").encode().replace(b"ssl", b"s\x00l"),
        conn_row(uid="D").encode().replace(b"\n", b"\r\n"),
        b"\n",
        b"\xff\xfe\x00binary\n",
        conn_row(uid="E", history='"').encode().rstrip(b"\n"),
    ]
    reading = read_text(tmp_path, b"\xef\xbb\xbf" + conn_header().encode() + b"".join(rows))
    frame = reading.network
    assert frame["event_id"].to_list() == ["A", "B", "C", "D", "E"]
    assert frame["service"].to_list() == ["ssl", "s��l", "s�l", "ssl", "ssl"]
    assert frame["history"].to_list()[-1] == '"'
    assert reading.reasons == {14: "1 fields instead of 21"}
    assert (reading.skipped, reading.adds_up) == ({"blank": 1}, True)


def test_crlf_logs_read_like_any_other(tmp_path: Path) -> None:
    text = conn_header([*CONN_FIELDS, "label"]) + conn_row().rstrip("\n") + "\tBenign\n"
    plain = read_text(tmp_path, text)
    assert read_text(tmp_path, text.replace("\n", "\r\n")).network.equals(plain.network)


def test_records_without_uid_get_ids_that_a_rerun_repeats(tmp_path: Path) -> None:
    text = conn_header() + conn_row(uid="-") * 2 + conn_row(uid="-", ts="5") + conn_row(uid="X")
    ids = read_text(tmp_path, text).network["event_id"]
    assert ids.n_unique() == 4
    assert ids.equals(read_text(tmp_path, text).network["event_id"])
    assert ids[3] == "X"


def test_rejected_text_is_cut_to_500_characters(tmp_path: Path) -> None:
    reading = read_text(tmp_path, conn_header() + "x" * 2000 + "\n" + conn_row())
    assert [len(text) for _, _, text in reading.rejected] == [500]


def test_lines_keep_their_numbers_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(compression, "PIECE_BYTES", 1000)
    rows = [conn_row(uid=f"C{n}") for n in range(300)]
    bad = {50: "bad\n", 151: conn_row(ts="x"), 299: "\t\n"}
    text = conn_header() + "".join(bad.get(n, row) for n, row in enumerate(rows))
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress(text.encode()))
    reading = read_file(path)
    assert set(reading.reasons) == {n + 9 for n in bad}
    expected = [f"C{n}" for n in range(300) if n not in bad]
    assert reading.network["event_id"].to_list() == expected


odd_cells = st.one_of(
    st.sampled_from(
        ["-", "", "(empty)", " 1", "1 ", "+1", "01", "1e3", "1.", ".5", "nan", "inf", "0x1", "1_0",
         "65535", "65536", "-0", "T", "F", "t", "é", '"', "'", "\\x09", "1\r", "#", "\u2028",
         "\x85"]
    ),
    st.text(st.characters(exclude_characters="\n\t\0", exclude_categories=["Cs"]), max_size=8),
    st.floats().map(str),
    st.integers().map(str),
)  # fmt: skip


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.sampled_from(CONN_FIELDS), odd_cells), max_size=4),
    st.integers(0, 3),
    st.booleans(),
)
def test_fast_and_careful_path_agree(
    changes: list[tuple[str, str]], drop: int, with_label: bool
) -> None:
    """Where the fast path vouches for a block, the careful one finds the same events."""
    cells = list(CONN_ROW)
    for name, value in changes:
        cells[CONN_FIELDS.index(name)] = value
    fields = [*CONN_FIELDS, "label"] if with_label else CONN_FIELDS[: len(CONN_FIELDS) - drop]
    cells = [*cells, "Benign"] if with_label else cells[: len(cells) - drop]
    block = (conn_row() if fields == CONN_FIELDS else "").encode()
    block += ("\t".join(cells) + "\n").encode()
    header = zeek_tsv._Header(path="conn", fields=tuple(fields))
    lines = block.count(b"\n")
    fast = zeek_tsv._fast(header, block, lines)
    careful = zeek_tsv._careful(header, block, range(1, lines + 1), zeek_tsv.RecordIds())
    events = careful.events["network"]
    assert events.height + careful.rejected.height + sum(careful.skipped.values()) == lines
    if fast is not None:
        assert careful.rejected.rows() == []
        shared = [name for name in fast.columns if name in events.columns]
        assert fast.select(shared).equals(events.select(shared))


def test_the_fast_path_reads_ordinary_logs(tmp_path: Path) -> None:
    """Else speed would be lost without any other test noticing."""
    header = zeek_tsv._Header(path="conn", fields=tuple(CONN_FIELDS))
    block = (conn_row() + conn_row(service="-", duration="-", orig_bytes="-")).encode()
    fast = zeek_tsv._fast(header, block, 2)
    assert isinstance(fast, pl.DataFrame)
    assert fast.height == 2
