"""Every figure of ``make bench``: the laptop run at several sizes, and a DAG run of no size."""

from __future__ import annotations

import argparse

from benchmarks import pipeline, scheduler

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--flows", type=int, nargs="*", default=list(pipeline.DEFAULT_FLOWS))
parser.add_argument("--repeat", type=int, default=3, help="runs of each; medians are told")
parser.add_argument("--no-scheduler", action="store_true", help="only the laptop run")
arguments = parser.parse_args()
pipeline.measure_sizes(arguments.flows, arguments.repeat)
if not arguments.no_scheduler:
    scheduler.measure_runs(arguments.repeat)
