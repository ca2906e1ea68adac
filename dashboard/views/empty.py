"""Pages that stand in when there is nothing to show yet, or it cannot be read."""

from __future__ import annotations

from dashboard.views.safe import Markup, tag


def no_publication() -> Markup:
    """No run was published yet: how to make one."""
    return tag(
        "section",
        tag("h1", "Nothing is published yet"),
        tag("p", "A run turns a day of logs into a short ranked list of explained anomalies. "
            "Start one, then reload this page:"),
        tag("p", tag("code", "make run"), "a simulated day of an office network"),
        tag("p", tag("code", "make run INPUT=path/to/conn.log.gz"), "your own logs"),
        tag("p", tag("code", "make run INPUT=today.log BASELINE=last-week/"),
            "your own logs, with earlier ones believed clean as history"),
        class_="empty",
        data_testid="empty",
    )  # fmt: skip


def problem(reason: str) -> Markup:
    """One line that says what cannot be read and how to mend it."""
    return tag("p", reason, class_="problem", role="alert", data_testid="problem")
