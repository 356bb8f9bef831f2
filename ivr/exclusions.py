"""The office's exclusion file, and the column rules of the settings: what is known now of who is not called.

    宛名番号,電話番号,理由,期限
    00012345,,支援措置,
    ,03-5722-0000,架電拒否,2027-03-31

The columns have the names that they have in a list. A line excludes a person by 宛名番号, a number wherever it is
listed, or both; through the day of 期限, for good where that is empty. The file is looked at again before it is a
second old. A file that is not there, that has one bad line, or that has none at all forbids every call: an export that
failed overnight looks like that.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ivr.campaign import list_file
from ivr.campaign.intake import ID, PHONES, looks_like_phone, role_of
from ivr.campaign.list_file import Record
from ivr.domain import phone
from ivr.domain.exclusion import ColumnRule, Entry, Exclusions
from ivr.domain.recipient import plain, same_person
from ivr.errors import ExclusionsUnknown, InputError, Problem, Problems, reason

FRESH = 1.0
"""Seconds for which what was seen of the file holds."""

PATIENCE = 10.0
"""Seconds for the file to be read, also from another machine's disk."""

SETTLED = 0.3
"""Seconds for which a file must have stayed as it was read: half of an export is a file, too."""

SHOWN = 5
"""Bad lines that are named before a dial; all of them when somebody asks."""

REASON, UNTIL = "理由", "期限"

_OWN = {REASON: REASON, "reason": REASON, UNTIL: UNTIL, "until": UNTIL}


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes whenever a file is written anew."""

    inode: int
    size: int
    changed_ns: int


class Register:
    """Knows who is not called: the column rules, and the file as it is now."""

    def __init__(
        self,
        columns: Sequence[ColumnRule] = (),
        file: Path | None = None,
        *,
        on_look: Callable[[bool], None] = lambda known: None,
    ) -> None:
        """Know nothing yet; after each look at the file `on_look` is told whether it says who is not called."""
        self._columns = tuple(columns)
        self._file = file
        self._known = Exclusions(columns=self._columns)
        self._stamp: _Stamp | None = None
        self._looked: float | None = None
        self._failure: ExclusionsUnknown | None = None
        self._reading: asyncio.Task[tuple[_Stamp, Exclusions] | None] | None = None
        self._lock = asyncio.Lock()
        self._on_look = on_look

    @property
    def sound(self) -> bool:
        """Tell whether the last look found out who is not called."""
        return self._failure is None

    async def known(self) -> Exclusions:
        """Return what is known; raise ExclusionsUnknown where the file does not tell."""
        if self._file is None:
            return self._known
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._looked is None or now - self._looked >= FRESH:
                self._failure = await self._look(self._file)
                self._on_look(self.sound)
                self._looked = asyncio.get_running_loop().time()
        if self._failure is not None:
            raise self._failure
        return self._known

    async def _look(self, file: Path) -> ExclusionsUnknown | None:
        # A disk that hangs holds one thread, however often it is asked.
        self._reading = self._reading or asyncio.create_task(asyncio.to_thread(self._newer, file, self._stamp))
        done, _ = await asyncio.wait({self._reading}, timeout=PATIENCE)
        if not done:
            return ExclusionsUnknown(f"除外ファイル {file} を {PATIENCE:.0f} 秒のうちに読めません。")
        reading, self._reading = self._reading, None
        try:
            found = reading.result()
        except InputError as error:
            self._stamp = None
            lines = str(error).splitlines()
            more = f"（ほか {len(lines) - SHOWN} 行）" if len(lines) > SHOWN else ""
            return ExclusionsUnknown("\n".join(lines[:SHOWN]) + more)
        if found is not None:
            self._stamp, self._known = found
        return None

    def _newer(self, file: Path, stamp: _Stamp | None) -> tuple[_Stamp, Exclusions] | None:
        """Return what the file says with its stamp, None where that is `stamp` still; raise InputError."""
        now = _stamp(file)
        if now == stamp:
            return None
        found = read(file, self._columns)
        time.sleep(SETTLED)
        if _stamp(file) != now:
            raise InputError(f"除外ファイル {file} は書きかえられている途中です。")
        return now, found


def read(file: Path, columns: Sequence[ColumnRule] = ()) -> Exclusions:
    """Return what the exclusion file says; raise InputError, or Problems with every bad line."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"除外ファイル {file} を読めません（{reason(error)}）。") from None
    return parsed(data, str(file), columns)


