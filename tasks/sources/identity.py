"""Ids of records that carry none: a hash of what they say, and of which of several equal ones."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

ID_BYTES = 12
"""96 bits: two of 10^9 records collide with a chance of about 10^-11."""
REMEMBERED = 65_536
"""Equal records are counted apart if fewer than this many others lie between them."""


class RecordIds:
    """Numbers equal records of one file, so that they stay distinct and a rerun gives the same."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, int] = OrderedDict()

    def of(self, content: str) -> str:
        """The id of the next record with this content: 24 hexadecimal digits."""
        data = content.encode("utf-8", "surrogatepass")
        key = blake2b(data, digest_size=ID_BYTES).digest()
        occurrence = self._seen.pop(key, 0)
        self._seen[key] = occurrence + 1
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if not occurrence:
            return key.hex()
        return blake2b(key + occurrence.to_bytes(8, "big"), digest_size=ID_BYTES).digest().hex()
