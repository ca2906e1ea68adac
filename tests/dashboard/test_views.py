"""What the views say, without a browser."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from dashboard.store.figures import ScoreFigures
from dashboard.store.records import FailedStage, Page, Publication
from dashboard.views import alerts, history, metrics
from dashboard.views.components import DataTable
from dashboard.views.explanation import explanation
from dashboard.views.health import assess, health_line
from dashboard.views.wording import ago, byte_size, quantity
from tests.dashboard.made_events import MODEL_CARD, alert_rows, metric_rows, scored_events

NOW = datetime(2026, 3, 5, 8, 0, tzinfo=UTC)


def publication(**changes: Any) -> Publication:
    given: dict[str, Any] = {
        "id": 1, "day": date(2026, 3, 4), "generation": 1, "run_id": "daily",
        "published_at": NOW - timedelta(hours=4), "rows_in": 1_000, "rows_rejected": 0,
        "rows_skipped": {}, "alerts": 3, "cold_start": False, "provisional": False,
        "alert_threshold": 0.71, **changes,
    }  # fmt: skip
    return Publication(**given)


FAILED = FailedStage("red", "transform", NOW, "disk full: free 2 GB")


@pytest.mark.parametrize(
    ("changes", "failed", "level", "says"),
    [
        ({}, [], "good", "In order"),
        ({"cold_start": True}, [], "attention", "learned from this day itself"),
        ({"provisional": True}, [], "attention", "fewer than two clean days"),
        ({"rows_rejected": 10}, [], "attention", "1.0% of the rows could not be read"),
        ({"published_at": NOW - timedelta(days=3)}, [], "attention", "No newer run"),
        ({}, [FAILED], "failed", "Stage transform of run red failed"),
        ({"cold_start": True}, [FAILED], "failed", "disk full: free 2 GB"),
    ],
)
def test_health_is_good_only_when_there_is_nothing_to_know(
    changes: dict[str, Any], failed: list[FailedStage], level: str, says: str
) -> None:
    shown = publication(**changes)
    health = assess(shown, shown, failed, None, NOW)
    assert health.level == level
    line = health_line(health)
    assert f"health {level}" in line
    assert says in line


def test_an_older_run_is_never_shown_as_the_newest() -> None:
    newest = publication(id=2, day=date(2026, 3, 5))
    health = assess(publication(), newest, [], None, NOW)
    assert health.level == "attention"
    assert "Not the newest" in health.reasons[0]


def test_health_says_in_utc_when_the_data_ended() -> None:
    figures = ScoreFigures({}, None, datetime(2026, 3, 4, 23, 59, 58, tzinfo=UTC))
    shown = publication(rows_rejected=3, rows_skipped={"cron": 12, "zeek:dns": 4_000})
    facts = dict(assess(shown, shown, [], figures, NOW).facts)
    assert facts["Data until"] == "2026-03-04 23:59:58 UTC"
    assert facts["Read"] == "3 of 1,000 rows rejected (0.3 %)"
    assert facts["Skipped"] == "zeek:dns 4,000, cron 12"


def test_the_most_negative_attribution_leads_and_points_towards_anomalous() -> None:
    rows = [
        {"feature": "conn_flows", "value": 12.0, "usual": 30.0, "attribution": 0.05,
         "method": "shap", "rank": 2},
        {"feature": "port_rarity", "value": 0.2, "usual": 5.0, "attribution": -0.2,
         "method": "shap", "rank": 1},
    ]  # fmt: skip
    shown = explanation("network", rows)
    first, second = re.findall(r"<li>.*?</li>", shown)
    none = explanation("network", [{**rows[0], "usual": 0.0}])
    assert "usually none" in none
    assert "share of other (source, destination) pairs that use this protocol and port" in first
    assert "<b>0.2 % of pairs</b>" in first
    assert "usually at least 5" in first
    assert 'class="right" style="width:100.0%"' in first
    assert "towards anomalous" in first
    assert "<b>12 flows</b>" in second
    assert "usually at most 30" in second
    assert 'class="left" style="width:100.0%"' in second


def test_what_was_not_measured_is_said_and_never_zero() -> None:
    shown = metrics.metric_tables(metric_rows(labels=False))
    row = re.search(r"<tr><td>average precision</td>(.*?)</tr>", shown)
    assert row is not None
    assert row.group(1).count("not measured") == 2
    assert ">0<" not in row.group(1)
    labelled = metrics.metric_tables(metric_rows(labels=True))
    assert ">0.931<" in labelled


def test_drift_is_ordered_and_read_out() -> None:
    shown = metrics.metric_tables(metric_rows(labels=False))
    readings = re.findall(r"<td>(stable|moved|changed)</td>", shown)
    assert readings == sorted(readings, key=["changed", "moved", "stable"].index)
    assert {"changed", "moved", "stable"} == set(readings)
    none = [{"metric": "psi_conn_flows", "kind": "network", "split": "day", "value": None}]
    assert "Drift: not measured" in metrics.metric_tables(none)


def test_the_model_says_what_it_learned_from() -> None:
    shown = metrics.model_section(publication(cold_start=True), MODEL_CARD)
    assert "412 completed flows of today" in shown
    assert "n_estimators = 100" in shown
    assert "Cold start" in shown
    assert "not recorded" in metrics.model_section(publication(), {})


def test_alerts_are_counted_by_severity_and_listed_by_rank() -> None:
    found = alert_rows(scored_events(2_000), 20)
    summary = alerts.summary(publication(), found)
    assert "<dt>Alerts</dt><dd>20</dd>" in summary
    table = DataTable()
    alerts.fill(table, found, marked="")
    assert [row[0] for row in table.rows] == [str(i) for i in range(1, 21)]
    assert table.keys == [alert["alert_id"] for alert in found]


def test_a_table_reports_only_what_it_shows() -> None:
    seen: list[object] = []
    table = DataTable(on_pick=seen.append, on_sort=seen.append, on_offset=seen.append)
    table.fill([], [["x"]], keys=["a"], total=100)
    for message in (
        {"pick": "a"}, {"pick": "b"}, {"pick": 7}, {"offset": 50}, {"offset": 100},
        {"offset": -1}, {"offset": "1"}, {"sort": "bytes"}, {"sort": None}, {},
    ):  # fmt: skip
        table._handle_msg(message)
    assert seen == ["a", 50, "bytes"]


def test_a_failure_s_reason_is_shown_whole_in_history() -> None:
    columns = ("timestamp_ingesta", "estado", "run_id", "attempt", "reason")
    table = DataTable()
    history.fill(table, Page(columns, ((NOW, "FAILED", "r", 2, "disk full"),), 1))
    assert table.columns[-1]["look"] == "sentence"
    assert table.rows == [["2026-03-05 08:00:00", "FAILED", "r", "2", "disk full"]]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (412.0, "ports", "412 ports"),
        (1_412.4, "flows", "1,412 flows"),
        (0.953, "share", "95.3 %"),
        (1_234_567.0, "bytes", "1.23 MB"),
        (0.041, "% of pairs", "0.041 % of pairs"),
        (2.5, "points", "2.5"),
        (None, "ports", "–"),
        (float("nan"), "ports", "–"),
    ],
)
def test_quantities_read_naturally(value: float | None, unit: str, shown: str) -> None:
    assert quantity(value, unit) == shown


def test_sizes_and_ages_use_the_unit_that_fits() -> None:
    assert [byte_size(v) for v in (0, 999, 1_000, 5e9, 2e15)] == [
        "0 B", "999 B", "1 kB", "5 GB", "2,000 TB",
    ]  # fmt: skip
    assert ago(NOW - timedelta(minutes=5), NOW) == "5 min ago"
    assert ago(NOW - timedelta(hours=30), NOW) == "30 h ago"
    assert ago(NOW - timedelta(days=3), NOW) == "3 days ago"
    assert ago(NOW + timedelta(hours=1), NOW) == "just now"
