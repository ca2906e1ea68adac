"""Detectors: learn from reference rows, score a day's features, calibrate. Knows no storage."""
