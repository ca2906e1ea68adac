"""Every table of the audit database (SQLAlchemy 2 metadata).

The first columns of the four ``*_events`` tables are contract (docs/contracts.md) and keep the
names and types of the systems that this one replaces. ``TIMESTAMP`` columns hold UTC without a
zone, ``TIMESTAMPTZ`` columns UTC with one. Bytes and rows are plain counts.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem

METADATA = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


def _zoned(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    default = func.now() if now else None
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=default)


def _audit(name: str, location: str, first: list[Column[object]], *more: SchemaItem) -> Table:
    """An audit table: contract columns, then which run, attempt and kind, and why it failed.

    A row is one artifact of one stage attempt; the unique index makes a repeated publish insert
    it once. ``location`` is the column that holds ``<bucket>/<key>``. NULLs are folded in the
    index, because two FAILED rows of one attempt have no artifact to tell them apart.
    """
    table = Table(
        name,
        METADATA,
        Column("id", Integer, primary_key=True, autoincrement=True),
        *first,
        Column("estado", Text, nullable=False),
        Column("run_id", Text),
        Column("attempt", Integer, comment="Airflow try number of the stage; NULL: not known"),
        Column("kind", Text, comment="network, auth, web, dns; NULL: all kinds"),
        Column("digest", Text, comment="SHA-256 of the artifact"),
        Column("reason", Text, comment="why a FAILED stage failed, one line"),
        *more,
        CheckConstraint("estado IN ('SUCCESS', 'FAILED')", "estado"),
    )
    parts = [table.c.run_id, func.coalesce(table.c.attempt, 0), func.coalesce(table.c.kind, "")]
    if "stage" in table.c:
        parts.append(func.coalesce(table.c.stage, ""))
    parts.append(func.coalesce(table.c[location], ""))
    Index(f"{name}_once", *parts, unique=True)
    return table


INGESTION_EVENTS = _audit(
    "ingestion_events",
    "ruta_minio",
    [
        Column("timestamp_ingesta", DateTime, nullable=False),
        Column("nombre_archivo", Text),
        Column("ruta_minio", Text),
        Column("num_registros", BigInteger),
    ],
    Column("details", JSONB, comment="inputs, rows in, rejected and skipped of the stage"),
)

TRANSFORMATION_EVENTS = _audit(
    "transformation_events",
    "ruta_minio",
    [
        Column("timestamp_transformacion", DateTime, nullable=False),
        Column("nombre_archivo", Text),
        Column("ruta_minio", Text),
        Column("num_registros", BigInteger),
    ],
    Column("details", JSONB, comment="parameters, rows in and rejected of the stage"),
)

TRAINING_EVENTS = _audit(
    "training_events",
    "ruta_modelo",
    [
        Column("timestamp_entrenamiento", DateTime, nullable=False),
        Column("ruta_modelo", Text),
        Column("num_registros", Integer, comment="reference rows that the kind's model learnt"),
        Column("parametros", Text, comment="JSON"),
    ],
)

EVALUATION_EVENTS = _audit(
    "evaluation_events",
    "ruta_resultados",
    [
        Column("timestamp_eval", DateTime, nullable=False),
        Column("modelo_nombre", Text),
        Column("nombre_dataset", Text),
        Column("ruta_resultados", Text),
        Column("metrics", JSONB, comment="null where not measured"),
    ],
    Column("stage", Text, comment="evaluate or explain"),
)

AUDIT_TABLES = (INGESTION_EVENTS, TRANSFORMATION_EVENTS, TRAINING_EVENTS, EVALUATION_EVENTS)

PUBLICATIONS = Table(
    "publications",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("day", Date, nullable=False, comment="UTC day of event time"),
    Column(
        "generation", Integer, nullable=False, comment="from 1; the highest of a day is current"
    ),
    Column("run_id", Text, nullable=False),
    Column("slug", Text, nullable=False, comment="folder of the run in cybersec-ml-eval/runs"),
    Column("plan_digest", Text, nullable=False, comment="SHA-256 of plan.json"),
    Column("manifests_digest", Text, nullable=False, comment="SHA-256 over the five manifests"),
    _zoned("published_at", now=True),
    Column("rows_in", BigInteger, nullable=False),
    Column("rows_rejected", BigInteger, nullable=False),
    Column("rows_skipped", JSONB, nullable=False, comment="rows by kind of record"),
    Column("alerts", Integer, nullable=False),
    Column("cold_start", Boolean, nullable=False, comment="no clean history: learnt from the day"),
    Column("provisional", Boolean, nullable=False, comment="fewer than two clean history days"),
    Column("alert_threshold", Double, comment="ml_score from which an alert is raised"),
    Column("artifacts", JSONB, nullable=False, comment="contracts.manifest.Artifact of all stages"),
    Column("summary", JSONB, nullable=False, comment="figures, stage_seconds, model, parameters"),
    UniqueConstraint("day", "generation"),
    UniqueConstraint("manifests_digest"),
    CheckConstraint("generation >= 1", "generation"),
)

ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("publication_id", Integer, ForeignKey("publications.id"), nullable=False),
    Column("alert_id", Text, nullable=False),
    Column("incident_id", Text),
    Column("event_id", Text),
    Column("kind", Text),
    _zoned("timestamp", nullable=True),
    Column("entity", Text),
    Column("technique", Text),
    Column("detector", Text),
    Column("anomaly_score", Double),
    Column("ml_score", Double),
    Column("severity", Text),
    Column("sentence", Text),
    Column("rank", BigInteger),
    Column("incident_events", BigInteger),
    Column("src_ip", Text),
    Column("dst_ip", Text),
    Column("dst_port", Integer),
    Column("protocol", Text),
    Column("user", Text),
    Column("host", Text),
    Column("label", Text),
    UniqueConstraint("publication_id", "alert_id"),
)

MODELS = Table(
    "models",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("publication_id", Integer, ForeignKey("publications.id"), nullable=False),
    Column("run_id", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("location", Text, nullable=False, comment="<bucket>/<key> of the pickle"),
    Column("sha256", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("arrays", JSONB, nullable=False, comment="Artifact: the arrays beside the pickle"),
    Column("card", JSONB, nullable=False, comment="Artifact: the card beside the pickle"),
    _zoned("trained_at"),
    Column("champion", Boolean, nullable=False),
    # one current model, whoever publishes at the same time
    Index("models_one_champion", "champion", unique=True, postgresql_where=text("champion")),
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    # no foreign key: the next generation of a day raises the same alert_id again
    Column("alert_id", Text, nullable=False, index=True),
    Column("verdict", Text, nullable=False),
    Column("comment", Text),
    Column("analyst", Text, nullable=False),
    _zoned("created_at", now=True),
)

SUPPRESSIONS = Table(
    "suppressions",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("scope", JSONB, nullable=False, comment="which alerts: column → value"),
    Column("owner", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _zoned("expires_at", nullable=True),
    _zoned("created_at", now=True),
)
