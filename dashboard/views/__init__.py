"""One view a file. Log fields reach the screen through ``safe`` and ``components`` only."""
