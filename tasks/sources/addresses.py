"""A cheap test whether text is an IP address."""

from __future__ import annotations

import polars as pl

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
IPV6 = rf"(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}(?:[0-9A-Fa-f]{{0,4}}|{IPV4})(?:%[0-9A-Za-z._-]{{1,32}})?"
ADDRESS = rf"^(?:{IPV4}|{IPV6})$"
"""Every IPv4 and IPv6 address in text form, and of other text little that looks like one."""


def is_address(text: pl.Expr) -> pl.Expr:
    """Boolean; null stays null."""
    return text.str.contains(ADDRESS)


def all_addresses(column: pl.Series) -> bool:
    """Whether all values that are not null are addresses; each distinct value is tested once."""
    return bool(column.unique().str.contains(ADDRESS).all())
