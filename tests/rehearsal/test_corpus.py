"""The corpus: the same for a seed, apart in its two parts, and playable."""

from __future__ import annotations

import asyncio
import wave
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from ivr.domain import phone
from ivr.domain.outcome import Outcome
from ivr.rehearsal.backdrops import beneath
from ivr.rehearsal.callees import (
    BusyTone,
    Fax,
    HangUp,
    Music,
    Noise,
    Press,
    Record,
    Ringback,
    Say,
    Special,
    Stay,
    Step,
    Tone,
    every_step,
)
from ivr.rehearsal.corpus import DEFAULT, Part, Specimen, Truth, as_callees, specimens
from ivr.rehearsal.corpus.ranges import RANGES, VOICES, WORDS
from ivr.rehearsal.person import sound_of, speech_of
from ivr.rehearsal.records import write_wav
from ivr.rehearsal.sounds import RATE, Samples, silence
from ivr.rehearsal.voices import Murmur
from tts.engines.openjtalk import OpenJTalk

CORPUS = specimens()
BY_NAME = pytest.mark.parametrize("specimen", CORPUS, ids=lambda specimen: specimen.kind.name)
CLAIMS_A_WHOLE_MESSAGE = {Outcome.VOICEMAIL}
CLAIMS_A_PERSON = {Outcome.CONFIRMED, Outcome.CONFIRMED_PARTIAL}


def of(truth: Truth, part: Part) -> list[Specimen]:
    return [one for one in CORPUS if one.truth is truth and one.part is part]


def sounds(specimen: Specimen) -> list[Samples]:
    """Return what the callee sounds, step by step, with a murmur for its words."""
    kind, said = specimen.kind, []
    for step in every_step(kind.steps):
        match step:
            case Say(text, voice):
                rendered = asyncio.run(Murmur().samples(text, voice or kind.voice))
                said.append(speech_of(rendered, step, kind))
            case Tone() | Noise() | Ringback() | BusyTone() | Special() | Music() | Fax():
                said.append(sound_of(step))
    return said


def test_the_same_seed_always_gives_the_same_and_another_seed_another() -> None:
    assert specimens(DEFAULT) == CORPUS
    assert specimens(7) == specimens(7)
    other = specimens(7)
    assert [one.kind.name for one in other] == [one.kind.name for one in CORPUS]
    assert sum(one.parameters != two.parameters for one, two in zip(other, CORPUS, strict=True)) > 130


def test_there_are_enough_of_each() -> None:
    sizes = Counter(one.part for one in CORPUS)
    assert sizes[Part.TUNED] >= 70
    assert sizes[Part.HELD_OUT] >= 50
    shares = {
        Truth.RECORDER: (0.42, 0.6),
        Truth.PERSON: (0.2, 0.35),
        Truth.SCREENING: (0.1, 0.15),
        Truth.ANNOUNCEMENT: (0.04, 0.08),
        Truth.FAX: (0.01, 0.03),
    }
    for (truth, (least, most)), part in product(shares.items(), Part):
        assert least <= len(of(truth, part)) / sizes[part] <= most, (truth, part)


def test_most_of_those_who_press_do_so_after_the_question_and_the_others_in_every_other_way() -> None:
    for part in Part:
        people = of(Truth.PERSON, part)
        assert 0.5 <= sum(one.presses for one in people) / len(people) <= 0.85
        assert {one.kind.expect for one in people} == {Outcome.CONFIRMED, Outcome.HUNG_UP, Outcome.VOICEMAIL}


def test_numbers_and_names_are_unique_and_can_be_dialled() -> None:
    assert len({one.number for one in CORPUS}) == len({one.kind.name for one in CORPUS}) == len(CORPUS)
    assert all(phone.parse(one.number).national == one.number for one in CORPUS)
    callees = as_callees(CORPUS)
    assert all(callees.find(one.number).kind(1) is one.kind for one in CORPUS)
    assert callees.find("0312345678").expect is Outcome.INVALID_NUMBER


@pytest.mark.parametrize("name", RANGES)
def test_the_ranges_of_the_two_parts_do_not_overlap(name: str) -> None:
    for (low, high), (other_low, other_high) in product(RANGES[name].tuned, RANGES[name].held_out):
        assert low <= high
        assert other_low <= other_high
        assert high < other_low or other_high < low


