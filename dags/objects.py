"""Listing, hashing and reading objects through Airflow's S3 hook."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from contracts.plan import InputFile

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 1 << 20
_WILDCARD = re.compile(r"[*?\[]")


class Missing(Exception):
    """There is no object of that key."""


def keys_below(s3: S3Hook, bucket: str, prefix: str, *, recursive: bool = True) -> list[str]:
    """Keys that begin with ``prefix``, sorted, without the empty markers that stand for folders.

    ``recursive=False`` leaves out keys with a further ``/`` after the prefix.
    """
    pages = _client(s3).get_paginator("list_objects_v2")
    delimiter = "" if recursive else "/"
    found = [
        item["Key"]
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
        for item in page.get("Contents", ())
    ]
    return sorted(key for key in found if not key.endswith("/"))


def keys_matching(s3: S3Hook, bucket: str, patterns: str) -> list[str]:
    """Keys that match one of the patterns, one a line, sorted.

    ``*`` and ``?`` also match ``/``; a pattern that ends with ``/`` means everything below it; a
    leading ``s3://`` and the bucket's name are allowed.
    """
    matching: set[str] = set()
    for line in patterns.splitlines():
        pattern = line.strip().removeprefix("s3://").removeprefix(f"{bucket}/").lstrip("/")
        if not pattern:
            continue
        if pattern.endswith("/"):
            pattern += "*"
        literal = _WILDCARD.split(pattern, maxsplit=1)[0]
        matching |= {key for key in keys_below(s3, bucket, literal) if fnmatchcase(key, pattern)}
    return sorted(matching)


def pinned(s3: S3Hook, bucket: str, key: str, *, baseline: bool = False) -> InputFile:
    """The object with the SHA-256 and length of its bytes, streamed."""
    digest, length = hashlib.sha256(), 0
    for chunk in _chunks(s3, bucket, key):
        digest.update(chunk)
        length += len(chunk)
    return InputFile(
        location=f"{bucket}/{key}", sha256=digest.hexdigest(), bytes=length, baseline=baseline
    )


def read(s3: S3Hook, bucket: str, key: str) -> bytes:
    """All bytes of a small object; raises Missing."""
    return b"".join(_chunks(s3, bucket, key))


def _chunks(s3: S3Hook, bucket: str, key: str) -> Iterator[bytes]:
    from botocore.exceptions import ClientError

    try:
        body = _client(s3).get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        if str(error.response.get("Error", {}).get("Code")) in {"NoSuchKey", "404"}:
            raise Missing(f"{bucket}/{key}") from None
        raise
    yield from body.iter_chunks(_CHUNK_BYTES)


def _client(s3: S3Hook) -> S3Client:
    client: S3Client = s3.get_conn()
    return client
