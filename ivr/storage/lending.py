"""What the parts of the results store are lent by the whole."""

from __future__ import annotations

from typing import Protocol, TypeVar

from ivr.storage.engines import Member
from ivr.storage.sealing import Sealing
from ivr.storage.writer import Work

T = TypeVar("T")


class Store(Protocol):
    """What SqlResults lends: reads, writes that are committed in groups, and as whom this engine has joined."""

    @property
    def sealing(self) -> Sealing:
        """Return what seals and opens rows."""
        ...

    @property
    def member(self) -> Member:
        """Return which engine writes."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Return what `work` finds."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Return what `work` did, once that is stored."""
        ...
