"""The strings of a few rows of RAW, picked up while RAW is read anyway."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tasks.features.flows import first_service
from tasks.features.grouping import Bool, Index
from tasks.parquet import ROW_GROUP

SLICE_ROWS = ROW_GROUP
"""Rows of RAW that are in memory at a time: bounds memory, not results."""
COLUMNS = ("event_id", "src_ip", "dst_ip", "protocol", "dst_port", "service", "conn_state")


class RowNames:
    """Features work on numbers; profiles and reference rows need some rows' names again."""

    def __init__(self, raw: Path, *rows: Index) -> None:
        """``rows``: whose names will be asked for."""
        self._raw = raw
        self._wanted: Index = np.unique(np.concatenate(rows))
        self._service = first_service(raw)
        self._kept: dict[int, pl.DataFrame] = {}
        self._frame: pl.DataFrame | None = None

    def keep(self, start: int, frame: pl.DataFrame) -> None:
        """Pick the wanted rows out of RAW's rows ``start`` and on."""
        if self._frame is None and start not in self._kept:
            low, high = np.searchsorted(self._wanted, [start, start + frame.height])
            rows = self._wanted[low:high] - start
            chosen: Bool = np.zeros(frame.height, np.bool_)
            chosen[rows] = True
            picked = frame.select(COLUMNS).filter(pl.Series(chosen))
            self._kept[start] = picked.with_columns(self._service.alias("service"))

    def of(self, rows: Index, columns: tuple[str, ...]) -> pl.DataFrame:
        """Columns of some of the wanted rows, in their order."""
        if self._frame is None:
            self._read_rest()
            parts = [self._kept[start] for start in sorted(self._kept)]
            self._frame = pl.concat(parts)
            self._kept.clear()
        return self._frame.select(columns)[np.searchsorted(self._wanted, rows)]

    def _read_rest(self) -> None:
        """Read the slices that nobody has passed by."""
        frames = pl.scan_parquet(self._raw)
        count = frames.select(pl.len()).collect().item()
        for start in range(0, count, SLICE_ROWS):
            if start not in self._kept:
                self.keep(start, frames.slice(start, SLICE_ROWS).select(COLUMNS).collect())
