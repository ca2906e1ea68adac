"""The tables and rights of the audit database, made with ``database`` in this process.

Imported late: the tables are made once, and Alembic is most of what a second `make run` would load.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from database import grants, schema
from database.address import SettingError, database_url
from laptop.addresses import AuditAddress
from laptop.errors import RunFailed, UsageError


def create(owner: AuditAddress, duties: dict[str, grants.Duty]) -> None:
    """Bring the tables up to date and give each role (role → duty) its rights.

    Raises UsageError or RunFailed, one line each.
    """
    url = database_url(owner.dsn)
    with _one_line(owner):
        schema.upgrade(url)
        for role, duty in duties.items():
            grants.grant(url, role, duty)


@contextmanager
def _one_line(address: AuditAddress) -> Iterator[None]:
    try:
        yield
    except SettingError as error:
        raise UsageError(str(error)) from None
    except DBAPIError as error:
        reason = next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
        where = f"audit database {address.host}:{address.port}/{address.database}"
        raise RunFailed(f"{where}: {reason}: check what user {address.user} may do") from None
