"""Damaged and invented inputs, from samples and the words of a format.

Seeded: the same seed and the same answers of the parser give the same inputs. An input that the parser took in a new
way joins the samples, so that the next ones go on from there: coverage feedback by behaviour instead of lines.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from itertools import chain, repeat
from random import Random

from tests.fuzz.target import Target

MOST_SAMPLES = 4000
MOST_SIGNS = 100_000

_EDGES = (
    b"",
    b"\0",
    b"\xff",
    b"\x7f",
    b"\r\n",
    b"\n",
    b"-1",
    b"0",
    b"9" * 19,
    b"\xef\xbb\xbf",
    b"\xf0\x9f\x92\xa9",
    b"\xed\xa0\x80",
)


class Mutation:
    """An endless supply of inputs for a target."""

    def __init__(self, target: Target, seed: int) -> None:
        self._random = Random(f"{target.name} {seed}")
        self._samples = [sample[: target.longest] for sample in target.samples] or [b""]
        self._tokens = (*target.tokens, *_EDGES)
        self._longest = target.longest
        self._signs: set[Hashable] = set()
        self._last = b""

    def inputs(self) -> Iterator[bytes]:
        """Yield the samples as they are, then inputs without end."""
        for data in chain(list(self._samples), (self._input()[: self._longest] for _ in repeat(None))):
            self._last = data
            yield data

    def learn(self, sign: Hashable) -> bool:
        """Note how the parser took the last input; return whether that is new."""
        if sign in self._signs or len(self._signs) >= MOST_SIGNS:
            return False
        self._signs.add(sign)
        if len(self._samples) < MOST_SAMPLES:
            self._samples.append(self._last)
        else:
            self._samples[self._random.randrange(MOST_SAMPLES)] = self._last
        return True

    @property
    def signs(self) -> int:
        """In how many ways the parser has taken inputs."""
        return len(self._signs)

    def _input(self) -> bytes:
        random = self._random
        kind = random.random()
        if kind < 0.03:
            return random.randbytes(int(2 ** random.uniform(0, 12)))
        if kind < 0.08:
            return b"".join(random.choices(self._tokens, k=random.randint(1, 60)))
        if kind < 0.085:
            unit = b"".join(random.choices(self._tokens, k=random.randint(1, 3))) or b"x"
            return random.choice(self._samples)[: random.randint(0, 200)] + unit * (self._longest // len(unit))
        data = random.choice(self._samples)
        for _ in range(int(2 ** random.uniform(0, 3.5))):
            data = random.choice(_CHANGES)(self, data)
            if len(data) > self._longest:
                break
        return data

    def _span(self, data: bytes, most: int = 64) -> tuple[int, int]:
        start = self._random.randrange(len(data) + 1)
        return start, min(len(data), start + self._random.randint(1, most))

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self._random.randrange(len(data))
        return data[:at] + bytes((data[at] ^ 1 << self._random.randrange(8),)) + data[at + 1 :]

    def _set(self, data: bytes) -> bytes:
        at = self._random.randrange(len(data) + 1)
        return data[:at] + self._random.randbytes(1) + data[at + 1 :]

    def _insert(self, data: bytes) -> bytes:
        at = self._random.randrange(len(data) + 1)
        return data[:at] + self._random.choice(self._tokens) + data[at:]

    def _replace(self, data: bytes) -> bytes:
        start, end = self._span(data, 12)
        return data[:start] + self._random.choice(self._tokens) + data[end:]

    def _swap_token(self, data: bytes) -> bytes:
        """Put one word of the format in the place of another."""
        token = self._random.choice(self._tokens)
        at = data.find(token, self._random.randrange(len(data) + 1)) if token else -1
        return self._insert(data) if at < 0 else data[:at] + self._random.choice(self._tokens) + data[at + len(token) :]

    def _cut(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _end(self, data: bytes) -> bytes:
        return data[: self._random.randrange(len(data) + 1)]

    def _double(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:end] + data[start:end] * self._random.choice((1, 1, 1, 2, 8, 50)) + data[end:]

    def _splice(self, data: bytes) -> bytes:
        other = self._random.choice(self._samples)
        return data[: self._random.randrange(len(data) + 1)] + other[self._random.randrange(len(other) + 1) :]

    def _move(self, data: bytes) -> bytes:
        start, end = self._span(data)
        rest = data[:start] + data[end:]
        at = self._random.randrange(len(rest) + 1)
        return rest[:at] + data[start:end] + rest[at:]


_CHANGES: tuple[Callable[[Mutation, bytes], bytes], ...] = (
    Mutation._flip,
    Mutation._set,
    Mutation._insert,
    Mutation._insert,
    Mutation._replace,
    Mutation._swap_token,
    Mutation._cut,
    Mutation._end,
    Mutation._double,
    Mutation._splice,
    Mutation._move,
)
