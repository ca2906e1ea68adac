"""The two ways a stage ends badly, each with one line that says what, where and how to mend it."""

from __future__ import annotations


class InputError(Exception):
    """The input or a setting is wrong: exit 2, and a retry cannot help."""


class StageError(Exception):
    """The stage could not do its work: exit 1, and a retry may help."""
