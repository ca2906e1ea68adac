"""Events per second and peak memory of each stage and of the whole laptop run.

Simulates a day of Zeek flows of each size (kept in ``.soc/bench`` between calls), runs
``tasks run`` on its conn.log and prints JSON lines.
The fixed cost is that of the smallest day: what a run of no size at all would take.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from contracts.layers import STAGES
from tasks.simulator import simulate_day

PROJECT = Path(__file__).resolve().parent.parent
CACHE = PROJECT / ".soc" / "bench"
DAY = date(2026, 3, 4)
SEED = 11
FIXED_COST_FLOWS = 1_000
DEFAULT_FLOWS = (100_000, 1_000_000, 5_000_000)


def measure_sizes(sizes: Sequence[int], repeat: int) -> None:
    """Print the figures of each size, after those of a day so small that only the cost stays."""
    run_once(conn_log(FIXED_COST_FLOWS))  # compiles what is compiled once on a machine
    fixed = measure(FIXED_COST_FLOWS, repeat, fixed_seconds=0.0)
    for flows in sizes:
        measure(flows, repeat, fixed_seconds=fixed)


def measure(flows: int, repeat: int, *, fixed_seconds: float) -> float:
    """Print the figures of one size; returns the median seconds of the whole chain."""
    results = [run_once(conn_log(flows)) for _ in range(repeat)]
    events = results[0]["rows_out"]
    for stage in STAGES:
        figures = [result["stages"][stage] for result in results]
        tell(stage, events, [f["seconds"] for f in figures], [f["peak_rss_mib"] for f in figures])
    seconds = [result["seconds"] for result in results]
    tell("chain", events, seconds, [r["peak_rss_mib"] for r in results], fixed=fixed_seconds)
    return float(statistics.median(seconds))


def tell(
    what: str, events: int, seconds: list[float], peaks: list[float], *, fixed: float | None = None
) -> None:
    middle = statistics.median(seconds)
    line: dict[str, Any] = {
        "figure": f"{what}_events_per_second",
        "flows": events,
        "value": round(events / middle),
        "seconds": round(middle, 2),
        "seconds_range": [round(min(seconds), 2), round(max(seconds), 2)],
        "peak_rss_mib": max(peaks),
        "runs": len(seconds),
    }
    if fixed:
        line["fixed_seconds"] = round(fixed, 2)
        line["value_without_fixed"] = round(events / max(middle - fixed, 1e-9))
    print(json.dumps(line), flush=True)


def conn_log(flows: int) -> Path:
    """A simulated conn.log of about ``flows`` lines; made once."""
    folder = CACHE / f"{flows}"
    log = folder / "conn.log"
    if not log.exists():
        shutil.rmtree(folder, ignore_errors=True)
        draft = folder.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        simulate_day(DAY, draft, SEED, flows)
        draft.rename(folder)
    return log


def run_once(log: Path) -> dict[str, Any]:
    """One whole run in a fresh store beside the logs; its ``--json`` result."""
    store = Path(tempfile.mkdtemp(prefix="store-", dir=CACHE))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tasks", "run", "--json", "--input", log, "--store", store],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"run on {log.name} failed: {done.stderr.strip()}")
        result: dict[str, Any] = json.loads(done.stdout)
        return result
    finally:
        shutil.rmtree(store, ignore_errors=True)
