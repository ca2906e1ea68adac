"""What lands, under which name, and which input is refused before anything starts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.layers import RAW_BUCKET
from laptop.errors import UsageError
from laptop.landing import LogFile, land, log_files, paths_in
from laptop.object_storage import ObjectStorage

MOMENT = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)


def log(path: Path, text: str = "a line\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_keeps_its_name_and_a_folder_lands_with_its_inner_paths(tmp_path: Path) -> None:
    single = log(tmp_path / "conn.log.gz")
    log(tmp_path / "day" / "zeek" / "conn.log")
    log(tmp_path / "day" / "auth.log")
    log(tmp_path / "day" / ".git" / "config")
    log(tmp_path / "day" / ".hidden.log")
    names = [file.name for file in log_files("INPUT", [single, tmp_path / "day"])]
    assert names == ["conn.log.gz", "auth.log", "zeek__conn.log"]


def test_files_of_the_same_name_land_beside_one_another(tmp_path: Path) -> None:
    paths = [log(tmp_path / f"{n}" / "conn.log") for n in range(3)]
    files = log_files("INPUT", paths)
    assert [file.name for file in files] == ["conn.log", "2__conn.log", "3__conn.log"]
    assert [file.path for file in files] == paths


def test_a_hostile_name_becomes_a_harmless_key(tmp_path: Path) -> None:
    path = log(tmp_path / "a b;$(touch x)\n\x1b[31m*.log")
    assert [file.name for file in log_files("INPUT", [path])] == ["a_b_touch_x_31m_.log"]


def test_a_path_with_spaces_is_one_path_and_several_are_split_like_a_shell_does(
    tmp_path: Path,
) -> None:
    spaced = log(tmp_path / "a b.log")
    assert paths_in("INPUT", str(spaced)) == [spaced]
    assert paths_in("INPUT", "one.log 'two three.log'") == [Path("one.log"), Path("two three.log")]
    assert paths_in("INPUT", "  ") == []


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda p: p / "no.log", "no such file or folder"),
        (lambda p: p, "the folder has no files"),
        (lambda p: log(p / "empty.log", ""), r"empty \(0 bytes\)"),
        (lambda p: Path("/dev/null"), "neither a file nor a folder"),
    ],
    ids=["missing", "empty folder", "empty file", "device"],
)
def test_bad_input_is_refused_with_its_name(tmp_path: Path, make, complaint: str) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    with pytest.raises(UsageError, match=complaint) as refused:
        log_files("INPUT", [path])
    assert f"INPUT={path}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_open_quote_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="INPUT='a b: No closing quotation"):
        paths_in("INPUT", "'a b")


def test_two_batches_of_one_second_do_not_mix(
    object_storage: ObjectStorage, tmp_path: Path
) -> None:
    first = [LogFile(log(tmp_path / "a.log", "first"), "a.log")]
    second = [LogFile(log(tmp_path / "b.log", "second"), "b.log")]
    earlier = land(object_storage, first, (), MOMENT)
    later = land(object_storage, second, first, MOMENT)
    assert earlier.input == "landing/2026-01-31/batch_20260131_235959/*"
    assert earlier.baseline is None
    assert later.input != earlier.input
    assert later.baseline == later.input.replace("/*", "_baseline/*")
    listed = object_storage.client().list_objects_v2(
        Bucket=RAW_BUCKET, Prefix=later.input.removesuffix("*")
    )
    assert [found["Key"] for found in listed["Contents"]] == [later.input.replace("*", "b.log")]
