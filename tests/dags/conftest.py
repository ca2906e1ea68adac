"""Airflow for tests of the DAG: a home of its own, set before Airflow is imported, and servers."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

PROJECT = Path(__file__).resolve().parents[2]
_home = tempfile.mkdtemp(prefix="soc-airflow-home-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _home
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(PROJECT / "dags")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from dags import connections  # noqa: E402
from database.address import database_url  # noqa: E402
from database.grants import grant  # noqa: E402
from laptop.object_storage import ObjectStorage  # noqa: E402
from tests.dags.parsing import parse  # noqa: E402
from tests.dags.servers import Servers, audit_connection, minio_connection  # noqa: E402
from tests.services import PUBLISHER, AuditDatabase  # noqa: E402

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.sdk import DAG
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def s3(object_storage: ObjectStorage) -> S3Client:
    return object_storage.client()


@pytest.fixture(scope="session")
def hook(object_storage: ObjectStorage) -> S3Hook:
    """The S3 hook of connection ``minio``, already connected."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_MINIO", minio_connection(object_storage))
        hook = connections.object_storage()
        hook.get_conn()
    return hook


@pytest.fixture
def servers(
    object_storage: ObjectStorage,
    s3: S3Client,
    hook: S3Hook,
    audit_database: AuditDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> Servers:
    grant(database_url(audit_database.dsn), PUBLISHER, "publisher")
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", minio_connection(object_storage))
    monkeypatch.setenv("AIRFLOW_CONN_AUDIT_POSTGRES", audit_connection(audit_database))
    return Servers(object_storage, audit_database, s3, hook)


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
