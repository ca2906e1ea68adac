"""Parquet files that already have the RAW columns of a kind, in any order.

``line`` of a rejected row is its number from 1. ``label`` and ``history`` are taken along, other
columns are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
        return head.data.startswith(PARQUET_MAGIC)

    def read(self, path: Path, options: ReadOptions) -> Iterator[Batch]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        ids = RecordIds()
        try:
            file = pq.ParquetFile(unpack_to_memory_or_file(path))
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{path.name}: row 1: the Parquet file cannot be read ({_first_line(error)});"
                " write it again"
            ) from error
        names = file.schema_arrow.names
        kind = table_kind(names)
        if kind is None:
            raise InputError(
                f"{path.name}: row 1: the Parquet file has the RAW columns of no kind;"
                " contracts/events.py lists them"
            )
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
            text = frame.select(pl.struct(pl.all()).map_elements(str, return_dtype=pl.String))
            lines = pl.Series("line", range(row, row + frame.height), dtype=pl.Int64)
            events, rejected = table_rows(frame, kind, lines, text.to_series(), ids)
            yield Batch(lines=frame.height, events={kind: events}, rejected=rejected)
            row += frame.height


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


SOURCE = RawParquet()
