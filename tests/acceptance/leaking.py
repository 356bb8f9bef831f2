"""Names, numbers and keys of callees in logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import jaconv

KEY = re.compile(r"#|\b(?:dtmf|digits?|keys?|pressed|キー)\b\W{0,3}(?<!\*)(?:[0-9]|\*(?!\*))", re.IGNORECASE)
"""`#` means nothing else in our logs; the other keys count where they are called keys. `***` hides one."""


def leaks(logs: Mapping[str, str], names: Iterable[str], numbers: Iterable[str]) -> list[str]:
    """Return where in `logs` a name (kana), a number (national) or a key press is, in whatever way it is written."""
    spellings = {
        spelling
        for name in names
        for written in (name, name.replace(" ", "　"), name.replace(" ", ""))
        for spelling in (written, jaconv.z2h(written), jaconv.kata2hira(written))
    }
    tails = {number[1:] for number in numbers}
    found = []
    for file, text in logs.items():
        for line in text.splitlines():
            digits = re.sub(r"[-‐ー\s().（）]", "", jaconv.z2h(line, kana=False, digit=True, ascii=True))
            if (
                any(spelling in line for spelling in spellings)
                or any(tail in digits for tail in tails)
                or KEY.search(line)
            ):
                found.append(f"{file}: {line}")
    return found
