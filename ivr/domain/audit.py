"""The audit trail: who did what, from where, each entry sealed and chained to the one before.

    entry 1 ── link ──► entry 2 ── link ──► … ── link ──► entry n        head: number and link of entry n, kept apart

A link is HMAC-SHA256 under a key that the database does not hold: whoever can write to the database can neither make an
entry nor mend the chain. An entry holds the link before its own, so that each can be judged alone and a fault is told
where it is. Pure: the key, the time and the head are passed in.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import combinations, pairwise
from operator import attrgetter
from typing import Self, assert_never

SEARCHED = 100
"""Spoilt entries that are tried against each other for a swap; the time grows with the square."""


class Action(StrEnum):
    """What is put on record."""

    IMPORTED = "imported"
    APPROVED = "approved"
    STAFF_CALLED = "staff_called"
    STAFF_TEXTED = "staff_texted"
    TEXTS_REFUSED = "texts_refused"
    TEXTS_WANTED = "texts_wanted"
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    EMERGENCY_STOPPED = "emergency_stopped"
    EXCLUDED = "excluded"
    EXPORTED = "exported"
    PERSONAL_DATA_SEEN = "personal_data_seen"
    ERASED = "erased"
    BACKED_UP = "backed_up"
    RESTORED = "restored"
    KEY_ROTATED = "key_rotated"
    ENGINE_STARTED = "engine_started"
    ENGINE_STOPPED = "engine_stopped"
    SETTINGS_CHANGED = "settings_changed"
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGNED_OUT = "signed_out"
    PERSON_ADDED = "person_added"
    PERSON_CHANGED = "person_changed"
    PERSON_RESET = "person_reset"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  the name of an act
    SECOND_FACTOR_SET = "second_factor_set"
    SESSIONS_ENDED = "sessions_ended"
    DEPARTMENT_ADDED = "department_added"
    DEPARTMENT_ASSIGNED = "department_assigned"
    TOKEN_MADE = "token_made"  # noqa: S105  the name of an act
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    AUDIT_LISTED = "audit_listed"
    AUDIT_VERIFIED = "audit_verified"
    AUDIT_EXPORTED = "audit_exported"
    HEAD_MADE = "head_made"
    """A trail was found whose head is not kept here: lost, or the first act on another machine."""


LABELS: Mapping[Action, str] = {
    Action.IMPORTED: "名簿の取込",
    Action.APPROVED: "承認",
    Action.STAFF_CALLED: "試しの電話",
    Action.STAFF_TEXTED: "試しの SMS",
    Action.TEXTS_REFUSED: "SMS の停止",
    Action.TEXTS_WANTED: "SMS の再開",
    Action.STARTED: "開始",
    Action.PAUSED: "一時停止",
    Action.RESUMED: "再開",
    Action.STOPPED: "打ち切り",
    Action.EMERGENCY_STOPPED: "緊急停止",
    Action.EXCLUDED: "宛先の除外",
    Action.EXPORTED: "結果の出力",
    Action.PERSONAL_DATA_SEEN: "氏名・電話番号の表示",
    Action.ERASED: "消去",
    Action.BACKED_UP: "バックアップ",
    Action.RESTORED: "復元",
    Action.KEY_ROTATED: "鍵の更新",
    Action.ENGINE_STARTED: "エンジン起動",
    Action.ENGINE_STOPPED: "エンジン終了",
    Action.SETTINGS_CHANGED: "設定の変更",
    Action.SIGNED_IN: "サインイン",
    Action.SIGN_IN_REFUSED: "サインインの拒否",
    Action.SIGNED_OUT: "サインアウト",
    Action.PERSON_ADDED: "利用者の登録",
    Action.PERSON_CHANGED: "利用者の変更",
    Action.PERSON_RESET: "利用者の再設定",
    Action.PASSWORD_CHANGED: "パスワードの変更",
    Action.SECOND_FACTOR_SET: "確認コードの設定",
    Action.SESSIONS_ENDED: "ほかの画面の終了",
    Action.DEPARTMENT_ADDED: "部署の登録",
    Action.DEPARTMENT_ASSIGNED: "催告の部署の変更",
    Action.TOKEN_MADE: "連携の鍵の作成",
    Action.TOKEN_REVOKED: "連携の鍵の失効",
    Action.AUDIT_LISTED: "証跡の閲覧",
    Action.AUDIT_VERIFIED: "証跡の検証",
    Action.AUDIT_EXPORTED: "証跡の出力",
    Action.HEAD_MADE: "控えの作成",
}
"""What staff and auditors read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who acts, and from where, as the operating system tells it, or the console of whom it has let in."""

    who: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something done at `at` (aware). `subject` is what it was done to; nothing here names a callee."""

    at: datetime
    author: Author
    action: Action
    subject: str
    details: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An act on record, in the very characters that are sealed. `number` counts from 1 without gaps.

    `at` is ISO 8601 in UTC with microseconds, so that it sorts; `details` is JSON; links are 64 hexadecimal digits.
    """

    number: int
    at: str
    who: str
    where: str
    action: str
    subject: str
    details: str
    previous: str
    link: str

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Return what `written` wrote; ValueError for anything else."""
        try:
            held = json.loads(line)
        except RecursionError:
            raise ValueError("no entry") from None
        names = [field.name for field in fields(cls)]
        if not isinstance(held, dict) or sorted(held) != sorted(names):
            raise ValueError("no entry")
        if any(type(held[name]) is not (int if name == "number" else str) for name in names):
            raise ValueError("no entry")
        return cls(**held)

    def written(self) -> bytes:
        """Return the entry as a line of JSON, in the very characters that are sealed."""
        return json.dumps(asdict(self), ensure_ascii=False, default=repr).encode() + b"\n"


