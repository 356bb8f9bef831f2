"""How Japanese names are said: pronunciation and accent of a kana name, from Open JTalk's own dictionary.

The dictionary lists 54,000 personal names by their kanji. Collected by their kana they tell where the accent falls; a
name that it does not list takes the accent of the listed names with the longest common ending.
"""

from __future__ import annotations

import mmap
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from tts import kana

Kind = Literal["姓", "名"]

_ENTRY = re.compile(
    "固有名詞,人名,(姓|名),[^,\0]*,[^,\0]*,[^,\0]*,([^,\0]*),([^,\0]*),([0-9]+)/".encode()
)  # after: conjugation type and form, base form | reading, pronunciation, accent


@dataclass(frozen=True, slots=True)
class Said:
    """A name as it is said: `accent` is the mora after which the pitch falls, 0 if it never does."""

    kind: Kind
    kana: str
    pronunciation: str
    accent: int


class NameDictionary:
    """The names of a compiled MeCab dictionary (`sys.dic`), read in about 0.2 s of CPU."""

    def __init__(self, path: Path) -> None:
        counted: defaultdict[tuple[Kind, str], Counter[tuple[str, int]]] = defaultdict(Counter)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for found in _ENTRY.finditer(data):
                kind, reading, pronunciation, accent = (group.decode() for group in found.groups())
                counted["姓" if kind == "姓" else "名", reading][pronunciation.replace("’", ""), int(accent)] += 1
        self._said = {key: counts.most_common(1)[0][0] for key, counts in counted.items()}
        # How many ways to write a name in kanji there are stands in for how common it is.
        self._weights = {key: counts.total() for key, counts in counted.items()}
        self.say = lru_cache(maxsize=4096)(self._say)

    def _say(self, parts: tuple[str, ...]) -> tuple[Said, ...]:
        """Return how the `parts` of a katakana name are said, a family name first; one part may hold both."""
        if len(parts) == 1:
            whole = self._spelling("姓", parts[0]) or self._spelling("名", parts[0])
            return (self._entry("姓", whole),) if whole else self._split(parts[0]) or (self._entry("姓", parts[0]),)
        return tuple(self._part("名" if place else "姓", part) for place, part in enumerate(parts))

    def _part(self, kind: Kind, part: str) -> Said:
        return self._entry(kind, self._spelling(kind, part) or part)

    def _spelling(self, kind: Kind, part: str) -> str | None:
        """Return what `part` stands for among the listed names, it itself being the likeliest; None if nothing."""
        listed = [spelling for spelling in kana.with_small_kana(part) if (kind, spelling) in self._said]
        weights = {spelling: self._weights[kind, spelling] * (3 if spelling == part else 1) for spelling in listed}
        return max(listed, key=weights.__getitem__, default=None)

    def _split(self, text: str) -> tuple[Said, ...]:
        """Return family and given name of a name written without a space; nothing if no cut gives two names."""
        cuts = [
            (family, given)
            for at in range(2, len(text) - 1)
            if (family := self._spelling("姓", text[:at])) and (given := self._spelling("名", text[at:]))
        ]
        best = max(cuts, key=self._likelihood, default=None)
        return () if best is None else (self._entry("姓", best[0]), self._entry("名", best[1]))

    def _likelihood(self, cut: tuple[str, str]) -> int:
        return self._weights["姓", cut[0]] * self._weights["名", cut[1]]

    def _entry(self, kind: Kind, part: str) -> Said:
        known = self._said.get((kind, part)) or self._said.get(("名" if kind == "姓" else "姓", part))
        if known is not None:
            return Said(kind, part, *known)
        pronunciation = kana.pronounced(part, family=kind == "姓")
        return Said(kind, part, pronunciation, self._likely_accent(kind, part, kana.morae(pronunciation)))

    def _likely_accent(self, kind: Kind, part: str, morae: int) -> int:
        """Return the accent that most listed names with as many morae and the longest common ending have."""
        for length in range(min(3, len(part) - 1), 0, -1):
            alike = Counter(
                accent
                for (other, reading), (pronunciation, accent) in self._said.items()
                if other == kind and reading.endswith(part[-length:]) and kana.morae(pronunciation) == morae
            )
            if alike.total() >= 3:
                return alike.most_common(1)[0][0]
        return max(morae - 2, 1) if morae != 4 else 0
