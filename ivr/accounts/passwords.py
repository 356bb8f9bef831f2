"""Passwords: hashed with argon2, one at a time and in a thread, so that no call waits for it; made ones."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB, PASSES, LANES = 65_536, 3, 1
"""RFC 9106, 4, second recommendation, but with one lane instead of four: a core of the machine is for calls."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What can't be taken for one another when read aloud or copied from paper."""


class Passwords:
    """Hashes and verifies. A verification takes some 0.1 s, whether or not there is anybody to verify."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=LANES)
        self._turn = asyncio.Lock()
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Return what is kept of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, _bytes(password))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether `password` is the one of which `kept` was kept; of nobody (None) it never is, as slowly."""
        if kept is None and self._nobodys is None:
            self._nobodys = await self.hash(secrets.token_urlsafe())
        async with self._turn:
            right = await asyncio.to_thread(self._matches, kept or self._nobodys or "", password)
        return right and kept is not None

    def outdated(self, kept: str) -> bool:
        """Tell whether what is kept was made with other parameters than these."""
        return self._hasher.check_needs_rehash(kept)

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False


def made_password() -> str:
    """Return a password that is handed over once: five groups of four, 98 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(5))


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
