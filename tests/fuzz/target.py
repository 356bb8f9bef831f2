"""What a fuzz target is."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ivr.errors import IvrError, Problems

Run = Callable[[bytes], Hashable]
"""Give one input to the parser. What it raises is a finding; what it returns says how the parser took the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parser under test.

    `start` makes a `Run`; it is called in the process that fuzzes, whose current directory is empty and its own.
    `samples` are real inputs, `tokens` the words of the format, `longest` the bytes of an input.
    """

    name: str
    start: Callable[[], Run]
    samples: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
    longest: int = 20_000


_PARTICULAR = re.compile(r"「[^」]*」|（[^）]*）|[0-9]+|'[^']*'")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def shape(text: str) -> str:
    """Return a message without what it quotes, so that the same refusal of two inputs has the same shape."""
    return _PARTICULAR.sub("·", text)[:200]


def refusal(error: IvrError) -> Hashable:
    """Return the shape of a refusal, and see that its text can be shown on a terminal, a page and in a log."""
    text = str(error)
    assert text.strip(), "a refusal says nothing"
    assert not _UNPRINTABLE.search(text), f"a refusal holds a control character: {text!r}"
    if isinstance(error, Problems):
        assert error.problems
        return frozenset(shape(problem.message) for problem in error.problems[:8])
    return type(error).__name__, shape(text)


def pieces(data: bytes) -> list[bytes]:
    """Cut `data` into pieces, in the same way each time, as a network might."""
    cut: list[bytes] = []
    at, step = 0, len(data) % 7 + 1
    while at < len(data):
        cut.append(data[at : at + step])
        at, step = at + step, (step * 5 + data[at]) % 97 + 1
    return cut
