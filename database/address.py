"""Where the audit database is, from the command line or the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

CONNECT_SECONDS = 10
_NEEDED = ("PG_HOST", "PG_USER", "PG_DATABASE")


class SettingError(Exception):
    """A setting is missing or unreadable; the message is one line that says how to mend it."""


def database_url(dsn: str | None = None, env: Mapping[str, str] = os.environ) -> URL:
    """SQLAlchemy address of the audit database.

    ``dsn`` is ``postgresql://user:password@host:port/database``; without it PG_HOST, PG_PORT
    (5432), PG_USER, PG_PASSWORD and PG_DATABASE are read. Raises SettingError.
    """
    if dsn:
        try:
            url = make_url(dsn)
        except (ArgumentError, ValueError):
            # not from the parser's error: it may repeat the password
            raise SettingError(
                "--dsn is not an address: write postgresql://user:password@host:port/database"
            ) from None
        if url.get_backend_name() not in {"postgresql", "postgres"}:
            raise SettingError("--dsn must begin with postgresql://: only PostgreSQL is supported")
        return url.set(drivername="postgresql+psycopg")
    missing = [name for name in _NEEDED if not env.get(name)]
    if missing:
        raise SettingError(f"{', '.join(missing)} not set: set it, or give --dsn")
    port = env.get("PG_PORT") or "5432"
    if not port.isdigit():
        raise SettingError(f"PG_PORT is {port!r}: write a number, usually 5432")
    return URL.create(
        "postgresql+psycopg",
        username=env["PG_USER"],
        password=env.get("PG_PASSWORD") or None,
        host=env["PG_HOST"],
        port=int(port),
        database=env["PG_DATABASE"],
    )
