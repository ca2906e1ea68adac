"""Who may do what: the role that publishes, and the role of the app."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import URL, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import NullPool

from database.address import CONNECT_SECONDS
from database.tables import (
    ALERTS,
    AUDIT_TABLES,
    METADATA,
    MODELS,
    PUBLICATIONS,
    SUPPRESSIONS,
    VERDICTS,
)

Duty = Literal["publisher", "app"]


def grant_statements(database: str, role: str, duty: Duty) -> list[str]:
    """SQL that gives ``role`` exactly the rights of ``duty``, whatever it had before.

    publisher: adds audit rows, publications, alerts and models, and may move the champion mark;
    it changes and deletes nothing else. app: reads everything, writes verdicts and suppressions.
    """
    quote = postgresql.dialect().identifier_preparer.quote_identifier  # type: ignore[no-untyped-call]
    name = quote(role)
    tables = [table.name for table in METADATA.sorted_tables]
    if duty == "publisher":
        insert = [table.name for table in (*AUDIT_TABLES, PUBLICATIONS, ALERTS, MODELS)]
        update = {MODELS.name: "champion"}
    else:
        insert = [VERDICTS.name, SUPPRESSIONS.name]
        # a suppression is ended before its time by a new date
        update = {SUPPRESSIONS.name: "expires_at"}
    return [
        f"GRANT CONNECT ON DATABASE {quote(database)} TO {name}",
        f"REVOKE ALL ON {', '.join(tables)} FROM {name}",
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT ON {', '.join(tables)} TO {name}",
        f"GRANT INSERT ON {', '.join(insert)} TO {name}",
        *(f"GRANT UPDATE ({column}) ON {table} TO {name}" for table, column in update.items()),
        f"GRANT USAGE ON {', '.join(f'{table}_id_seq' for table in insert)} TO {name}",
    ]


def grant(url: URL, role: str, duty: Duty) -> None:
    """Run ``grant_statements`` in one transaction; the role and the tables must exist."""
    engine = create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}
    )
    with engine.begin() as connection:
        for statement in grant_statements(url.database or "postgres", role, duty):
            connection.exec_driver_sql(statement)
