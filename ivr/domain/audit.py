"""The audit trail: who did what, from where, each entry sealed and chained to the one before.

    entry 1 ── link ──► entry 2 ── link ──► … ── link ──► entry n        head: number and link of entry n, kept apart

A link is HMAC-SHA256 under a key that the database does not hold: whoever can write to the database can neither make an
entry nor mend the chain. An entry holds the link before its own, so that each can be judged alone and a fault is told
where it is. Pure: the key, the time and the head are passed in.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Self


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
    PERSON_LINKED = "person_linked"
    PERSON_UNLINKED = "person_unlinked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  the name of an act
    SECOND_FACTOR_SET = "second_factor_set"
    SESSIONS_ENDED = "sessions_ended"
    DEPARTMENT_ADDED = "department_added"
    DEPARTMENT_ASSIGNED = "department_assigned"
    TOKEN_MADE = "token_made"  # noqa: S105  the name of an act
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    SCENARIO_SAVED = "scenario_saved"
    SCENARIO_RESTORED = "scenario_restored"
    SCENARIO_RETIRED = "scenario_retired"
    SCENARIO_BROUGHT_BACK = "scenario_brought_back"
    SCENARIO_FOUND = "scenario_found"
    WEBHOOK_MADE = "webhook_made"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_REMOVED = "webhook_removed"
    WEBHOOK_GAVE_UP = "webhook_gave_up"
    EXCLUSION_ENTERED = "exclusion_entered"
    EXCLUSION_LIFTED = "exclusion_lifted"
    EXCLUSION_SOUGHT = "exclusion_sought"
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
    Action.PERSON_LINKED: "庁内アカウントとの結び付け",
    Action.PERSON_UNLINKED: "結び付けの解除",
    Action.PASSWORD_CHANGED: "パスワードの変更",
    Action.SECOND_FACTOR_SET: "確認コードの設定",
    Action.SESSIONS_ENDED: "ほかの画面の終了",
    Action.DEPARTMENT_ADDED: "部署の登録",
    Action.DEPARTMENT_ASSIGNED: "催告の部署の変更",
    Action.TOKEN_MADE: "連携の鍵の作成",
    Action.TOKEN_REVOKED: "連携の鍵の失効",
    Action.SCENARIO_SAVED: "シナリオの保存",
    Action.SCENARIO_RESTORED: "シナリオの復元",
    Action.SCENARIO_RETIRED: "シナリオの片づけ",
    Action.SCENARIO_BROUGHT_BACK: "シナリオの再利用",
    Action.SCENARIO_FOUND: "シナリオの外での変更",
    Action.WEBHOOK_MADE: "通知先の登録",
    Action.WEBHOOK_CHANGED: "通知先の変更",
    Action.WEBHOOK_REMOVED: "通知先の削除",
    Action.WEBHOOK_GAVE_UP: "通知の自動停止",
    Action.EXCLUSION_ENTERED: "架電除外の登録",
    Action.EXCLUSION_LIFTED: "架電除外の取り消し",
    Action.EXCLUSION_SOUGHT: "架電除外の照会",
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


LOST_FROM, LOST_TO = "lost_from", "lost_to"
"""In the details of a restore: the first and the last number of the entries that neither database had."""
