"""Parquet files that already have the RAW columns of a kind, in any order.

``line`` of a rejected row is its number from 1. ``label`` and ``history`` are taken along, other
columns are not read.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import InputError
from tasks.sources.compression import Head, unpack_to_memory_or_file
from tasks.sources.identity import RecordIds
from tasks.sources.raw_rows import table_kind, table_rows
from tasks.sources.source import Batch, ReadOptions

PARQUET_MAGIC = b"PAR1"
BATCH_ROWS = 65_536


class RawParquet:
    """Parquet with the RAW columns."""

    name = "raw_parquet"

    def recognises(self, head: Head) -> bool:
        """Parquet with the columns of a kind, or Parquet so damaged that only ``read`` can say."""
        if not head.data.startswith(PARQUET_MAGIC):
            return False
        try:
            return table_kind(_open(head.path).schema_arrow.names) is not None
        except InputError:
            return True

    def read(self, path: Path, options: ReadOptions) -> Iterator[Batch]:
        import pyarrow as pa

        ids = RecordIds()
        file = _open(path)
        kind = table_kind(file.schema_arrow.names)
        if kind is None:
            raise InputError(f"{path.name}: row 1: the columns have changed meanwhile; run again")
        row = 1
        batches = file.iter_batches(batch_size=BATCH_ROWS)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise InputError(
                    f"{path.name}: row {row}: the Parquet file is damaged here"
                    f" ({_first_line(error)}); write it again"
                ) from error
            if batch is None:
                return
            frame = pl.DataFrame(pl.from_arrow(batch))
            lines = pl.Series(range(row, row + frame.height), dtype=pl.Int64)
            text = functools.partial(_row_text, frame)
            events, rejected = table_rows(frame, kind, lines, text, ids)
            yield Batch(lines=frame.height, events={kind: events}, rejected=rejected)
            row += frame.height


def _open(path: Path) -> Any:
    """The ``pyarrow.parquet.ParquetFile``. Raises InputError where it has no readable footer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(unpack_to_memory_or_file(path))
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path.name}: row 1: the Parquet file cannot be read ({_first_line(error)});"
            " write it again"
        ) from error


def _row_text(frame: pl.DataFrame, index: int) -> str:
    return str(frame.row(index))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


SOURCE = RawParquet()
