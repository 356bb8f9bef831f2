"""What the voice is asked for by staff: whether it can speak a scenario, and what a sentence of it sounds like."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from ivr import scenario_files
from ivr.data_dir import made
from ivr.desk.scenarios import checked
from ivr.errors import IvrError, SpeechFailed
from ivr.scenario_files import Report
from ivr.speech import unreadable
from ivr.web.console import Console

SPEAKING_S = 20.0
"""Seconds for one sentence to be spoken into a file."""

PLACE = "spoken-"
LEFT_S = 600.0
"""Seconds after which nobody is at work on a sentence any more: whoever was ended with its process."""


async def judged(console: Console, text: str, file: str, *, columns: Sequence[str] | None = None) -> Report:
    """Return what `ivr scenario check` says of a text; without the voice where there is none."""
    if console.voice is not None:
        return await checked(console.settings, console.voice, text, file, columns=columns)
    domains = console.settings.texts.domains
    return await asyncio.to_thread(scenario_files.check, text, file, columns=columns, domains=domains)


async def judged_soon(console: Console, text: str, file: str, seconds: float) -> tuple[Report, bool]:
    """Return what `ivr scenario check` says, and whether the voice has measured every sentence within `seconds`."""
    if seconds and console.voice is not None:
        try:
            async with asyncio.timeout(seconds), console.measured_at_once:
                return await judged(console, text, file), True
        except (TimeoutError, IvrError):
            # A sentence that can't be spoken is told with its line, by what is asked beneath.
            pass
    words = partial(unreadable, engine=console.settings.speech.engine) if console.voice is not None else None
    domains = console.settings.texts.domains
    return await asyncio.to_thread(scenario_files.check, text, file, unreadable=words, domains=domains), False


async def spoken(console: Console, text: str, known: dict[str, str], language: str) -> bytes:
    """Return what a callee hears of a text, as WAV; SpeechFailed."""
    if console.voice is None:
        raise SpeechFailed("いまは音声を作れません。")
    values = scenario_files.example_values(text, known)
    folder = made(console.settings.data_dir)
    # A name that is spoken lies on the disk for this moment only, where nobody else reads.
    with tempfile.TemporaryDirectory(dir=folder, prefix=PLACE) as place:
        file = Path(place) / "sentence.wav"
        try:
            async with asyncio.timeout(SPEAKING_S), console.sentences_at_once:
                await console.voice.write_wav(text, values, file, language=language)
        except TimeoutError:
            raise SpeechFailed("音声を作るのに時間がかかりすぎました。もう一度押してください。") from None
        return await asyncio.to_thread(file.read_bytes)


def sweep(data_dir: Path, now: float) -> None:
    """Remove sentences that a process left behind which was killed while it spoke them: they may name somebody."""
    for place in data_dir.glob(f"{PLACE}*"):
        with suppress(OSError):
            if now - place.stat().st_mtime > LEFT_S:
                shutil.rmtree(place)
