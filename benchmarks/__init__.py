"""`make bench`: speed and memory as one JSON line a figure. Figures are of this machine, today."""
