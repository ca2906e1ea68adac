"""Landing the user's logs: which files, under which names, and their upload."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.layers import RAW_BUCKET, landing_prefix, timestamp_slug
from laptop.errors import UsageError
from laptop.object_storage import ObjectStorage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOADS_AT_ONCE = 4
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of the user's and the name that it lands under."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Landed:
    """Where a batch lies: patterns for the DAG's parameters ``input`` and ``baseline``."""

    input: str
    baseline: str | None
    files: int
    bytes: int


def paths_in(setting: str, text: str) -> list[Path]:
    """The paths of `INPUT=…`: one path as it stands, or several in shell syntax.

    No shell ever sees the text. Raises UsageError for an open quote.
    """
    if not text.strip():
        return []
    if Path(text).exists():
        return [Path(text)]
    try:
        return [Path(word) for word in shlex.split(text)]
    except ValueError as error:
        raise UsageError(f"{setting}={text}: {error} (quote paths with spaces)") from None


def log_files(setting: str, paths: Sequence[Path]) -> list[LogFile]:
    """Every file to land, folders walked, with a name of its own for each.

    A file in a folder lands under its path inside the folder, ``/`` as ``__``; hidden files are
    left out. Raises UsageError for what is missing, empty or no file.
    """
    found: list[tuple[Path, str]] = []
    for path in paths:
        where = f"{setting}={path}"
        if path.is_file():
            found.append((path, path.name))
        elif path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
            if not inside:
                raise UsageError(f"{where}: the folder has no files; name a folder with logs")
            found += [(p, "__".join(p.relative_to(path).parts)) for p in inside]
        elif path.exists():
            raise UsageError(f"{where}: neither a file nor a folder")
        else:
            raise UsageError(f"{where}: no such file or folder (quote paths with spaces)")
    for path, _ in found:
        _check_readable(setting, path)
    if found and not any(path.stat().st_size for path, _ in found):
        raise UsageError(f"{setting}={found[0][0]}: empty (0 bytes); name a file with log lines")
    return _with_own_names(found)


def land(
    storage: ObjectStorage,
    inputs: Sequence[LogFile],
    baseline: Sequence[LogFile],
    moment: datetime,
    landed: Callable[[LogFile], None] = lambda file: None,
) -> Landed:
    """Upload a batch to ``landing/<day>/batch_<ts>/``, its baseline beside it."""
    client = storage.client()
    while True:
        batch = (
            f"{landing_prefix(f'{moment.astimezone(UTC):%Y-%m-%d}')}batch_{timestamp_slug(moment)}"
        )
        if not client.list_objects_v2(Bucket=RAW_BUCKET, Prefix=f"{batch}", MaxKeys=1)["KeyCount"]:
            break
        moment += timedelta(seconds=1)  # another run landed in this second
    upload(client, inputs, f"{batch}/", landed)
    upload(client, baseline, f"{batch}_baseline/", landed)
    return Landed(
        input=f"{batch}/*",
        baseline=f"{batch}_baseline/*" if baseline else None,
        files=len(inputs) + len(baseline),
        bytes=sum(file.path.stat().st_size for file in (*inputs, *baseline)),
    )


def upload(
    client: S3Client,
    files: Iterable[LogFile],
    prefix: str,
    landed: Callable[[LogFile], None] = lambda file: None,
) -> None:
    """Put files into the landing area under ``prefix``, a few at a time."""

    def put(file: LogFile) -> None:
        client.upload_file(str(file.path), RAW_BUCKET, f"{prefix}{file.name}")
        landed(file)

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        list(pool.map(put, files))


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _check_readable(setting: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise UsageError(f"{setting}={path}: {error.strerror}") from None


def _with_own_names(found: Sequence[tuple[Path, str]]) -> list[LogFile]:
    files: list[LogFile] = []
    used: set[str] = set()
    for path, wanted in found:
        safe = _NOT_IN_NAME.sub("_", wanted).lstrip(".") or "log"
        name, number = safe, 1
        while name in used:
            number += 1
            name = f"{number}__{safe}"
        used.add(name)
        files.append(LogFile(path, name))
    return files
