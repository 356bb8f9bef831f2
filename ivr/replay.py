"""What the listening makes of a recorded answer: a plot and a table, so that an office can tune on its own lines."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr import settings
from ivr.domain.call import Opened, Words
from ivr.domain.line_rules import LineRules, first_words, silence_due
from ivr.domain.line_sounds import FRAME, RATE, SECONDS, LineSounds
from ivr.domain.signs import Found, Sign
from ivr.errors import InputError

LABELS = {
    Sign.BEEP: ("発信音（録音の始まり）", "P"),
    Sign.RINGBACK: ("応答後の呼出音", "R"),
    Sign.BUSY: ("話中音", "B"),
    Sign.FAX: ("ファクシミリ", "F"),
    Sign.SPECIAL: ("網の案内の前触れ", "S"),
    Sign.REPEATED: ("同じ言葉の繰り返し（網の案内）", "="),
}

WORDS = {
    Words.PLAIN: "人の応答か、無言です",
    Words.LONG: "長めです（用件をたずねる装置かもしれません）",
    Words.RECITED: "人の言葉ではない長さです",
}

COLUMN = 0.1
"""Seconds that a column of the plot stands for."""

LONGEST = 600
"""Seconds of a recording; no answer lasts as long."""

WIDTH = 100
_BARS = " ▁▂▃▄▅▆▇█"
_FLOOR = -60.0
"""dBFS of an empty column; a full one is 0."""

PAUSE = 0.3
"""Seconds of quiet that do not end a spell of sound."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Something sounded from `start` to `end`, at `level` dBFS at its loudest."""

    start: float
    end: float
    level: float


@dataclass(frozen=True, slots=True)
class Replay:
    """What was heard: the level of each frame, spells of sound, tones; and what would have come of it.

    `speaks` is when the question would begin, in seconds, after first words of the kind `words`; None where the
    recording ends before. `leaves` are the moments from which a message would have been begun.
    """

    levels: tuple[float, ...]
    spells: tuple[Spell, ...]
    found: tuple[Found, ...]
    speaks: float | None = None
    words: Words = Words.PLAIN
    leaves: tuple[float, ...] = ()


def replay(config: Path | None, file: Path, console: Console | None = None) -> int:
    """Print what the listening, as set in `config`, makes of a WAV file; InputError where it is none it can read."""
    console = console or Console()
    heard = listen(_samples(file), settings.load(config).listening.rules())
    show(heard, console)
    return 0


def listen(samples: NDArray[np.int16], rules: LineRules) -> Replay:
    """Return what is heard in 8 kHz samples, as it would be in a call that begins with them."""
    sounds = LineSounds(rules.sounds)
    opened: Opened | None = None
    speaks: float | None = None
    leaves: list[float] = []
    quiet = False
    levels: list[float] = []
    spells: list[Spell] = []
    found: list[Found] = []
    for start in range(0, samples.size - FRAME + 1, FRAME):
        found += sounds.hear(samples[start : start + FRAME].astype("<i2").tobytes())
        levels.append(sounds.level)
        if opened is None and isinstance(words := first_words(sounds, 0.0, rules.opening), Opened):
            opened, speaks = words, round(sounds.now, 2)
        beeps = tuple(one.end for one in found if one.sign is Sign.BEEP)
        was, quiet = quiet, silence_due(sounds, beeps, rules.leave) <= 0
        if quiet and not was:
            leaves.append(round(sounds.now, 2))
        if not sounds.sounding:
            continue
        if spells and sounds.now - spells[-1].end <= PAUSE:
            spells[-1] = Spell(spells[-1].start, sounds.now, max(spells[-1].level, sounds.level))
        else:
            spells.append(Spell(sounds.now - SECONDS, sounds.now, sounds.level))
    words = opened.words if opened else Words.PLAIN
    return Replay(tuple(levels), tuple(spells), tuple(found), speaks, words, tuple(leaves))


def show(heard: Replay, console: Console) -> None:
    """Print the plot, with the tones beneath it, and the table."""
    columns = max(1, round(COLUMN / SECONDS))
    loud = [max(heard.levels[at : at + columns]) for at in range(0, len(heard.levels), columns)]
    for row in range(0, len(loud), WIDTH):
        bars = "".join(_bar(level) for level in loud[row : row + WIDTH])
        console.print(Text(f"{row * COLUMN:6.1f} 秒 {bars}"))
        marks = "".join(_mark(heard.found, (row + at) * COLUMN) for at in range(len(bars)))
        if marks.strip():
            console.print(Text(f"{'':9} {marks}"))
    table = Table(box=None, pad_edge=False)
    for name in ("始まり", "終わり", "長さ", "何"):
        table.add_column(name, justify="left" if name == "何" else "right")
    for start, end, what in sorted(_lines(heard)):
        table.add_row(f"{start:.2f} 秒", f"{end:.2f} 秒", f"{end - start:.2f} 秒", what)
    console.print(table)
    for line in _decisions(heard):
        console.print(Text(line), soft_wrap=True)


def _decisions(heard: Replay) -> Iterator[str]:
    """Yield what the rules would make of the answer."""
    if heard.speaks is None:
        yield "話し始める前に、録音が終わっています。"
    else:
        yield f"話し始めるのは {heard.speaks:.2f} 秒：相手の最初の言葉は、{WORDS[heard.words]}。"
    if heard.leaves:
        yield f"伝言を始められるのは {'、'.join(f'{at:.2f} 秒' for at in heard.leaves)}。"


def _lines(heard: Replay) -> list[tuple[float, float, str]]:
    spells = [(spell.start, spell.end, f"音（最大 {spell.level:.0f} dBFS）") for spell in heard.spells]
    tones = ((one.start, one.end, LABELS[one.sign][0] + (f" {one.hz:.0f} Hz" if one.hz else "")) for one in heard.found)
    return [*spells, *tones]


def _bar(level: float) -> str:
    share = (level - _FLOOR) / -_FLOOR
    return _BARS[min(len(_BARS) - 1, max(0, round(share * (len(_BARS) - 1))))]


def _mark(found: tuple[Found, ...], at: float) -> str:
    return next((LABELS[one.sign][1] for one in found if one.start < at + COLUMN and at < one.end), " ")


def _samples(file: Path) -> NDArray[np.int16]:
    try:
        with wave.open(str(file), "rb") as recording:
            if (recording.getframerate(), recording.getsampwidth()) != (RATE, 2):
                raise InputError(
                    f"{file} は 8 kHz・16 ビットの WAV ではありません。"
                    f"変換してください（例：sox {file} -r 8000 -b 16 -c 1 out.wav）。"
                )
            if recording.getnframes() > LONGEST * RATE:
                raise InputError(f"{file} は長すぎます（上限 {LONGEST // 60} 分）。")
            read = recording.readframes(recording.getnframes())
            data = np.frombuffer(read[: len(read) // 2 * 2], dtype="<i2")
            return data[:: recording.getnchannels()].astype(np.int16)
    except FileNotFoundError:
        raise InputError(f"{file} がありません。ファイル名とフォルダを確かめてください。") from None
    except (wave.Error, EOFError, OSError, ValueError, RuntimeError):  # all of these `wave` raises, of a damaged file
        raise InputError(f"{file} は WAV ファイルとして読めません。") from None
