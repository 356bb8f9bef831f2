"""The usual recipes, on the real PBX against recording machines of the simulated network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.domain.outcome import Outcome
from ivr.errors import OwnError
from ivr.rehearsal.callees import Callee, Callees, HangUp, Kind, Record, Say, Step, Tone, Wait
from ivr.rehearsal.judging import holds_whole, playings
from ivr.rehearsal.network import TelephoneNetwork
from ivr.rehearsal.recipes import MODULES, Play, Recipe, RecipeEngine, Run, acts, see_modules
from ivr.rehearsal.records import CallRecord, EndedBy
from ivr.rehearsal.sounds import RATE, Samples, babble
from tests.asterisk.pbx_pair import LAYOUT
from tts import g711

PROMPT = babble(2.0, seed=21, pitch=150.0)
MESSAGE = babble(2.5, seed=22, pitch=165.0)
WORDS = "ただいま電話に出ることができません"


def clip(path: Path, samples: Samples) -> Play:
    path.with_suffix(".ulaw").write_bytes(g711.ulaw(samples))
    return Play((path,), samples.size / RATE)


def machine(*steps: Step) -> Kind:
    return Kind(name="machine", expect=Outcome.VOICEMAIL, ring=0.1, steps=steps)


BEEP = Tone((1000.0,), 0.4)
PATIENT = machine(Say(WORDS), Wait(0.3), BEEP, Record(60.0))
KINDS = {
    "0311111111": PATIENT,
    "0311111112": PATIENT,
    "0311111113": PATIENT,
    "0311111114": machine(Say(WORDS), Wait(0.3), BEEP, Record(6.0)),
    "0311111115": machine(Say("はい"), HangUp()),
    "0311111116": replace(machine(), refuse=486),
}
FIRST, SECOND, THIRD, BRIEF, HANGS_UP, BUSY = KINDS


@asynccontextmanager
async def recipes(directory: Path) -> AsyncIterator[tuple[TelephoneNetwork, RecipeEngine]]:
    listed = {number: Callee(number=number, kinds=(kind,), expect=kind.expect) for number, kind in KINDS.items()}
    async with (
        TelephoneNetwork(Callees(listed=listed), directory / "network", asterisk=LAYOUT) as network,
        RecipeEngine(directory / "recipes", LAYOUT, sip_port=network.sip_port) as engine,
    ):
        yield network, engine


def began(record: CallRecord, what: Samples) -> float:
    (playing,) = playings(record.heard, what)
    return playing.start


async def test_each_recipe_asks_once_waits_as_it_says_and_leaves_the_message(tmp_path: Path) -> None:
    async with recipes(tmp_path) as (network, engine):
        prompt, message = clip(tmp_path / "prompt", PROMPT), clip(tmp_path / "message", MESSAGE)

        async def call(number: str, recipe: Recipe) -> CallRecord:
            async with asyncio.timeout(60):
                await engine.call(number, acts(recipe, prompt, message))
                return await network.call(number, within=10)

        ten, two, amd, brief, gone, refused = await asyncio.gather(
            call(FIRST, Recipe.TEN_SECONDS),
            call(SECOND, Recipe.TWO_SILENT),
            call(THIRD, Recipe.AMD),
            call(BRIEF, Recipe.TEN_SECONDS),
            call(HANGS_UP, Recipe.AMD),
            call(BUSY, Recipe.AMD),
        )

        asked = PROMPT.size / RATE
        assert began(ten, PROMPT) < 1.0
        assert began(ten, MESSAGE) - began(ten, PROMPT) == pytest.approx(asked + 10.0, abs=1.0)
        assert began(two, MESSAGE) - began(two, PROMPT) == pytest.approx(asked + 5.0, abs=1.5)
        assert began(amd, MESSAGE) - began(amd, PROMPT) < asked + 8.0
        for record in (ten, two, amd):
            assert record.ended_by is EndedBy.CALLER
            assert record.fault is None
            assert holds_whole(record, MESSAGE)
        assert not holds_whole(brief, MESSAGE), "the machine had hung up"
        assert gone.ended_by is EndedBy.CALLEE
        assert not playings(gone.heard, MESSAGE)
        assert refused.answered is None


def test_every_recipe_puts_the_question_first_and_the_message_last() -> None:
    prompt, message = Play((Path("q"),), 1.0), Play((Path("m"),), 2.0)
    for recipe in Recipe:
        first, *waits, last = acts(recipe, prompt, message)
        assert (first, last) == (prompt, message)
        assert waits
        assert all(isinstance(act, Run) and act.within < 120 for act in waits)
        assert recipe.label


def test_missing_modules_are_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / MODULES[0]).touch()
    with pytest.raises(OwnError, match=r"app_amd\.so"):
        see_modules(tmp_path)
    (tmp_path / MODULES[1]).touch()
    see_modules(tmp_path)
