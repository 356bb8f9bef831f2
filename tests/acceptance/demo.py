"""The demo, run as `ivr rehearse --demo`: what the engine says of every call, and what every callee saw and heard."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr import scenario_files
from ivr.desk import lists
from ivr.domain.recipient import Recipient
from ivr.drill import DEMO_SCENARIO
from ivr.rehearsal.callee_file import read_callees
from ivr.rehearsal.callees import Callee
from ivr.rehearsal.demo import DEMO_CALLEES, DEMO_LIST
from ivr.rehearsal.sounds import Samples
from ivr.speech import TelephoneVoice, samples
from tests.acceptance.command import Said
from tests.acceptance.far_end import FarCall, calls

LINES = 12
WITHIN = 280.0
"""Seconds. `make demo` has five minutes on an idle machine; the longest call alone lasts two."""


NOBODYS = {"check"}
"""Scopes of audio that belongs to no campaign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What was rendered for one person: every step, and the piece of the question that holds the name."""

    steps: Mapping[str, Samples]
    name: Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One attempt from both sides: the results file, the callee's script, the far end's record."""

    person: Mapping[str, Any]
    attempt: Mapping[str, Any]
    callee: Callee
    call: FarCall
    spoken: Spoken

    @property
    def last(self) -> bool:
        """Whether this is the person's last attempt."""
        return self.person["attempts"][-1] is self.attempt

    @property
    def confirmed_at(self) -> float | None:
        """Return when the callee pressed `#`, in seconds since the answer."""
        return next((at for key, at in self.call.keys if key == "#"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A demo that is over."""

    said: Said
    folder: Path
    people: Mapping[str, Recipient]
    results: Sequence[Mapping[str, Any]]
    calls: Sequence[FarCall]
    stories: Sequence[Story]

    def of(self, *kinds: str) -> list[Story]:
        """Return the attempts on callees of `kinds`; there is at least one of each."""
        found = [story for story in self.stories if story.call.kind in kinds]
        assert {story.call.kind for story in found} == set(kinds)
        return found


def looked_at(said: Said, out: Path) -> Demo:
    """Read what a demo that ended as `said` has left in `out`."""
    (folder,) = out.iterdir()
    people = {recipient.id: recipient for recipient in lists.load_list(None, DEMO_LIST).accepted}
    results = json.loads((folder / "results.json").read_text("utf-8"))["recipients"]
    far = calls(folder / "network")
    by_call = {(call.number, call.call): call for call in far}
    spoken = asyncio.run(_spoken(folder / "engine" / "voice", people.values()))
    callees = read_callees(DEMO_CALLEES)
    stories, dialled = [], dict.fromkeys((call.number for call in far), 0)
    for person in results:
        for attempt in person["attempts"]:
            number = re.sub(r"^\+81", "0", attempt["number"])
            dialled[number] += 1
            stories.append(
                Story(
                    person=person,
                    attempt=attempt,
                    callee=callees.find(number),
                    call=by_call[number, dialled[number]],
                    spoken=spoken[person["id"]],
                )
            )
    return Demo(said=said, folder=folder, people=people, results=results, calls=far, stories=stories)


async def _spoken(cache: Path, people: Iterable[Recipient]) -> dict[str, Spoken]:
    """Return what the engine's voice has rendered, out of its cache."""
    scenario = scenario_files.read(DEMO_SCENARIO)
    (campaign,) = (folder for folder in (cache / "personal").iterdir() if folder.name not in NOBODYS)
    voice = TelephoneVoice(cache, engine="openjtalk", voice="mei", speed=1.0, workers=1)
    found = {}
    try:
        for person in people:
            clips = {
                name: await voice.prepare(
                    step.text, person.values(), language=scenario.language_of(step), scope=campaign.name
                )
                for name, step in scenario.steps.items()
            }
            personal = [clip for clip in clips[scenario.start] if campaign in clip.path.parents]
            assert len(personal) == 1
            found[person.id] = Spoken(
                steps={name: samples(step) for name, step in clips.items()}, name=samples(personal)
            )
    finally:
        await voice.close()
    return found
