"""Object storage: a folder or an S3 endpoint behind one protocol. Knows buckets, not contents."""

from __future__ import annotations

from tasks.storage.digest import sha256_of
from tasks.storage.folder import FolderStore
from tasks.storage.store import Store, open_run, open_store

__all__ = ["FolderStore", "Store", "open_run", "open_store", "sha256_of"]
