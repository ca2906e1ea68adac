"""The product's own readers take every record of a simulated day."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from tasks.simulator import SimulatedDay
from tasks.sources.detection import detect
from tasks.sources.source import ReadOptions

_OPTIONS = ReadOptions(created=datetime(2026, 11, 20, tzinfo=UTC), year=2026)


def test_every_flow_is_read_under_its_uid(wednesday: SimulatedDay) -> None:
    _, source = detect(wednesday.conn_log)
    assert source is not None
    batches = list(source.read(wednesday.conn_log, _OPTIONS))
    assert sum(batch.rejected.height for batch in batches) == 0
    rows = pl.concat([batch.events["network"] for batch in batches])
    assert rows.height == wednesday.flows
    truth = pl.read_csv(wednesday.truth, schema_overrides={"reference": pl.String})
    marked = truth.filter(file="conn.log")["reference"]
    assert marked.is_in(rows["event_id"].to_list()).all()
    days = rows["timestamp"].dt.date().unique().to_list()
    assert days == [wednesday.day]


def test_every_login_is_read_and_the_rest_is_known(wednesday: SimulatedDay) -> None:
    _, source = detect(wednesday.auth_log)
    assert source is not None
    batches = list(source.read(wednesday.auth_log, _OPTIONS))
    assert sum(batch.rejected.height for batch in batches) == 0
    assert sum(batch.events["auth"].height for batch in batches) == wednesday.auth_events
    skipped = sum(sum(batch.skipped.values()) for batch in batches)
    assert skipped == wednesday.auth_lines - wednesday.auth_events
