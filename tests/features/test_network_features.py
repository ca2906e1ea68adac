"""The fast features equal their definitions, and say what they mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contracts.features import FEATURE_COLUMNS
from tasks.features.day import transform_day
from tasks.features.network_day import network_day
from tests.features.brute_force import failed, features_of, key, one_way
from tests.features.made_flows import DAY, random_flows, write_raw

NAMES = FEATURE_COLUMNS["network"]


def columns(features: dict[str, np.ndarray]) -> np.ndarray:
    return np.stack([features[name] for name in NAMES], axis=1)


@pytest.mark.parametrize("seed", range(4))
def test_every_feature_equals_its_definition(tmp_path: Path, seed: int) -> None:
    flows = random_flows(seed, 220)
    day = network_day(
        write_raw(flows, tmp_path / "raw.parquet"), "2026-03-04", (), 15, seed, clean=False
    )
    expected = features_of(flows, [flows[row] for row in day.reference])
    actual = day.features.at(slice(None))
    for name in NAMES:
        wanted = [row[name] for row in expected]
        np.testing.assert_allclose(actual[name], wanted, rtol=2e-5, atol=2e-5, err_msg=name)


def test_history_is_context_as_if_it_were_the_same_rows(tmp_path: Path) -> None:
    """Rarity on profiles equals rarity on the rows they were made of."""
    earlier, today = random_flows(11, 150), random_flows(12, 150)
    files = transform_day(
        "network",
        raw=write_raw(today, tmp_path / "today.parquet"),
        day="2026-03-05",
        baselines=[("2026-03-04", write_raw(earlier, tmp_path / "earlier.parquet"))],
        profiles=(),
        window_minutes=15,
        seed=3,
        folder=tmp_path,
    )
    keys = {
        key(f)
        for f in today
        if not failed(f) and f["bytes_sent"] and (f["bytes_received"] or one_way(f))
    }
    reference = pl.read_parquet(files.reference)
    own = reference.filter("today")
    assert own.height == len(keys)
    assert reference.filter(~pl.col("today")).height == len(earlier)
    chosen = set(own["event_id"])
    expected = features_of(today, earlier + [f for f in today if f["event_id"] in chosen])
    silver = pl.read_parquet(files.silver)
    for name in ("port_rarity", "service_rarity", "service_state_rarity", "state_rarity"):
        np.testing.assert_allclose(
            silver[name], [row[name] for row in expected], rtol=2e-5, atol=2e-5, err_msg=name
        )


def test_two_transforms_write_the_same_bytes(tmp_path: Path) -> None:
    raw = write_raw(random_flows(5, 400), tmp_path / "raw.parquet")
    written = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        files = transform_day(
            "network", raw=raw, day="2026-03-04", baselines=(), profiles=(),
            window_minutes=15, seed=42, folder=folder,
        )  # fmt: skip
        written.append([p.read_bytes() for p in (files.silver, files.profile, files.reference)])
    assert written[0] == written[1]


def test_days_of_a_long_batch_are_counted_apart(tmp_path: Path) -> None:
    """A batch of several days does not add one day's failures to another's."""
    flows = random_flows(6, 300, days=3)
    raw = write_raw(flows, tmp_path / "raw.parquet")
    whole = network_day(raw, "2026-03-04", (), 15, 1, clean=False)
    for number in range(3):
        mine = [f for f in flows if (f["timestamp"] - DAY).days == number]
        part = network_day(
            write_raw(mine, tmp_path / f"{number}.parquet"), "", (), 15, 1, clean=False
        )
        rows = np.array([i for i, f in enumerate(flows) if (f["timestamp"] - DAY).days == number])
        for name in ("conn_flows", "dst_day_failed_share", "src_day_failed_ports"):
            np.testing.assert_array_equal(
                whole.features.at(rows)[name], part.features.at(slice(None))[name], err_msg=name
            )


def test_a_day_with_no_completed_flow_still_has_reference_rows(tmp_path: Path) -> None:
    flows = [dict(f, conn_state="S0", packets_received=0) for f in random_flows(7, 80)]
    day = network_day(write_raw(flows, tmp_path / "raw.parquet"), "", (), 15, 1, clean=False)
    assert len(day.reference) > 0
    assert len(set(day.reference.tolist())) == len(day.reference)


def test_a_single_flow_is_a_day(tmp_path: Path) -> None:
    raw = write_raw(random_flows(8, 1), tmp_path / "raw.parquet")
    day = network_day(raw, "2026-03-04", (), 15, 1, clean=False)
    assert np.isfinite(columns(day.features.at(slice(None)))).all()
