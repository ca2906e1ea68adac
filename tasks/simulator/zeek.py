"""``conn.log`` as Zeek 6 writes it: TSV with its header, rows in the order they were finished.

Format: https://docs.zeek.org/en/master/log-formats.html#zeek-tsv-format-logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tasks.simulator.clock import SECOND_US, Clock
from tasks.simulator.flows import PROTOCOLS, SERVICES, STATES, UNSET, Flows
from tasks.simulator.site import Site
from tasks.simulator.wire import HISTORIES

Array = NDArray[Any]

_COLUMNS: Final = {
    "ts": "time",
    "uid": "string",
    "id.orig_h": "addr",
    "id.orig_p": "port",
    "id.resp_h": "addr",
    "id.resp_p": "port",
    "proto": "enum",
    "service": "string",
    "duration": "interval",
    "orig_bytes": "count",
    "resp_bytes": "count",
    "conn_state": "string",
    "local_orig": "bool",
    "local_resp": "bool",
    "missed_bytes": "count",
    "history": "string",
    "orig_pkts": "count",
    "orig_ip_bytes": "count",
    "resp_pkts": "count",
    "resp_ip_bytes": "count",
    "tunnel_parents": "set[string]",
}
_CHUNK_ROWS = 250_000  # about 60 MB of text at a time
_UID_LETTERS: Final = np.frombuffer(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8
)
_UID_LENGTH = 18


def write_conn_log(
    path: Path, rng: np.random.Generator, site: Site, clock: Clock, flows: Flows
) -> Iterator[tuple[Array, Array]]:
    """Write the log; yields (uid, incident code) arrays of the attacks' rows, chunk by chunk.

    The log is complete when the iterator is exhausted.
    """
    order = np.argsort(flows.logged, kind="stable")
    addresses = pl.Series(site.addresses)
    with path.open("wb") as out:
        out.write(_header(clock))
        for first in range(0, len(order), _CHUNK_ROWS):
            part = flows.take(order[first : first + _CHUNK_ROWS])
            uids = _uids(rng, len(part))
            _write_rows(out, addresses, site.local, part, uids)
            attacks = np.flatnonzero(part.incident)
            yield uids[attacks], part.incident[attacks]
        closed = datetime.fromtimestamp(clock.end / SECOND_US, UTC)
        out.write(f"#close\t{closed:%Y-%m-%d-%H-%M-%S}\n".encode())


def _header(clock: Clock) -> bytes:
    opened = datetime.fromtimestamp(clock.start / SECOND_US, UTC)
    lines = (
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tconn",
        f"#open\t{opened:%Y-%m-%d-%H-%M-%S}",
        "\t".join(["#fields", *_COLUMNS]),
        "\t".join(["#types", *_COLUMNS.values()]),
    )
    return ("\n".join(lines) + "\n").encode()


def _uids(rng: np.random.Generator, count: int) -> Array:
    """Zeek's unique ids: C and base 62 letters, as bytes strings."""
    letters = _UID_LETTERS[rng.integers(0, 62, (count, _UID_LENGTH), dtype=np.uint8)]
    letters[:, 0] = ord("C")
    return letters.view(f"S{_UID_LENGTH}").ravel()


def _write_rows(
    out: BinaryIO, addresses: pl.Series, local: Array, part: Flows, uids: Array
) -> None:
    ends = np.arange(len(uids) + 1, dtype=np.int32) * _UID_LENGTH
    uid = pa.StringArray.from_buffers(len(uids), pa.py_buffer(ends), pa.py_buffer(uids))
    columns = (
        pl.Series(part.start / SECOND_US),
        pl.Series(pl.from_arrow(uid)),
        addresses.gather(pl.Series(part.source)),
        pl.Series(part.source_port),
        addresses.gather(pl.Series(part.target)),
        pl.Series(part.target_port),
        _texts(PROTOCOLS, part.protocol),
        _texts(SERVICES, part.service),
        _unset(part.duration) / SECOND_US,
        _unset(part.sent),
        _unset(part.received),
        _texts(STATES, part.state),
        _texts(("F", "T"), local[part.source].astype(np.uint8)),
        _texts(("F", "T"), local[part.target].astype(np.uint8)),
        pl.Series(np.zeros(len(part), dtype=np.uint8)),
        _texts(HISTORIES, part.history),
        pl.Series(part.packets_sent),
        pl.Series(part.ip_sent),
        pl.Series(part.packets_received),
        pl.Series(part.ip_received),
        _texts(("-",), np.zeros(len(part), dtype=np.uint8)),
    )
    frame = pl.DataFrame(dict(zip(_COLUMNS, columns, strict=True)))
    frame.write_csv(
        out,
        include_header=False,
        separator="\t",
        null_value="-",
        quote_style="never",
        float_precision=6,
    )


def _texts(table: tuple[str, ...], codes: Array) -> pl.Series:
    return pl.Series(table).gather(pl.Series(codes))


def _unset(values: Array) -> pl.Series:
    series = pl.Series(values)
    return series.set(series == UNSET, None)
