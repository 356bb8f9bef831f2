"""What differs between two texts, line by line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

AROUND = 3
"""Lines that are shown around each difference."""

MOST = 1_000
"""Lines of a text that are compared; what is longer is compared as one piece."""


class Kind(StrEnum):
    """What has become of a line."""

    SAME = "same"
    GONE = "gone"
    NEW = "new"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and its number in the old and in the new text; of SKIPPED `text` is how many are left out."""

    kind: Kind
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be read, in order, and how many lines are gone and new."""

    lines: Sequence[Line]
    gone: int
    new: int


def difference(old: str, new: str) -> Difference:
    """Return what makes `new` of `old`, each difference with a few lines around it."""
    before, after = old.splitlines(), new.splitlines()
    found: list[Line] = []
    for tag, a, b, c, d in _changes(before, after):
        if tag == "equal":
            found += (Line(Kind.SAME, a + at + 1, c + at + 1, before[a + at]) for at in range(b - a))
        else:
            found += (Line(Kind.GONE, at + 1, None, before[at]) for at in range(a, b))
            found += (Line(Kind.NEW, None, at + 1, after[at]) for at in range(c, d))
    return Difference(
        lines=_near(found),
        gone=sum(one.kind is Kind.GONE for one in found),
        new=sum(one.kind is Kind.NEW for one in found),
    )


def _changes(before: Sequence[str], after: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    if max(len(before), len(after)) <= MOST:
        return SequenceMatcher(None, before, after).get_opcodes()
    if before == after:
        return [("equal", 0, len(before), 0, len(after))]
    return [("replace", 0, len(before), 0, len(after))]


def _near(lines: Sequence[Line]) -> list[Line]:
    """Leave out what is the same and far from any difference."""
    changed = [at for at, one in enumerate(lines) if one.kind is not Kind.SAME]
    shown = {near for at in changed for near in range(at - AROUND, at + AROUND + 1)}
    found: list[Line] = []
    skipped = 0
    for at, one in enumerate(lines):
        if at in shown:
            if skipped:
                found.append(Line(Kind.SKIPPED, None, None, str(skipped)))
            skipped = 0
            found.append(one)
        else:
            skipped += 1
    if skipped and found:
        found.append(Line(Kind.SKIPPED, None, None, str(skipped)))
    return found
