"""The servers of a test as Airflow's connections, and what the test asks of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from laptop.object_storage import ObjectStorage
from tests.services import PUBLISHER, AuditDatabase

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Servers:
    """The object storage and an audit database of the test's own, as Airflow's connections."""

    storage: ObjectStorage
    database: AuditDatabase
    s3: S3Client
    hook: S3Hook
    """What plan and publish get; one for all tests, for it takes a second to make."""

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What a query of the database's owner finds."""
        with psycopg.connect(self.database.dsn, row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])

    def execute(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.database.dsn) as connection:
            connection.execute(statement.encode(), values)


def minio_connection(storage: ObjectStorage, **changes: str) -> str:
    connection = {
        "conn_type": "aws",
        "login": storage.access_key,
        "password": storage.secret_key,
        "extra": {"endpoint_url": storage.endpoint, "region_name": storage.region},
    }
    return json.dumps(connection | changes)


def audit_connection(database: AuditDatabase, **changes: object) -> str:
    """Connection ``audit_postgres`` of the role that publishes, with no more rights than that."""
    connection = {
        "conn_type": "postgres",
        "host": database.server.host,
        "port": database.server.port,
        "schema": database.name,
        "login": PUBLISHER,
        "password": database.password,
    }
    return json.dumps(connection | changes)
