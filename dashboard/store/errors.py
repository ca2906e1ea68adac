"""What can go wrong while reading, as one line that an analyst can act on."""

from __future__ import annotations


class StoreUnavailable(Exception):
    """A result cannot be read now; the message says what and how to mend it."""
