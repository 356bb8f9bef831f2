"""A list that came in: what is shown of it before anybody is called."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ivr.aside import over
from ivr.campaign.intake import KANA, ByHand, Intake, first_rows, read_list, role_of
from ivr.desk.lists import excluded_today, mobiles
from ivr.domain import phone
from ivr.domain.recipient import Recipient
from ivr.drafts.draft import Columns, Look, Sample, Taken, Uploaded
from ivr.errors import InputError, IvrError, Problems
from ivr.settings import Settings

MOST_ROWS = 200_000
MOST_SHOWN = 20
"""Refused rows, warnings and people that are kept to be shown."""

PREVIEW = 6
LONGEST_CELL = 24
MOST_COLUMNS = 60

UNSAFE = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would compute."""


def taken_in(
    chosen: Settings, data: bytes, name: str, columns: Columns | None
) -> tuple[Uploaded, tuple[tuple[int, str], ...]]:
    """Return what came of a file, and every row that was refused; never raises for what is in it."""
    digest = hashlib.sha256(data).hexdigest()
    look: Look | None = None
    encoding = problem = ""
    taken: Taken | None = None
    refused: tuple[tuple[int, str], ...] = ()
    try:
        encoding, rows = first_rows(data, PREVIEW, file=name)
        look = _look([row.cells for row in rows])
        intake = intake_of(data, name, columns)
        if intake.rows > MOST_ROWS:
            raise InputError(
                f"{intake.rows:,} 行あります。一度に読み込めるのは {MOST_ROWS:,} 行までです。分けてください。"
            )
        refused = tuple((one.line, one.reason) for one in intake.refused)
        taken = _taken(chosen, name, intake, refused)
    except Problems as problems:
        problem = "\n".join(f"{one.line} 行目：{one.message}" if one.line else one.message for one in problems.problems)
    except IvrError as error:
        problem = str(error)
    return (
        Uploaded(
            name=name,
            size=len(data),
            sha256=digest,
            encoding=encoding,
            problem=problem,
            look=look,
            taken=taken,
        ),
        refused,
    )


async def read(chosen: Settings, data: bytes, name: str, columns: Columns | None) -> tuple[Uploaded, bytes]:
    """Return what came of a file, and every row that was refused, packed; no call waits for it."""
    return await over(data, _read, chosen, name, columns)


def _read(data: bytes, chosen: Settings, name: str, columns: Columns | None) -> tuple[Uploaded, bytes]:
    upload, refused = taken_in(chosen, data, name, columns)
    return upload, packed(refused)


def intake_of(data: bytes, name: str, columns: Columns | None) -> Intake:
    """Return what becomes of the list; raises as `read_list`."""
    by_hand = ByHand(**columns.model_dump()) if columns is not None else None
    return read_list(data, file=name, by_hand=by_hand)


def with_readings(people: tuple[Recipient, ...], readings: Mapping[str, str]) -> tuple[Recipient, ...]:
    """Return the people, those of `readings` (by 宛名番号) with the name as somebody has corrected it."""
    if not readings:
        return people
    return tuple(_read_as(one, readings[one.id]) if one.id in readings else one for one in people)


def sample_of(person: Recipient) -> Sample:
    """Return what is kept of somebody to hear sentences for."""
    return Sample(id=person.id, line=person.line, kana=person.kana, values=person.values())


def masked(text: str) -> str:
    """Return a cell as it is shown before anybody has asked: its first letter, of a number the last four digits."""
    plain = " ".join(text.split())[:LONGEST_CELL]
    if len(re.sub(r"\D", "", plain)) >= 8:
        return phone.masked(plain) or "●●●"
    return " ".join(word[:1] + "●" * min(len(word) - 1, 4) for word in plain.split())


def refused_csv(refused: tuple[tuple[int, str], ...]) -> bytes:
    """Return the refused rows as a file that opens in a spreadsheet, in which nothing is computed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("行", "理由"))
    writer.writerows((line, f"'{why}" if why.startswith(UNSAFE) else why) for line, why in refused)
    return ("\ufeff" + out.getvalue()).encode()


def packed(refused: tuple[tuple[int, str], ...]) -> bytes:
    """Return the refused rows as they are kept."""
    return json.dumps(refused, ensure_ascii=False).encode("utf-8", "surrogatepass")


def unpacked(kept: bytes) -> tuple[tuple[int, str], ...]:
    """Return what was `packed`."""
    return tuple((line, why) for line, why in json.loads(kept))


def _taken(chosen: Settings, name: str, intake: Intake, refused: tuple[tuple[int, str], ...]) -> Taken:
    excluded: Counter[str] = Counter()
    error = ""
    try:
        excluded.update(reason for _, reason in excluded_today(chosen, name, intake))
    except IvrError as wrong:
        error = str(wrong)
    return Taken(
        rows=intake.rows,
        accepted=len(intake.accepted),
        refused_count=len(refused),
        refused=refused[:MOST_SHOWN],
        warnings=tuple((one.line, one.message) for one in intake.warnings[:MOST_SHOWN]),
        columns=intake.columns,
        excluded=tuple(excluded.most_common()),
        excluded_error=error,
        mobiles=mobiles(intake),
        samples=tuple(sample_of(one) for one in intake.accepted[:MOST_SHOWN]),
    )


def _look(rows: Sequence[Sequence[str]]) -> Look:
    cells = [list(row[:MOST_COLUMNS]) for row in rows]
    if not cells:
        return Look(headings=(), rows=())
    # Headings hold no numbers: a first row with some is somebody's, and is masked as theirs.
    plain = not any(re.search(r"\d{3,}", cell) for cell in cells[0])
    headings = tuple(" ".join(cell.strip("\ufeff ").split())[:LONGEST_CELL] for cell in cells[0]) if plain else ()
    return Look(
        headings=headings,
        rows=tuple(tuple(masked(cell) for cell in row) for row in (cells[1:] if plain else cells)),
    )


def _read_as(person: Recipient, kana: str) -> Recipient:
    columns = {
        heading: kana if role_of(heading) == KANA or value == person.kana else value
        for heading, value in person.columns.items()
    }
    return Recipient(id=person.id, line=person.line, kana=kana, numbers=person.numbers, columns=columns)
