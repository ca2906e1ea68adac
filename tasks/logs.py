"""Log lines: JSON where a machine reads them (pods, Airflow), coloured text on a terminal."""

from __future__ import annotations

import os
import sys

import structlog


def configure_logs() -> None:
    """Send structlog to stderr. ``SOC_LOG_FORMAT`` = ``json`` or ``text`` overrides the guess."""
    stated = os.environ.get("SOC_LOG_FORMAT", "")
    as_json = stated == "json" or (stated != "text" and not sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
