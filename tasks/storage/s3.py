"""A store behind an S3 endpoint: MinIO, SeaweedFS or any other."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tasks.errors import InputError, StageError
from tasks.storage.store import AlreadyExists

T = TypeVar("T")

REQUIRED_ENVIRONMENT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
REFUSED_CODES = frozenset(
    {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity"}
)
MISSING_CODES = frozenset({"404", "NoSuchKey", "NotFound"})
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 60


class S3Store:
    """Buckets of one endpoint. Credentials come from the AWS_* environment and go nowhere else."""

    url = "s3://"

    def __init__(self, client: Any, endpoint: str) -> None:
        self._client = client
        self._endpoint = endpoint

    @classmethod
    def from_environment(cls) -> S3Store:
        missing = [name for name in REQUIRED_ENVIRONMENT if not os.environ.get(name)]
        if missing:
            raise InputError(f"object storage: set {' and '.join(missing)}")
        endpoint = os.environ.get("AWS_ENDPOINT_URL") or ""
        if endpoint and "://" not in endpoint:
            endpoint = f"http://{endpoint}"
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path"},
            # Servers older than the trailing checksums of 2025 refuse them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=os.environ.get("AWS_REGION") or "us-east-1",
            config=config,
        )
        return cls(client, endpoint or "AWS S3")

    def scratch(self) -> Path:
        return Path(tempfile.gettempdir())

    def read(self, location: str) -> bytes:
        bucket, key = _split(location)

        def get() -> bytes:
            body: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
            return body

        return self._call(location, get)

    def write(self, location: str, data: bytes) -> None:
        self._must_be_free(location)
        bucket, key = _split(location)
        self._call(location, lambda: self._client.put_object(Bucket=bucket, Key=key, Body=data))

    def put(self, path: Path, location: str) -> None:
        self._must_be_free(location)
        bucket, key = _split(location)
        self._call(location, lambda: self._client.upload_file(str(path), bucket, key))

    def fetch(self, location: str, folder: Path) -> Path:
        bucket, key = _split(location)
        target = folder / location.replace("/", "__")
        self._call(location, lambda: self._client.download_file(bucket, key, str(target)))
        return target

    def exists(self, location: str) -> bool:
        bucket, key = _split(location)

        def head() -> bool:
            try:
                self._client.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if _code(error) in MISSING_CODES:
                    return False
                raise
            return True

        return self._call(location, head)

    def names(self, location: str) -> Iterator[str]:
        bucket, prefix = _split(location)

        def listing() -> list[str]:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix
            )
            return [
                f"{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", ())
            ]

        yield from sorted(self._call(location, listing))

    def _must_be_free(self, location: str) -> None:
        if self.exists(location):
            raise AlreadyExists(location)

    def _call(self, location: str, action: Callable[[], T]) -> T:
        try:
            return action()
        except Exception as error:
            raise self._explained(error, location) from error

    def _explained(self, error: BaseException, location: str) -> InputError | StageError:
        """What the client raised, as one line that says how to mend it."""
        at = f"object storage at {self._endpoint}"
        if isinstance(error, ClientError):
            code = _code(error)
            if code in REFUSED_CODES:
                return InputError(
                    f"{at} refused the credentials ({code});"
                    " check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                )
            if code == "NoSuchBucket":
                return InputError(f"{at}: bucket {_split(location)[0]} is missing; create it")
            if code in MISSING_CODES:
                return StageError(f"{at}: {location} is missing")
            return StageError(f"{at}: {location} failed with {code}")
        # The transfer library wraps the client's error in one of its own.
        if isinstance(error.__context__, ClientError):
            return self._explained(error.__context__, location)
        if isinstance(error, BotoCoreError):
            return StageError(
                f"{at} cannot be reached ({type(error).__name__});"
                " check that it runs and AWS_ENDPOINT_URL"
            )
        return StageError(f"{at}: {location} failed ({type(error).__name__}: {error})")


def _split(location: str) -> tuple[str, str]:
    bucket, _, key = location.partition("/")
    return bucket, key


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
