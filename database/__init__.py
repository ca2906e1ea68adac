"""The audit database: its tables, migrations and grants. Nothing else defines tables.

``python -m database upgrade`` brings a database up to date, ``python -m database grant --role X``
lets a role publish (``--as publisher``) or serve the app (``--as app``). What enters: SQLAlchemy
and Alembic; no other part of the project is imported, and no other part imports this one.
"""
