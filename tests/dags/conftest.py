"""Airflow for tests of the DAG: a home of its own, set before Airflow is imported, and servers."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

PROJECT = Path(__file__).resolve().parents[2]
_home = tempfile.mkdtemp(prefix="soc-airflow-home-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _home
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(PROJECT / "dags")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from database.address import database_url  # noqa: E402
from database.grants import grant  # noqa: E402
from laptop.object_storage import ObjectStorage  # noqa: E402
from tests.services import PUBLISHER, AuditDatabase  # noqa: E402

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Servers:
    """The object storage and an audit database of the test's own, as Airflow's connections."""

    storage: ObjectStorage
    database: AuditDatabase

    @property
    def s3(self) -> S3Client:
        return self.storage.client()

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


@pytest.fixture
def servers(
    object_storage: ObjectStorage, audit_database: AuditDatabase, monkeypatch: pytest.MonkeyPatch
) -> Servers:
    grant(database_url(audit_database.dsn), PUBLISHER, "publisher")
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", minio_connection(object_storage))
    monkeypatch.setenv("AIRFLOW_CONN_AUDIT_POSTGRES", audit_connection(audit_database))
    return Servers(object_storage, audit_database)


def parse(launcher: str) -> DAG:
    """The DAG as the DAG processor reads it, for one launcher."""
    from airflow.dag_processing.dagbag import BundleDagBag

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIPELINE_LAUNCHER", launcher)
        bag = BundleDagBag(
            dag_folder=str(PROJECT / "dags"),
            bundle_path=PROJECT / "dags",
            bundle_name="dags",
        )
    assert bag.import_errors == {}
    assert bag.dag_ids == ["soc_pipeline"]
    dag: DAG = bag.dags["soc_pipeline"]
    return dag


@pytest.fixture(scope="session")
def process_dag() -> DAG:
    return parse("process")


@pytest.fixture(scope="session")
def pod_dag() -> Iterator[DAG]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIPELINE_NODE_SELECTOR", "pool=stages,disk=ssd")
        patch.setenv(
            "PIPELINE_TOLERATIONS",
            '[{"key": "stages", "operator": "Exists", "effect": "NoSchedule"}]',
        )
        yield parse("pod")
