"""Read plain, gzip and zstd files as blocks of whole lines, in bounded memory."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from tasks.errors import InputError

BLOCK_BYTES = 16 * 1024 * 1024
"""About 130,000 connection lines: large enough that a parser's fixed cost a block vanishes."""
PIECE_BYTES = 1024 * 1024
SMALL_PIECE_BYTES = 4096
HEAD_BYTES = 64 * 1024
LONGEST_LINE_BYTES = 16 * 1024 * 1024
"""No log line is longer; a file without line ends must not fill the memory."""
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
UTF8_BOM = b"\xef\xbb\xbf"
REPLACEMENT = "\ufffd".encode()
MEND_DAMAGED = "copy or download it again from where it was written"


@dataclass(frozen=True)
class Head:
    """The unpacked beginning of a file, which is what detection looks at."""

    path: Path
    data: bytes
    whole: bool
    """The file ends within ``data``."""

    @cached_property
    def lines(self) -> list[str]:
        """Whole lines without their ends; bytes that are no UTF-8 are replaced."""
        text = self.data.removeprefix(UTF8_BOM).decode("utf-8", "replace")
        lines = text.split("\n")
        if not self.whole or not lines[-1]:
            lines.pop()
        return [line.removesuffix("\r") for line in lines]


@contextlib.contextmanager
def open_unpacked(path: Path, *, ahead: bool) -> Iterator[IO[bytes]]:
    """The unpacked bytes as a stream; packing is told by the first bytes, never by the name.

    ``ahead``: gzip is unpacked in a thread of its own, which is faster, but hands out nothing of
    the last stretch before a damage.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(GZIP_MAGIC):
        from isal import igzip_threaded

        opened = igzip_threaded.open(path, "rb", threads=int(ahead))  # type: ignore[no-untyped-call]
        with opened as stream:
            yield stream
    elif magic == ZSTD_MAGIC:
        import pyarrow as pa

        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
            yield stream
    else:
        with path.open("rb", buffering=0) as plain:
            yield plain


def read_head(path: Path) -> Head:
    """The first 64 KiB of the unpacked file, as far as it can be unpacked."""
    data = b""
    for piece in _pieces_until_damage(path):
        data += piece
        if len(data) > HEAD_BYTES:
            break
    return Head(path, data[:HEAD_BYTES], whole=len(data) <= HEAD_BYTES)


def read_blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number of the first line, bytes of whole lines) of the unpacked file; a BOM is dropped.

    NUL bytes become U+FFFD: no store and no database keeps them in text. Raises InputError where
    the packed file is cut short or damaged, with the line after the last that could be read.
    """
    line, rest = 1, b""
    for data in _chunks(path):
        if isinstance(data, InputError):
            raise InputError(f"{path.name}: line {line}: {data}") from data
        if line == 1 and not rest:
            data = data.removeprefix(UTF8_BOM)
        cut = data.rfind(b"\n") + 1
        if not cut:
            rest += data
            if len(rest) > LONGEST_LINE_BYTES:
                limit = LONGEST_LINE_BYTES // 1024**2
                raise InputError(
                    f"{path.name}: line {line}: longer than {limit} MiB;"
                    " this is no line-based log, leave it out"
                )
            continue
        block = rest + data[:cut] if rest else data[:cut]
        rest = data[cut:]
        yield line, _without_nul(block)
        line += block.count(b"\n")
    if rest:
        yield line, _without_nul(rest)


def count_lines(block: bytes) -> int:
    """Lines of a block; the last may lack its end."""
    return block.count(b"\n") + (not block.endswith(b"\n") and bool(block))


def unpack_to_memory_or_file(path: Path) -> Path | io.BytesIO:
    """A file that can be read at any position: itself where it is plain, else in memory."""
    if not _is_packed(path):
        return path
    whole = io.BytesIO()
    for data in _chunks(path):
        if isinstance(data, InputError):
            raise InputError(f"{path.name}: line 1: {data}") from data
        whole.write(data)
    whole.seek(0)
    return whole


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        magic = file.read(4)
    return magic.startswith(GZIP_MAGIC) or magic == ZSTD_MAGIC


def _without_nul(block: bytes) -> bytes:
    return block.replace(b"\0", REPLACEMENT) if b"\0" in block else block


def _pieces_until_damage(path: Path) -> Iterator[bytes]:
    """Unpacked bytes in small pieces, all of them that can be had."""
    with contextlib.suppress(EOFError, OSError), open_unpacked(path, ahead=False) as stream:
        while piece := stream.read(SMALL_PIECE_BYTES):
            yield piece


def _chunks(path: Path) -> Iterator[bytes | InputError]:
    """Unpacked bytes, at most a block at a time; last, where there is damage, what it is."""
    pieces: list[bytes] = []
    size = given = 0
    damage: InputError | None = None
    if not _is_packed(path):
        with path.open("rb", buffering=0) as plain:
            while piece := plain.read(BLOCK_BYTES):
                yield piece
        return
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(open_unpacked(path, ahead=True))
        except OSError as error:
            yield InputError(f"the file cannot be opened ({error}); {MEND_DAMAGED}")
            return
        while True:
            try:
                piece = stream.read(PIECE_BYTES)
            except EOFError:
                damage = InputError(f"the gzip file is cut short here; {MEND_DAMAGED}")
                break
            except (OSError, ValueError) as error:
                damage = InputError(f"the file cannot be unpacked ({error}); {MEND_DAMAGED}")
                break
            if not piece:
                break
            pieces.append(piece)
            size, given = size + len(piece), given + len(piece)
            if size >= BLOCK_BYTES:
                yield b"".join(pieces)
                pieces, size = [], 0
        if pieces:
            yield b"".join(pieces)
        if damage is not None:
            yield from _beyond(given, path)
            yield damage


def _beyond(given: int, path: Path) -> Iterator[bytes]:
    """What lies between the bytes handed out already and the damage: a small rest."""
    rest = []
    for piece in _pieces_until_damage(path):
        rest.append(piece[given:])
        given = max(0, given - len(piece))
    if any(rest):
        yield b"".join(rest)
