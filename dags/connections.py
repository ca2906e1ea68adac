"""The two servers that plan and publish speak to, and one clear line when one of them refuses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from psycopg import Connection

MINIO = "minio"
AUDIT_POSTGRES = "audit_postgres"
CONNECT_SECONDS = 10

_REFUSED = frozenset(
    {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity"}
)


def object_storage() -> S3Hook:
    """The S3 hook of connection ``minio``: fails within seconds where nobody listens."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.config import Config

    return S3Hook(
        aws_conn_id=MINIO,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path"},
            # Servers older than the trailing checksums of 2025 refuse them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


@contextmanager
def audit_database() -> Iterator[Connection[Any]]:
    """A connection to the audit database (connection ``audit_postgres``), closed at the end."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    # libpq would wait for a silent host as long as the kernel does, and the hook has no setting
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(CONNECT_SECONDS))
    hook = PostgresHook(postgres_conn_id=AUDIT_POSTGRES)
    with closing(hook.get_conn()) as connection:
        yield connection  # type: ignore[misc]


@contextmanager
def explained() -> Iterator[None]:
    """What S3 and Postgres raise becomes one line that says how to mend it.

    AirflowException where a retry may help (nobody answers), AirflowFailException where it cannot
    (wrong key, missing bucket, missing table).
    """
    import psycopg
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _explained_s3(error) from error
    except BotoCoreError as error:
        raise AirflowException(
            f"object storage cannot be reached ({error}): check that it runs, and the endpoint of "
            f"connection {MINIO} (MINIO_ENDPOINT)"
        ) from error
    except psycopg.errors.UndefinedTable as error:
        raise AirflowFailException(
            f"audit database: {_first_line(error)}: run `python -m database upgrade`"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise AirflowFailException(
            f"audit database: {_first_line(error)}: run `python -m database grant --role …` for "
            f"the role of connection {AUDIT_POSTGRES}"
        ) from error
    except psycopg.OperationalError as error:
        raise AirflowException(
            f"audit database cannot be used ({_first_line(error)}): check that it runs, and "
            f"connection {AUDIT_POSTGRES} (PG_HOST PG_PORT PG_USER PG_PASSWORD PG_DATABASE)"
        ) from error


def _explained_s3(error: Any) -> AirflowException:
    details = error.response.get("Error", {})
    code = str(details.get("Code", "unknown"))
    if code in _REFUSED:
        return AirflowFailException(
            f"object storage refused the credentials ({code}): check the key and secret of "
            f"connection {MINIO} (MINIO_ACCESS_KEY, MINIO_SECRET_KEY)"
        )
    if code == "NoSuchBucket":
        bucket = details.get("BucketName", "one of the four cybersec-ml-* buckets")
        return AirflowFailException(
            f"object storage has no bucket {bucket}: create it, or let `make run` do so"
        )
    return AirflowException(f"object storage: {error.operation_name} failed with {code}")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
