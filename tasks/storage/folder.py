"""A store in a folder with four subfolders: what ``tasks run`` uses by default."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from contracts.layers import BUCKETS
from tasks.errors import InputError, StageError
from tasks.storage.store import AlreadyExists


class FolderStore:
    """Objects are files; a key becomes visible whole, by a hard link from a temporary name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def create_buckets(self) -> None:
        """Make the root and its four buckets where they are missing."""
        try:
            for bucket in BUCKETS:
                (self.root / bucket).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"store {self.root}: cannot be created ({error.strerror}); name a writable folder"
            ) from error

    def scratch(self) -> Path:
        folder = self.root / ".scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def read(self, location: str) -> bytes:
        return self._existing(location).read_bytes()

    def write(self, location: str, data: bytes) -> None:
        draft = self.scratch() / uuid.uuid4().hex
        draft.write_bytes(data)
        self.put(draft, location)

    def put(self, path: Path, location: str) -> None:
        target = self._path(location)
        self._bucket_must_exist(location)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = path
        try:
            if path.stat().st_dev != target.parent.stat().st_dev:
                draft = target.parent / f".{uuid.uuid4().hex}"
                shutil.copyfile(path, draft)
            os.link(draft, target)
        except FileExistsError as error:
            raise AlreadyExists(location) from error
        except OSError as error:
            raise StageError(f"store: cannot write {target} ({error.strerror})") from error
        finally:
            draft.unlink(missing_ok=True)

    def fetch(self, location: str, folder: Path) -> Path:
        return self._existing(location)

    def exists(self, location: str) -> bool:
        return self._path(location).is_file()

    def names(self, location: str) -> Iterator[str]:
        self._bucket_must_exist(location)
        folder = self._path(location)
        found = (p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else ()
        yield from sorted(p.relative_to(self.root).as_posix() for p in found)

    def _path(self, location: str) -> Path:
        parts = PurePosixPath(location).parts
        if not parts or parts[0] not in BUCKETS or ".." in parts:
            raise InputError(f"{location!r} is not <bucket>/<key> of one of {', '.join(BUCKETS)}")
        return self.root.joinpath(*parts)

    def _bucket_must_exist(self, location: str) -> None:
        bucket = self.root / PurePosixPath(location).parts[0]
        if not bucket.is_dir():
            raise InputError(f"store: bucket {bucket.name} is missing in {self.root}; create it")

    def _existing(self, location: str) -> Path:
        path = self._path(location)
        if not path.is_file():
            self._bucket_must_exist(location)
            raise StageError(f"store: {location} is missing in {self.root}")
        return path
