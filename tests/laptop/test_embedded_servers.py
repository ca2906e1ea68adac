"""The servers that `make run` and the tests start are real, private and end for sure."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from botocore.exceptions import ClientError

from contracts.layers import BUCKETS
from laptop.object_storage import ObjectStorage
from laptop.postgres import PostgresServer
from laptop.state import PROJECT
from tests.services import AuditDatabase


def test_an_object_comes_back_as_written_from_each_bucket(object_storage: ObjectStorage) -> None:
    client = object_storage.client()
    for bucket in BUCKETS:
        client.put_object(Bucket=bucket, Key="a folder/ä.log", Body=bucket.encode())
        read = client.get_object(Bucket=bucket, Key="a folder/ä.log")["Body"].read()
        assert read == bucket.encode()
        client.delete_object(Bucket=bucket, Key="a folder/ä.log")


def test_a_bucket_that_is_missing_is_an_error_and_is_not_made(
    object_storage: ObjectStorage,
) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        object_storage.client().put_object(Bucket="no-such-bucket", Key="k", Body=b"")


def test_object_storage_refuses_a_wrong_key(object_storage: ObjectStorage) -> None:
    thief = ObjectStorage(object_storage.endpoint, object_storage.access_key, "wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        thief.client().list_buckets()


def test_postgres_refuses_a_wrong_password(postgres: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn("postgres", postgres.user, "wrong"))


def test_each_test_has_an_audit_database_of_its_own(audit_database: AuditDatabase) -> None:
    with psycopg.connect(audit_database.dsn) as connection:
        version = connection.execute("SHOW server_version_num").fetchone()
        name = connection.execute("SELECT current_database()").fetchone()
    assert version is not None
    assert int(version[0]) >= 180_000
    assert name == (audit_database.name,)


def test_no_service_listens_beyond_loopback(
    postgres: PostgresServer, object_storage: ObjectStorage, services_pids: list[int]
) -> None:
    listening = [c for c in psutil.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    ours = [c.laddr for c in listening if c.pid in services_pids]
    assert {address.ip for address in ours} == {"127.0.0.1"}
    assert {postgres.port, int(object_storage.endpoint.rsplit(":", 1)[1])} <= {
        address.port for address in ours
    }


STARTER = """
import sys, time
from pathlib import Path
from laptop import postgres
from laptop.guard import guarded
with guarded(Path(sys.argv[1])) as state:
    server, service = postgres.start(
        state.path("postgres"), password="x", log=state.log("postgres"), owner=state.folder
    )
    state.record(service)
    print(server.port, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_guarded_servers_end_with_the_process_that_started_them(
    tmp_path: Path, ending: signal.Signals
) -> None:
    folder = tmp_path / "state"
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert starter.stdout is not None
    port = int(starter.stdout.readline())
    assert stat.S_IMODE((folder / "postgres").stat().st_mode) == 0o700
    starter.send_signal(ending)
    starter.wait(30)
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not folder.exists()
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))
