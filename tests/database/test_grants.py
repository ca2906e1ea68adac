"""The role that publishes adds and never changes; the role of the app reads and triages."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from database.address import database_url
from database.grants import grant
from laptop import postgres as pg
from laptop.postgres import PostgresServer
from tests.services import APP, GUESTS, OWNER, PASSWORD, PUBLISHER, AuditDatabase

AUDIT = "INSERT INTO ingestion_events (timestamp_ingesta, estado) VALUES (now(), 'SUCCESS')"
VERDICT = "INSERT INTO verdicts (alert_id, verdict, analyst) VALUES ('a', 'benign', 'ana')"


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, migrated_template: str) -> Iterator[AuditDatabase]:
    database = AuditDatabase(postgres, "granted")
    pg.ensure_database(
        postgres, database.name, OWNER, PASSWORD, guests=GUESTS, template=migrated_template
    )
    grant(database_url(database.dsn), PUBLISHER, "publisher")
    grant(database_url(database.dsn), APP, "app")
    yield database
    pg.drop_database(postgres, database.name)


def attempt(database: AuditDatabase, role: str, statement: str) -> None:
    with psycopg.connect(database.dsn_of(role)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [AUDIT, "SELECT * FROM ingestion_events", "SELECT * FROM verdicts",
     "UPDATE models SET champion = false"],
)  # fmt: skip
def test_publishing_may(database: AuditDatabase, statement: str) -> None:
    attempt(database, PUBLISHER, statement)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE ingestion_events SET estado = 'SUCCESS'", "DELETE FROM training_events",
     "TRUNCATE evaluation_events", "UPDATE publications SET alerts = 0", "DELETE FROM alerts",
     "UPDATE models SET sha256 = ''", VERDICT, "DROP TABLE alerts", "CREATE TABLE mine (id int)"],
)  # fmt: skip
def test_publishing_may_not(database: AuditDatabase, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        attempt(database, PUBLISHER, statement)


@pytest.mark.parametrize(
    "statement",
    ["SELECT * FROM alerts", "SELECT * FROM training_events", VERDICT,
     "INSERT INTO suppressions (scope, owner, reason) VALUES ('{}', 'ana', 'scanner')"],
)  # fmt: skip
def test_the_app_may(database: AuditDatabase, statement: str) -> None:
    attempt(database, APP, statement)


@pytest.mark.parametrize(
    "statement",
    [AUDIT, "UPDATE alerts SET severity = 'LOW'", "DELETE FROM verdicts",
     "UPDATE models SET champion = true"],
)  # fmt: skip
def test_the_app_may_not(database: AuditDatabase, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        attempt(database, APP, statement)


def test_a_change_of_duty_takes_the_old_rights_away(database: AuditDatabase) -> None:
    url = database_url(database.dsn)
    grant(url, PUBLISHER, "app")
    with pytest.raises(InsufficientPrivilege):
        attempt(database, PUBLISHER, AUDIT)
    grant(url, PUBLISHER, "publisher")
    attempt(database, PUBLISHER, AUDIT)
