"""Bringing the services up, or finding them up."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laptop import airflow, app, object_storage, postgres, processes
from laptop.addresses import (
    AuditAddress,
    check_database,
    check_storage,
    own_database,
    own_storage,
)
from laptop.object_storage import ObjectStorage
from laptop.ports import LOOPBACK, next_free
from laptop.postgres import PostgresServer
from laptop.processes import Service, is_alive
from laptop.state import PROJECT, State

if TYPE_CHECKING:
    from database.grants import Duty

AUDIT_DATABASE, METADATA_DATABASE = "soc", "airflow"
OWNER, PUBLISHER, APP = "soc", "soc_publish", "soc_app"
PASSED_ON = ("PATH", "HOME", "USER", "LANG", "TMPDIR", "NUMBA_CACHE_DIR")
PASSED_ON_PREFIXES = ("SOC_", "PIPELINE_", "AIRFLOW__")
"""Of the user's environment, services see these only: no proxy, no cloud account."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class System:
    """Everything that a run and its report need of the services."""

    storage: ObjectStorage
    audit: AuditAddress
    airflow_url: str
    airflow_password: str
    app_url: str


def up(state: State, say: Say, environment: Mapping[str, str] | None = None) -> System:
    """Start what does not run yet; return as soon as data can be landed.

    Airflow and the app may still be starting: ``laptop.run`` waits for them. Raises UsageError
    for wrong MINIO_* or PG_*, RunFailed for a server that cannot be reached or a service that
    died, with the end of its log.
    """
    environment = os.environ if environment is None else environment
    storage, database = own_storage(environment), own_database(environment)
    if storage:
        check_storage(storage)
    if database:
        check_database(database)
    with state.locked(lambda: say("another command is starting or stopping the services; waiting")):
        return _Start(state, say, environment, storage, database).everything()