def test_no_word_and_no_voice_is_in_both_parts() -> None:
    for words in WORDS.values():
        assert not {phrase for row in words.tuned for phrase in row} & {p for row in words.held_out for p in row}
    assert not set(VOICES[Part.TUNED]) & set(VOICES[Part.HELD_OUT])
    said = {part: {t for one in CORPUS if one.part is part for t, _ in as_callees([one]).speeches()} for part in Part}
    assert not said[Part.TUNED] & said[Part.HELD_OUT]


def test_every_voice_is_one_of_the_engine_and_none_is_its_own() -> None:
    used = {voice for _, voice in as_callees(CORPUS).speeches()}
    assert used <= set(OpenJTalk.voices) - {"mei"}


@BY_NAME
def test_what_a_specimen_was_drawn_from_lies_in_the_ranges_of_its_part(specimen: Specimen) -> None:
    for name, value in specimen.parameters.items():
        family = name.rstrip("0123456789").rstrip("_") if name not in RANGES else name
        if isinstance(value, float):
            assert any(low <= value <= high for low, high in RANGES[family].of(specimen.part)), name
    assert specimen.parameters["voice"] == specimen.kind.voice


@BY_NAME
def test_what_may_be_said_of_it_claims_no_more_than_is_true(specimen: Specimen) -> None:
    assert specimen.kind.expect in specimen.allowed
    assert specimen.presses == (Press("#") in specimen.kind.steps)
    assert (Outcome.CONFIRMED in specimen.allowed) == specimen.presses
    comes_and_is_silent = specimen.kind.steps[-1] == Stay() and not specimen.presses
    if specimen.truth is not Truth.RECORDER and not comes_and_is_silent:
        assert not specimen.allowed & CLAIMS_A_WHOLE_MESSAGE
    if specimen.presses:
        assert specimen.allowed == {Outcome.CONFIRMED}
    if Outcome.SCREENED in specimen.allowed:
        assert specimen.truth is Truth.SCREENING
    hangs_up = specimen.kind.steps[-1] == HangUp() or isinstance(specimen.kind.steps[-1], Record)
    assert hangs_up or Outcome.HUNG_UP not in specimen.allowed
    assert not specimen.allowed & (CLAIMS_A_PERSON - {Outcome.CONFIRMED})


@pytest.mark.parametrize("specimen", [one for one in CORPUS if one.truth is Truth.RECORDER], ids=lambda one: one.number)
def test_a_recorder_records_from_the_end_of_its_beep_or_greeting_and_then_hangs_up(specimen: Specimen) -> None:
    before, last = specimen.kind.steps[-2:]
    assert isinstance(last, Record)
    assert isinstance(before, Say if "no_beep" in specimen.kind.name else Tone)
    assert not any(isinstance(step, Record) for step in specimen.kind.steps[:-1])


@BY_NAME
def test_every_specimen_can_be_sounded_and_written(specimen: Specimen, tmp_path: Path) -> None:
    pieces = sounds(specimen)
    whole = np.concatenate((silence(0.5), *pieces))
    write_wav(tmp_path / "callee.wav", whole)
    with wave.open(str(tmp_path / "callee.wav")) as file:
        assert (file.getnframes(), file.getframerate()) == (whole.size, RATE)
    says_nothing = ("_person_is_silent_1", "_person_presses_during_message_1")
    mute = specimen.truth is Truth.PERSON and specimen.kind.name.endswith(says_nothing)
    assert bool(pieces) is not mute
    assert all(piece.any() for piece in pieces)
    if specimen.kind.background is not None:
        assert beneath(specimen.kind.background.noise).size


def test_every_sort_of_trouble_is_in_both_parts() -> None:
    def found(part: Part) -> set[str]:
        mine = [one for one in CORPUS if one.part is part]
        kinds = [one.kind for one in mine]
        steps: list[Step] = [step for kind in kinds for step in every_step(kind.steps)]
        return {
            *(type(step).__name__ for step in steps),
            *(f"noise {kind.background.noise}" for kind in kinds if kind.background is not None),
            *(("loss",) if any(kind.loss for kind in kinds) else ()),
            *(("sparse",) if any(kind.sparse for kind in kinds) else ()),
            *(("music under words",) if any(isinstance(step, Say) and step.music for step in steps) else ()),
        }

    assert found(Part.TUNED) == found(Part.HELD_OUT)
    assert found(Part.TUNED) >= {"Ringback", "Special", "BusyTone", "Music", "Fax", "loss", "sparse", "noise babble"}
