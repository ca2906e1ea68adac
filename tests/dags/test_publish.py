"""publish on a real database and object storage: all of a run becomes visible, or nothing."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from contracts.layers import STAGES
from contracts.plan import ModelRef, ObjectRef, RunParameters
from dags.publish import publish, storable
from tests.dags.runs import DAY, SUCCESS, Run, alert
from tests.dags.servers import Servers, audit_connection

TABLES = (
    "ingestion_events", "transformation_events", "training_events", "evaluation_events",
    "publications", "alerts", "models",
)  # fmt: skip


@pytest.fixture
def run(servers: Servers) -> Run:
    return Run(servers)


def published(run: Run, **states: str | None) -> None:
    publish(run.servers.hook, run.run_id, SUCCESS | states)


def counts(servers: Servers) -> dict[str, int]:
    return {table: servers.count(table) for table in TABLES}


def test_a_complete_run_is_published_as_generation_1(servers: Servers, run: Run) -> None:
    published(run.finish_all())
    (row,) = servers.rows("SELECT * FROM publications")
    assert (row["day"], row["generation"], row["run_id"]) == (DAY, 1, run.run_id)
    assert row["plan_digest"] == hashlib.sha256(run.plan_bytes).hexdigest()
    assert (row["rows_in"], row["rows_rejected"], row["rows_skipped"]) == (1_005, 5, {"cron": 3})
    assert (row["alerts"], row["cold_start"], row["provisional"]) == (2, True, True)
    assert row["alert_threshold"] == 0.91
    expected = [a for stage in STAGES for a in run.manifests[stage].outputs]
    assert [item["location"] for item in row["artifacts"]] == [a.location for a in expected]
    summary = row["summary"]
    assert summary["stage_seconds"] == dict.fromkeys(STAGES, 30.0)
    assert summary["figures"]["evaluate"]["metrics"]["network"]["auc"] == 0.99
    assert summary["model"]["family"] == "isoforest"
    assert summary["parameters"]["n_estimators"] == 100


def test_every_alert_is_published_as_explain_wrote_it(servers: Servers, run: Run) -> None:
    published(run.finish_all())
    rows = servers.rows("SELECT * FROM alerts ORDER BY rank")
    assert [{name: row[name] for name in alert(1)} for row in rows] == run.alerts


def test_audit_rows_follow_the_contract(servers: Servers, run: Run) -> None:
    published(run.finish_all())
    ingest, transform, train, evaluate, explain = (run.manifests[stage] for stage in STAGES)
    rows = servers.rows("SELECT * FROM ingestion_events ORDER BY num_registros DESC")
    assert [(r["kind"], r["num_registros"], r["estado"]) for r in rows] == [
        ("network", 900, "SUCCESS"), ("auth", 100, "SUCCESS"),
    ]  # fmt: skip
    assert rows[0]["ruta_minio"] == ingest.outputs[0].location
    assert rows[0]["nombre_archivo"] == ingest.outputs[0].location.split("/")[-1]
    assert rows[0]["digest"] == ingest.outputs[0].sha256
    assert rows[0]["timestamp_ingesta"] == datetime(2026, 11, 21, 2, 0, 30)
    assert rows[0]["details"]["inputs"] == ["conn.log"]
    assert servers.count("transformation_events") == 2
    rows = servers.rows("SELECT * FROM training_events ORDER BY num_registros DESC")
    assert [(r["kind"], r["num_registros"]) for r in rows] == [("network", 412), ("auth", 37)]
    assert {row["ruta_modelo"] for row in rows} == {train.outputs[0].location}
    assert json.loads(rows[0]["parametros"]) == {"n_estimators": 100}
    rows = servers.rows("SELECT * FROM evaluation_events ORDER BY stage, kind DESC")
    assert [(r["stage"], r["kind"]) for r in rows] == [
        ("evaluate", "network"), ("evaluate", "auth"), ("explain", None),
    ]  # fmt: skip
    assert rows[0]["metrics"] == {"auc": 0.99, "precision": None, "rows": 900}
    assert rows[0]["modelo_nombre"] == train.outputs[0].location.split("/")[-1]
    assert rows[0]["nombre_dataset"] == transform.outputs[0].location.split("/")[-1]
    assert rows[0]["ruta_resultados"] == evaluate.outputs[0].location
    assert rows[2]["ruta_resultados"] == explain.outputs[0].location


def test_publishing_the_same_manifests_again_changes_nothing(servers: Servers, run: Run) -> None:
    published(run.finish_all())
    before = counts(servers)
    published(run)
    assert counts(servers) == before


def test_a_repeated_stage_is_the_next_generation(servers: Servers, run: Run) -> None:
    published(run.finish_all())
    run.finish("evaluate", attempt=2)
    run.finish("explain", attempt=2)
    published(run)
    rows = servers.rows("SELECT generation, manifests_digest FROM publications ORDER BY 1")
    assert [row["generation"] for row in rows] == [1, 2]
    assert servers.count("alerts") == 4
    # what was not repeated is audited once
    assert servers.count("ingestion_events") == 2
    attempts = servers.rows("SELECT attempt FROM evaluation_events WHERE stage = 'explain'")
    assert [row["attempt"] for row in attempts] == [1, 2]


def test_another_run_of_the_day_is_the_next_generation_and_of_another_day_the_first(
    servers: Servers, run: Run
) -> None:
    published(run.finish_all())
    published(Run(servers).finish_all())
    published(Run(servers, day=date(2026, 11, 19)).finish_all())
    rows = servers.rows("SELECT day, generation FROM publications ORDER BY id")
    assert [(r["day"].day, r["generation"]) for r in rows] == [(20, 1), (20, 2), (19, 1)]


def test_two_publishes_at_once_get_two_generations(servers: Servers) -> None:
    runs = [Run(servers).finish_all() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(published, runs))
    rows = servers.rows("SELECT generation FROM publications ORDER BY 1")
    assert [row["generation"] for row in rows] == [1, 2, 3, 4]
    assert len(servers.rows("SELECT 1 FROM models WHERE champion")) == 1


def test_a_batch_belongs_to_the_day_of_most_of_its_events(servers: Servers) -> None:
    run = Run(servers, day=None)
    run.raw_days = {"network": ("2017-04-25", 100), "auth": ("2017-04-26", 900)}
    published(run.finish_all())
    assert servers.rows("SELECT day FROM publications") == [{"day": date(2017, 4, 26)}]


def test_a_failed_stage_is_audited_with_its_reason_and_nothing_is_published(
    servers: Servers, run: Run
) -> None:
    run.finish("ingest")
    run.finish("transform")
    run.fail("train", "out of patience", attempt=1)
    run.fail("train", "train: 3 reference rows; land more logs", attempt=2)
    with pytest.raises(AirflowFailException, match="audited, not published: train: 3 reference"):
        published(run, train="failed", evaluate="upstream_failed", explain="upstream_failed")
    (row,) = servers.rows("SELECT * FROM training_events")
    assert (row["estado"], row["attempt"]) == ("FAILED", 2)
    assert row["reason"] == "train: 3 reference rows; land more logs"
    assert {r["estado"] for r in servers.rows("SELECT estado FROM ingestion_events")} == {"SUCCESS"}
    # stages that never ran have no row, and nothing but the audit is visible
    assert counts(servers) | {"ingestion_events": 0, "transformation_events": 0} == dict.fromkeys(
        TABLES, 0
    ) | {"training_events": 1}


@pytest.mark.parametrize(
    ("stage", "table"),
    [("ingest", "ingestion_events"), ("transform", "transformation_events"),
     ("train", "training_events"), ("evaluate", "evaluation_events"),
     ("explain", "evaluation_events")],
)  # fmt: skip
def test_a_killed_stage_is_audited_too(servers: Servers, run: Run, stage: Any, table: str) -> None:
    before = STAGES[: STAGES.index(stage)]
    for earlier in before:
        run.finish(earlier)
    later = dict.fromkeys(STAGES[len(before) + 1 :], "upstream_failed")
    with pytest.raises(AirflowFailException, match=f"{stage}: killed or lost"):
        published(run, **{stage: "failed", **later})
    (row,) = servers.rows(f"SELECT * FROM {table} WHERE estado = 'FAILED'")
    assert "no failure.json" in row["reason"]
    assert row.get("stage", stage) == stage
    assert servers.count("publications") == 0


def test_a_failure_older_than_the_last_manifest_is_not_the_reason(
    servers: Servers, run: Run
) -> None:
    run.fail("ingest", "the network was down", attempt=1)
    run.finish("ingest", attempt=2)
    with pytest.raises(AirflowFailException, match="killed or lost"):
        published(run, ingest="failed", **dict.fromkeys(STAGES[1:], "upstream_failed"))


def test_a_retried_stage_that_succeeded_is_published_from_its_last_attempt(
    servers: Servers, run: Run
) -> None:
    run.fail("ingest", "the network was down", attempt=1)
    run.finish("ingest", attempt=2)
    for stage in STAGES[1:]:
        run.finish(stage)
    published(run)
    (row, _) = servers.rows("SELECT attempt, estado FROM ingestion_events")
    assert (row["attempt"], row["estado"]) == (2, "SUCCESS")


def test_a_run_without_plan_says_where_to_look(servers: Servers) -> None:
    with pytest.raises(AirflowFailException, match=r"no plan\.json, see the log of task plan"):
        publish(servers.hook, "manual__never-planned", {"plan": "failed"})
    assert counts(servers) == dict.fromkeys(TABLES, 0)


def test_a_run_whose_plan_failed_on_clear_is_not_green(servers: Servers, run: Run) -> None:
    stages = dict.fromkeys(STAGES, "upstream_failed")
    with pytest.raises(AirflowFailException, match="not every task ran: plan"):
        published(run.finish_all(), plan="failed", **stages)
    assert counts(servers) == dict.fromkeys(TABLES, 0)


def test_a_stage_marked_as_success_by_hand_is_no_result(servers: Servers, run: Run) -> None:
    for stage in STAGES[:-1]:
        run.finish(stage)
    with pytest.raises(AirflowFailException, match=r"explain is a success.*no manifest"):
        published(run)
    assert servers.count("publications") == 0


def test_a_stage_that_still_runs_is_waited_for(servers: Servers, run: Run) -> None:
    with pytest.raises(AirflowFailException, match="train is running"):
        published(run.finish_all(), train="running")
    assert counts(servers) == dict.fromkeys(TABLES, 0)


def test_a_stage_repeated_alone_is_not_mixed_with_what_followed_the_old_one(
    servers: Servers, run: Run
) -> None:
    run.finish_all()
    run.finish("train", attempt=2)
    with pytest.raises(AirflowFailException, match="clear evaluate with everything downstream"):
        published(run)
    assert servers.count("publications") == 0


def test_manifests_of_another_plan_are_not_published(servers: Servers, run: Run) -> None:
    run.finish_all()
    run.finish("explain", attempt=2, plan_digest="f" * 64)
    with pytest.raises(AirflowFailException, match=r"explain ran with another plan\.json"):
        published(run)


def test_changed_alerts_are_not_published(servers: Servers, run: Run) -> None:
    run.finish_all()
    location = run.manifests["explain"].outputs[0].location
    bucket, _, key = location.partition("/")
    run.put(bucket, key, b"PAR1 something else")
    with pytest.raises(AirflowFailException, match="SHA-256 differs"):
        published(run)
    assert counts(servers) == dict.fromkeys(TABLES, 0)


def test_an_error_in_the_middle_leaves_nothing_not_even_audit_rows(
    servers: Servers, run: Run
) -> None:
    run.alerts = [alert(1), alert(2, alert_id="a1")]  # the second violates the unique key
    with pytest.raises(psycopg.errors.UniqueViolation):
        published(run.finish_all())
    assert counts(servers) == dict.fromkeys(TABLES, 0)


def test_a_connection_cut_in_the_middle_leaves_nothing_and_the_retry_publishes_once(
    servers: Servers, run: Run
) -> None:
    servers.execute(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$"
    )
    servers.execute("CREATE TRIGGER slow BEFORE INSERT ON alerts EXECUTE FUNCTION wait()")
    cut = threading.Thread(target=_cut_when_sleeping, args=[servers])
    cut.start()
    with pytest.raises(AirflowException, match="audit database cannot be used") as caught:
        published(run.finish_all())
    cut.join()
    assert not isinstance(caught.value, AirflowFailException), "it must be retried"
    assert counts(servers) == dict.fromkeys(TABLES, 0)
    servers.execute("DROP TRIGGER slow ON alerts")
    published(run)
    assert (servers.count("publications"), servers.count("alerts")) == (1, 2)


def _cut_when_sleeping(servers: Servers) -> None:
    with psycopg.connect(servers.database.server.dsn(), autocommit=True) as connection:
        for _ in range(200):
            cut = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND wait_event = 'PgSleep'",
                [servers.database.name],
            ).fetchall()
            if cut:
                return
            threading.Event().wait(0.05)


def test_a_database_that_is_down_is_named_and_retried(
    servers: Servers, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.finish_all()
    down = audit_connection(servers.database, port=1)
    monkeypatch.setenv("AIRFLOW_CONN_AUDIT_POSTGRES", down)
    with pytest.raises(AirflowException, match="check that it runs, and connection") as caught:
        published(run)
    assert not isinstance(caught.value, AirflowFailException)
    assert "\n" not in str(caught.value)


def test_missing_rights_and_missing_tables_say_what_to_run(servers: Servers, run: Run) -> None:
    run.finish_all()
    servers.execute("REVOKE ALL ON publications FROM soc_publish")
    with pytest.raises(AirflowFailException, match="python -m database grant"):
        published(run)
    servers.execute("DROP TABLE publications CASCADE")
    with pytest.raises(AirflowFailException, match="python -m database upgrade"):
        published(run)


def test_the_newest_model_becomes_champion(servers: Servers, run: Run) -> None:
    published(run.finish_all())
    published(second := Run(servers).finish_all())
    rows = servers.rows("SELECT run_id, family, champion, arrays, card FROM models ORDER BY id")
    assert [(r["run_id"], r["champion"]) for r in rows] == [
        (run.run_id, False),
        (second.run_id, True),
    ]
    assert rows[1]["family"] == "isoforest"
    assert rows[1]["arrays"]["location"].endswith(".npz")
    assert rows[1]["card"]["location"].endswith(".json")


def test_a_run_with_the_champion_trains_nothing(servers: Servers) -> None:
    ref = ObjectRef(location="cybersec-ml-models/model_isoforest_20261101_020000.pkl",
                    sha256="a" * 64, bytes=9)  # fmt: skip
    champion = ModelRef(**ref.model_dump(), arrays=ref, card=ref)
    run = Run(servers, parameters=RunParameters(retrain=False), champion=champion)
    published(run.finish_all())
    assert (servers.count("models"), servers.count("training_events")) == (0, 0)
    rows = servers.rows("SELECT modelo_nombre FROM evaluation_events WHERE stage = 'evaluate'")
    assert {row["modelo_nombre"] for row in rows} == {"model_isoforest_20261101_020000.pkl"}
    (row,) = servers.rows("SELECT summary FROM publications")
    assert row["summary"]["model"] == {
        "location": ref.location, "family": "isoforest", "trained": False,
    }  # fmt: skip


def test_hostile_log_fields_are_stored_as_text(servers: Servers, run: Run) -> None:
    nasty = "'; DROP TABLE alerts; -- \0 <script>%s{}"
    run.alerts = [alert(1, user=nasty, sentence=nasty)]
    run.finish_all()
    run.finish("explain", attempt=2, figures={"alerts": 1, "incidents": 1, "who\0": nasty})
    published(run)
    (row,) = servers.rows('SELECT "user" FROM alerts')
    assert row["user"] == nasty.replace("\0", "\N{REPLACEMENT CHARACTER}")


def test_json_keeps_only_what_the_database_can_hold() -> None:
    stored = storable({"nan": float("nan"), "deep": [float("inf"), {"a\0": "b\0"}, 1.5]})
    assert stored.obj == {"nan": None, "deep": [None, {"a�": "b�"}, 1.5]}
