"""Reads what runs published: Postgres, object storage, DuckDB over Parquet. Knows no Panel."""
