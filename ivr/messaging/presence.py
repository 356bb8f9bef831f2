"""Whether texts are taken now and, in the words of staff, why not: what every way to a provider tells alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress


class Presence:
    """Begins as away, for the reason `why`.

    `on_change` is told True and False as the provider comes and goes; `log` gets a line, headed by `name`, whenever
    the reason changes, and `at_rest` is the reason that needs no warning.
    """

    def __init__(
        self, why: str, *, name: str, at_rest: str, log: logging.Logger, on_change: Callable[[bool], None] | None
    ) -> None:
        self.why = why
        self._name = name
        self._at_rest = at_rest
        self._log = log
        self._on_change = on_change or (lambda _there: None)
        self._there = asyncio.Event()
        self._away = asyncio.Event()
        self._away.set()

    @property
    def there(self) -> bool:
        """Tell whether texts are taken now."""
        return self._there.is_set()

    async def within(self, seconds: float) -> bool:
        """Return True once texts are taken, False where they are not after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.there:
                    await self._there.wait()
        return self.there

    async def lost(self) -> None:
        """Return once texts are not taken."""
        await self._away.wait()

    def say(self, why: str) -> None:
        """Note why no texts are taken, or by an empty text that they are; tell it when it changes."""
        was, now = self.there, not why
        if why != self.why:
            level = logging.INFO if now or why == self._at_rest else logging.WARNING
            self._log.log(level, "%s: %s", self._name, why or "connected")
        self.why = why
        if was == now:
            return
        on, off = (self._there, self._away) if now else (self._away, self._there)
        on.set()
        off.clear()
        self._on_change(now)
