"""What is known of who is not called, as it is shown: the file, what staff have entered, why somebody is excluded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field

from ivr import exclusions
from ivr.campaign.records import CampaignRow
from ivr.domain.entered import EnteredExclusion
from ivr.domain.era import japanese_date
from ivr.domain.exclusion import Entry as Line
from ivr.domain.exclusion import Exclusions, Source, by_columns
from ivr.domain.recipient import same_person
from ivr.errors import ExclusionsUnknown, InputError, KeyDestroyed, NotFound, Problems
from ivr.reporting.columns import SOURCES, telephone
from ivr.reporting.masking import masked_number
from ivr.settings.exclusions import ExcludingColumn
from ivr.web.campaigns import names_of
from ivr.web.console import Console
from ivr.web.visits import Visit

PATIENCE = 3.0
"""Seconds for which a page waits for the file; a disk that hangs must not hold the page for longer."""

FAULTS_SHOWN = 30
CAMPAIGNS_SOUGHT = 30
DIALS_SHOWN = 5


class Fault(BaseModel):
    """Something wrong in the file; line 0 where no line fits."""

    line: int
    message: str


class FileState(BaseModel):
    """The exclusion file as it is."""

    name: str | None = Field(description="Null where the settings name none.")
    known: bool = Field(description="False: it does not tell who is excluded, and nobody is called.")
    changed_at: datetime | None
    people: int
    numbers: int
    message: str
    faults: list[Fault]
    faults_in_all: int


class Entry(BaseModel):
    """What staff have entered. Masked: of a number its middle is hidden, and there is no reason."""

    id: str
    person: str
    number: str
    reason: str | None
    until: date | None
    department: str
    own: bool
    holds: bool
    entered_at: datetime
    entered_by: str
    lifted_at: datetime | None
    lifted_by: str
    lifted_why: str | None

    @classmethod
    def of(
        cls,
        one: EnteredExclusion,
        *,
        now: datetime,
        zone: tzinfo,
        masked: bool,
        own: bool,
        departments: Mapping[str, str],
    ) -> Self:
        """Return an exclusion as it is shown."""
        return cls(
            id=one.id,
            person=one.person,
            number=(masked_number if masked else telephone)(one.number) if one.number else "",
            reason=None if masked else one.reason,
            until=one.until(zone),
            department=departments.get(one.department, ""),
            own=own,
            holds=one.holds(now),
            entered_at=one.entered_at,
            entered_by=one.entered_by,
            lifted_at=one.lifted_at,
            lifted_by=one.lifted_by,
            lifted_why=None if masked else one.lifted_why,
        )


class OptedOut(BaseModel):
    """A number that is sent no texts (SMS)."""

    why: str
    at: datetime
    person: str
    number: str


class Excluded(BaseModel):
    """Who is not called. `entered` are fifty at most; `after` asks for those that follow, null where none do."""

    masked: bool
    file: FileState
    columns: list[ExcludingColumn]
    asked: bool = Field(description="The collection system is asked before each dial.")
    entered: list[Entry]
    number: int
    after: int | None
    over: list[Entry]
    opted_out: list[OptedOut]
    opted_out_in_all: int


class Reason(BaseModel):
    """Why somebody is not called, and where that is written."""

    source: str
    about: str
    reason: str
    until: date | None = None
    told: str = ""
    exclusion: str = Field(default="", description="The id, where it can be ended by who asks.")


class Person(BaseModel):
    """Somebody who was dialled at a number."""

    person: str
    campaign: str
    campaign_name: str
    at: datetime
    excluded: bool = Field(description="As a person, by the file or by staff: on whichever number.")


class Sought(BaseModel):
    """Whether somebody is called today: not where `excluded`, for `reasons`; nobody is while `unknown` says why."""

    person: str
    number: str
    excluded: bool
    unknown: str
    reasons: list[Reason]
    before: list[Reason] = Field(description="What is over.")
    refuses_texts: str
    refuses_since: datetime | None
    dialled: list[Person]


async def file_state(console: Console) -> FileState:
    """Return how the exclusion file is, and whatever is wrong with it."""
    file = console.settings.exclusions.file
    if file is None:
        return FileState(
            name=None, known=True, changed_at=None, people=0, numbers=0, message="", faults=[], faults_in_all=0
        )
    faults: list[Fault] = []
    known, message, in_all = Exclusions(), "", 0
    try:
        known = await _known(console)
        sound = True
    except ExclusionsUnknown as error:
        sound, message = False, str(error)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                faults, in_all = await asyncio.to_thread(_faults, file)
    return FileState(
        name=file.name,
        known=sound,
        changed_at=await _changed(file),
        people=len(known.people),
        numbers=len(known.numbers),
        message=message.replace(str(file), file.name),
        faults=faults,
        faults_in_all=in_all,
    )


async def _known(console: Console) -> Exclusions:
    """Return what the engine knows; ExclusionsUnknown also where that takes too long for a page."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await console.registers.known()
    except TimeoutError:
        raise ExclusionsUnknown("除外ファイルのあるディスクが、なかなか答えません。") from None


