"""Objects of a run as local files, each verified against the digest that its run published."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import defaultdict
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from contracts.layers import BUCKETS
from contracts.plan import ObjectRef
from dashboard.store.errors import StoreUnavailable
from dashboard.store.settings import StoreSettings

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_MIB = 1 << 20


class ObjectCache:
    """Fetches immutable objects once, keeps them by SHA-256, and removes the least recently read.

    A folder store is read in place: its objects are immutable too.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._folder = settings.soc_cache_dir / "objects"
        self._bound_bytes = settings.soc_cache_mib * _MIB
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._verified: dict[str, Path] = {}
        self._s3: S3Client | None = None

    @property
    def folder(self) -> Path:
        """Where derived figures may be kept beside the objects."""
        return self._folder

    def ready(self, ref: ObjectRef) -> bool:
        """True when ``fetch`` would return at once."""
        path = self._verified.get(ref.sha256)
        return path is not None and path.exists()

    def fetch(self, ref: ObjectRef) -> Path:
        """Local path of the object.

        Raises:
            StoreUnavailable: it cannot be read, or its bytes are not those that were published.
        """
        bucket, key = _split(ref.location)
        with self._locks[ref.sha256]:
            known = self._verified.get(ref.sha256)
            if known is not None and known.exists():
                os.utime(known) if self._settings.soc_store is None else None
                return known
            if self._settings.soc_store is not None:
                path = self._settings.soc_store / bucket / key
                self._check(path, ref)
            else:
                path = self._cached(bucket, key, ref)
            self._verified[ref.sha256] = path
            return path

    def _cached(self, bucket: str, key: str, ref: ObjectRef) -> Path:
        path = self._folder / f"{ref.sha256}{Path(key).suffix}"
        if path.exists() and _sha256(path) == ref.sha256:
            os.utime(path)
            return path
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(f"{path.name}.{uuid4().hex}.part")
        try:
            with partial.open("wb") as sink:
                self._download(bucket, key, sink)
            self._check(partial, ref)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        self._evict(keep=path)
        return path

    def _download(self, bucket: str, key: str, sink: IO[bytes]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client().download_fileobj(bucket, key, sink)
        except (BotoCoreError, ClientError) as error:
            where = self._settings.aws_endpoint_url or "AWS"
            raise StoreUnavailable(
                f"cannot read s3://{bucket}/{key} at {where}: {type(error).__name__}; "
                "check AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and that the server is up"
            ) from error

    def _client(self) -> S3Client:
        if self._s3 is None:
            import boto3  # half a second: not at start-up
            from botocore.config import Config

            s = self._settings
            self._s3 = boto3.client(
                "s3",
                endpoint_url=s.aws_endpoint_url or None,
                aws_access_key_id=s.aws_access_key_id or None,
                aws_secret_access_key=s.aws_secret_access_key.get_secret_value() or None,
                region_name=s.aws_region,
                config=Config(
                    connect_timeout=3,
                    read_timeout=30,
                    retries={"max_attempts": 2},
                    s3={"addressing_style": "path"},
                ),
            )
        return self._s3

    def _check(self, path: Path, ref: ObjectRef) -> None:
        try:
            found = _sha256(path)
        except OSError as error:
            raise StoreUnavailable(
                f"cannot read {ref.location}: {error.strerror}; is SOC_STORE the run's store?"
            ) from error
        if found != ref.sha256:
            raise StoreUnavailable(
                f"{ref.location} is not what its run published (SHA-256 differs); run the day again"
            )

    def _evict(self, keep: Path) -> None:
        found = sorted(
            ((p.stat().st_mtime, p.stat().st_size, p) for p in self._folder.iterdir()
             if p.suffix != ".part"),
            reverse=True,
        )  # fmt: skip
        total = 0
        for _, size, path in found:
            total += size
            if total > self._bound_bytes and path != keep:
                path.unlink(missing_ok=True)


def _split(location: str) -> tuple[str, str]:
    bucket, _, key = location.partition("/")
    if bucket not in BUCKETS or not key or ".." in key.split("/") or key.startswith("/"):
        raise StoreUnavailable(f"{location!r} names no object of the four buckets")
    return bucket, key


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
