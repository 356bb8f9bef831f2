"""The whole audit trail judged in pieces, each within a request: however long it is, no call and no browser waits.

What has been seen so far stays in this process, for who began it. After a restart it begins anew.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ivr.audit import Audit
from ivr.domain.examination import Examination, Fault, Harm
from ivr.errors import InputError
from ivr.storage import SqlResults

A_PIECE = 100_000
"""Entries of a piece at most."""

A_PIECE_S = 6.0
"""Seconds of a piece at most: far from where a request is given up."""

A_MORSEL = 200
"""Entries judged between two breaths: a few milliseconds, which no call notices."""

MOST_KEPT = 8
"""Examinations that are kept half-way; the oldest is forgotten."""

NOT_YET = (Harm.CUT_OFF, Harm.HEAD_LOST)
"""What can be told of the end only."""


@dataclass(slots=True, kw_only=True)
class _HalfWay:
    who: str
    examination: Examination
    last: int
    after: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What an examination has found so far; `go_on` is what its next piece is asked for with, empty at the end.

    `upto` is the number of the entry that was judged last, `last` that of the trail's last when it began.
    """

    seen: int
    upto: int
    last: int
    faults: tuple[Fault, ...]
    go_on: str


@dataclass(slots=True)
class Examining:
    """The examinations under way: one piece at a time is judged, whoever asks."""

    piece: int = A_PIECE
    clock: Callable[[], float] = time.monotonic
    _half_way: dict[str, _HalfWay] = field(default_factory=dict)
    _judging: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def judge(self, results: SqlResults, audit: Audit, who: str, go_on: str = "") -> Piece:
        """Judge the first piece, or the one that `go_on` asks for; InputError where that is not to be had."""
        if self._judging.locked():
            raise InputError("いま、ほかの人が検証しています。終わってから試してください。")
        async with self._judging:
            one = self._half_way.pop(go_on, None) if go_on else None
            if go_on and (one is None or one.who != who):
                raise InputError("検証が途中で切れました。はじめから検証してください。")
            if one is None:
                last = await audit.count()
                one = _HalfWay(who=who, examination=await audit.examination(), last=last)
            over = await self._see(results, one)
            found = await asyncio.to_thread(one.examination.faults)
            if over:
                return Piece(seen=one.seen, upto=one.after, last=one.after, faults=found, go_on="")
            key = secrets.token_urlsafe(16)
            while len(self._half_way) >= MOST_KEPT:
                del self._half_way[next(iter(self._half_way))]
            self._half_way[key] = one
            so_far = tuple(fault for fault in found if fault.harm not in NOT_YET)
            return Piece(seen=one.seen, upto=one.after, last=max(one.last, one.after), faults=so_far, go_on=key)

    async def _see(self, results: SqlResults, one: _HalfWay) -> bool:
        """Judge a piece; tell whether that was the end."""
        until, most = self.clock() + A_PIECE_S, one.seen + self.piece
        while batch := await results.audited(one.after, A_MORSEL):
            for entry in batch:
                one.examination.see(entry)
            one.seen += len(batch)
            one.after = batch[-1].number
            if one.after < one.last and (one.seen >= most or self.clock() >= until):
                return False
            await asyncio.sleep(0)
        return True
