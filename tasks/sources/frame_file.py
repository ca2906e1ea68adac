"""A Parquet file that frames are appended to, written beside in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import polars as pl

from tasks.parquet import write_parquet

_WAITING = 1
"""Frames that may wait to be written: what is read ahead stays in memory."""


class FrameFile:
    """Frames in the order of ``append`` become one file; parsing and writing overlap.

    A context manager: the file is whole only after the block has ended without an exception.
    """

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema
        self._frames: queue.Queue[pl.DataFrame | None] = queue.Queue(_WAITING)
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    def append(self, frame: pl.DataFrame) -> None:
        """Write the frame after those before it. Raises what writing one of those raised."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, daemon=True)
            self._thread.start()
        if self._failure is not None:
            raise self._failure
        if frame.height:
            self._frames.put(frame)
            self.rows += frame.height

    def __enter__(self) -> FrameFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is None:
            return
        self._frames.put(None)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _write(self) -> None:
        ended = False

        def frames() -> Iterator[pl.DataFrame]:
            nonlocal ended
            while (frame := self._frames.get()) is not None:
                yield frame
            ended = True

        try:
            write_parquet(self.path, frames(), self._schema)
        except BaseException as failure:  # handed to the thread that appends
            self._failure = failure
        # Whoever appends must not wait for a writer that is gone.
        while not ended and self._frames.get() is not None:
            pass
