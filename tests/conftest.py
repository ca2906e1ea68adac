"""Fixtures that every test may use: the real logs, when they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.services", "tests.system"]

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real logs beside the project; tests that need it skip without it."""
    folder = Path(os.environ.get("SOC_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real logs beside the project (../shared/data)")
    return folder
