"""The audit trail: read, the newest first, and judged. That is on record as well."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ivr.audit import plain
from ivr.auditor import as_shown
from ivr.domain.audit import LABELS, Action, moment
from ivr.domain.authority import ROLE_LABELS, Deed, Role
from ivr.domain.examination import sentence
from ivr.errors import InputError
from ivr.storage import AuditAsked
from ivr.web import forms, pages
from ivr.web.console import Console, console_of
from ivr.web.permits import permit
from ivr.web.trail.examining import Examining
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["audit"])

A_PAGE = 50

END = 2**31 - 1
"""Behind the last number that there can be."""

LONGEST_MARK = 16
"""Signs of a fingerprint on a page; the whole is in `ivr audit export`."""

DETAILS = {
    "about": "何で",
    "active": "利用",
    "again": "戻した版",
    "accepted": "取り込んだ人",
    "by": "だれが",
    "created_by": "作成者",
    "department": "部署",
    "entries": "件数",
    "entered_by": "登録者",
    "entry": "登録の番号",
    "excluded": "除外",
    "exclusions": "架電除外",
    "faults": "異常",
    "file": "ファイル",
    "format": "形式",
    "list": "名簿",
    "list_sha256": "名簿の指紋",
    "names": "氏名",
    "numbers": "電話番号の数",
    "people": "人",
    "readings": "直した読み",
    "reason": "理由",
    "refused": "取り込めない行",
    "roles": "役割",
    "rows": "行",
    "rules": "規則",
    "rules_sha256": "規則の指紋",
    "scenario": "シナリオ",
    "scenario_sha256": "シナリオの指紋",
    "settings": "設定の指紋",
    "since": "この日から",
    "until": "期限",
    "version": "版",
    "why": "理由",
}
"""What details are called on a page; others keep the name that the trail has for them."""

ABOUT = {"number": "電話番号", "person": "宛名番号", "both": "宛名番号と電話番号"}
"""What an exclusion is about, or is looked for by."""

NAMES = {"hidden": "伏せた", "shown": "入れた"}

HOW = {"password": "パスワード", "code": "確認コード", "answer": "SMS への返信"}
"""What `by` says of a way rather than of a person."""

WORDS = {**HOW, "console": "画面で変更", **{role.value: ROLE_LABELS[role] for role in Role}}
"""What is said of `by`, `why`, `roles` and `rules`."""

Read = Annotated[Visit, permit(Deed.READ_AUDIT)]

examining = Examining()


class Entry(BaseModel):
    """An entry of the trail."""

    number: int
    at: str
    who: str
    where: str
    action: str
    label: str
    subject: str
    details: dict[str, Any]


class Trail(BaseModel):
    """Entries, the newest first.

    `before` asks for those that follow, null where none do; `newer` in its place for those that precede, null on the
    first page.
    """

    entries: list[Entry]
    before: int | None
    newer: int | None = None


class Judged(BaseModel):
    """What an examination has found: of `entries`, which reach to number `upto` of `last`."""

    entries: int
    upto: int
    last: int
    whole: bool
    faults: list[str]
    go_on: str = Field(description="Sent again, it has the next piece judged; empty at the end.")


class Asked(forms.Given):
    """Which piece of an examination is asked for."""

    go_on: str = Field(default="", title="つづき", max_length=64)


Since = Annotated[str, Query(max_length=10, description="YYYY-MM-DD")]
About = Annotated[str, Query(max_length=200, description="The name of a campaign, or of a person.")]
Before = Annotated[int, Query(ge=1, le=END)]


@api.get("/audit")
async def entries(request: Request, visit: Read, since: Since = "", about: About = "", before: Before = END) -> Trail:
    """Return entries of the trail, the newest first."""
    return await _entries(console_of(request), visit, since, about, before)


@page.get("/audit")
async def audit_page(
    request: Request, visit: Read, since: Since = "", about: About = "", before: Before = END
) -> Response:
    """Show them."""
    wrong = None
    try:
        found = await _entries(console_of(request), visit, since, about, before)
    except InputError as error:
        wrong, found = str(error), Trail(entries=[], before=None)
    context = {
        "trail": found,
        "since": since,
        "about": about,
        "wrong": wrong,
        "judged": None,
        "end": END,
        "in_words": in_words,
    }
    return await pages.show(request, "audit.html", context)


@api.post("/audit/verify", response_model=Judged, openapi_extra=forms.takes(Asked))
async def verify(request: Request, visit: Annotated[Visit, permit(Deed.VERIFY_AUDIT)]) -> Response | Judged:
    """Judge the trail from its beginning, a piece at a time: `go_on` of an answer asks for the next."""
    asked = await forms.read(request, Asked)
    console = console_of(request)
    audit = console.audit.by(visit.author)
    found = await examining.judge(console.results, audit, visit.person.id, asked.go_on)
    await audit.record(Action.AUDIT_VERIFIED, entries=found.seen, faults=len(found.faults))
    judged = Judged(
        entries=found.seen,
        upto=found.upto,
        last=found.last,
        whole=not found.go_on,
        faults=[sentence(fault) for fault in found.faults],
        go_on=found.go_on,
    )
    if not forms.wants_page(request):
        return judged
    if judged.whole and not judged.faults:
        said = f"すべての記録 {judged.entries:,} 件に、変更も欠けもありません。"
        return forms.done(request, said, back="/audit")
    return await pages.show(request, "audit_judged.html", {"judged": judged})


async def _entries(console: Console, visit: Visit, since: str, about: str, before: int) -> Trail:
    zone = console.settings.calling.timezone
    try:
        first = moment(datetime.combine(date.fromisoformat(since), time(), zone)) if since else None
    except ValueError:
        raise InputError("日付は 2026-11-01 のように書いてください。") from None
    asked = AuditAsked(since=first, subject=plain(about) if about else None)
    details = {"since": since} if since else {}
    await console.audit.by(visit.author).record(Action.AUDIT_LISTED, about, **details)
    found = await console.results.audited_before(before, A_PAGE + 1, asked)
    shown = found[:A_PAGE]
    newer = None
    if before < END:
        ahead = await console.results.audited(before - 1, A_PAGE, asked)
        newer = ahead[-1].number + 1 if len(ahead) == A_PAGE else END
    return Trail(
        entries=[_entry(as_shown(entry, zone)) for entry in shown],
        before=shown[-1].number if len(found) > A_PAGE else None,
        newer=newer,
    )


def in_words(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the details of an entry for a page, each with what it is called."""
    return [
        ("手段" if name == "by" and value in {**HOW, **ABOUT} else DETAILS.get(name, name), _word(name, str(value)))
        for name, value in details.items()
    ]


def _word(name: str, value: str) -> str:
    if name == "why" and value in HOW:
        return f"{HOW[value]}の違い"
    if name == "about" or (name == "by" and value in ABOUT):
        return ABOUT.get(value, value)
    if name == "names":
        return NAMES.get(value, value)
    if name == "exclusions":
        return "一部" if value == "partly" else value
    if name == "active":
        return "できる" if value == "yes" else "できない"
    if name in ("by", "why", "roles", "rules"):
        return "・".join(WORDS.get(one, one) for one in value.split())
    if (name == "settings" or name.endswith("_sha256")) and len(value) > LONGEST_MARK:
        return f"{value[:LONGEST_MARK]}…"
    return value


def _entry(shown: Mapping[str, Any]) -> Entry:
    label = str(shown["action"])
    with suppress(ValueError):
        label = LABELS[Action(label)]
    # Whoever changed an entry may have put anything into it.
    return Entry.model_construct(label=label, **{name: _plain(value) for name, value in shown.items()})


def _plain(value: Any) -> Any:
    return "".join(letter for letter in value if letter.isprintable()) if isinstance(value, str) else value
