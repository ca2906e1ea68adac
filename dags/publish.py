"""publish: what a run did becomes visible at once, in one transaction, or not at all (design §2).

Audit rows are written for every stage that ran. Only a run whose five stages all succeeded adds a
publication: its alerts, its model and one ``publications`` row, the next generation of its day. The
same manifests published again change nothing.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from contracts.events import ALERT_COLUMNS
from contracts.layers import EVAL_BUCKET, STAGES, Stage, plan_key, run_slug
from contracts.manifest import Artifact, Manifest
from contracts.plan import Plan
from dags.audit_rows import audit_rows, model_artifact, model_location
from dags.connections import audit_database, explained, object_storage
from dags.objects import Missing, read
from dags.outcomes import Outcome, Unfinished, broken_chain, outcomes

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from psycopg import Cursor

_LOCK = 0x50C_0B_115
"""Key of the advisory lock under which one publish at a time finds its generation."""
_FAMILY = re.compile(r"model_(.+)_\d{8}_\d{6}\.pkl$")

log = logging.getLogger(__name__)


def publish_run(context: Mapping[str, Any]) -> None:
    """Publish the run of a task's context; raises AirflowFailException unless all of it succeeded.

    AirflowException where a retry may help: nothing of this attempt is visible then.
    """
    ti, run_id = context["ti"], context["run_id"]
    states: dict[str, str | None] = ti.get_task_states(
        dag_id=ti.dag_id, task_ids=["plan", *STAGES], run_ids=[run_id]
    ).get(run_id, {})
    publish(object_storage(), run_id, states)


def publish(s3: S3Hook, run_id: str, states: Mapping[str, str | None]) -> None:
    """``states``: Airflow's state of ``plan`` and of each stage. Raises as ``publish_run``."""
    slug = run_slug(run_id)
    with explained():
        try:
            plan_bytes = read(s3, EVAL_BUCKET, plan_key(slug))
        except Missing:
            raise AirflowFailException(
                "nothing to publish: the run has no plan.json, see the log of task plan"
            ) from None
        plan = Plan.model_validate_json(plan_bytes)
        plan_sha256 = hashlib.sha256(plan_bytes).hexdigest()
        try:
            ended = outcomes(s3, slug, states)
        except Unfinished as error:
            raise AirflowFailException(str(error)) from None
        manifests = {
            stage: outcome.manifest for stage, outcome in ended.items() if outcome.manifest
        }
        problem = broken_chain(plan, plan_sha256, ended) or _unsuccessful(states, ended)
        complete = not problem
        alerts = alert_rows(s3, manifests["explain"]) if complete else []
        with audit_database() as connection, connection.transaction():
            cursor = connection.cursor()
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            for table, row in audit_rows(plan, ended):
                _insert(cursor, table, [row], once=True)
            if complete:
                log.info(_publication(cursor, plan, plan_sha256, ended, manifests, alerts))
    if problem:
        raise AirflowFailException(f"audited, not published: {problem}")


def alert_rows(s3: S3Hook, explain: Manifest) -> list[dict[str, Any]]:
    """The alerts of the run, by the columns of ``ALERT_COLUMNS``, digest checked."""
    import pyarrow.parquet as pq

    artifact = explain.output("alerts")
    if artifact is None:
        raise AirflowFailException("explain succeeded but its manifest names no alerts file")
    bucket, _, key = artifact.location.partition("/")
    try:
        data = read(s3, bucket, key)
    except Missing:
        raise AirflowFailException(f"{artifact.location} is gone: clear explain") from None
    if hashlib.sha256(data).hexdigest() != artifact.sha256:
        raise AirflowFailException(
            f"{artifact.location} is not what explain wrote (SHA-256 differs): clear explain"
        )
    rows: list[dict[str, Any]] = (
        pq.read_table(io.BytesIO(data)).select([*ALERT_COLUMNS]).to_pylist()
    )
    return rows


def publication_day(plan: Plan, ingest: Manifest) -> date:
    """The plan's day; of a batch the UTC day of most of its events."""
    if plan.day is not None:
        return plan.day
    events: Counter[str] = Counter()
    for artifact in ingest.outputs:
        if artifact.role == "raw" and artifact.day:
            events[artifact.day] += artifact.rows
    if not events:
        raise AirflowFailException("ingest's manifest names no day: its RAW files have no events")
    return date.fromisoformat(max(events, key=lambda day: (events[day], day)))


