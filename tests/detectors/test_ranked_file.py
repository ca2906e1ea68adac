"""The ranked file is the brute-force sort of all events, whatever their number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from contracts.events import SCORED_COLUMNS
from contracts.severity import severity_of
from tasks.detectors import ranked_file
from tasks.detectors.ranked_file import SCORED_SCHEMA, ScoredKind, write_ranked
from tests.silver_frames import silver, write


def scored_kind(folder: Path, kind: str, rows: int, *, labelled: bool = True) -> ScoredKind:
    rng = np.random.default_rng(rows)
    path = write(silver(kind, rows, seed=rows, labelled=labelled), folder / f"{kind}.parquet")
    return ScoredKind(kind, path, np.round(rng.normal(0, 0.1, rows), 3), rng.random(rows))


def brute_force(kinds: list[ScoredKind]) -> pl.DataFrame:
    parts = []
    for kind in kinds:
        events = pl.read_parquet(kind.silver)
        severity = [severity_of(score) for score in kind.ml_score]
        parts.append(
            events.select(name for name in SCORED_COLUMNS if name in events.columns).with_columns(
                kind=pl.lit(kind.kind),
                anomaly_score=pl.Series(kind.decision),
                ml_score=pl.Series(kind.ml_score),
                severity=pl.Series(severity),
            )
        )
    both = pl.concat(parts, how="diagonal").sort("anomaly_score", maintain_order=True)
    missing = [name for name in SCORED_COLUMNS if name not in both.columns]
    return both.with_columns(pl.lit(None, SCORED_SCHEMA[n]).alias(n) for n in missing).select(
        *SCORED_COLUMNS
    )


@pytest.mark.parametrize("bucket", [7, 100, 480_000])
def test_both_kinds_are_in_one_file_in_the_order_of_a_plain_sort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: int
) -> None:
    monkeypatch.setattr(ranked_file, "BUCKET_ROWS", bucket)
    kinds = [scored_kind(tmp_path, "auth", 230), scored_kind(tmp_path, "network", 411)]
    output = tmp_path / "scored.parquet"
    workdir = tmp_path / "work"
    workdir.mkdir()
    assert write_ranked(kinds, output, workdir) == 641
    written = pl.read_parquet(output)
    assert written.schema == SCORED_SCHEMA
    assert written.equals(brute_force(kinds))
    assert not list(workdir.iterdir())


def test_a_day_without_labels_has_a_null_label(tmp_path: Path) -> None:
    kind = scored_kind(tmp_path, "network", 50, labelled=False)
    write_ranked([kind], tmp_path / "scored.parquet", tmp_path)
    written = pl.read_parquet(tmp_path / "scored.parquet")
    assert written["label"].null_count() == 50
    assert written["user"].null_count() == 50


def test_row_groups_are_small_enough_to_page_through(tmp_path: Path) -> None:
    kind = scored_kind(tmp_path, "network", 45_000)
    write_ranked([kind], tmp_path / "scored.parquet", tmp_path)
    footer = pq.ParquetFile(tmp_path / "scored.parquet").metadata
    sizes = [footer.row_group(at).num_rows for at in range(footer.num_row_groups)]
    assert sizes == [20_000, 20_000, 5_000]


def test_the_same_scores_give_the_same_bytes(tmp_path: Path) -> None:
    kinds = [scored_kind(tmp_path, "auth", 230), scored_kind(tmp_path, "network", 411)]
    for name in ("one", "two"):
        write_ranked(kinds, tmp_path / name, tmp_path)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
