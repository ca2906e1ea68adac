"""What a user of `make run` can be told in one line."""

from __future__ import annotations


class UsageError(Exception):
    """Bad input or settings: what, where, how to mend it. Exit code 2."""


class RunFailed(Exception):
    """The run, or a service that it needs, failed. Exit code 1."""
