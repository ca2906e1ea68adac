"""Formats are told by content, packed or not; what is damaged or unknown is said clearly."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import InputError
from tasks.sources import compression
from tasks.sources.detection import all_sources, detect
from tests.sources.reading import conn_header, conn_row, read_file, read_text

LOG = (conn_header() + "".join(conn_row(uid=f"C{n}") for n in range(2000))).encode()


def two_members(data: bytes) -> bytes:
    return gzip.compress(data[:5000]) + gzip.compress(data[5000:])


def two_frames(data: bytes) -> bytes:
    pack = zstandard.ZstdCompressor().compress
    return pack(data[:5000]) + pack(data[5000:])


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, two_members, zstandard.compress, two_frames]
)
@pytest.mark.parametrize("name", ["conn.log", "auth.log", "x.json", "noname"])
def test_packing_and_format_are_told_by_content(tmp_path: Path, pack: Any, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(pack(LOG))
    reading = read_file(path)
    assert (reading.format, reading.network.height) == ("zeek_tsv", 2000)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello\n", b"\x00\x01\x02", random.Random(1).randbytes(9000), b"a,b,c\n1,2,3\n", b"\n\n",
     b'{"event_type": "flow", "timestamp": "2021-06-06T15:57:37.272281+0200"}\n',
     b'{"EventID": 4624, "Channel": "Security"}\n', b"<html></html>", b"PK\x03\x04", b"[1,2]\n",
     b'127.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1\n'],
)  # fmt: skip
def test_what_is_no_known_log_is_of_no_format(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert detect(path)[1] is None


def test_each_real_file_has_at_most_one_format(shared_data: Path) -> None:
    expected = {
        "conn.log.labeled.gz": "zeek_tsv",
        "auth.log.gz": "sshd",
        "ntp.json.gz": "zeek_json",
    }
    for path in sorted(shared_data.rglob("*.gz")):
        head, source = detect(path)
        assert sum(one.recognises(head) for one in all_sources()) <= 1
        if path.name in expected:
            assert source is not None
            assert source.name == expected[path.name]
    assert {source.name for source in all_sources()} == {
        "zeek_tsv", "zeek_json", "sshd", "raw_csv", "raw_parquet",
    }  # fmt: skip


@pytest.mark.parametrize("block", [100_000, compression.BLOCK_BYTES])
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_file_cut_short_names_the_line_and_how_to_mend(
    tmp_path: Path, pack: Any, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "BLOCK_BYTES", block)
    monkeypatch.setattr(compression, "PIECE_BYTES", min(block, compression.PIECE_BYTES))
    rng = random.Random(2)
    text = "".join(conn_row(uid=f"C{rng.getrandbits(60):x}") for _ in range(30_000))
    packed = pack((conn_header() + text).encode())
    path = tmp_path / "cut"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match=r"^cut: line \d+: .*copy or download it again") as failure:
        read_file(path)
    line = int(str(failure.value).split("line ")[1].split(":")[0])
    assert 5_000 < line < 25_000


def test_a_cut_gzip_hands_out_every_whole_line_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(gzip.compress(LOG)[:-30])
    blocks = compression.read_blocks(path)
    _, block = next(blocks)
    assert LOG.startswith(block)
    lines = block.count(b"\n")
    assert lines > 1000
    with pytest.raises(InputError, match=f"line {lines + 1}:"):
        next(blocks)


def test_a_damaged_gzip_is_an_error_though_all_could_be_unpacked(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LOG))
    packed[-6] ^= 1  # the checksum
    path = tmp_path / "flipped"
    path.write_bytes(packed)
    with pytest.raises(InputError, match=r"flipped: line 1\d\d\d: the file cannot be unpacked"):
        read_file(path)


def test_a_line_without_end_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "LONGEST_LINE_BYTES", 100_000)
    monkeypatch.setattr(compression, "BLOCK_BYTES", 10_000)
    monkeypatch.setattr(compression, "PIECE_BYTES", 10_000)
    data = gzip.compress(conn_header().encode() + b"x" * 1_000_000)
    with pytest.raises(InputError, match="line 9: longer than"):
        read_text(tmp_path, data)


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(
        [b"", b"#separator \\x09\n", conn_header().encode(), b'{"ts": 1}\n', b"PAR1",
         b"Nov  3 04:05:06 h sshd[1]: ", b"event_id,timestamp,user,src_ip,host,method,outcome,"
         b"logon_type,reason,sensor\n", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"]
    ),
    st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)),
)  # fmt: skip
def test_any_bytes_end_in_counts_that_add_up_or_one_clear_error(
    tmp_path: Path, start: bytes, rest: bytes
) -> None:
    path = tmp_path / "any"
    path.write_bytes(start + rest)
    if detect(path)[1] is None:
        return
    said = ""
    try:
        assert read_file(path).adds_up
    except InputError as error:
        said = str(error)
    assert not said or said.startswith("any: ")
    assert "\n" not in said


def test_pyarrow_unpacks_zstd_in_bounded_steps(tmp_path: Path) -> None:
    """A small packed file may hold gigabytes: what is asked for is what comes."""
    path = tmp_path / "bomb"
    path.write_bytes(zstandard.compress(b"x\n" * 5_000_000))
    with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
        assert len(stream.read(1000)) == 1000
