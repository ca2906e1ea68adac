"""Real servers for tests: one embedded PostgreSQL and one embedded S3 for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from database import grants, schema
from database.address import database_url
from laptop import object_storage as s3
from laptop import postgres as pg
from laptop import processes
from laptop.guard import guarded
from laptop.object_storage import ObjectStorage
from laptop.postgres import PostgresServer
from laptop.state import State

OWNER, PUBLISHER, APP = "soc", "soc_publish", "soc_app"
GUESTS = (PUBLISHER, APP)
PASSWORD = "test-only-password"  # the server listens on loopback and lives as long as the tests


@dataclass(frozen=True, slots=True)
class AuditDatabase:
    """A database of its own for one test, with every table, and the roles that use it."""

    server: PostgresServer
    name: str
    user: str = OWNER
    password: str = PASSWORD

    @property
    def dsn(self) -> str:
        """libpq URL of the owner (may do anything in this database)."""
        return self.dsn_of(self.user)

    def dsn_of(self, role: str) -> str:
        """libpq URL of ``soc_publish`` (publishes) or ``soc_app`` (the app)."""
        return self.server.dsn(self.name, role, self.password)

    def environment(self, role: str | None = None) -> dict[str, str]:
        """PG_HOST … PG_DATABASE."""
        return {
            "PG_HOST": self.server.host,
            "PG_PORT": str(self.server.port),
            "PG_USER": role or self.user,
            "PG_PASSWORD": self.password,
            "PG_DATABASE": self.name,
        }


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """The state folder of the session's servers; they end with pytest, a kill -9 included."""
    with guarded(tmp_path_factory.mktemp("services", numbered=True) / "state") as state:
        yield state


@pytest.fixture(scope="session")
def object_storage(services: State) -> ObjectStorage:
    """The session's S3 endpoint and credentials, with the four buckets."""
    storage, service = s3.start(
        services.path("object-storage"),
        access_key="test-access-key",
        secret_key="test-secret-key",
        log=services.log(s3.SERVICE),
        owner=services.folder,
    )
    services.record(service)
    return storage


@pytest.fixture(scope="session")
def postgres(services: State) -> PostgresServer:
    """The session's PostgreSQL server, with the roles of the audit database."""
    server, service = pg.start(
        services.path("postgres"),
        password=PASSWORD,
        log=services.log(pg.SERVICE),
        owner=services.folder,
    )
    services.record(service)
    for role in (OWNER, PUBLISHER, APP):
        pg.ensure_role(server, role, PASSWORD)
    return server


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """Name of a database with every table, from which each test's own is copied."""
    template = AuditDatabase(postgres, "soc_template")
    pg.ensure_database(postgres, template.name, OWNER, PASSWORD, guests=GUESTS)
    owner = database_url(template.dsn)
    schema.upgrade(owner)
    grants.grant(owner, PUBLISHER, "publisher")
    grants.grant(owner, APP, "app")
    return template.name


_numbers = count(1)


@pytest.fixture
def audit_database(postgres: PostgresServer, migrated_template: str) -> Iterator[AuditDatabase]:
    """A fresh audit database with every table, empty, for one test."""
    name = f"audit_{next(_numbers)}"
    pg.ensure_database(postgres, name, OWNER, PASSWORD, guests=GUESTS, template=migrated_template)
    yield AuditDatabase(postgres, name)
    pg.drop_database(postgres, name)


@pytest.fixture
def services_pids(services: State) -> list[int]:
    """Every process of the session's servers."""
    return [p.pid for p in processes.members(list(services.services.values()), services.folder)]
