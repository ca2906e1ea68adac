"""DuckDB's answers about a run's events, against the same events in Polars."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import polars as pl
import pytest

from contracts.events import SCORED_COLUMNS
from dashboard.store.errors import StoreUnavailable
from dashboard.store.events import AROUND_ROWS, PAGE_ROWS, EventQuery, ScoredEvents
from dashboard.store.figures import SCORE_STEPS, score_figures
from tests.dashboard.made_events import scored_events


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    return scored_events(3_000, labels=True)


@pytest.fixture(scope="module")
def scored(events: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> ScoredEvents:
    path = tmp_path_factory.mktemp("scored") / "scored.parquet"
    events.write_parquet(path)
    return ScoredEvents(path)


def ids(scored: ScoredEvents, query: EventQuery) -> list[str]:
    return [row["event_id"] for row in scored.page(query).mappings()]


def test_pages_follow_the_stored_order_and_never_exceed_a_page(
    events: pl.DataFrame, scored: ScoredEvents
) -> None:
    page = scored.page(EventQuery(offset=100))
    assert page.columns == tuple(SCORED_COLUMNS)
    assert len(page.rows) == PAGE_ROWS
    assert page.total == len(events)
    assert ids(scored, EventQuery(offset=100)) == events["event_id"][100:150].to_list()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (EventQuery(kind="auth"), pl.col("kind") == "auth"),
        (EventQuery(severity="HIGH"), pl.col("severity") == "HIGH"),
        (EventQuery(floor=0.4), pl.col("ml_score") >= 0.4),
        (
            EventQuery(column="src_ip", text="1.20"),
            pl.col("src_ip").str.contains("1.20", literal=True),
        ),
        (EventQuery(column="conn_state", text="rej"), pl.col("conn_state") == "REJ"),
        (EventQuery(column="dst_port", text="443"), pl.col("dst_port") == 443),
        (EventQuery(text="USER17"), pl.col("user").str.starts_with("user17")),
        (
            EventQuery(kind="network", column="dst_port", text="22", floor=0.1),
            (pl.col("dst_port") == 22) & (pl.col("ml_score") >= 0.1),
        ),
    ],
)  # fmt: skip
def test_filters_find_what_a_plain_filter_finds(
    events: pl.DataFrame, scored: ScoredEvents, query: EventQuery, expected: pl.Expr
) -> None:
    wanted = events.filter(expected)
    assert len(wanted) > 0
    assert scored.page(query).total == len(wanted)
    assert ids(scored, query) == wanted["event_id"][:PAGE_ROWS].to_list()


@pytest.mark.parametrize("column", ["bytes", "timestamp", "src_ip", "dst_port"])
@pytest.mark.parametrize("descending", [True, False])
def test_sorting_orders_all_events_not_only_the_page(
    events: pl.DataFrame, scored: ScoredEvents, column: str, descending: bool
) -> None:
    page = scored.page(EventQuery(sort=f"-{column}" if descending else column))
    wanted = events.sort(column, descending=descending, nulls_last=True)[column]
    found = [row[column] for row in page.mappings()]
    if column == "timestamp":
        found = [moment.astimezone(UTC) for moment in found]
    assert found == wanted[:PAGE_ROWS].to_list()


@pytest.mark.parametrize(
    "query",
    [
        EventQuery(text="' OR 1=1 --"),
        EventQuery(text="%"),
        EventQuery(column="src_ip", text="'; DROP TABLE x; --"),
        EventQuery(kind="x' OR kind='auth"),
    ],
)
def test_text_is_never_sql(scored: ScoredEvents, query: EventQuery) -> None:
    assert scored.page(query).total == 0


@pytest.mark.parametrize("sort", ["(SELECT 1)", "ml_score; --", '"', "-nothing"])
def test_an_unknown_column_cannot_be_sorted_by(
    events: pl.DataFrame, scored: ScoredEvents, sort: str
) -> None:
    assert ids(scored, EventQuery(sort=sort)) == events["event_id"][:PAGE_ROWS].to_list()


def test_events_around_an_alert_are_those_of_its_key_nearest_in_time(
    events: pl.DataFrame, tmp_path: Path
) -> None:
    many = pl.concat([events.head(1), events.head(200)]).with_columns(
        src_ip=pl.lit("10.9.9.9"), dst_ip=pl.lit("10.8.8.8"), protocol=pl.lit("tcp"),
        dst_port=pl.lit(22, pl.UInt16), kind=pl.lit("network"),
        event_id=pl.format("E{}", pl.int_range(201)),
        timestamp=pl.col("timestamp").first() + pl.duration(seconds=pl.int_range(201)),
    )  # fmt: skip
    path = tmp_path / "scored.parquet"
    pl.concat([events, many]).write_parquet(path)
    scored = ScoredEvents(path)
    event = scored.event("E100")
    assert event is not None
    page = scored.around(event)
    assert page.total == 201
    found = [row["event_id"] for row in page.mappings()]
    assert len(found) == AROUND_ROWS
    assert found == [f"E{i}" for i in range(75, 125)] or found == [f"E{i}" for i in range(76, 126)]


def test_an_unknown_event_is_none(scored: ScoredEvents) -> None:
    assert scored.event("nobody") is None


@pytest.mark.parametrize("threshold", [0.0, 0.001, 0.285, 0.5, 0.7, 0.999, 1.0])
def test_the_figures_count_exactly_what_lies_at_or_above_a_threshold(
    events: pl.DataFrame, scored: ScoredEvents, tmp_path: Path, threshold: float
) -> None:
    figures = score_figures(scored.path, "d" * 64, tmp_path)
    step = round(threshold * SCORE_STEPS)
    key = {
        "network": ["src_ip", "dst_ip", "protocol", "dst_port"],
        "auth": ["user", "src_ip", "host"],
    }
    for kind, counts in figures.kinds.items():
        of_kind = events.filter(kind=kind)
        above = of_kind.filter(pl.col("ml_score") >= threshold)
        assert sum(counts.events[step:]) == len(above)
        assert sum(counts.keys[step:]) == len(above.select(key[kind]).unique())
        assert sum(counts.labelled[step:]) == above["label"].count()
        assert sum(counts.malicious[step:]) == (above["label"] == "Malicious").sum()
    assert figures.last == events["timestamp"].max()
    assert figures.has_labels
    assert score_figures(scored.path, "d" * 64, tmp_path) == figures


def test_a_file_that_is_no_parquet_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "scored.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(StoreUnavailable, match=r"^cannot read the run's Parquet: [^\n]+$"):
        ScoredEvents(path).page(EventQuery())
