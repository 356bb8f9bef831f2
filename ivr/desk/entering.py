"""People and numbers that staff exclude from every campaign, at once, and let be called again."""

from __future__ import annotations

from datetime import date, datetime
from uuid import uuid4

from ivr.audit import Audit
from ivr.domain import phone
from ivr.domain.audit import Action
from ivr.domain.entered import EnteredExclusion, end_of, unfit_person, unfit_reason
from ivr.errors import InputError, NotFound
from ivr.storage import SqlResults

MISSING = "その除外はありません。"


def whom(person: str, number: str) -> tuple[str, str]:
    """Return a 宛名番号 and an E.164 number as staff have written them, either "" where it is not; InputError."""
    person, written = person.strip(), number.strip()
    if not person and not written:
        raise InputError("電話番号か宛名番号を入力してください。")
    if (unfit := unfit_person(person)) is not None:
        raise InputError(unfit)
    return person, phone.parse(written).e164 if written else ""


async def enter(
    results: SqlResults,
    audit: Audit,
    now: datetime,
    *,
    person: str,
    number: str,
    reason: str,
    until: date | None,
    department: str,
    by: str,
) -> tuple[EnteredExclusion, bool]:
    """Call a person (宛名番号) or a number no more, in any campaign, from the next dial on; InputError.

    `now` is in the office's time. Returns what keeps them from being called, and whether it is new.
    """
    person, number = whom(person, number)
    if (unfit := unfit_reason(reason)) is not None:
        raise InputError(unfit)
    if until is not None and until < now.date():
        raise InputError("いつまでの日付が、過ぎています。今日か、そのあとの日にしてください。")
    if until is not None and until.year > now.year + 100:
        raise InputError("いつまでの日付が先すぎます。ずっとのときは、空けておいてください。")
    wanted = EnteredExclusion(
        id=uuid4().hex,
        person=person,
        number=number,
        reason=reason.strip(),
        department=department,
        entered_at=now,
        entered_by=by,
        ends_at=end_of(until, now.tzinfo) if until is not None and now.tzinfo is not None else None,
    )
    about = "both" if person and number else "person" if person else "number"
    told = {"until": f"{until:%Y-%m-%d}"} if until else {}

    async def entered() -> tuple[EnteredExclusion, bool]:
        # Nobody who must not be called waits for the trail; nor does it tell their number.
        stored = await results.exclusions.add(wanted)
        new = stored.id == wanted.id
        if new:
            await audit.record(Action.EXCLUSION_ENTERED, entry=stored.id, about=about, **told)
        return stored, new

    return await audit.to_its_end(entered())


async def lift(
    results: SqlResults, audit: Audit, now: datetime, exclusion: EnteredExclusion, *, why: str, by: str
) -> None:
    """Let whom `exclusion` is about be called again; InputError, and NotFound where somebody else was quicker."""
    if (unfit := unfit_reason(why)) is not None:
        raise InputError(f"除外をやめる{unfit}")
    if exclusion.lifted_at is not None:
        raise NotFound("その除外は、もう取り消されています。")
    # Who can't be put on record lets nobody be called again.
    await audit.record(Action.EXCLUSION_LIFTED, entry=exclusion.id, entered_by=exclusion.entered_by)
    if not await results.exclusions.lift(exclusion.id, by=by, why=why.strip(), now=now):
        raise NotFound("その除外は、もう取り消されています。")
