"""Ports, parameters and a user's own servers: what is accepted and what is said otherwise."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from laptop import airflow
from laptop.addresses import (
    AuditAddress,
    check_database,
    check_storage,
    own_database,
    own_storage,
)
from laptop.errors import RunFailed, UsageError
from laptop.object_storage import ObjectStorage
from laptop.parameters import parse_parameters
from laptop.ports import is_free, next_free, random_free
from laptop.postgres import PostgresServer
from laptop.state import State
from tests.services import AuditDatabase

OWN_STORAGE = {"MINIO_ENDPOINT": "minio:9000", "MINIO_ACCESS_KEY": "a", "MINIO_SECRET_KEY": "s"}
OWN_DATABASE = {"PG_HOST": "db", "PG_USER": "u", "PG_PASSWORD": "p@:/ w", "PG_DATABASE": "soc"}


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_replaced_by_the_next_free_one(address: str) -> None:
    with socket.socket() as holder:
        holder.bind((address, 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert not is_free(taken)
        assert taken < next_free(taken) <= taken + 200


def test_random_ports_are_free_and_different() -> None:
    ports = random_free(50)
    assert len(set(ports)) == 50
    assert all(is_free(port) for port in ports)


def test_an_endpoint_without_a_scheme_means_http() -> None:
    assert own_storage({}) is None
    storage = own_storage(OWN_STORAGE)
    assert storage is not None
    assert storage.endpoint == "http://minio:9000"
    secure = own_storage(OWN_STORAGE | {"MINIO_ENDPOINT": "https://s3.example/"})
    assert secure is not None
    assert secure.endpoint == "https://s3.example"


def test_half_a_setting_is_refused_with_what_is_missing() -> None:
    with pytest.raises(UsageError, match="MINIO_ENDPOINT is set, but not MINIO_ACCESS_KEY, MINIO"):
        own_storage({"MINIO_ENDPOINT": "minio:9000"})
    with pytest.raises(UsageError, match="PG_HOST is set, but not PG_DATABASE"):
        own_database({name: text for name, text in OWN_DATABASE.items() if name != "PG_DATABASE"})


def test_own_database_has_the_usual_port_and_any_password() -> None:
    address = own_database(OWN_DATABASE)
    assert address is not None
    assert address.port == 5432
    assert address.dsn == "postgresql://u:p%40%3A%2F%20w@db:5432/soc"


def test_wrong_keys_of_the_own_storage_are_named(object_storage: ObjectStorage) -> None:
    check_storage(object_storage)
    thief = ObjectStorage(object_storage.endpoint, object_storage.access_key, "wrong")
    with pytest.raises(UsageError, match=r"SignatureDoesNotMatch.*check MINIO_ACCESS_KEY"):
        check_storage(thief)


def test_servers_that_are_down_are_named() -> None:
    port = random_free(1)[0]
    with pytest.raises(RunFailed, match=f"127.0.0.1:{port} cannot be reached.*MINIO_ENDPOINT"):
        check_storage(ObjectStorage(f"http://127.0.0.1:{port}", "a", "s"))
    with pytest.raises(RunFailed, match=f"127.0.0.1:{port}/soc cannot be reached.*PG_HOST"):
        check_database(AuditAddress("127.0.0.1", port, "soc", "u", "p"))


def test_a_wrong_password_or_database_is_named(
    postgres: PostgresServer, audit_database: AuditDatabase
) -> None:
    given = own_database(audit_database.environment())
    assert given is not None
    check_database(given)
    wrong = AuditAddress(given.host, given.port, given.database, given.user, "wrong")
    with pytest.raises(UsageError, match=r"password authentication failed.*check PG_USER"):
        check_database(wrong)
    absent = AuditAddress(given.host, given.port, "absent", given.user, given.password)
    with pytest.raises(UsageError, match=r"does not exist.*PG_DATABASE"):
        check_database(absent)


def test_parameters_are_parsed_and_checked() -> None:
    text = "alert_budget=20 retrain=no contamination=0.01 alert_threshold=none"
    assert parse_parameters(text) == {
        "alert_budget": 20,
        "retrain": False,
        "contamination": 0.01,
        "alert_threshold": None,
    }
    assert parse_parameters("") == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("budget=20", "'budget=20' is not name=value with one of: contamination,"),
        ("alert_budget", "is not name=value"),
        ("alert_budget=0", "alert_budget=0: Input should be greater"),
        ("window_minutes=7", "window_minutes=7: .*divide"),
        ("'open", "No closing quotation"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse_parameters(text)


def test_airflow_is_private_and_quiet(tmp_path: Path) -> None:
    state = State(tmp_path)
    env = airflow.settings(state, port=8081, metadata_dsn="postgresql://a:b@127.0.0.1:1/airflow")
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert env["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    passwords = Path(env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert passwords.stat().st_mode & 0o077 == 0
    assert json.loads(passwords.read_text()) == {"admin": state.secret("airflow_password")}
    keys = [env["AIRFLOW__CORE__FERNET_KEY"], env["AIRFLOW__API_AUTH__JWT_SECRET"]]
    again = airflow.settings(state, port=8081, metadata_dsn="postgresql://a:b@127.0.0.1:1/airflow")
    assert again == env
    other = airflow.settings(State(tmp_path / "other"), port=8081, metadata_dsn="postgresql://x")
    assert other["AIRFLOW__CORE__FERNET_KEY"] not in keys
