"""Traces of people in bytes: every way in which a name or a number may have been written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import jaconv

ENCODINGS = ("utf-8", "cp932", "euc_jp", "utf-16-le", "utf-16-be")


def of_name(name: str) -> Iterator[str]:
    """Yield the spellings of a name in kana or kanji, and of each of its parts."""
    for part in {name, name.replace(" ", "　"), name.replace(" ", ""), *name.split()}:
        for kana in (part, jaconv.hira2kata(part)):
            yield from (kana, jaconv.kata2hira(kana), jaconv.z2h(kana), jaconv.z2h(kana, kana=True, ascii=True))


def of_number(number: str) -> Iterator[str]:
    """Yield the spellings of a national number."""
    tail = number[1:]
    cuts = ((2, 6), (3, 7)) if number.startswith(("070", "080", "090", "050")) else ((1, 5), (2, 6), (3, 6))
    hyphened = ["-".join((number[:a], number[a:b], number[b:])) for a, b in cuts]
    for written in (number, f"+81{tail}", f"81{tail}", tail, *hyphened):
        yield from (written, jaconv.h2z(written, digit=True, ascii=True))


def written(spellings: Iterable[str]) -> dict[bytes, str]:
    """Return each spelling as bytes in each encoding, and in JSON that escapes."""
    found = {}
    for spelling in spellings:
        found[json.dumps(spelling)[1:-1].encode()] = spelling
        for encoding in ENCODINGS:
            found[spelling.encode(encoding, "ignore")] = spelling
    # An encoding without kana leaves nothing of a name.
    return {data: spelling for data, spelling in found.items() if len(data) >= 4}


def of_people(people: Iterable[tuple[str, str]]) -> dict[bytes, str]:
    """Return the traces of people, each a name and a national number."""
    return written(spelling for name, number in people for spelling in (*of_name(name), *of_number(number)))


def found(folders: Iterable[Path], traces: dict[bytes, str]) -> list[str]:
    """Return where in the files below `folders`, and in their names, a trace is."""
    hits = []
    for file in sorted({file for folder in folders for file in folder.rglob("*") if file.is_file()}):
        data = file.read_bytes() + str(file).encode()
        hits += [f"{file}: {spelling}" for trace, spelling in traces.items() if trace in data]
    return hits
