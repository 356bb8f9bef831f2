"""How fast a centre lets us be: a pause between messages that doubles as it complains and halves as it does not."""

from __future__ import annotations

import asyncio


class Pace:
    """`first` is the pause after a first complaint, `most` the longest; seconds. `pause` is the one now, 0 for none."""

    def __init__(self, *, first: float, most: float) -> None:
        self.pause = 0.0
        self._first = first
        self._most = most
        self._turn = asyncio.Lock()
        self._last = 0.0
        """When a message last went, or the centre complained."""
        self._slowed = float("-inf")

    def slower(self) -> None:
        """The centre has complained; of a window full of complaints, the first counts."""
        now = asyncio.get_running_loop().time()
        self._last = now
        if now - self._slowed >= self.pause:
            self.pause = min(max(self.pause * 2, self._first), self._most)
            self._slowed = now

    def faster(self) -> None:
        """The centre has taken one."""
        self.pause = self.pause / 2 if self.pause > self._first else 0.0

    async def wait(self) -> None:
        """Return when the next message may go; one goes in each pause."""
        async with self._turn:
            clock = asyncio.get_running_loop().time
            if self.pause:
                await asyncio.sleep(max(0.0, self._last + self.pause - clock()))
            self._last = clock()
