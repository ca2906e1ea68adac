"""What an analyst sees and does, in a real browser, over real stores."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import psycopg
import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import Served, Stores, Watched
from tests.dashboard.made_events import alert_rows, scored_events
from tests.dashboard.publication import audit, publish

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)
Serve = Callable[[dict[str, str]], Served]
Browse = Callable[..., Watched]


def test_an_analyst_goes_from_the_newest_run_to_the_reason_of_an_alert(
    stores: Stores, serve: Serve, browse: Browse
) -> None:
    now = datetime.now(UTC)
    older = publish(
        stores.folder / "store", stores.database.dsn, day=date(2026, 3, 3), n_alerts=5,
        cold_start=False, published_at=now - timedelta(days=1),
    )  # fmt: skip
    made = publish(stores.folder / "store", stores.database.dsn, published_at=now)
    tab = browse(serve(stores.environment).url)
    page = tab.page

    tab.open()
    tab.shown("alerts")
    rows = page.get_by_test_id("alerts").locator("tbody tr")
    expect(rows).to_have_count(len(made.alerts))
    expect(rows.first).to_contain_text(made.alerts[0]["sentence"])
    expect(rows.first).to_contain_text(made.alerts[0]["severity"])
    assert "Cold start" in tab.text("health")
    assert "3 of 1,003 rows rejected" in tab.text("health")

    rows.nth(2).click()
    tab.search(r"alert=" + made.alerts[2]["alert_id"])
    expect(page.get_by_test_id("sentence")).to_have_text(made.alerts[2]["sentence"])
    tab.shown("around")
    reasons = page.get_by_test_id("explanation").locator("li")
    expect(reasons).to_have_count(10)
    expect(reasons.first.locator(".right")).to_be_visible()
    expect(page.get_by_test_id("event-fields")).to_contain_text(made.alerts[2]["event_id"])
    page.get_by_text("Next ›").click()
    expect(page.get_by_test_id("sentence")).to_have_text(made.alerts[3]["sentence"])
    link = page.url

    colleague = browse(tab.url)
    colleague.page.goto(link)
    expect(colleague.page.get_by_test_id("sentence")).to_have_text(made.alerts[3]["sentence"])

    page.go_back()
    expect(page.get_by_test_id("sentence")).to_have_text(made.alerts[2]["sentence"])
    page.get_by_text("← All alerts").click()
    expect(rows).to_have_count(len(made.alerts))

    page.get_by_role("combobox").first.click()
    page.get_by_role("menuitem", name="2026-03-03").click()
    expect(rows).to_have_count(len(older.alerts))
    tab.search(r"run=2026-03-03\.1")
    expect(page.get_by_test_id("health")).to_contain_text("Not the newest")
    tab.assert_clean()
    colleague.assert_clean()


def test_events_are_filtered_sorted_and_paged_and_the_threshold_counts_them(
    stores: Stores, serve: Serve, browse: Browse
) -> None:
    made = publish(stores.folder / "store", stores.database.dsn, labels=True)
    tab = browse(serve(stores.environment).url)
    page = tab.page
    tab.open("?page=events")
    tab.shown("events")
    table = page.get_by_test_id("events")
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(table).to_contain_text("1–50 of 1,000")

    chart = page.get_by_label("Alert threshold").last
    chart.fill("300")
    above = made.events.filter(pl.col("ml_score") >= 0.3)
    expect(page.get_by_test_id("threshold-events")).to_have_text(f"{len(above):,}")
    network = above.filter(kind="network")
    malicious = network.filter(label="Malicious")
    share = f"{100 * len(malicious) / len(network):.1f} %"
    expect(page.get_by_test_id("threshold-precision")).to_have_text(share)
    tab.search(r"threshold=0\.3")
    page.get_by_label("Only at or above the threshold").check()
    expect(table).to_contain_text(f"of {len(above):,}")
    page.get_by_label("Only at or above the threshold").uncheck()

    page.get_by_label("Find").fill("192.168.1.77")
    page.get_by_label("Find").press("Enter")
    found = made.events.filter(pl.col("src_ip").str.contains("192.168.1.77", literal=True))
    expect(rows).to_have_count(len(found))
    page.get_by_label("Find").fill("")
    page.get_by_label("Find").press("Enter")
    expect(rows).to_have_count(50)

    table.get_by_role("button", name="Bytes").click()
    most = made.events.sort("bytes", descending=True, nulls_last=True).row(0, named=True)
    expect(rows.first).to_contain_text(f"{most['bytes']:,}")
    table.get_by_role("button", name="Next page").click()
    expect(table).to_contain_text("51–100 of 1,000")
    tab.search(r"sort=-bytes.*offset=50")

    page.reload()
    expect(table).to_contain_text("51–100 of 1,000")
    expect(table.get_by_role("columnheader", name="Bytes")).to_have_attribute(
        "aria-sort", "descending"
    )
    tab.assert_clean()


def test_metrics_say_what_was_not_measured_and_history_why_a_run_failed(
    stores: Stores, serve: Serve, browse: Browse
) -> None:
    publish(stores.folder / "store", stores.database.dsn, cold_start=False, rejected=0)
    reason = "auth.log: 812 of 2,000 lines rejected (40.6 %); raise max_rejected_share or mend it"
    with psycopg.connect(stores.database.dsn) as connection:
        audit(connection, "red", datetime.now(UTC), failed=("transformation_events", reason))
    tab = browse(serve(stores.environment).url)
    tab.open("?page=metrics")
    tab.shown("metrics")
    assert "not measured" in tab.text("metrics")
    assert "412 completed flows" in tab.text("model")
    health = tab.page.get_by_test_id("health")
    expect(health).to_contain_text("Newest run failed")
    expect(health).to_contain_text(reason)
    expect(health).to_contain_class("failed")

    tab.page.get_by_role("link", name="History").click()
    tab.shown("history")
    tab.page.get_by_role("link", name="Transformation").click()
    table = tab.page.get_by_test_id("history")
    expect(table.locator("tbody tr").first).to_contain_text("FAILED")
    expect(table.locator("tbody tr").first).to_contain_text(reason)
    tab.page.get_by_label("Toggle theme").click()
    tab.search("dark=1")
    tab.assert_clean()


def test_hostile_log_fields_are_text_on_every_page(
    stores: Stores, serve: Serve, browse: Browse
) -> None:
    attack = (
        '<img src=x onerror="window.fired=1;alert(1)"><script>window.fired=1</script>'
        '<svg onload=window.fired=1>"\'><a href="javascript:window.fired=1">x</a>'
        "<iframe src=//evil.example></iframe>"
    )
    clean = scored_events(300)
    names = (
        "src_ip",
        "dst_ip",
        "user",
        "protocol",
        "service",
        "conn_state",
        "host",
        "outcome",
        "label",
    )
    events = clean.with_columns(
        *(pl.lit(f"{name}{attack}").alias(name) for name in names),
        event_id=pl.format("{}{}", pl.col("event_id"), pl.lit(attack)),
    )
    alerts = alert_rows(events, 3)
    for alert in alerts:
        for name in ("sentence", "entity", "technique", "detector", "incident_id"):
            alert[name] = f"{name}{attack}"
        alert["alert_id"] += attack
    made = publish(
        stores.folder / "store", stores.database.dsn, events=events, alerts=alerts,
        run_id=f"run{attack}",
    )  # fmt: skip
    with psycopg.connect(stores.database.dsn) as connection:
        audit(connection, f"red{attack}", datetime.now(UTC), failed=("ingestion_events", attack))
    tab = browse(serve(stores.environment).url)
    page = tab.page
    for search, part in (
        ("", "alerts"),
        ("?page=events", "events"),
        ("?page=metrics", "metrics"),
        ("?page=history", "history"),
        ("?page=history&table=ingestion_events", "history"),
        ("?dark=1", "alerts"),
    ):
        tab.open(search)
        tab.shown(part)
        if part != "metrics":
            expect(page.get_by_test_id(part)).to_contain_text("<img src=x onerror=")
    tab.open()
    page.get_by_test_id("alerts").locator("tbody tr").first.click()
    tab.shown("around")
    expect(page.get_by_test_id("sentence")).to_have_text(made.alerts[0]["sentence"])
    assert "<script>window.fired=1</script>" in tab.text("event-fields")
    time.sleep(0.5)  # an image that fails to load reports it a moment later
    assert page.evaluate("window.fired") is None
    for element in ("img", "iframe", "svg[onload]", "a[href^='javascript']"):
        assert page.locator(element).count() == 0, element
    tab.assert_clean()


def test_the_page_survives_a_database_that_is_down_and_an_empty_one(
    stores: Stores, serve: Serve, browse: Browse
) -> None:
    down = serve({**stores.environment, "PG_PORT": "1"})
    tab = browse(down.url)
    tab.open()
    tab.shown("problem")
    assert "database not reachable at 127.0.0.1:1" in tab.text("problem")
    assert "\n" not in tab.text("problem").strip()

    tab = browse(serve(stores.environment).url)
    tab.open()
    tab.shown("empty")
    assert "make run INPUT=" in tab.text("empty")
    publish(stores.folder / "store", stores.database.dsn)
    tab.page.reload()
    tab.shown("alerts")
    tab.assert_clean()


def test_a_phone_shows_the_alerts_without_scrolling_sideways(
    stores: Stores, serve: Serve, browse: Browse
) -> None:
    publish(stores.folder / "store", stores.database.dsn)
    served = serve(stores.environment)
    tab = browse(served.url, width=390, height=844)
    for search, part in (("", "alerts"), ("?page=events", "events"), ("?page=metrics", "metrics")):
        tab.open(search)
        tab.shown(part)
        wide = tab.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, (search, wide)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=2) == 0
