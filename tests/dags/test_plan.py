"""plan on a real database and object storage: every input is pinned, or one line says why not."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from contracts.layers import EVAL_BUCKET, RAW_BUCKET, plan_key
from contracts.plan import Plan
from dags import plan as planning
from dags.connections import MINIO, audit_database, explained, object_storage
from dags.plan import Request, make_plan, pin, request_of
from dags.publish import publish
from dags.run_form import run_form
from tests.dags.runs import SUCCESS, Run
from tests.dags.servers import Servers, audit_connection, minio_connection

DUE = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@pytest.fixture
def servers(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Servers:
    """plan with the hook that all tests share."""
    monkeypatch.setattr(planning, "object_storage", lambda: servers.hook)
    return servers


def context(run_id: str = "manual__plan", **params: Any) -> dict[str, Any]:
    form = {name: param.value for name, param in run_form().items()}
    dag_run = SimpleNamespace(run_id=run_id, run_after=DUE, data_interval_end=DUE)
    return {"params": form | params, "dag_run": dag_run}


def land(servers: Servers, **files: bytes) -> None:
    for key, data in files.items():
        servers.s3.put_object(Bucket=RAW_BUCKET, Key=f"landing/{key}", Body=data)


def landed(servers: Servers, day: str, *names: str) -> None:
    land(servers, **{f"{day}/{name}": f"{day} {name}".encode() for name in names})


def planned(servers: Servers, **params: Any) -> Plan:
    request = request_of(context(**params))
    with audit_database() as audit:
        return pin(request, servers.hook, audit)


def names(plan: Plan, *, baseline: bool = False) -> list[str]:
    return [file.name for file in plan.inputs if file.baseline is baseline]


def test_a_day_is_what_has_landed_in_its_folder_by_key_with_digests(servers: Servers) -> None:
    landed(servers, "2030-01-01", "zeek.log", "auth.log", "sub/other.log")
    landed(servers, "2030-01-01x", "no.log")
    plan = planned(servers, day="2030-01-01")
    assert plan.day == date(2030, 1, 1)
    assert names(plan) == ["auth.log", "zeek.log"]
    body = b"2030-01-01 auth.log"
    assert plan.inputs[0].sha256 == hashlib.sha256(body).hexdigest()
    assert plan.inputs[0].bytes == len(body)
    assert plan.inputs[0].location == f"{RAW_BUCKET}/landing/2030-01-01/auth.log"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("landing/2030-02-0*/conn*", ["conn.log", "conn.b.log"]),
        ("landing/2030-02-01/", ["auth.log", "conn.log"]),
        ("s3://cybersec-ml-raw/landing/2030-02-02/*", ["conn.b.log", "deep.log"]),
        ("landing/2030-02-01/auth.log\n landing/2030-02-02/dir/*", ["auth.log", "deep.log"]),
        ("landing/2030-02-0[2]/conn.?.log", ["conn.b.log"]),
    ],
)
def test_an_input_pattern_makes_a_batch(
    servers: Servers, pattern: str, expected: list[str]
) -> None:
    landed(servers, "2030-02-01", "auth.log", "conn.log")
    landed(servers, "2030-02-02", "conn.b.log", "dir/deep.log")
    plan = planned(servers, input=pattern)
    assert plan.day is None
    assert names(plan) == expected


def test_a_file_of_both_patterns_is_baseline(servers: Servers) -> None:
    landed(servers, "2030-03-01", "today.log", "clean/monday.log", "clean/tuesday.log")
    plan = planned(servers, input="landing/2030-03-01/*", baseline="landing/2030-03-01/clean/")
    assert names(plan) == ["today.log"]
    assert names(plan, baseline=True) == ["monday.log", "tuesday.log"]


def test_an_empty_file_is_pinned_and_left_to_ingest_to_judge(servers: Servers) -> None:
    land(servers, **{"2030-04-01/empty.log": b"", "2030-04-01/folder/": b""})
    plan = planned(servers, day="2030-04-01")
    assert [(f.name, f.bytes, f.sha256[:8]) for f in plan.inputs] == [("empty.log", 0, "e3b0c442")]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"day": "2031-01-01"}, r"no file has landed in cybersec-ml-raw/landing/2031-01-01/: put"),
        ({"input": "landing/none/*"}, r"input 'landing/none/\*' matches no object.*upload"),
        ({"input": "landing/*", "baseline": "nope"}, r"baseline 'nope' matches no object"),
        ({"day": "yesterday"}, r"day 'yesterday'"),
        ({"window_minutes": 7}, r"parameter window_minutes = 7: .*must divide"),
        ({"contamination": "0.9"}, r"parameter contamination = 0.9"),
        ({"day": "2031-01-01", "retrain": False}, r"no model has been published yet: trigger"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_one_line_and_not_retried(
    servers: Servers, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message) as caught:
        planned(servers, **params)
    assert "\n" not in str(caught.value)


def test_the_day_of_a_schedule_is_the_last_that_had_ended() -> None:
    assert request_of(context()).day == date(2026, 11, 20)
    at_midnight = context()
    at_midnight["dag_run"].data_interval_end = datetime(2026, 11, 21, tzinfo=UTC)
    assert request_of(at_midnight).day == date(2026, 11, 20)
    by_hand = context()
    by_hand["dag_run"].data_interval_end = None
    assert request_of(by_hand).day == date(2026, 11, 20)


def test_parameters_of_the_form_reach_the_plan(servers: Servers) -> None:
    landed(servers, "2030-05-01", "conn.log")
    plan = planned(
        servers, day="2030-05-01", contamination="0.02", n_estimators=50, alert_threshold=0.9
    )
    parameters = plan.parameters
    assert (parameters.contamination, parameters.n_estimators) == (0.02, 50)
    assert parameters.alert_threshold == 0.9


def published_days(servers: Servers, *days: date, batch: bool = False) -> list[Run]:
    runs = []
    for day in days:
        run = Run(servers, day=None if batch else day)
        run.raw_days = {kind: (day.isoformat(), 10) for kind in ("network", "auth")}
        runs.append(run.finish_all())
        publish(servers.hook, run.run_id, SUCCESS)
    return runs


def test_history_is_the_newest_generation_of_earlier_days_oldest_first(servers: Servers) -> None:
    landed(servers, "2030-06-10", "conn.log")
    runs = published_days(
        servers, date(2030, 6, 9), date(2030, 6, 8), date(2030, 6, 8), date(2030, 6, 10)
    )
    plan = planned(servers, day="2030-06-10")
    expected = [
        artifact.location
        for run in (runs[2], runs[0])
        for artifact in run.manifests["transform"].outputs
        if artifact.role == "profile"
    ]
    assert [profile.location for profile in plan.history] == expected
    assert [(p.day.day, p.kind) for p in plan.history] == [
        (8, "network"), (8, "auth"), (9, "network"), (9, "auth"),
    ]  # fmt: skip
    assert planned(servers, input="landing/2030-06-10/*").history == ()


def test_a_batch_that_somebody_tried_out_is_no_history(servers: Servers) -> None:
    landed(servers, "2030-08-10", "conn.log")
    (day,) = published_days(servers, date(2030, 8, 8))
    published_days(servers, date(2030, 8, 8), date(2030, 8, 9), batch=True)
    plan = planned(servers, day="2030-08-10")
    assert [profile.location for profile in plan.history] == [
        artifact.location
        for artifact in day.manifests["transform"].outputs
        if artifact.role == "profile"
    ]


def test_history_reaches_back_a_fixed_number_of_days(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "HISTORY_DAYS", 2)
    landed(servers, "2030-07-10", "conn.log")
    published_days(servers, *(date(2030, 7, day) for day in (5, 6, 7)))
    plan = planned(servers, day="2030-07-10")
    assert [profile.day.day for profile in plan.history] == [6, 6, 7, 7]


def test_without_retraining_the_champion_is_pinned(servers: Servers) -> None:
    landed(servers, "2030-08-02", "conn.log")
    (run,) = published_days(servers, date(2030, 8, 1))
    model, arrays, card = run.manifests["train"].outputs
    champion = planned(servers, day="2030-08-02", retrain=False).champion
    assert champion is not None
    assert (champion.location, champion.sha256) == (model.location, model.sha256)
    assert (champion.arrays.sha256, champion.card.sha256) == (arrays.sha256, card.sha256)
    assert planned(servers, day="2030-08-02").champion is None


def test_a_retry_keeps_the_plan_whatever_has_landed_since(servers: Servers) -> None:
    landed(servers, "2030-09-01", "conn.log")
    first = make_plan(context("manual__kept", day="2030-09-01"))
    stored = servers.s3.get_object(Bucket=EVAL_BUCKET, Key=plan_key(first.slug))["Body"].read()
    assert Plan.model_validate(json.loads(stored)) == first
    landed(servers, "2030-09-01", "late.log")
    assert make_plan(context("manual__kept", day="2030-09-01")) == first
    again = servers.s3.get_object(Bucket=EVAL_BUCKET, Key=plan_key(first.slug))["Body"].read()
    assert again == stored
    new_run = make_plan(context("manual__late", day="2030-09-01"))
    assert names(new_run) == ["conn.log", "late.log"]


def test_two_runs_never_share_a_folder(servers: Servers) -> None:
    landed(servers, "2030-10-01", "conn.log")
    make_plan(context("manual__a b", day="2030-10-01"))
    with pytest.raises(AirflowFailException, match="belongs to run 'manual__a b'"):
        make_plan(context("manual__a-b", day="2030-10-01"))


def test_a_missing_bucket_is_named(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "RAW_BUCKET", "no-such-bucket")
    request = Request("r", date(2030, 1, 1), "", "", request_of(context()).parameters)
    with (
        pytest.raises(AirflowFailException, match=r"no bucket.*create it"),
        explained(),
        audit_database() as audit,
    ):
        pin(request, servers.hook, audit)


@pytest.mark.parametrize(
    ("changes", "message", "kind"),
    [
        ({"password": "wrong"}, "refused the credentials.*MINIO_SECRET_KEY", AirflowFailException),
        ({"login": "nobody"}, "refused the credentials.*MINIO_ACCESS_KEY", AirflowFailException),
        ({"extra": {"endpoint_url": "http://127.0.0.1:1"}}, "cannot be reached", AirflowException),
    ],
)
def test_object_storage_that_refuses_is_explained(
    servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
    changes: Any,
    message: str,
    kind: type[Exception],
) -> None:
    connection = minio_connection(servers.storage, **changes)
    monkeypatch.setenv(f"AIRFLOW_CONN_{MINIO.upper()}", connection)
    monkeypatch.setattr(planning, "object_storage", object_storage)
    with pytest.raises(AirflowException, match=message) as caught:
        make_plan(context("manual__refused", day="2030-01-01"))
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


def test_a_database_that_is_down_is_retried_and_leaves_no_plan(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(servers, "2030-11-01", "conn.log")
    down = audit_connection(servers.database, port=1)
    monkeypatch.setenv("AIRFLOW_CONN_AUDIT_POSTGRES", down)
    with pytest.raises(AirflowException, match="audit database cannot be used") as caught:
        make_plan(context("manual__down", day="2030-11-01"))
    assert type(caught.value) is AirflowException
    monkeypatch.setenv("AIRFLOW_CONN_AUDIT_POSTGRES", audit_connection(servers.database))
    assert names(make_plan(context("manual__down", day="2030-11-01"))) == ["conn.log"]