def _publication(
    cursor: Cursor[Any],
    plan: Plan,
    plan_sha256: str,
    ended: Mapping[Stage, Outcome],
    manifests: Mapping[Stage, Manifest],
    alerts: Sequence[Mapping[str, Any]],
) -> str:
    """Insert the publication unless these manifests are published; one line for the log."""
    digests = "\n".join(f"{stage} {ended[stage].manifest_sha256}" for stage in STAGES)
    manifests_sha256 = hashlib.sha256(digests.encode()).hexdigest()
    known = cursor.execute(
        "SELECT day, generation FROM publications WHERE manifests_digest = %s", [manifests_sha256]
    ).fetchone()
    if known:
        return f"already published: {known[0]}, generation {known[1]}"
    ingest, train, evaluate = (manifests[stage] for stage in ("ingest", "train", "evaluate"))
    day = publication_day(plan, ingest)
    newest = cursor.execute(
        "SELECT coalesce(max(generation), 0) FROM publications WHERE day = %s", [day]
    ).fetchone()
    generation = (newest[0] if newest else 0) + 1
    publication = {
        "day": day,
        "generation": generation,
        "run_id": plan.run_id,
        "slug": plan.slug,
        "plan_digest": plan_sha256,
        "manifests_digest": manifests_sha256,
        "published_at": datetime.now(UTC),
        "rows_in": ingest.rows_in,
        "rows_rejected": ingest.rows_rejected,
        "rows_skipped": ingest.rows_skipped,
        "alerts": len(alerts),
        "cold_start": bool(train.figures.get("cold_start", False)),
        "provisional": bool(train.figures.get("provisional", False)),
        "alert_threshold": evaluate.figures.get("alert_threshold"),
        "artifacts": [a.model_dump() for stage in STAGES for a in manifests[stage].outputs],
        "summary": _summary(plan, manifests),
    }
    _insert(cursor, "publications", [publication])
    row = cursor.execute(
        "SELECT id FROM publications WHERE manifests_digest = %s", [manifests_sha256]
    ).fetchone()
    assert row is not None
    _insert(cursor, "alerts", [{"publication_id": row[0], **alert} for alert in alerts])
    model = model_artifact(plan, train)
    if model is not None:
        cursor.execute("UPDATE models SET champion = false WHERE champion")
        _insert(cursor, "models", [_model(plan, train, model) | {"publication_id": row[0]}])
    return f"published {day}, generation {generation}: {len(alerts)} alerts"


def _summary(plan: Plan, manifests: Mapping[Stage, Manifest]) -> dict[str, Any]:
    train = manifests["train"]
    location = model_location(plan, train)
    return {
        "day": plan.day.isoformat() if plan.day else None,
        "figures": {stage: manifest.figures for stage, manifest in manifests.items()},
        "stage_seconds": {
            stage: (manifest.finished - manifest.started).total_seconds()
            for stage, manifest in manifests.items()
        },
        "model": {
            "location": location,
            "family": _family(location or ""),
            "trained": model_artifact(plan, train) is not None,
        },
        "parameters": plan.parameters.model_dump(mode="json"),
    }


def _model(plan: Plan, train: Manifest, model: Artifact) -> dict[str, Any]:
    arrays, card = train.output("model_arrays"), train.output("model_card")
    if arrays is None or card is None:
        raise AirflowFailException("train's manifest names a model without its arrays and card")
    return {
        "run_id": plan.run_id,
        "family": _family(model.location),
        "location": model.location,
        "sha256": model.sha256,
        "bytes": model.bytes,
        "arrays": arrays.model_dump(),
        "card": card.model_dump(),
        "trained_at": train.finished,
        "champion": True,
    }


def _family(location: str) -> str:
    match = _FAMILY.search(location)
    return match[1] if match else "unknown"


def _insert(
    cursor: Cursor[Any], table: str, rows: Iterable[Mapping[str, Any]], *, once: bool = False
) -> None:
    """Insert rows of equal columns; ``once`` leaves alone a row that a unique index knows."""
    from psycopg import sql

    values = [{name: storable(value) for name, value in row.items()} for row in rows]
    if not values:
        return
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values[0])),
        sql.SQL(", ").join(map(sql.Placeholder, values[0])),
        sql.SQL("ON CONFLICT DO NOTHING" if once else ""),
    )
    cursor.executemany(statement, values)


def storable(value: Any) -> Any:
    """The value as Postgres can hold it: no NUL in text, and JSON without NaN or infinity."""
    from psycopg.types.json import Jsonb

    if isinstance(value, Mapping | list | tuple):
        return Jsonb(_json(value))
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_json(str(name)): _json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def _unsuccessful(states: Mapping[str, str | None], ended: Mapping[Stage, Outcome]) -> str | None:
    """Why the run is red, as one line; None when plan and the five stages succeeded."""
    reasons = [outcome.reason for outcome in ended.values() if outcome.reason]
    if reasons:
        return "; ".join(reasons)
    stopped = [task for task in ("plan", *STAGES) if states.get(task) != "success"]
    return f"not every task ran: {', '.join(stopped)}" if stopped else None
