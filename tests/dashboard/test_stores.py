"""Objects and rows as published: verified, bounded, and missing ones said in one line."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
import psycopg
import pytest

from contracts.layers import EVAL_BUCKET
from contracts.plan import ObjectRef
from dashboard.store.catalog import AUDIT_TABLES, Catalog
from dashboard.store.errors import StoreUnavailable
from dashboard.store.objects import ObjectCache
from dashboard.store.settings import StoreSettings
from laptop.object_storage import ObjectStorage
from tests.dashboard.conftest import Stores
from tests.dashboard.publication import audit, publish


def ref(name: str, data: bytes) -> ObjectRef:
    digest = hashlib.sha256(data).hexdigest()
    return ObjectRef(location=f"{EVAL_BUCKET}/{name}", sha256=digest, bytes=len(data))


@pytest.fixture
def on_s3(object_storage: ObjectStorage, tmp_path: Path) -> StoreSettings:
    env = object_storage.environment()
    return StoreSettings(
        aws_endpoint_url=env["AWS_ENDPOINT_URL"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        aws_region=env.get("AWS_REGION", "us-east-1"),
        soc_cache_dir=tmp_path / "cache",
    )


def put(settings: StoreSettings, name: str, data: bytes) -> ObjectRef:
    boto3.client(
        "s3",
        endpoint_url=settings.aws_endpoint_url,
        aws_access_key_id=settings.aws_access_key_id,
        aws_secret_access_key=settings.aws_secret_access_key.get_secret_value(),
        region_name=settings.aws_region,
    ).put_object(Bucket=EVAL_BUCKET, Key=name, Body=data)
    return ref(name, data)


def test_an_object_is_fetched_once_and_then_read_from_the_disk(on_s3: StoreSettings) -> None:
    first = put(on_s3, "once.parquet", b"scored")
    cache = ObjectCache(on_s3)
    assert not cache.ready(first)
    path = cache.fetch(first)
    assert path.read_bytes() == b"scored"
    assert cache.ready(first)
    put(on_s3, "once.parquet", b"overwritten")
    assert cache.fetch(first) == path
    assert ObjectCache(on_s3).fetch(first).read_bytes() == b"scored"


def test_other_bytes_than_published_are_refused_and_not_kept(on_s3: StoreSettings) -> None:
    first = put(on_s3, "changed.parquet", b"as published")
    put(on_s3, "changed.parquet", b"as tampered!")
    with pytest.raises(StoreUnavailable, match=r"changed\.parquet is not what its run published"):
        ObjectCache(on_s3).fetch(first)
    assert list((on_s3.soc_cache_dir / "objects").iterdir()) == []


def test_a_cached_file_that_rotted_is_fetched_again(on_s3: StoreSettings) -> None:
    first = put(on_s3, "rotten.parquet", b"good bytes")
    path = ObjectCache(on_s3).fetch(first)
    path.write_bytes(b"bad bytes!")
    assert ObjectCache(on_s3).fetch(first).read_bytes() == b"good bytes"


def test_the_least_recently_read_objects_make_room(on_s3: StoreSettings) -> None:
    cache = ObjectCache(on_s3.model_copy(update={"soc_cache_mib": 1}))
    big = [put(on_s3, f"big{i}.parquet", bytes([i]) * 600_000) for i in range(3)]
    paths = [cache.fetch(one) for one in big]
    assert [path.exists() for path in paths] == [False, False, True]
    assert cache.fetch(big[0]).read_bytes() == bytes([0]) * 600_000


def test_a_missing_object_and_a_server_that_is_down_are_one_clear_line(
    on_s3: StoreSettings,
) -> None:
    with pytest.raises(StoreUnavailable, match=r"^cannot read s3://cybersec-ml-eval/none[^\n]+$"):
        ObjectCache(on_s3).fetch(ref("none.parquet", b""))
    down = on_s3.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:1"})
    with pytest.raises(StoreUnavailable, match="check AWS_ENDPOINT_URL"):
        ObjectCache(down).fetch(ref("none.parquet", b""))


@pytest.mark.parametrize(
    "location", ["cybersec-ml-eval/../../etc/passwd", "other/x.parquet", "cybersec-ml-eval/", "x"]
)
def test_a_location_cannot_leave_the_four_buckets(location: str, tmp_path: Path) -> None:
    cache = ObjectCache(StoreSettings(soc_store=tmp_path))
    with pytest.raises(StoreUnavailable, match="names no object"):
        cache.fetch(ObjectRef(location=location, sha256="0" * 64, bytes=0))


def test_an_endpoint_without_a_scheme_means_http() -> None:
    assert (
        StoreSettings(aws_endpoint_url="10.0.0.5:9000").aws_endpoint_url == "http://10.0.0.5:9000"
    )


def test_a_publication_is_read_back_as_it_was_published(stores: Stores) -> None:
    now = datetime.now(UTC)
    publish(stores.folder / "store", stores.database.dsn, day=date(2026, 3, 3),
            published_at=now - timedelta(days=1))  # fmt: skip
    made = publish(stores.folder / "store", stores.database.dsn, published_at=now)
    results = stores.results()
    newest, older = results.catalog.publications()
    assert (newest.name, older.name) == ("2026-03-04.1", "2026-03-03.1")
    whole = results.catalog.publication(newest.id)
    assert [a.model_dump(mode="json", include={"location", "role"}) for a in whole.artifacts] == [
        {"location": a["location"], "role": a["role"]} for a in made.artifacts
    ]
    alerts = results.catalog.alerts(newest.id)
    assert [a["alert_id"] for a in alerts] == [a["alert_id"] for a in made.alerts]
    assert alerts[0]["timestamp"] == made.alerts[0]["timestamp"]
    reasons = results.explanation(whole, alerts[0]["alert_id"])
    attributions = [row["attribution"] for row in reasons]
    assert attributions == sorted(attributions)
    assert results.model_card(whole)["family"] == "isoforest"
    assert not results.ready(whole)
    results.warm()
    assert results.ready(whole)
    with pytest.raises(StoreUnavailable, match="published no rejected file"):
        results._artifact(whole, "rejected")


def test_a_failed_stage_is_reported_until_its_run_is_published(stores: Stores) -> None:
    publish(stores.folder / "store", stores.database.dsn)
    catalog = Catalog(stores.settings)
    assert catalog.failed_stages() == []
    with psycopg.connect(stores.database.dsn) as connection:
        audit(connection, "red", datetime.now(UTC), failed=("training_events", "no rows to learn"))
    (failed,) = catalog.failed_stages()
    assert (failed.run_id, failed.stage, failed.reason) == ("red", "train", "no rows to learn")
    publish(
        stores.folder / "store", stores.database.dsn, run_id="red", generation=2,
        published_at=datetime.now(UTC) + timedelta(seconds=5),
    )  # fmt: skip
    assert catalog.failed_stages() == []


def test_audit_tables_are_read_a_page_at_a_time(stores: Stores) -> None:
    with psycopg.connect(stores.database.dsn) as connection:
        for i in range(60):
            audit(connection, f"run{i}", datetime(2026, 3, 4, tzinfo=UTC) + timedelta(minutes=i))
    catalog = Catalog(stores.settings)
    for table in AUDIT_TABLES:
        first, second = catalog.audit(table, 0), catalog.audit(table, 50)
        assert (len(first.rows), len(second.rows), first.total) == (50, 10, 60)
        assert first.mappings()[0]["run_id"] == "run59"
        assert first.mappings()[0][table.time].tzinfo is UTC


def test_the_app_only_reads(stores: Stores) -> None:
    catalog = Catalog(stores.settings)
    with pytest.raises(StoreUnavailable), catalog._reading() as connection:
        connection.exec_driver_sql("DELETE FROM publications")


def test_a_database_that_is_down_or_empty_is_one_clear_line(stores: Stores) -> None:
    settings = stores.settings
    down = settings.model_copy(update={"pg_port": 1})
    with pytest.raises(StoreUnavailable, match=r"^database not reachable at [^\n]+$"):
        Catalog(down).publications()
    unset = settings.model_copy(update={"pg_host": ""})
    with pytest.raises(StoreUnavailable, match="set PG_HOST"):
        Catalog(unset).publications()
    with psycopg.connect(stores.database.dsn) as connection:
        connection.execute("DROP TABLE alerts, models, publications CASCADE")
    with pytest.raises(StoreUnavailable, match="python -m database upgrade"):
        Catalog(settings).publications()