def parsed(data: bytes, file: str, columns: Sequence[ColumnRule] = ()) -> Exclusions:
    """Return what `data` says; `file` is its name for messages. Raises InputError, or Problems with every bad line."""
    people: dict[str, list[Entry]] = {}
    numbers: dict[str, list[Entry]] = {}
    problems: list[Problem] = []
    for line, row in _rows(data, file):
        try:
            key, excluded, entry = _entry(row)
        except InputError as error:
            problems.append(Problem(file=file, line=line, message=str(error)))
            continue
        if key:
            people.setdefault(key, []).append(entry)
        for number in excluded:
            numbers.setdefault(number, []).append(entry)
    if problems:
        raise Problems(problems)
    if not people and not numbers:
        raise InputError(
            f"除外ファイル {file} に行がありません。"
            "除外する人が本当にいないときは、設定 exclusions.file を消してください。"
        )
    return Exclusions(columns=tuple(columns), people=people, numbers=numbers)


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except OSError as error:
        raise InputError(f"除外ファイル {file} を読めません（{reason(error)}）。") from None
    return _Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


def _rows(data: bytes, file: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each line with its number, as a value for each column that we know; raise Problems for another file."""
    if len(data) > list_file.LARGEST:
        raise Problems([Problem(file=file, line=0, message="ファイルが大きすぎます。")])
    if what := list_file.foreign(data):
        raise Problems([Problem(file=file, line=0, message=f"CSV ではなく、{what}CSV で保存し直してください。")])
    records = list_file.records(data, list_file.encoding_of(data), lambda _: ",")
    header = next(records, None)
    headings = [name.strip("\ufeff ") for name in header.cells] if header and not header.fault else []
    names = [role_of(heading) or _OWN.get(plain(heading)) for heading in headings]
    line = header.line if header else 0
    if REASON not in names or not {ID, *PHONES} & set(names):
        message = f"最初の行に「{REASON}」と、「宛名番号」か「電話番号」を見出しとして書いてください。"
        raise Problems([Problem(file=file, line=line, message=message)])
    for heading, name in zip(headings, names, strict=True):
        if name and names.count(name) > 1:
            message = f"「{heading}」と同じ意味の見出しが二つあります。一つにしてください。"
            raise Problems([Problem(file=file, line=line, message=message)])
        if looks_like_phone(heading) and name not in PHONES:
            message = f"「{heading}」の列が分かりません。見出しを「電話番号」「電話番号2」などにしてください。"
            raise Problems([Problem(file=file, line=line, message=message)])
    for record in records:
        if record.fault or any(cell.strip() for cell in record.cells):
            yield record.line, _row(record, names)


def _row(record: Record, names: Sequence[str | None]) -> dict[str, str]:
    if record.fault:
        return {"fault": record.fault}
    if any(cell.strip() for cell in record.cells[len(names) :]):
        return {"fault": f"列の数が見出しと合いません（見出し {len(names)} 列、この行 {len(record.cells)} 列）。"}
    return {name: cell.strip() for name, cell in zip(names, record.cells, strict=False) if name}


def _entry(row: dict[str, str]) -> tuple[str, list[str], Entry]:
    """Return whom and which numbers a line excludes, and the entry; raise InputError."""
    if fault := row.get("fault"):
        raise InputError(fault)
    key, reason = row.get(ID, ""), row.get(REASON, "")
    numbers = [_number(row[name]) for name in PHONES if row.get(name)]
    if not key and not numbers:
        raise InputError("宛名番号も電話番号もありません。")
    if not reason:
        raise InputError(f"{REASON}がありません。")
    return same_person(key) if key else "", numbers, Entry(reason=reason, until=_day(row.get(UNTIL, "")))


def _number(written: str) -> str:
    try:
        return phone.parse(written).e164
    except InputError as error:
        raise InputError(f"電話番号: {error}") from None


def _day(text: str) -> date | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", plain(text), re.ASCII)
    try:
        return date(*map(int, found.groups())) if found else date.fromisoformat(plain(text))
    except ValueError:
        raise InputError(f"{UNTIL}は 2027-03-31 のように書いてください。") from None
