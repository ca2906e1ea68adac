"""Numba kernels, compiled once: where the compiled code is kept, also on a read-only file system.

Numba keeps it in ``NUMBA_CACHE_DIR``, else beside the source, and refuses to cache at all where it
cannot write. An image therefore carries a filled cache that the process copies to a private folder
when it cannot write to the original: loading costs 0.1 s, compiling some 3 s.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

CACHE_VARIABLE = "NUMBA_CACHE_DIR"


def private_cache(configured: str | None, beside: Path) -> Path | None:
    """A private copy of the cache where the usual place cannot be written; None where it can.

    ``configured`` is the value of ``NUMBA_CACHE_DIR``, ``beside`` the folder of the sources.
    """
    usual = Path(configured) if configured else beside / "__pycache__"
    if _writable(usual):
        return None
    folder = Path(tempfile.mkdtemp(prefix="kernels-"))
    if configured and usual.is_dir():
        shutil.copytree(usual, folder, dirs_exist_ok=True)
        folder.chmod(stat.S_IRWXU)
    return folder


def compiled(signature: str) -> Callable[[Kernel], Kernel]:
    """Compile for exactly this signature, keep the result, run without the interpreter's lock."""
    import numba

    if _PRIVATE is not None:
        vars(numba.config)["CACHE_DIR"] = str(_PRIVATE)
    decorate: Any = numba.njit(signature, cache=True, nogil=True, error_model="numpy")
    return cast("Callable[[Kernel], Kernel]", decorate)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


_PRIVATE = private_cache(os.environ.get(CACHE_VARIABLE), Path(__file__).parent)
if _PRIVATE is not None:
    atexit.register(shutil.rmtree, _PRIVATE, ignore_errors=True)
