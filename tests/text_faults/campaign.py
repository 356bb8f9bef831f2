"""One campaign of texts under faults, until everybody is accounted for."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ivr.rehearsal.sms_centre import SmsCentre
from ivr.rehearsal.taken import TakenText
from tests.acceptance.command import Command
from tests.acceptance.office import Office
from tests.offices import care_of
from tests.text_faults.faults import FAULTS, Planned, Scene, ended
from tests.text_faults.town import OFFICE, OFFICE_PHONE, SCENARIO, Town
from tests.text_faults.verdict import Break, Verdict

NAME = "納付のお知らせ"
ACCOUNT = ("yobirin", "himitsu1")
WINDOW = 5
EXCLUDED = "jogai.csv"

GOES_ON_S = 120.0
"""Seconds for a campaign to come to its next fault, or to its end."""

ENDS_S = 240.0
"""Seconds for a campaign to end once nothing is done to it any more; a minute of it for receipts."""

QUIET_S = 30.0
"""Seconds for an engine to hear what its forerunner has left at the centre."""


@dataclass(slots=True, kw_only=True)
class Course:
    """What was done to a campaign: how often each fault, and when texts may have lost their answers."""

    done: Counter[str] = field(default_factory=Counter)
    breaks: list[Break] = field(default_factory=list)
    engines: int = 0


async def suffer(folder: Path, town: Town, plan: Sequence[Planned], rng: random.Random) -> tuple[Course, Verdict]:
    """Text everybody of `town` with faults as planned, and judge everybody; AssertionError where it does not end."""
    account, password = ACCOUNT
    with ExitStack() as stack:
        async with SmsCentre(town.handsets, system_id=account, password=password) as centre:
            office = _office(folder, town, centre, stack)
            course = Course()
            await _hurt(office, town, centre, plan, rng, course)
            await _hear_the_rest(office, centre, course)
            course.breaks += [Break(at, at, "cut") for at in centre.cuts]
            return course, await _judged(office, town, centre.taken, course)


def _office(folder: Path, town: Town, centre: SmsCentre, stack: ExitStack) -> Office:
    office = Office(folder, 1, stack)
    secret = folder / "smpp.secret"
    secret.write_text(ACCOUNT[1], "ascii")
    excluded = folder / EXCLUDED
    office.settings(
        texts={
            "office": OFFICE,
            "office_phone": OFFICE_PHONE,
            "smpp": {
                "host": centre.host,
                "port": centre.port,
                "system_id": ACCOUNT[0],
                "password_file": str(secret),
                "sender": OFFICE_PHONE,
                "window": WINDOW,
            },
        },
        exclusions={"columns": [{"column": "支援措置", "harmless": ["", "無"]}], "file": str(excluded)},
    )
    office.scenario.write_text(SCENARIO, "utf-8")
    town.write_list(office.list)
    town.write_excluded(excluded, everybody=False)
    return office


async def _hurt(
    office: Office, town: Town, centre: SmsCentre, plan: Sequence[Planned], rng: random.Random, course: Course
) -> None:
    """Run the campaign, with an engine anew after each fault that ends one, to its end."""
    running = _begun(office, course)
    await _until_taken(centre, running, 1)
    town.write_excluded(office.folder / EXCLUDED, everybody=True)
    for one in plan:
        await _until_taken(centre, running, one.taken)
        await asyncio.sleep(one.pause)
        if running.process.poll() is not None:
            break
        await FAULTS[one.name](
            Scene(
                centre=centre,
                running=running,
                database=office.data_dir / "ivr.db",
                rng=rng,
                broken=course.breaks.append,
            )
        )
        course.done[one.name] += 1
        if running.process.poll() is not None:
            running = _begun(office, course)
    status = await ended(running, ENDS_S)
    assert status == 0, f"the campaign ended with {status}: {running.out[-2000:]}\n{running.err[-2000:]}"


def _begun(office: Office, course: Course) -> Command:
    course.engines += 1
    return office.run(NAME)


async def _until_taken(centre: SmsCentre, running: Command, texts: int) -> None:
    """Return once the centre has so many texts, or the engine has ended."""
    async with asyncio.timeout(GOES_ON_S):
        while len(centre.taken) < texts and running.process.poll() is None:
            await asyncio.sleep(0.02)


async def _hear_the_rest(office: Office, centre: SmsCentre, course: Course) -> None:
    """Let an engine hear what came when a text seemed settled: the centre keeps it until somebody is bound."""
    course.engines += 1
    running = office.begin("serve")
    async with asyncio.timeout(QUIET_S):
        while "ready" not in running.err + running.out or not centre.bound:
            await asyncio.sleep(0.05)
    await centre.quiet(within=QUIET_S)
    running.process.send_signal(signal.SIGTERM)
    status = await ended(running, ENDS_S)
    assert status == 0, f"the last engine ended with {status}: {running.err[-2000:]}"


async def _judged(office: Office, town: Town, taken: Sequence[TakenText], course: Course) -> Verdict:
    verdict = Verdict(most=WINDOW)
    by_number: defaultdict[str, list[TakenText]] = defaultdict(list)
    for text in taken:
        by_number[text.number].append(text)
    async with care_of(office.config) as care:
        campaign = await care.results.campaign(NAME)
        records = {one.recipient.id: one for one in await care.results.records(campaign.id)}
    for person in town.people:
        verdict.judge(person, records.get(person.id), by_number.pop(person.number, []), course.breaks)
    verdict.strangers([*by_number])
    verdict.close()
    return verdict
