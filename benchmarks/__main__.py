"""Every figure of ``make bench``."""

from __future__ import annotations

from benchmarks import pipeline

if __name__ == "__main__":
    pipeline.main()
