"""Read a Parquet file of any size a slice at a time, the next one while this one is worked on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

SLICE_ROWS: Final = 250_000
"""Rows held at a time: 36 features of them are 36 MB."""


def row_count(path: Path) -> int:
    """Rows of a Parquet file, from its footer."""
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def slices(path: Path, columns: Sequence[str], rows: int = SLICE_ROWS) -> Iterator[pl.DataFrame]:
    """The file's ``columns`` in order, ``rows`` rows at a time."""
    frame = pl.scan_parquet(path).select(columns)

    def read(start: int) -> pl.DataFrame:
        return frame.slice(start, rows).collect()

    with ThreadPoolExecutor(1) as ahead:
        starts = range(0, row_count(path), rows)
        coming = ahead.submit(read, 0)
        for start in starts:
            batch = coming.result()
            if start + rows < starts.stop:
                coming = ahead.submit(read, start + rows)
            yield batch


def rows_at(path: Path, columns: Sequence[str], rows: npt.NDArray[np.int64]) -> pl.DataFrame:
    """``row`` and the ``columns`` of the file's rows with these numbers, in the file's order."""
    numbered = pl.scan_parquet(path).select(columns).with_row_index("row")
    wanted = pl.LazyFrame({"row": rows}, schema={"row": pl.get_index_type()})
    return numbered.join(wanted, on="row", how="semi").sort("row").collect(engine="streaming")
