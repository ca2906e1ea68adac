"""A user's own servers: MINIO_* and PG_* replace the embedded ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from laptop.errors import RunFailed, UsageError
from laptop.object_storage import ObjectStorage

STORAGE_VARIABLES = ("MINIO_ENDPOINT", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY")
DATABASE_VARIABLES = ("PG_HOST", "PG_PORT", "PG_USER", "PG_PASSWORD", "PG_DATABASE")
DEFAULT_PG_PORT = "5432"


@dataclass(frozen=True, slots=True)
class AuditAddress:
    """One role's way into the audit database."""

    host: str
    port: int
    database: str
    user: str
    password: str

    @property
    def dsn(self) -> str:
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{login}@{self.host}:{self.port}/{quote(self.database, safe='')}"

    def environment(self) -> dict[str, str]:
        values = (self.host, str(self.port), self.user, self.password, self.database)
        return dict(zip(DATABASE_VARIABLES, values, strict=True))


def own_storage(environment: Mapping[str, str]) -> ObjectStorage | None:
    """The object storage of MINIO_*; None when none of them is set. Raises UsageError."""
    given = _all_or_none(environment, STORAGE_VARIABLES)
    if given is None:
        return None
    endpoint = given["MINIO_ENDPOINT"].rstrip("/")
    if "://" not in endpoint:
        endpoint = f"http://{endpoint}"
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
        raise UsageError(f"MINIO_ENDPOINT {given['MINIO_ENDPOINT']!r}: give host:port or a URL")
    return ObjectStorage(endpoint, given["MINIO_ACCESS_KEY"], given["MINIO_SECRET_KEY"])


def own_database(environment: Mapping[str, str]) -> AuditAddress | None:
    """The audit database of PG_*; None when none of them is set. Raises UsageError."""
    given = _all_or_none(environment, DATABASE_VARIABLES, {"PG_PORT": DEFAULT_PG_PORT})
    if given is None:
        return None
    if not given["PG_PORT"].isdigit():
        raise UsageError(f"PG_PORT {given['PG_PORT']!r} is not a port number")
    return AuditAddress(
        given["PG_HOST"],
        int(given["PG_PORT"]),
        given["PG_DATABASE"],
        given["PG_USER"],
        given["PG_PASSWORD"],
    )


def check_storage(storage: ObjectStorage) -> None:
    """One line when a user's own object storage cannot be used; create its missing buckets."""
    from botocore.exceptions import BotoCoreError, ClientError

    from laptop.object_storage import ensure_buckets

    try:
        ensure_buckets(storage)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise UsageError(
            f"object storage {storage.endpoint} refused {error.operation_name} ({code}): "
            "check MINIO_ACCESS_KEY and MINIO_SECRET_KEY and what they may do"
        ) from None
    except BotoCoreError as error:
        raise RunFailed(
            f"object storage {storage.endpoint} cannot be reached ({_first_line(error)}): "
            "check that it runs, and MINIO_ENDPOINT"
        ) from None


def check_database(address: AuditAddress) -> None:
    """One line when a user's own audit database cannot be used."""
    import psycopg

    try:
        psycopg.connect(address.dsn, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        where = f"audit database {address.host}:{address.port}/{address.database}"
        reason = _first_line(error)
        if "authentication" in reason or "does not exist" in reason:
            raise UsageError(
                f"{where}: {reason}: check PG_USER, PG_PASSWORD and PG_DATABASE"
            ) from None
        raise RunFailed(
            f"{where} cannot be reached ({reason}): check that it runs, PG_HOST and PG_PORT"
        ) from None


def _all_or_none(
    environment: Mapping[str, str],
    names: tuple[str, ...],
    defaults: Mapping[str, str] | None = None,
) -> dict[str, str] | None:
    given = {name: environment[name] for name in names if environment.get(name)}
    if not given:
        return None
    complete = {**(defaults or {}), **given}
    if missing := [name for name in names if name not in complete]:
        raise UsageError(f"{next(iter(given))} is set, but not {', '.join(missing)}: set all")
    return complete


def _first_line(error: BaseException) -> str:
    return " ".join(next(iter(str(error).strip().splitlines()), type(error).__name__).split())