@dataclass(frozen=True, slots=True)
class _Start:
    """One pass over the services, under the lock. Those that fit and run are left alone."""

    state: State
    say: Say
    environment: Mapping[str, str]
    own_storage: ObjectStorage | None
    own_database: AuditAddress | None

    def everything(self) -> System:
        server = self.postgres()
        with ThreadPoolExecutor(2) as pool:
            storing = pool.submit(self.object_storage)
            auditing = pool.submit(self.audit_database, server)
            metadata = self.metadata(server)
            storage = storing.result()
            publisher, reader = auditing.result()
        url = self.airflow(metadata, storage, publisher)
        app_url = self.app(storage, reader)
        return System(storage, reader, url, self.state.secret("airflow_password"), app_url)

    def postgres(self) -> PostgresServer:
        password = self.state.secret("postgres_password")
        known = self.state.services.get(postgres.SERVICE)
        if known and known.port and is_alive(known):
            return PostgresServer(LOOPBACK, known.port, postgres.SUPERUSER, password)
        self.say("starting PostgreSQL")
        server, service = postgres.start(
            self.state.path("postgres"),
            password=password,
            log=self.state.log(postgres.SERVICE),
            owner=self.state.folder,
            port=known.port if known else None,
        )
        self.state.record(service)
        return server

    def object_storage(self) -> ObjectStorage:
        known = self.state.services.get(object_storage.SERVICE)
        if self.own_storage:
            if known:
                self.end([known])
            return self.own_storage
        access, secret = self.state.secret("s3_access_key"), self.state.secret("s3_secret_key")
        if known and known.url and is_alive(known):
            return ObjectStorage(known.url, access, secret)
        self.say("starting the object storage")
        storage, service = object_storage.start(
            self.state.path("object-storage"),
            access_key=access,
            secret_key=secret,
            log=self.state.log(object_storage.SERVICE),
            owner=self.state.folder,
            port=known.port if known else None,
        )
        self.state.record(service)
        return storage

    def metadata(self, server: PostgresServer) -> str:
        """Airflow's own database: always the embedded one."""
        password = self.state.secret("airflow_database_password")
        if self.state.noted(airflow.MIGRATED) is None:
            self.say("creating Airflow's tables")
            postgres.ensure_database(server, METADATA_DATABASE, METADATA_DATABASE, password)
        dsn = server.dsn(METADATA_DATABASE, METADATA_DATABASE, password)
        airflow.migrate(
            self.state,
            airflow.settings(self.state, port=airflow.PREFERRED_PORT, metadata_dsn=dsn)
            | self.base_environment(),
        )
        return dsn

    def audit_database(self, server: PostgresServer) -> tuple[AuditAddress, AuditAddress]:
        """The audit database with every table, as publish and as the app see it."""
        if self.own_database:
            self.create_tables(self.own_database, {})
            return self.own_database, self.own_database
        word = {role: self.state.secret(f"{role}_password") for role in (OWNER, PUBLISHER, APP)}
        address = {
            role: AuditAddress(LOOPBACK, server.port, AUDIT_DATABASE, role, word[role])
            for role in word
        }
        tables = _digest_of_files("database")
        if self.state.noted("audit_tables") != tables:
            for role in (PUBLISHER, APP):
                postgres.ensure_role(server, role, word[role])
            postgres.ensure_database(server, AUDIT_DATABASE, OWNER, word[OWNER])
            self.create_tables(address[OWNER], {PUBLISHER: "publisher", APP: "app"})
            self.state.note("audit_tables", tables)
        return address[PUBLISHER], address[APP]

    def create_tables(self, owner: AuditAddress, duties: dict[str, Duty]) -> None:
        from laptop import tables

        tables.create(owner, duties)

    def airflow(self, metadata_dsn: str, storage: ObjectStorage, publisher: AuditAddress) -> str:
        known = self.state.services.get(airflow.API_SERVER)
        preferred = int(self.environment.get("SOC_AIRFLOW_PORT", airflow.PREFERRED_PORT))
        alive = known is not None and is_alive(known)
        port = known.port if known and known.port and alive else next_free(preferred)
        env = (
            self.base_environment()
            | airflow.settings(self.state, port=port, metadata_dsn=metadata_dsn)
            | airflow.connections(storage, publisher)
        )
        mark = _fingerprint(env)
        running = [self.state.services.get(name) for name in airflow.SERVICES]
        if not all(s and is_alive(s) and s.fingerprint == mark for s in running):
            # all three or none: they share a configuration
            self.end([service for service in running if service])
            if not alive and port != preferred:
                self.say(f"port {preferred} is taken: Airflow listens on {port}")
            self.say("starting Airflow")
            for name in airflow.SERVICES:
                self.state.record(airflow.start(self.state, name, env, port, mark))
        return f"http://{LOOPBACK}:{port}"

    def app(self, storage: ObjectStorage, reader: AuditAddress) -> str:
        known = self.state.services.get(app.SERVICE)
        env = self.base_environment() | storage.environment() | reader.environment()
        mark = _fingerprint(env)
        if known and known.url and is_alive(known) and known.fingerprint == mark:
            return known.url
        if known:
            self.end([known])
        preferred = int(self.environment.get("SOC_APP_PORT", app.PREFERRED_PORT))
        port = next_free(preferred)
        if port != preferred:
            self.say(f"port {preferred} is taken: the app listens on {port}")
        self.say("starting the app")
        self.state.record(app.start(self.state, env, port, mark))
        return app.url(port)

    def end(self, services: list[Service]) -> None:
        processes.stop(services, self.state.folder)
        self.state.forget(*(service.name for service in services))

    def base_environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in self.environment.items()
            if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
        }
        # A laptop has no sensors that land logs each night: no schedule, unless one is set.
        kept.setdefault("SOC_SCHEDULE", "none")
        return kept | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", "TZ": "UTC"}


def _fingerprint(env: Mapping[str, str]) -> str:
    """Of an environment and the installed packages."""
    lock = (PROJECT / "requirements.txt").read_text()
    return hashlib.sha256(json.dumps([sorted(env.items()), lock]).encode()).hexdigest()


def _digest_of_files(folder: str) -> str:
    """SHA-256 over the Python files of a folder of the project."""
    digest = hashlib.sha256()
    for path in sorted((PROJECT / folder).rglob("*.py")):
        digest.update(f"{path.relative_to(PROJECT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
