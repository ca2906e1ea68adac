"""One day of one kind, from RAW to three files: SILVER, the profile, the reference rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from contracts.events import KEY_COLUMNS, SEED_COLUMNS
from contracts.features import FEATURE_COLUMNS
from tasks.features.reference import REFERENCE_ROWS
from tasks.parquet import polars_type, write_parquet


@dataclass(frozen=True)
class DayFiles:
    """Where the three files are, and how many rows the small ones hold."""

    silver: Path
    profile: Path
    reference: Path
    profile_rows: int
    reference_rows: int


class Day(Protocol):
    """What a kind computes of one day (``NetworkDay``, ``AuthDay``)."""

    def silver(self) -> Iterator[pl.DataFrame]: ...
    def reference_rows(self, at_most: int) -> pl.DataFrame: ...
    def profile(self, seed: int) -> pl.DataFrame: ...


class DayFunction(Protocol):
    """Compute one day on the context of earlier profiles; ``clean`` days are all reference."""

    def __call__(
        self,
        raw: Path,
        day: str,
        profiles: Sequence[tuple[str, Path]],
        window_minutes: int,
        seed: int,
        *,
        clean: bool,
    ) -> Day: ...


def transform_day(
    kind: str,
    *,
    raw: Path,
    day: str,
    baselines: Sequence[tuple[str, Path]],
    profiles: Sequence[tuple[str, Path]],
    window_minutes: int,
    seed: int,
    folder: Path,
) -> DayFiles:
    """Compute the day on the context of earlier days.

    ``profiles`` are (day, file) of published days; ``baselines`` are (day, RAW file) of logs
    believed clean, which are profiled first. ``folder`` receives the files.
    """
    compute = _day_function(kind)
    history = list(profiles)
    for number, (baseline_day, baseline) in enumerate(baselines):
        path = folder / f"baseline_{kind}_{number}.parquet"
        clean = compute(baseline, baseline_day, (), window_minutes, seed, clean=True)
        clean.profile(seed).write_parquet(path)
        history.append((baseline_day, path))
        del clean
    today = compute(raw, day, history, window_minutes, seed, clean=False)
    silver = folder / f"silver_{kind}.parquet"
    write_parquet(silver, today.silver(), _silver_schema(kind, raw))
    reference = today.reference_rows(REFERENCE_ROWS)
    profile = today.profile(seed)
    files = DayFiles(
        silver=silver,
        profile=folder / f"profile_{kind}.parquet",
        reference=folder / f"reference_{kind}.parquet",
        profile_rows=profile.height,
        reference_rows=reference.height,
    )
    reference.write_parquet(files.reference)
    profile.write_parquet(files.profile)
    return files


def _day_function(kind: str) -> DayFunction:
    if kind == "network":
        from tasks.features.network_day import network_day

        return network_day
    if kind == "auth":
        from tasks.features.auth_day import auth_day

        return auth_day
    raise ValueError(f"no features for events of kind {kind}")


def _silver_schema(kind: str, raw: Path) -> pl.Schema:
    seeds = SEED_COLUMNS if kind == "network" else {}
    added = {**seeds, **KEY_COLUMNS, **dict.fromkeys(FEATURE_COLUMNS[kind], "Float32")}
    return pl.Schema(
        {
            **pl.scan_parquet(raw).collect_schema(),
            **{name: polars_type(dtype) for name, dtype in added.items()},
        }
    )
