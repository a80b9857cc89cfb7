"""Timestamps on the wire (protocol §5.2): nanoseconds since 1970 in 8 bytes, little endian, base64."""

from __future__ import annotations

import base64
import binascii
from typing import Final

MAX_TIMESTAMP: Final = 2**63 - 1  # the Rust client drops the connection over more


class BadTimestamp(Exception):
    """Not a timestamp of the protocol."""


def encode(nanoseconds: int) -> str:
    """The wire form. Raises ``BadTimestamp`` outside of 0 … 2^63 - 1."""
    if not 0 <= nanoseconds <= MAX_TIMESTAMP:
        raise BadTimestamp("A timestamp has 63 bits")
    return base64.b64encode(nanoseconds.to_bytes(8, "little")).decode()


def decode(text: object) -> int:
    """The nanoseconds behind the wire form. Raises ``BadTimestamp``."""
    try:
        packed = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        packed = b""
    nanoseconds = int.from_bytes(packed, "little")
    if len(packed) != 8 or nanoseconds > MAX_TIMESTAMP:
        raise BadTimestamp("A timestamp is the base64 text of 8 bytes, little endian, of at most 2^63 - 1")
    return nanoseconds
