"""The id of an attempt, which is also that of the PBX's channel."""

from __future__ import annotations

import secrets
from datetime import datetime


def attempt_id(at: datetime) -> str:
    """Return a new UUID of version 7 (RFC 9562, section 5.7), in 32 hexadecimal digits.

    It begins with its time: what is dialled together lies together in the store's indices, and a dial costs as much
    among a million attempts as among none. It is no secret.
    """
    millisecond, chance = int(at.timestamp() * 1000), secrets.randbits(74)
    return f"{millisecond:012x}7{chance >> 62:03x}{0x8 << 60 | chance & (1 << 62) - 1:016x}"
