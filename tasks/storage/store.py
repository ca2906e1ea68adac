"""The protocol of a store, and how a URL names one.

A location is ``<bucket>/<key>``. What exists is never written again: ``put`` and ``write`` refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from contracts.layers import EVAL_BUCKET, RUNS_PREFIX
from tasks.errors import InputError


class AlreadyExists(Exception):
    """The key is taken; the writer takes the next one."""


class Store(Protocol):
    """Four buckets under one root. Every method raises StageError or InputError with one line."""

    url: str

    def scratch(self) -> Path:
        """Folder for temporary files; on the store's own file system where it has one."""

    def read(self, location: str) -> bytes:
        """The whole of a small object."""

    def write(self, location: str, data: bytes) -> None:
        """Write a small object; AlreadyExists when the key is taken."""

    def put(self, path: Path, location: str) -> None:
        """Store a file (it may be moved); AlreadyExists when the key is taken."""

    def fetch(self, location: str, folder: Path) -> Path:
        """A local path with the object's bytes: the file itself, or a copy inside ``folder``."""

    def exists(self, location: str) -> bool: ...

    def names(self, location: str) -> Iterator[str]:
        """Locations below a prefix that ends in ``/``, sorted."""


def open_store(url: str) -> Store:
    """``s3://`` (endpoint and credentials from the AWS_* environment) or a folder."""
    parts = urlsplit(url)
    if parts.scheme == "s3":
        if parts.netloc or parts.path.strip("/"):
            raise InputError(
                f"--store {url}: buckets lie at the endpoint's root, so an S3 store is just s3://"
            )
        from tasks.storage.s3 import S3Store

        return S3Store.from_environment()
    if parts.scheme == "file":
        url = parts.path
    elif "://" in url:
        raise InputError(f"{url}: a store is a folder or s3://, not {parts.scheme}://")
    from tasks.storage.folder import FolderStore

    return FolderStore(Path(url).absolute())


def open_run(url: str) -> tuple[Store, str]:
    """The store and the slug that a run URL names.

    ``s3://cybersec-ml-eval/runs/<slug>`` or ``<folder>/cybersec-ml-eval/runs/<slug>``.
    """
    root, _, slug = url.rstrip("/").rpartition("/")
    suffix = f"{EVAL_BUCKET}/{RUNS_PREFIX}"
    if not slug or not root.endswith(suffix):
        raise InputError(f"--run {url}: expected …/{suffix}/<run slug>")
    root = root.removesuffix(suffix)
    return open_store(root if "://" in root else root or "."), slug
