"""Alembic's entry: runs the migrations on the connection that ``database.schema`` hands over."""

from __future__ import annotations

from alembic import context

from database.schema import VERSION_TABLE
from database.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    compare_type=True,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
