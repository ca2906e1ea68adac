"""Airflow on one machine: its settings, its own database, its three processes.

`airflow standalone` leaves processes behind on SIGTERM, so API server, scheduler and DAG processor
are services of their own. Nothing in the DAG defers, so there is no triggerer; task logs lie on the
same disk as the API server that shows them, so there is no log server either.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from laptop.addresses import AuditAddress
from laptop.object_storage import ObjectStorage
from laptop.ports import LOOPBACK
from laptop.processes import Service, ServiceDied, spawn
from laptop.state import PRIVATE_FILE, PROJECT, State, write_private

API_SERVER, SCHEDULER, DAG_PROCESSOR = "airflow-api-server", "airflow-scheduler", "airflow-dags"
SERVICES = (API_SERVER, SCHEDULER, DAG_PROCESSOR)
DAG_ID = "soc_pipeline"
PREFERRED_PORT = 8080
USER = "admin"
STOP_WITHIN_S = 10.0
MIGRATED = "airflow_migrated"
"""Key of the note that says which Airflow version the metadata database was made for."""


def settings(state: State, *, port: int, metadata_dsn: str) -> dict[str, str]:
    """Airflow's configuration as environment variables; secrets are made once and kept."""
    home = state.path("airflow")
    passwords = home / "passwords.json"
    if not passwords.exists():
        write_private(passwords, json.dumps({USER: state.secret("airflow_password")}))
    passwords.chmod(PRIVATE_FILE)
    own = {
        "CORE__DAGS_FOLDER": os.environ.get("SOC_DAGS_DIR") or str(PROJECT / "dags"),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__FERNET_KEY": state.secret("fernet_key", _fernet_key),
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks a name server
        "CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "DATABASE__SQL_ALCHEMY_CONN": metadata_dsn.replace("postgresql:", "postgresql+psycopg2:"),
        "API__HOST": LOOPBACK,
        "API__PORT": str(port),
        "API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "API__SECRET_KEY": state.secret("api_secret_key"),
        "API_AUTH__JWT_SECRET": state.secret("jwt_secret", lambda: secrets.token_urlsafe(64)),
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag_processor"),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {"AIRFLOW_HOME": str(home)} | {f"AIRFLOW__{name}": text for name, text in own.items()}


def connections(storage: ObjectStorage, audit: AuditAddress) -> dict[str, str]:
    """The connections ``minio`` and ``audit_postgres`` as variables: in no table, in no UI."""
    minio = {
        "conn_type": "aws",
        "login": storage.access_key,
        "password": storage.secret_key,
        "extra": {"endpoint_url": storage.endpoint, "region_name": storage.region},
    }
    postgres = {
        "conn_type": "postgres",
        "host": audit.host,
        "port": audit.port,
        "schema": audit.database,
        "login": audit.user,
        "password": audit.password,
    }
    return {
        "AIRFLOW_CONN_MINIO": json.dumps(minio),
        "AIRFLOW_CONN_AUDIT_POSTGRES": json.dumps(postgres),
    }


def migrate(state: State, env: dict[str, str]) -> None:
    """Create or update the metadata tables, once for each Airflow version.

    Raises ServiceDied with the end of its output.
    """
    current = version("apache-airflow-core")
    if state.noted(MIGRATED) == current:
        return
    log = state.log("airflow-migrate")
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    result = subprocess.run(
        [*_airflow(), "db", "migrate"],
        env=env,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    write_private(log, result.stdout + result.stderr)
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
        raise ServiceDied(f"airflow db migrate failed; the end of its log ({log}):\n{tail}")
    state.note(MIGRATED, current)


def start(
    state: State, name: str, env: dict[str, str], port: int, fingerprint: str = ""
) -> Service:
    """Start one of Airflow's three processes; it is ready some seconds later."""
    arguments = {
        API_SERVER: ["api-server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"],
        SCHEDULER: ["scheduler", "--skip-serve-logs"],
        DAG_PROCESSOR: ["dag-processor"],
    }[name]
    serves = name == API_SERVER
    return spawn(
        name,
        [*_airflow(), *arguments],
        log=state.log(name),
        owner=state.folder,
        env=env,
        cwd=PROJECT,
        port=port if serves else None,
        url=f"http://{LOOPBACK}:{port}" if serves else None,
        grace=STOP_WITHIN_S,
        fingerprint=fingerprint,
    )


def _airflow() -> list[str]:
    return [sys.executable, str(Path(sys.executable).with_name("airflow"))]


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