_CONTENT = attrgetter(*(field.name for field in fields(Entry) if field.name != "link"))


@dataclass(frozen=True, slots=True)
class Head:
    """Where a trail ends: the number and link of its last entry."""

    number: int
    link: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Return the end of a trail whose last entry is `entry`."""
        return cls(entry.number, entry.link)

    @classmethod
    def read(cls, noted: bytes) -> Self:
        """Return what `written` wrote; ValueError for anything else."""
        number, link = noted.decode("ascii").split(" ")
        return cls(int(number), link)

    def written(self) -> bytes:
        """Return the head as bytes to keep."""
        return f"{self.number} {self.link}".encode("ascii")


GENESIS = Head(0, "0" * 64)
"""The end of a trail without entries."""


def beyond(entries: Sequence[Entry], end: Head) -> Sequence[Entry]:
    """Return what comes behind `end` in a trail that holds it, and nothing where it is the end of another."""
    if end == GENESIS:
        return entries
    return next((entries[place:] for place, entry in enumerate(entries, 1) if Head.of(entry) == end), ())


def moment(at: datetime) -> str:
    """Return an aware time as an entry holds it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def follow(head: Head, act: Act, key: bytes) -> Entry:
    """Return the entry of `act` that comes after `head`."""
    entry = Entry(
        number=head.number + 1,
        at=moment(act.at),
        who=act.author.who,
        where=act.author.where,
        action=act.action.value,
        subject=act.subject,
        details=json.dumps(dict(act.details), ensure_ascii=False, sort_keys=True, separators=(",", ":")),
        previous=head.link,
        link="",
    )
    return replace(entry, link=seal(entry, key))


def seal(entry: Entry, key: bytes) -> str:
    """Return the link that `entry` has if nobody touched it: the HMAC of everything in it but the link."""
    # A database gives back whatever was forced into it: a blob in place of a text is a list here, and no text.
    content = json.dumps(_CONTENT(entry), separators=(",", ":"), default=lambda forced: [repr(forced)])
    return hmac.digest(key, content.encode("ascii"), "sha256").hex()


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


LOST_FROM, LOST_TO = "lost_from", "lost_to"
"""In the details of a restore: the first and the last number of the entries that neither database had."""


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