async def _changed(file: Path) -> datetime | None:
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(PATIENCE):
            return datetime.fromtimestamp((await asyncio.to_thread(file.stat)).st_mtime, UTC)
    return None


def _faults(file: Path) -> tuple[list[Fault], int]:
    try:
        exclusions.read(file)
    except Problems as error:
        found = [Fault(line=one.line, message=one.message) for one in error.problems]
        return found[:FAULTS_SHOWN], len(found)
    except InputError:
        pass
    return [], 0


async def sought(
    console: Console, visit: Visit, campaigns: Sequence[CampaignRow], *, person: str, number: str
) -> Sought:
    """Return whether a 宛名番号 or an E.164 number is called today; of single campaigns those in `campaigns` tell."""
    now, zone, store = console.clock.now(), console.settings.calling.timezone, console.results.exclusions
    today, unknown = now.astimezone(zone).date(), ""
    reasons: list[Reason] = []
    before: list[Reason] = []
    entered = await store.found(person, number)
    departments = {one.id: one.name for one in await console.results.accounts.departments()}
    staff = await names_of(console)
    for one in entered:
        reason = _of_staff(one, departments, staff, visit, zone, person=person, number=number)
        (reasons if one.holds(now) else before).append(reason)
    try:
        known = await _known(console)
        for about, line in _lines(known, person, number):
            reason = Reason(source=SOURCES[Source.FILE], about=about, reason=line.reason, until=line.until)
            (reasons if line.holds(today) else before).append(reason)
    except ExclusionsUnknown as error:
        known, unknown = Exclusions(), str(error)
    if person:
        reasons += [one async for one in _of_campaigns(console, campaigns[-CAMPAIGNS_SOUGHT:], known, person)]
    refused = await store.refuses_texts(number) if number else None
    names = {one.id: one.name for one in campaigns}
    dialled = await store.dialled(number, list(names), 20) if number else ()
    people = {(one.campaign, one.person): one for one in reversed(dialled)}
    latest = sorted(people.values(), key=lambda one: one.at, reverse=True)[:DIALS_SHOWN]
    out = {one.person: await _is_out(console, known, one.person, now, today) for one in latest}
    return Sought(
        person=person,
        number=telephone(number) if number else "",
        excluded=bool(reasons),
        unknown=unknown,
        reasons=reasons,
        before=before,
        refuses_texts=refused[0] if refused else "",
        refuses_since=refused[1] if refused else None,
        dialled=[
            Person(
                person=one.person,
                campaign=one.campaign,
                campaign_name=names[one.campaign],
                at=one.at,
                excluded=out[one.person],
            )
            for one in latest
        ],
    )


async def _is_out(console: Console, known: Exclusions, person: str, now: datetime, today: date) -> bool:
    """Tell whether a 宛名番号 is excluded today for every campaign."""
    if any(line.holds(today) for _, line in _lines(known, person, "")):
        return True
    return any(one.holds(now) for one in await console.results.exclusions.found(person, ""))


def _lines(known: Exclusions, person: str, number: str) -> Iterator[tuple[str, Line]]:
    if person:
        yield from (("宛名番号", line) for line in known.people.get(same_person(person), ()))
    if number:
        yield from (("電話番号", line) for line in known.numbers.get(number, ()))


def _of_staff(
    one: EnteredExclusion,
    departments: Mapping[str, str],
    staff: Mapping[str, str],
    visit: Visit,
    zone: tzinfo,
    *,
    person: str,
    number: str,
) -> Reason:
    own = one.department == visit.person.department.id
    by = departments.get(one.department, "")
    if own:
        by += f" {staff.get(one.entered_by, one.entered_by)} さん"
    told = f"{_moment(one.entered_at, zone)} に {by} が登録"
    if one.lifted_at is not None:
        why = f"（{one.lifted_why}）" if own else ""
        told += f"、{_moment(one.lifted_at, zone)} に取り消し{why}"
    both = bool(person and number) or bool(one.person and one.number)
    about = "宛名番号と電話番号" if both else "宛名番号" if person else "電話番号"
    return Reason(
        source=SOURCES[Source.STAFF],
        about=about,
        reason=one.reason if own else "ほかの部署の登録なので、理由は表示しません",
        until=one.until(zone),
        told=told,
        exclusion=one.id if own and one.lifted_at is None else "",
    )


def _moment(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{japanese_date(local.date())} {local:%H:%M}"


async def _of_campaigns(
    console: Console, campaigns: Sequence[CampaignRow], known: Exclusions, person: str
) -> AsyncIterator[Reason]:
    """Yield why single campaigns do not call somebody."""
    figures = console.results.figures
    for campaign in reversed(campaigns):
        try:
            record = await figures.history(campaign.id, await figures.key_of(campaign.id, person))
        except (NotFound, KeyDestroyed):
            continue
        excluded = record.excluded
        if excluded is None:
            with suppress(ExclusionsUnknown):
                excluded = by_columns(known.columns, record.recipient)
        if excluded is not None and excluded.source is not Source.FILE:
            yield Reason(source=SOURCES[excluded.source], about=f"催告「{campaign.name}」", reason=excluded.reason)
