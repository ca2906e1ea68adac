"""A simulated day of an office, as its sensors write it, with the truth beside it."""

from __future__ import annotations

from tasks.simulator.day import SimulatedDay, simulate_day

__all__ = ["SimulatedDay", "simulate_day"]
