"""Who is not called: the exclusion file as it is, what staff enter, who has opted out; and why somebody is not.

Whoever says on the telephone that they want no more calls is entered at once, and counts from the next dial on. Who it
is, and why, is hidden until somebody asks, which is on record.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from ivr.audit import Numbers
from ivr.desk.entering import MISSING, enter, lift, whom
from ivr.domain.audit import Action
from ivr.domain.authority import Deed, Reach, may, reach
from ivr.domain.entered import LONGEST_PERSON, LONGEST_REASON, OWN_WISH, EnteredExclusion
from ivr.errors import InputError, NotFound
from ivr.reporting.columns import telephone
from ivr.reporting.masking import masked_number
from ivr.storage.exclusions import A_PAGE
from ivr.web import forms, pages
from ivr.web.campaigns import names_of, seen
from ivr.web.console import Console, console_of
from ivr.web.exclusions.excluded import Entry, Excluded, OptedOut, Sought, file_state, sought
from ivr.web.permits import is_own, permit
from ivr.web.visits import Visit

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["exclusions"])

See = Annotated[Visit, permit(Deed.SEE_EXCLUSIONS)]
Change = Annotated[Visit, permit(Deed.CHANGE_EXCLUSIONS)]
SeePersonal = Annotated[Visit, permit(Deed.SEE_PERSONAL_DATA)]

OVER_SHOWN, OPT_OUTS_SHOWN = 20, 50

OPT_OUT_LABELS = {
    "opt_out": "本人が SMS の返信で断りました",
    "staff": "職員が止めました",
    "no_number": "使われていない番号です",
}

NO_MORE = "次の電話から、どの催告でもかけません。SMS も送りません。"
NUMBER_ALONE = "その人にほかの番号があれば、そちらにはかけます。人ごと止めるには、宛名番号でも登録してください。"

After = Annotated[int, Query(ge=0, le=1_000_000, description="So many are behind; from the page before.")]


class NewExclusion(forms.Given):
    """Somebody who is not to be called again: by number, by 宛名番号, or both."""

    number: str = Field(default="", title="電話番号", max_length=40)
    person: str = Field(default="", title="宛名番号", max_length=LONGEST_PERSON)
    reason: str = Field(default=OWN_WISH, title="理由", max_length=LONGEST_REASON)
    until: str = Field(default="", title="いつまで", max_length=10, description="YYYY-MM-DD; empty: for good.")


class Lifted(forms.Given):
    """An exclusion that is to end."""

    exclusion: str = Field(title="除外", pattern=r"^[0-9a-f]{32}$")
    why: str = Field(default="", title="やめる理由", max_length=LONGEST_REASON)


class Asked(forms.Given):
    """Whom somebody asks about."""

    number: str = Field(default="", title="電話番号", max_length=40)
    person: str = Field(default="", title="宛名番号", max_length=LONGEST_PERSON)


class Entered(forms.Done):
    """What was entered."""

    id: str


@api.get("/exclusions")
async def exclusions(request: Request, visit: See, after: After = 0) -> Excluded:
    """Return who is not called, without who they are."""
    return await _excluded(console_of(request), visit, after, masked=True)


@page.get("/exclusions")
async def exclusions_page(request: Request, visit: See, after: After = 0) -> Response:
    """Show it, and where somebody is entered."""
    return await _shown(request, visit, await _excluded(console_of(request), visit, after, masked=True), after)


@api.post("/exclusions/show", response_model=Excluded)
async def show(request: Request, visit: SeePersonal, after: After = 0) -> Response | Excluded:
    """Return the same with numbers and reasons; that is on record."""
    console = console_of(request)
    found = await _excluded(console, visit, after, masked=False)
    people = dict.fromkeys(one.person for one in (*found.entered, *found.over) if one.person)
    people |= dict.fromkeys(one.person for one in found.opted_out if one.person)
    numbers = sum(bool(one.number) for one in found.entered) + sum(bool(one.number) for one in found.opted_out)
    if people or numbers:
        told = {"people": Numbers("、".join(people))} if people else {}
        await console.audit.by(visit.author).record(Action.PERSONAL_DATA_SEEN, "架電除外", numbers=numbers, **told)
    return await _shown(request, visit, found, after) if forms.wants_page(request) else found


@api.post("/exclusions/search", response_model=Sought, openapi_extra=forms.takes(Asked))
async def search(request: Request, visit: SeePersonal) -> Response | Sought:
    """Tell whether somebody is called today, and if not why; on record."""
    console, given = console_of(request), await forms.read(request, Asked)
    person, number = whom(given.person, given.number)
    told = {"people": Numbers(person)} if person else {}
    by = "both" if person and number else "person" if person else "number"
    await console.audit.by(visit.author).record(Action.EXCLUSION_SOUGHT, by=by, **told)
    mine = [one for one in await seen(console, visit) if is_own(visit, one)]
    found = await sought(console, visit, mine, person=person, number=number)
    if not forms.wants_page(request):
        return found
    context = {"found": found, "given_number": given.number, "reason": OWN_WISH, "may_change": _may_change(visit)}
    return await pages.show(request, "exclusion_sought.html", context)


@api.post("/exclusions", response_model=Entered, openapi_extra=forms.takes(NewExclusion))
async def add(request: Request, visit: Change) -> Response:
    """Call somebody no more, in any campaign, from the next dial on."""
    console, given = console_of(request), await forms.read(request, NewExclusion)
    stored, new = await enter(
        console.results,
        console.audit.by(visit.author),
        console.clock.now(),
        person=given.person,
        number=given.number,
        reason=given.reason or OWN_WISH,
        until=_day(given.until),
        department=visit.person.department.id,
        by=visit.person.name,
    )
    names = [f"宛名番号 {given.person}"] if given.person else []
    names += [masked_number(stored.number)] if stored.number else []
    whose = " と ".join(names)
    if new:
        message = f"{whose} を除外しました。{NO_MORE}{'' if stored.person else NUMBER_ALONE}"
    else:
        message = f"{whose} は、すでに除外されています。どの催告でもかけません。"
    if forms.wants_page(request):
        return forms.done(request, message, back="/exclusions")
    return JSONResponse(Entered(id=stored.id, message=message).model_dump())


@api.post("/exclusions/lift", response_model=forms.Done, openapi_extra=forms.takes(Lifted))
async def end(request: Request, visit: Change) -> Response:
    """Let somebody be called again."""
    console, given = console_of(request), await forms.read(request, Lifted)
    found = await console.results.exclusions.one(given.exclusion)
    if found is None or not may(visit.person.roles, Deed.CHANGE_EXCLUSIONS, own=_own(visit, found)):
        raise NotFound(MISSING)
    await lift(
        console.results,
        console.audit.by(visit.author),
        console.clock.now(),
        found,
        why=given.why,
        by=visit.person.name,
    )
    message = "除外をやめました。ほかに除外の理由がなければ、これから始まる電話の相手になります。"
    return forms.done(request, message, back="/exclusions")


def _own(visit: Visit, one: EnteredExclusion) -> bool:
    return one.department == visit.person.department.id


def _may_change(visit: Visit) -> bool:
    return reach(visit.person.roles, Deed.CHANGE_EXCLUSIONS) is not Reach.NONE


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputError("いつまでの日付は 2027-03-31 のように書いてください。") from None


async def _excluded(console: Console, visit: Visit, after: int, *, masked: bool) -> Excluded:
    """Return what somebody may see: what their own department has entered, unless they see all."""
    now, zone, store = console.clock.now(), console.settings.calling.timezone, console.results.exclusions
    # Whoever sees names sees only those of their own department.
    everything = masked and reach(visit.person.roles, Deed.SEE_EXCLUSIONS) is Reach.ALL
    department = None if everything else visit.person.department.id
    names = {one.id: one.name for one in await console.results.accounts.departments()}
    campaigns = [one.id for one in await seen(console, visit) if everything or is_own(visit, one)]
    standing, number = await store.standing(now, department=department, after=after)
    over = await store.over(now, department=department, limit=OVER_SHOWN) if not after else ()
    opt_outs, refusing = await store.opt_outs(campaigns, OPT_OUTS_SHOWN) if not after else ((), 0)

    def entry(one: EnteredExclusion) -> Entry:
        return Entry.of(one, now=now, zone=zone, masked=masked, own=_own(visit, one), departments=names)

    return Excluded(
        masked=masked,
        file=await file_state(console),
        columns=list(console.settings.exclusions.columns),
        asked=console.settings.exclusions.check is not None,
        entered=[entry(one) for one in standing],
        number=number,
        after=after + A_PAGE if number > after + A_PAGE else None,
        over=[entry(one) for one in over],
        opted_out=[
            OptedOut(
                why=OPT_OUT_LABELS.get(one.reason, one.reason),
                at=one.at,
                person=one.person,
                number=(masked_number if masked else telephone)(one.number) if one.number else "",
            )
            for one in opt_outs
        ],
        opted_out_in_all=refusing,
    )


async def _shown(request: Request, visit: Visit, found: Excluded, after: int) -> Response:
    context = {
        "names": await names_of(console_of(request)),
        "found": found,
        "may_change": _may_change(visit),
        "may_show": reach(visit.person.roles, Deed.SEE_PERSONAL_DATA) is not Reach.NONE,
        "sees_all": reach(visit.person.roles, Deed.SEE_EXCLUSIONS) is Reach.ALL,
        "reason": OWN_WISH,
        "longest_reason": LONGEST_REASON,
        "page_from": after,
    }
    return await pages.show(request, "exclusions.html", context)
