"""Alerts of one cause are one incident, and the list starts with one alert of each."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.explanations.incidents import ALERTS_PER_INCIDENT, Finding, ranked
from tasks.explanations.techniques import TECHNIQUES

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def finding(
    number: int, family: str, p: float, *, src: str = "10.0.0.1", dst: str = "10.0.0.2",
    events: int = 1, kind: str = "network", user: str | None = None,
) -> Finding:  # fmt: skip
    event = {
        "event_id": f"C{number}", "timestamp": NOON, "src_ip": src, "dst_ip": dst, "user": user,
    }  # fmt: skip
    return Finding(number, kind, event, TECHNIQUES[kind][family], p, events)


def scan(keys: int) -> list[Finding]:
    return [finding(n, "fanout", 6 - n / 1e4, dst=f"10.1.0.{n}", events=2) for n in range(keys)]


def test_a_scan_is_one_incident_with_five_alerts_and_all_its_events() -> None:
    alerts = ranked(scan(100), None)
    assert len(alerts) == ALERTS_PER_INCIDENT
    assert len({alert.incident_id for alert in alerts}) == 1
    assert {alert.incident_events for alert in alerts} == {200}
    assert [alert.finding.entity for alert in alerts] == ["10.0.0.1"] * 5


def test_the_first_alert_of_every_incident_comes_before_any_second() -> None:
    beacon = [finding(900, "regular", 4, dst="198.51.100.9"), finding(901, "regular", 3.9, dst="x")]
    alerts = ranked([*scan(20), *beacon], None)
    assert [alert.rank for alert in alerts] == list(range(1, len(alerts) + 1))
    first = [alert.incident_id for alert in alerts[:3]]
    assert len(set(first)) == 3
    assert alerts[0].finding.technique == TECHNIQUES["network"]["fanout"]
    assert {alert.incident_id for alert in alerts[3:]} == {first[0]}


def test_incidents_are_ordered_by_their_best_row_and_a_little_by_size() -> None:
    small = finding(1, "regular", 4.0, src="10.0.0.8")
    large = finding(2, "regular", 3.9, src="10.0.0.9", events=400)
    far_better = finding(3, "volume", 9.0, src="10.0.0.10")
    order = [alert.finding.position for alert in ranked([small, large, far_better], None)]
    assert order == [3, 2, 1]


def test_the_budget_cuts_the_end_of_the_list() -> None:
    many = [finding(n, "regular", 5 - n / 100, dst=f"d{n}") for n in range(40)]
    alerts = ranked([*many, *scan(30)], 10)
    assert [alert.rank for alert in alerts] == list(range(1, 11))
    assert len({alert.incident_id for alert in alerts}) == 10


def test_probing_of_one_destination_by_many_sources_is_about_the_destination() -> None:
    probes = [finding(n, "fanin", 5, src=f"203.0.113.{n}") for n in range(50)]
    alerts = ranked(probes, None)
    assert len({alert.incident_id for alert in alerts}) == 1
    assert alerts[0].finding.entity == "10.0.0.2"


def test_logins_group_by_source_and_distributed_guessing_by_user() -> None:
    spray = [finding(n, "spraying", 5, kind="auth", user=f"u{n}") for n in range(8)]
    spread = [finding(20 + n, "spread", 5, kind="auth", user="root", src=f"s{n}") for n in range(8)]
    alerts = ranked([*spray, *spread], None)
    entities = {alert.incident_id: alert.finding.entity for alert in alerts}
    assert sorted(map(str, entities.values())) == ["10.0.0.1", "root"]


def test_ids_do_not_depend_on_the_order_or_the_run() -> None:
    findings = scan(12)
    once = [(a.incident_id, a.finding.position) for a in ranked(findings, None)]
    again = [(a.incident_id, a.finding.position) for a in ranked(findings[::-1], None)]
    assert once == again
