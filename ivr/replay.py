"""What the listening makes of a recorded answer: a plot and a table, so that an office can tune on its own lines."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr.domain.line_sounds import FRAME, RATE, SECONDS, Found, LineSounds, Sign
from ivr.errors import InputError

LABELS = {
    Sign.BEEP: ("発信音（録音の始まり）", "P"),
    Sign.RINGBACK: ("応答後の呼出音", "R"),
    Sign.BUSY: ("話中音", "B"),
    Sign.FAX: ("ファクシミリ", "F"),
    Sign.SPECIAL: ("網の案内の前触れ", "S"),
}

COLUMN = 0.1
"""Seconds that a column of the plot stands for."""

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
    """What was heard: the level of each frame, spells of sound, tones."""

    levels: tuple[float, ...]
    spells: tuple[Spell, ...]
    found: tuple[Found, ...]


def replay(file: Path, console: Console | None = None) -> int:
    """Print what the listening makes of a WAV file; InputError where it is none that it can read."""
    console = console or Console()
    heard = listen(_samples(file))
    show(heard, console)
    return 0


def listen(samples: NDArray[np.int16]) -> Replay:
    """Return what is heard in 8 kHz samples, as it would be in a call."""
    sounds = LineSounds()
    levels: list[float] = []
    spells: list[Spell] = []
    found: list[Found] = []
    for start in range(0, samples.size - FRAME + 1, FRAME):
        found += sounds.hear(samples[start : start + FRAME].astype("<i2").tobytes())
        levels.append(sounds.level)
        if not sounds.sounding:
            continue
        if spells and sounds.now - spells[-1].end <= PAUSE:
            spells[-1] = Spell(spells[-1].start, sounds.now, max(spells[-1].level, sounds.level))
        else:
            spells.append(Spell(sounds.now - SECONDS, sounds.now, sounds.level))
    return Replay(tuple(levels), tuple(spells), tuple(found))


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


def _lines(heard: Replay) -> list[tuple[float, float, str]]:
    spells = [(spell.start, spell.end, f"音（最大 {spell.level:.0f} dBFS）") for spell in heard.spells]
    return spells + [(one.start, one.end, f"{LABELS[one.sign][0]} {one.hz:.0f} Hz") for one in heard.found]


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
            data = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
            return data[:: recording.getnchannels()].astype(np.int16)
    except FileNotFoundError:
        raise InputError(f"{file} がありません。ファイル名とフォルダを確かめてください。") from None
    except (wave.Error, EOFError, OSError):
        raise InputError(f"{file} は WAV ファイルとして読めません。") from None
