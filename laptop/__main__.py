"""`python -m laptop run|status|stop|clean|logs`."""

import sys

from laptop.cli import main

sys.exit(main(sys.argv[1:]))
