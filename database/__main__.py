"""``python -m database``: migrations and grants of the audit database.

Exit codes: 0 done; 1 the server refused or cannot be reached; 2 a setting is missing or wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from database import grants, schema
from database.address import SettingError, database_url

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False
)
Dsn = Annotated[
    str | None,
    typer.Option(help="postgresql://…; default: PG_HOST PG_PORT PG_USER PG_PASSWORD PG_DATABASE"),
]


class DutyName(StrEnum):
    publisher = "publisher"
    app = "app"


def _run(dsn: str | None, action: Callable[[URL], str]) -> None:
    try:
        url = database_url(dsn)
    except SettingError as error:
        print(f"database: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    where = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database}"
    try:
        print(f"{where}: {action(url)}")
    except SettingError as error:
        print(f"database: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except DBAPIError as error:
        reason = next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
        print(f"database: {where}: {reason} (check PG_* or --dsn)", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command()
def upgrade(dsn: Dsn = None) -> None:
    """Create or update the tables; safe to repeat."""

    def action(url: URL) -> str:
        before, now = schema.upgrade(url)
        return f"tables are at {now}" + ("" if before == now else f" (were at {before or 'none'})")

    _run(dsn, action)


@app.command()
def grant(
    role: Annotated[str, typer.Option(help="an existing role of the server")],
    duty: Annotated[DutyName, typer.Option("--as")] = DutyName.publisher,
    dsn: Dsn = None,
    sql: Annotated[bool, typer.Option("--sql", help="print the statements, run nothing")] = False,
) -> None:
    """Give a role what publishing needs, or what the app needs, and no more."""

    def action(url: URL) -> str:
        if sql:
            statements = grants.grant_statements(url.database or "postgres", role, duty.value)
            return "\n" + ";\n".join(statements) + ";"
        grants.grant(url, role, duty.value)
        return f"role {role} may act as {duty.value}"

    _run(dsn, action)


if __name__ == "__main__":
    app(prog_name="python -m database")
