"""Who may import whom (CONTRIBUTING.md): read from the sources, so nothing has to be imported."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PARTS = {"contracts", "tasks", "dags", "dashboard", "database", "laptop", "benchmarks", "tests"}
FORBIDDEN = {
    "contracts": PARTS - {"contracts"},
    "tasks": PARTS - {"contracts", "tasks"} | {"airflow", "psycopg", "psycopg2", "panel"},
    "dags": PARTS - {"contracts", "dags"} | {"panel"},
    "dashboard": PARTS - {"contracts", "dashboard"} | {"airflow"},
    "database": PARTS - {"database", "contracts"} | {"airflow", "panel"},
}
INSIDE_TASKS = {
    "sources": {"features", "detectors", "explanations", "stages", "storage", "stage", "attempt"},
    "features": {"sources", "detectors", "explanations", "stages", "storage", "stage", "attempt"},
    "detectors": {"sources", "explanations", "stages", "storage", "stage", "attempt"},
    "explanations": {"sources", "stages", "storage", "stage", "attempt"},
}
CONTRACTS_MAY_IMPORT = {"pydantic", "contracts"}


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


def sources(folder: str) -> list[Path]:
    found = sorted((PROJECT / folder).rglob("*.py"))
    assert found, folder
    return found


@pytest.mark.parametrize("part", FORBIDDEN)
def test_a_part_imports_no_other_part(part: str) -> None:
    crossed = [
        f"{path.relative_to(PROJECT)} imports {name}"
        for path in sources(part)
        for name in imports(path)
        if name.split(".")[0] in FORBIDDEN[part]
    ]
    assert crossed == []


@pytest.mark.parametrize("part", INSIDE_TASKS)
def test_pure_parts_of_tasks_know_no_storage_and_nothing_later(part: str) -> None:
    crossed = [
        f"{path.relative_to(PROJECT)} imports {name}"
        for path in sources(f"tasks/{part}")
        for name in imports(path)
        if name.startswith("tasks.") and name.split(".")[1] in INSIDE_TASKS[part]
    ]
    assert crossed == []


def test_contracts_import_pydantic_only() -> None:
    import sys

    foreign = {
        name
        for path in sources("contracts")
        for name in (n.split(".")[0] for n in imports(path))
        if name not in CONTRACTS_MAY_IMPORT and name not in sys.stdlib_module_names
    }
    assert foreign == set()
