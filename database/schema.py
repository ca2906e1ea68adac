"""Bringing a database to the newest migration, once, whoever else tries at the same time."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from database.address import CONNECT_SECONDS, SettingError

VERSION_TABLE = "soc_copilot_version"
"""Not Alembic's default name: the database may hold another project's tables too."""
_LOCK = 0x50C_C0_91
"""Key of the advisory lock that one migration at a time holds."""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None, "database/migrations/versions is empty"
    return head


def upgrade(url: URL) -> tuple[str | None, str]:
    """Run the migrations that are missing, in one transaction; (revision before, revision now).

    Safe to repeat and to run from several processes at once: the second waits for the first and
    finds nothing to do. Raises SettingError where tables of the same names are somebody else's,
    sqlalchemy.exc.OperationalError where the server cannot be reached.
    """
    engine = create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}
    )
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        before = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE}
        ).get_current_revision()
        try:
            command.upgrade(_config(connection), "head")
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != "42P07":  # duplicate_table
                raise
            raise SettingError(
                f"database {url.database!r} already has tables of these names that are not this "
                f"project's ({str(error.orig).splitlines()[0]}): set PG_DATABASE to an empty one"
            ) from None
    return before, newest_revision()
