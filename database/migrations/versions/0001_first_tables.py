"""The first tables: audit, publications, alerts, models, verdicts, suppressions.

Frozen: a later change of ``database.tables`` is a migration of its own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

TIMESTAMPTZ = sa.DateTime(timezone=True)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evaluation_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("timestamp_eval", sa.DateTime(), nullable=False),
        sa.Column("modelo_nombre", sa.Text()),
        sa.Column("nombre_dataset", sa.Text()),
        sa.Column("ruta_resultados", sa.Text()),
        sa.Column("metrics", JSONB(), comment="null where not measured"),
        sa.Column("estado", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column(
            "attempt", sa.Integer(), comment="Airflow try number of the stage; NULL: not known"
        ),
        sa.Column("kind", sa.Text(), comment="network, auth, web, dns; NULL: all kinds"),
        sa.Column("digest", sa.Text(), comment="SHA-256 of the artifact"),
        sa.Column("reason", sa.Text(), comment="why a FAILED stage failed, one line"),
        sa.Column("stage", sa.Text(), comment="evaluate or explain"),
        sa.CheckConstraint(
            "estado IN ('SUCCESS', 'FAILED')", name=op.f("evaluation_events_estado_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("evaluation_events_pkey")),
    )
    op.create_index(
        "evaluation_events_once",
        "evaluation_events",
        [
            "run_id",
            sa.literal_column("coalesce(attempt, 0)"),
            sa.literal_column("coalesce(kind, '')"),
            sa.literal_column("coalesce(stage, '')"),
            sa.literal_column("coalesce(ruta_resultados, '')"),
        ],
        unique=True,
    )
    op.create_table(
        "ingestion_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("timestamp_ingesta", sa.DateTime(), nullable=False),
        sa.Column("nombre_archivo", sa.Text()),
        sa.Column("ruta_minio", sa.Text()),
        sa.Column("num_registros", sa.BigInteger()),
        sa.Column("estado", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column(
            "attempt", sa.Integer(), comment="Airflow try number of the stage; NULL: not known"
        ),
        sa.Column("kind", sa.Text(), comment="network, auth, web, dns; NULL: all kinds"),
        sa.Column("digest", sa.Text(), comment="SHA-256 of the artifact"),
        sa.Column("reason", sa.Text(), comment="why a FAILED stage failed, one line"),
        sa.Column("details", JSONB(), comment="inputs, rows in, rejected and skipped of the stage"),
        sa.CheckConstraint(
            "estado IN ('SUCCESS', 'FAILED')", name=op.f("ingestion_events_estado_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("ingestion_events_pkey")),
    )
    op.create_index(
        "ingestion_events_once",
        "ingestion_events",
        [
            "run_id",
            sa.literal_column("coalesce(attempt, 0)"),
            sa.literal_column("coalesce(kind, '')"),
            sa.literal_column("coalesce(ruta_minio, '')"),
        ],
        unique=True,
    )
    op.create_table(
        "publications",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day of event time"),
        sa.Column(
            "generation",
            sa.Integer(),
            nullable=False,
            comment="from 1; the highest of a day is current",
        ),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column(
            "slug", sa.Text(), nullable=False, comment="folder of the run in cybersec-ml-eval/runs"
        ),
        sa.Column("plan_digest", sa.Text(), nullable=False, comment="SHA-256 of plan.json"),
        sa.Column(
            "manifests_digest", sa.Text(), nullable=False, comment="SHA-256 over the five manifests"
        ),
        sa.Column("published_at", TIMESTAMPTZ, server_default=sa.text("now()"), nullable=False),
        sa.Column("rows_in", sa.BigInteger(), nullable=False),
        sa.Column("rows_rejected", sa.BigInteger(), nullable=False),
        sa.Column("rows_skipped", JSONB(), nullable=False, comment="rows by kind of record"),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column(
            "cold_start",
            sa.Boolean(),
            nullable=False,
            comment="no clean history: learnt from the day",
        ),
        sa.Column(
            "provisional", sa.Boolean(), nullable=False, comment="fewer than two clean history days"
        ),
        sa.Column("alert_threshold", sa.Double(), comment="ml_score from which an alert is raised"),
        sa.Column(
            "artifacts",
            JSONB(),
            nullable=False,
            comment="contracts.manifest.Artifact of all stages",
        ),
        sa.Column(
            "summary", JSONB(), nullable=False, comment="figures, stage_seconds, model, parameters"
        ),
        sa.CheckConstraint("generation >= 1", name=op.f("publications_generation_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("publications_pkey")),
        sa.UniqueConstraint("day", "generation", name=op.f("publications_day_generation_key")),
        sa.UniqueConstraint("manifests_digest", name=op.f("publications_manifests_digest_key")),
    )
    op.create_table(
        "suppressions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("scope", JSONB(), nullable=False, comment="which alerts: column → value"),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expires_at", TIMESTAMPTZ),
        sa.Column("created_at", TIMESTAMPTZ, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("suppressions_pkey")),
    )
    op.create_table(
        "training_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("timestamp_entrenamiento", sa.DateTime(), nullable=False),
        sa.Column("ruta_modelo", sa.Text()),
        sa.Column(
            "num_registros", sa.Integer(), comment="reference rows that the kind's model learnt"
        ),
        sa.Column("parametros", sa.Text(), comment="JSON"),
        sa.Column("estado", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column(
            "attempt", sa.Integer(), comment="Airflow try number of the stage; NULL: not known"
        ),
        sa.Column("kind", sa.Text(), comment="network, auth, web, dns; NULL: all kinds"),
        sa.Column("digest", sa.Text(), comment="SHA-256 of the artifact"),
        sa.Column("reason", sa.Text(), comment="why a FAILED stage failed, one line"),
        sa.CheckConstraint(
            "estado IN ('SUCCESS', 'FAILED')", name=op.f("training_events_estado_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("training_events_pkey")),
    )
    op.create_index(
        "training_events_once",
        "training_events",
        [
            "run_id",
            sa.literal_column("coalesce(attempt, 0)"),
            sa.literal_column("coalesce(kind, '')"),
            sa.literal_column("coalesce(ruta_modelo, '')"),
        ],
        unique=True,
    )
    op.create_table(
        "transformation_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("timestamp_transformacion", sa.DateTime(), nullable=False),
        sa.Column("nombre_archivo", sa.Text()),
        sa.Column("ruta_minio", sa.Text()),
        sa.Column("num_registros", sa.BigInteger()),
        sa.Column("estado", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column(
            "attempt", sa.Integer(), comment="Airflow try number of the stage; NULL: not known"
        ),
        sa.Column("kind", sa.Text(), comment="network, auth, web, dns; NULL: all kinds"),
        sa.Column("digest", sa.Text(), comment="SHA-256 of the artifact"),
        sa.Column("reason", sa.Text(), comment="why a FAILED stage failed, one line"),
        sa.Column("details", JSONB(), comment="parameters, rows in and rejected of the stage"),
        sa.CheckConstraint(
            "estado IN ('SUCCESS', 'FAILED')", name=op.f("transformation_events_estado_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("transformation_events_pkey")),
    )
    op.create_index(
        "transformation_events_once",
        "transformation_events",
        [
            "run_id",
            sa.literal_column("coalesce(attempt, 0)"),
            sa.literal_column("coalesce(kind, '')"),
            sa.literal_column("coalesce(ruta_minio, '')"),
        ],
        unique=True,
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text()),
        sa.Column("analyst", sa.Text(), nullable=False),
        sa.Column("created_at", TIMESTAMPTZ, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("verdicts_pkey")),
    )
    op.create_index(op.f("verdicts_alert_id_idx"), "verdicts", ["alert_id"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("publication_id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text()),
        sa.Column("event_id", sa.Text()),
        sa.Column("kind", sa.Text()),
        sa.Column("timestamp", TIMESTAMPTZ),
        sa.Column("entity", sa.Text()),
        sa.Column("technique", sa.Text()),
        sa.Column("detector", sa.Text()),
        sa.Column("anomaly_score", sa.Double()),
        sa.Column("ml_score", sa.Double()),
        sa.Column("severity", sa.Text()),
        sa.Column("sentence", sa.Text()),
        sa.Column("rank", sa.BigInteger()),
        sa.Column("incident_events", sa.BigInteger()),
        sa.Column("src_ip", sa.Text()),
        sa.Column("dst_ip", sa.Text()),
        sa.Column("dst_port", sa.Integer()),
        sa.Column("protocol", sa.Text()),
        sa.Column("user", sa.Text()),
        sa.Column("host", sa.Text()),
        sa.Column("label", sa.Text()),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publications.id"], name=op.f("alerts_publication_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("alerts_pkey")),
        sa.UniqueConstraint(
            "publication_id", "alert_id", name=op.f("alerts_publication_id_alert_id_key")
        ),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("publication_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False, comment="<bucket>/<key> of the pickle"),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "arrays", JSONB(), nullable=False, comment="Artifact: the arrays beside the pickle"
        ),
        sa.Column("card", JSONB(), nullable=False, comment="Artifact: the card beside the pickle"),
        sa.Column("trained_at", TIMESTAMPTZ, nullable=False),
        sa.Column("champion", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publications.id"], name=op.f("models_publication_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("models_pkey")),
    )
    op.create_index(
        "models_one_champion",
        "models",
        ["champion"],
        unique=True,
        postgresql_where=sa.text("champion"),
    )


def downgrade() -> None:
    for table in (
        "models",
        "alerts",
        "verdicts",
        "suppressions",
        "publications",
        "evaluation_events",
        "training_events",
        "transformation_events",
        "ingestion_events",
    ):
        op.drop_table(table)
