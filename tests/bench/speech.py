"""How much speech the voice makes, with nothing in its cache."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from ivr import scenario_files
from ivr.parts import PROJECT
from ivr.settings import Speech
from ivr.speech import TelephoneVoice
from tests.bench.engine import GIVEN, SURNAMES
from tests.bench.processes import children_cpu
from tests.bench.table import Figure

SCENARIO = PROJECT / "scenarios" / "reminder.yaml"
PEOPLE = 60


async def bench_speech() -> list[Figure]:
    """Return the seconds of audio made in one CPU second, the loading of the voice left out."""
    scenario = scenario_files.read(SCENARIO)
    default = Speech()
    with tempfile.TemporaryDirectory() as folder:
        voice = TelephoneVoice(Path(folder), engine=default.engine, voice=default.voice, speed=default.speed)
        try:
            await voice.warm_up()
            before, began, own = children_cpu(os.getpid(), "tts.worker"), time.perf_counter(), time.process_time()
            audio: dict[Path, float] = {}
            for surname, given in zip(SURNAMES[:PEOPLE], GIVEN, strict=False):
                for step in scenario.steps.values():
                    values = {"kana": f"{surname} {given}"}
                    for clip in await voice.prepare(step.text, values, language="ja", scope="bench"):
                        audio[clip.path] = clip.seconds
            own = time.process_time() - own
            took = time.perf_counter() - began
            cpu = children_cpu(os.getpid(), "tts.worker") - before + own
        finally:
            await voice.close()
    seconds = sum(audio.values())
    what = f"{len(audio)} phrases, {seconds:.0f} s of audio, in {took:.1f} s; both laws written and synced"
    return [
        Figure(bench="speech", name="seconds of audio per CPU second", value=seconds / cpu, target=15,
               sense="at least", note=what),
    ]  # fmt: skip
