"""Which format a file has, told by its content: the first bytes and lines, never the name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

import tasks.sources
from tasks.sources.compression import Head, read_head
from tasks.sources.source import Source


@cache
def all_sources() -> tuple[Source, ...]:
    """The ``SOURCE`` of every module of this package, by module name."""
    names = sorted(module.name for module in pkgutil.iter_modules(tasks.sources.__path__))
    modules = [importlib.import_module(f"tasks.sources.{name}") for name in names]
    return tuple(module.SOURCE for module in modules if hasattr(module, "SOURCE"))


def detect(path: Path) -> tuple[Head, Source | None]:
    """The unpacked beginning of a file and its format; None: empty, binary or unknown."""
    head = read_head(path)
    found = [source for source in all_sources() if source.recognises(head)]
    if len(found) > 1:
        raise AssertionError(f"formats not told apart: {[source.name for source in found]}")
    return head, found[0] if found else None
