"""Kernels load from a cache that may be read-only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.detectors import compiled
from tasks.detectors.compiled import private_cache


def test_a_writable_cache_is_used_where_it_is(tmp_path: Path) -> None:
    assert private_cache(str(tmp_path / "cache"), tmp_path) is None
    assert private_cache(None, tmp_path) is None


def test_a_read_only_cache_is_copied_to_a_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = tmp_path / "cache" / "forest_1"
    filled.mkdir(parents=True)
    (filled / "walk.nbi").write_bytes(b"index")
    monkeypatch.setattr(compiled, "_writable", lambda _: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    copy = private_cache(str(tmp_path / "cache"), tmp_path)
    assert copy is not None
    assert (copy / "forest_1" / "walk.nbi").read_bytes() == b"index"
    assert copy.stat().st_mode & 0o077 == 0


def test_sources_on_a_read_only_file_system_get_a_private_folder(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("a folder cannot be made here")
    copy = private_cache(None, occupied)
    assert copy is not None
    assert copy.is_dir()
    copy.rmdir()
