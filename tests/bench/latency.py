"""How long a callee waits for us: after the answer, and after a key."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Any

from ivr import scenario_files
from ivr.domain.outcome import Outcome
from ivr.speech import TelephoneVoice
from tests.bench.engine import Bench, Plan, far_end
from tests.bench.hearing import began, lead
from tests.bench.scenarios import PRESSING_TWICE, TWICE
from tests.bench.table import Figure, at

PLAN = Plan(people=100, scenario=TWICE, lines=20, calls_per_second=5)


async def bench_latency() -> list[Figure]:
    """Return the delays of 100 calls on 20 lines."""
    with tempfile.TemporaryDirectory() as folder:
        async with far_end(PRESSING_TWICE) as far:
            bench = Bench(Path(folder), PLAN, far.port)
            await bench.create()
            async with bench.serving() as engine:
                await engine.ready()
                await bench.start()
                await far.finished(PLAN.people, within=120)
            outcomes = [attempt.outcome for attempt in await bench.attempts()]
        first, more, notice = [await _clip(bench, step) for step in ("confirm", "more", "notice")]
    to_sound = [call["first_sound"] - call["answered"] for call in far.over if call["first_sound"]]
    while_speaking = [_after_key(call, 0, more) for call in far.over]
    while_waiting = [_after_key(call, 1, notice) for call in far.over]
    both = [delay for delay in (*while_speaking, *while_waiting) if delay is not None]
    missing = 3 * PLAN.people - len(both) - len(to_sound)

    def ms(name: str, values: list[float], share: float, target: float | None = None, note: str = "") -> Figure:
        return Figure(bench="latency", name=name, value=at(values, share) * 1000, unit="ms", target=target, note=note)

    silent = f"of which the clip's own beginning {lead(first) * 1000:.0f} ms"
    return [
        ms("answer to first sound, median", to_sound, 0.5, 60, silent),
        ms("answer to first sound, 95 %", to_sound, 0.95, 150, silent),
        ms("key to next sound, median", both, 0.5, 100, "from the end of the press, 100 ms after its beginning"),
        ms("key to next sound, 95 %", both, 0.95),
        ms("… while we speak, median", [d for d in while_speaking if d is not None], 0.5, note=_lead(more)),
        ms("… while we wait, median", [d for d in while_waiting if d is not None], 0.5, note=_lead(notice)),
        Figure(bench="latency", name="sounds that did not come", value=missing, target=0),
        Figure(
            bench="latency",
            name="outcomes other than the one scripted",
            value=sum(outcome is not Outcome.CONFIRMED for outcome in outcomes),
            target=0,
        ),
    ]


def _lead(clip: bytes) -> str:
    return f"the clip's own beginning {lead(clip) * 1000:.0f} ms"


def _after_key(call: dict[str, Any], number: int, clip: bytes) -> float | None:
    """Return the seconds from the end of the `number`-th key to the first sound of `clip`."""
    if len(call["keys"]) <= number:
        return None
    _, _, until = call["keys"][number]
    frames = [(moment, base64.b64decode(frame)) for moment, frame in call["frames"]]
    heard = began(frames, clip, until)
    return None if heard is None else heard - until


async def _clip(bench: Bench, step: str) -> bytes:
    """Return the audio with which a step begins."""
    speech = bench.settings.speech
    voice = TelephoneVoice(
        bench.settings.data_dir / "voice", engine=speech.engine, voice=speech.voice, speed=speech.speed
    )
    try:
        text = scenario_files.parse(bench.plan.scenario, "").steps[step].text
        clips = await voice.prepare(text, {"kana": "ヤマダ"}, language="ja", scope="measuring")
    finally:
        await voice.close()
    return clips[0].path.with_suffix(".ulaw").read_bytes()
