"""What is wrong with an audit trail: entries changed, missing, swapped, cut off; each told where it is. Pure."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations, pairwise
from typing import assert_never

from ivr.domain.audit import GENESIS, LOST_FROM, LOST_TO, Action, Entry, Head, seal

SEARCHED = 100
"""Spoilt entries that are tried against each other for a swap; the time grows with the square."""


class Harm(StrEnum):
    """What can be wrong with a trail."""

    CHANGED = "changed"
    """Its content is not what was sealed; or it was made without the key."""
    MISSING = "missing"
    """Numbers between two entries are not there."""
    LOST = "lost"
    """Numbers are not there, and the sealed entry behind them says that a restore found them gone."""
    SWAPPED = "swapped"
    """Two entries stand in each other's place; `first` and `last` name the two."""
    CUT_OFF = "cut_off"
    """The end that the head names is not there."""
    UNJOINED = "unjoined"
    """Sealed with the key, but not after the entry that stands before it: parts of two trails."""
    REPEATED = "repeated"
    """A number stands where a higher one is due."""
    HEAD_DIFFERS = "head_differs"
    """The entry that the head names is another one than was kept of it."""
    HEAD_LOST = "head_lost"
    """There are entries, and no head: whether the end is there can't be told."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong with the entries from number `first` to `last`."""

    first: int
    last: int
    harm: Harm


def sentence(fault: Fault) -> str:
    """Return in a sentence what is wrong, for the auditor."""
    where = f"{fault.first} 件目" if fault.first == fault.last else f"{fault.first} 件目から {fault.last} 件目まで"
    match fault.harm:
        case Harm.CHANGED:
            return f"{where}が、記録したときの内容と違います（書き換えられたか、あとから差し込まれたもの）。"
        case Harm.MISSING:
            return f"{where}がありません（途中の記録が消されています）。"
        case Harm.LOST:
            return f"{where}がありません（データベースと共に失われたと、次の復元の記録にあります）。"
        case Harm.SWAPPED:
            return f"{fault.first} 件目と {fault.last} 件目が入れ替わっています。"
        case Harm.CUT_OFF:
            return f"{where}がありません（終わりの記録が切り取られています）。"
        case Harm.UNJOINED:
            return f"{where}が、その前の記録とつながりません（別の時点の記録が混ざっています）。"
        case Harm.REPEATED:
            return f"{where}の番号が重なっているか、順序が違います。"
        case Harm.HEAD_DIFFERS:
            return f"{where}が、別に保管している控えと違います（古い記録に差し替えられています）。"
        case Harm.HEAD_LOST:
            return "記録の終わりの控えがないので、終わりが切り取られていないかを確かめられません。"
        case _:
            assert_never(fault.harm)


class Examination:
    """Judges a trail entry by entry, in order of numbers, in little memory.

    `head` is what was kept of the end before the entries were read: the trail may go on behind it, since an entry is
    stored before its head is. With `after`, the entries up to that number are taken for good and not shown. Without a
    `key` only numbers and joints are judged: what was changed is not seen.
    """

    def __init__(self, key: bytes | None, head: Head | None, *, after: int = 0) -> None:
        self._key = key
        self._head = head
        self._number = after
        self._joint = GENESIS.link if after == 0 else None
        self._faults: list[Fault] = []
        self._spoilt: list[Entry] = []
        self._changed: list[Fault] = []

    def see(self, entry: Entry) -> None:
        """Judge the next entry."""
        if entry.number <= self._number:
            self._found(Harm.REPEATED, entry.number)
            return
        sound = self._key is None or hmac.compare_digest(seal(entry, self._key), _as_link(entry.link))
        if entry.number > self._number + 1:
            gap = self._number + 1, entry.number - 1
            told = self._key is not None and sound and _lost(entry) == gap
            self._found(Harm.LOST if told else Harm.MISSING, *gap)
            self._joint = None
        self._number = entry.number
        if not sound:
            self._spoil(entry)
            self._joint = None
            return
        if self._joint is not None and entry.previous != self._joint:
            self._found(Harm.UNJOINED, entry.number)
        if self._head is not None and self._head.number == entry.number and self._head.link != entry.link:
            self._found(Harm.HEAD_DIFFERS, entry.number)
        self._joint = entry.link

    def faults(self) -> tuple[Fault, ...]:
        """Return everything that is wrong, once the last entry was seen, in order of numbers."""
        found = [*self._faults]
        if self._head is None:
            if self._number:
                found.append(Fault(self._number, self._number, Harm.HEAD_LOST))
        elif self._head.number > self._number:
            found.append(Fault(self._number + 1, self._head.number, Harm.CUT_OFF))
        swapped = list(_swaps(self._spoilt, self._key)) if self._key is not None else []
        explained = {number for fault in swapped for number in (fault.first, fault.last)}
        return tuple(sorted([*found, *swapped, *_without(self._changed, explained)]))

    def _found(self, harm: Harm, first: int, last: int | None = None) -> None:
        self._faults.append(Fault(first, first if last is None else last, harm))

    def _spoil(self, entry: Entry) -> None:
        if len(self._spoilt) < SEARCHED:
            self._spoilt.append(entry)
        if self._changed and self._changed[-1].last == entry.number - 1:
            self._changed[-1] = replace(self._changed[-1], last=entry.number)
        else:
            self._changed.append(Fault(entry.number, entry.number, Harm.CHANGED))


def verify(entries: Iterable[Entry], key: bytes, head: Head | None, *, after: int = 0) -> tuple[Fault, ...]:
    """Return everything that is wrong with a trail, nothing where nobody touched it (`Examination`)."""
    examination = Examination(key, head, after=after)
    for entry in entries:
        examination.see(entry)
    return examination.faults()


def _lost(restored: Entry) -> tuple[object, object] | None:
    """Return which numbers a sound entry calls lost, None where it is no restore."""
    if restored.action != Action.RESTORED:
        return None
    details = json.loads(restored.details)
    return details.get(LOST_FROM), details.get(LOST_TO)


def _as_link(stored: object) -> str:
    """Return what stands in the place of a link as a text that can be compared."""
    return stored if isinstance(stored, str) and stored.isascii() else ""


def _swaps(spoilt: Sequence[Entry], key: bytes) -> Iterator[Fault]:
    """Yield the pairs among `spoilt` of which each is sound in the other's place."""
    for one, other in combinations(spoilt, 2):
        if _fits(one, other, key) and _fits(other, one, key):
            yield Fault(one.number, other.number, Harm.SWAPPED)


def _fits(entry: Entry, place: Entry, key: bytes) -> bool:
    """Tell whether the content of `entry` was sealed for the number of `place`, its links exchanged with it or not."""
    links = (_as_link(entry.link), _as_link(place.link))
    return any(
        seal(replace(entry, number=place.number, previous=previous), key) in links
        for previous in (entry.previous, place.previous)
    )


def _without(runs: Iterable[Fault], numbers: set[int]) -> Iterator[Fault]:
    """Yield what is left of `runs` of changed entries without those of `numbers`."""
    for run in runs:
        bounds = [run.first - 1, *sorted(number for number in numbers if run.first <= number <= run.last), run.last + 1]
        for before, behind in pairwise(bounds):
            if behind - before > 1:
                yield Fault(before + 1, behind - 1, Harm.CHANGED)
