"""The migrations make the tables of the contract, once, and nothing of anybody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from typer.testing import CliRunner

from contracts.events import ALERT_COLUMNS
from database.__main__ import app
from database.address import SettingError, database_url
from database.schema import VERSION_TABLE, newest_revision, upgrade
from database.tables import METADATA
from laptop import postgres as pg
from laptop.postgres import PostgresServer
from tests.services import OWNER, PASSWORD, AuditDatabase

PROJECT = Path(__file__).resolve().parents[2]
CONTRACT = {
    "ingestion_events": "id timestamp_ingesta nombre_archivo ruta_minio num_registros estado",
    "transformation_events": "id timestamp_transformacion nombre_archivo ruta_minio"
    " num_registros estado",
    "training_events": "id timestamp_entrenamiento ruta_modelo num_registros parametros estado",
    "evaluation_events": "id timestamp_eval modelo_nombre nombre_dataset ruta_resultados"
    " metrics estado",
}
_numbers = count(1)


@pytest.fixture
def empty_database(postgres: PostgresServer) -> Iterator[AuditDatabase]:
    database = AuditDatabase(postgres, f"empty_{next(_numbers)}")
    pg.ensure_database(postgres, database.name, OWNER, PASSWORD)
    yield database
    pg.drop_database(postgres, database.name)


def columns(database: AuditDatabase, table: str) -> list[str]:
    with psycopg.connect(database.dsn) as connection:
        rows = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
            " ORDER BY ordinal_position",
            [table],
        )
        return [name for (name,) in rows]


@pytest.mark.parametrize("table", CONTRACT)
def test_audit_tables_begin_with_the_columns_of_the_contract(
    audit_database: AuditDatabase, table: str
) -> None:
    names = CONTRACT[table].split()
    assert columns(audit_database, table)[: len(names)] == names


def test_alerts_have_every_alert_column(audit_database: AuditDatabase) -> None:
    assert columns(audit_database, "alerts")[2:] == list(ALERT_COLUMNS)


def test_the_migrations_make_exactly_the_tables_that_are_defined(
    audit_database: AuditDatabase,
) -> None:
    engine = create_engine(database_url(audit_database.dsn))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, METADATA) == []


def test_migrating_twice_at_once_migrates_once(empty_database: AuditDatabase) -> None:
    argv = [sys.executable, "-m", "database", "upgrade"]
    env = {**os.environ, **empty_database.environment()}
    several = [
        subprocess.Popen(argv, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = sorted(process.communicate()[0] for process in several)
    assert [process.returncode for process in several] == [0, 0]
    assert [("were at none" in line) for line in said].count(True) == 1
    assert upgrade(database_url(empty_database.dsn)) == (newest_revision(), newest_revision())


def test_tables_of_somebody_else_are_left_alone(empty_database: AuditDatabase) -> None:
    with psycopg.connect(empty_database.dsn) as connection:
        connection.execute("CREATE TABLE training_events (id int)")
    with pytest.raises(SettingError, match=r"training_events.*PG_DATABASE"):
        upgrade(database_url(empty_database.dsn))
    assert columns(empty_database, "training_events") == ["id"]
    assert columns(empty_database, "publications") == []


def test_estado_is_success_or_failed(audit_database: AuditDatabase) -> None:
    with (
        psycopg.connect(audit_database.dsn) as connection,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        connection.execute(
            "INSERT INTO ingestion_events (timestamp_ingesta, estado) VALUES (now(), 'OK')"
        )


def test_a_missing_setting_is_one_line_and_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PG_HOST", "PG_USER", "PG_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(app, ["upgrade"])
    assert result.exit_code == 2
    assert result.stderr == (
        "database: PG_HOST, PG_USER, PG_DATABASE not set: set it, or give --dsn\n"
    )


def test_an_unreadable_address_does_not_repeat_the_password() -> None:
    with pytest.raises(SettingError) as caught:
        database_url("postgresql://soc:hunter2@host:no-port/db")
    assert "hunter2" not in str(caught.value)
