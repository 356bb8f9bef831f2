"""Take in a list: which rows are people to call, and why each other row is not.

Pure on bytes. Every row is accepted or refused with its line and the reason: accepted + refused = rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ivr.campaign import list_file
from ivr.campaign.list_file import Record
from ivr.domain import kana, phone
from ivr.domain.recipient import Recipient
from ivr.errors import InputError, Problem, Problems

LONGEST_ID = 64

ID, KANA, PHONES = "id", "kana", ("phone", "phone2", "phone3")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    ID: ("宛名番号", "id", "宛名コード", "宛名no"),
    KANA: ("カナ氏名", "kana", "氏名カナ", "カナ", "フリガナ", "氏名フリガナ", "ふりがな"),
    "phone": ("電話番号", "phone", "電話番号1", "phone1", "電話", "tel", "tel1", "電話1"),
    "phone2": ("電話番号2", "phone2", "電話2", "tel2"),
    "phone3": ("電話番号3", "phone3", "電話3", "tel3"),
}
"""What each column may be called; the first name is the one that messages use. Width, case and blanks do not count."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that is not called: the physical line where it begins (from 1), and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to look at that refuses nothing; `line` is 0 where it is about the whole list."""

    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What became of a list. `columns` are the names in the header, as written."""

    rows: int
    accepted: tuple[Recipient, ...]
    refused: tuple[Refusal, ...]
    encoding: str
    columns: tuple[str, ...]
    warnings: tuple[Remark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """Which column (from 0) is which, told by somebody. Without a `header` the first row is a person's already."""

    id: int
    kana: int
    phones: tuple[int, ...]
    header: bool = True


def read_list(data: bytes, *, file: str, by_hand: ByHand | None = None) -> Intake:
    """Return what becomes of the list in `data`; `file` is its name for messages.

    Raises Problems where there is no list to speak of: an empty file, another format, no header that is known and none
    told `by_hand`.
    """
    encoding = _readable(data, file)
    records = list_file.records(data, encoding, _delimiter if by_hand is None else _commonest)
    first = next(records, None)
    if first is None:
        raise _unusable(file, 0, "ファイルが空です。")
    rows = _Rows(_header(first, records, data, file) if by_hand is None else _told(first, by_hand, file))
    if by_hand is not None and not by_hand.header:
        rows.take(first)
    for record in records:
        rows.take(record)
    return Intake(
        rows=rows.count,
        accepted=tuple(rows.accepted),
        refused=tuple(rows.refused),
        encoding=encoding,
        columns=tuple(name for name in rows.header.names if name),
        warnings=tuple(rows.remarks()),
    )


def first_rows(data: bytes, count: int, *, file: str) -> tuple[str, tuple[Record, ...]]:
    """Return the encoding and the first records of a list, whatever they are; Problems where it is no text."""
    encoding = _readable(data, file)
    return encoding, tuple(islice(list_file.records(data, encoding, _commonest), count))


def _readable(data: bytes, file: str) -> str:
    if len(data) > list_file.LARGEST:
        raise _unusable(file, 0, f"ファイルが大きすぎます（上限 {list_file.LARGEST // 1024**2} MB）。")
    if what := list_file.foreign(data):
        raise _unusable(file, 0, f"CSV ではなく、{what}CSV で保存し直してください。")
    return list_file.encoding_of(data)


def _commonest(line: str) -> str:
    return max(",\t;", key=line.count)


@dataclass(frozen=True, slots=True)
class _Header:
    names: tuple[str, ...]
    id: int
    kana: int
    phones: tuple[int, ...]
    line: int

    @property
    def needed(self) -> int:
        """How many cells a row has at least: Excel writes no delimiters for empty columns at the end of some rows."""
        return max(index for index, name in enumerate(self.names) if name) + 1

    @property
    def unused_phones(self) -> list[str]:
        """The columns that seem to hold telephone numbers and are not dialled."""
        return [name for index, name in enumerate(self.names) if index not in self.phones and looks_like_phone(name)]


class _Rows:
    """Sorts records into people and refusals."""

    def __init__(self, header: _Header) -> None:
        self.header = header
        self.count = 0
        self.accepted: list[Recipient] = []
        self.refused: list[Refusal] = []
        self._warnings: list[Remark] = []
        self._lines: dict[str, int] = {}
        self._empty = 0
        self._unnamed = tuple(index for index, name in enumerate(header.names) if not name)
        self._unnamed_lines: list[int] = []
        self._named = [(index, name) for index, name in enumerate(header.names) if name]

    def take(self, record: Record) -> None:
        cells = [cell.strip() for cell in record.cells]
        if not record.fault and not any(cells):
            self._empty += 1
            return
        self.count += 1
        if any(cells[index] for index in self._unnamed if index < len(cells)):
            self._unnamed_lines.append(record.line)
        try:
            self.accepted.append(self._recipient(record, cells))
        except InputError as error:
            self.refused.append(Refusal(record.line, str(error)))

    def remarks(self) -> Iterator[Remark]:
        """Yield the warnings, in order of lines, those about the whole list first."""
        if not self.count:
            yield Remark(0, "見出しの下に行がありません。")
        if self._empty:
            yield Remark(0, f"区切り文字だけの行が {self._empty} 行あります。行数には数えていません。")
        for name in self.header.unused_phones:
            yield Remark(
                self.header.line,
                f"「{name}」の列の電話番号にはかけません。かけるなら、見出しを「電話番号2」「電話番号3」などにしてください。",
            )
        if self._unnamed_lines:
            yield Remark(
                0,
                f"見出しのない列に値があります（{_some(self._unnamed_lines)}）。その列は使いません。"
                "住所などのコンマで列がずれていないか、確かめてください。",
            )
        times = Counter(one.numbers[0] for one in self.accepted)
        shared = [one.line for one in self.accepted if times[one.numbers[0]] > 1]
        if shared:
            yield Remark(0, f"同じ電話番号が二人以上に書かれています（合わせて {len(shared)} 人：{_some(shared)}）。")
        yield from self._warnings

    def _recipient(self, record: Record, cells: list[str]) -> Recipient:
        if record.fault:
            raise InputError(record.fault)
        header = self.header
        count = len(header.names)
        if len(cells) < header.needed or any(cells[count:]):
            raise InputError(f"列の数が見出しと合いません（見出し {count} 列、この行 {len(cells)} 列）。")
        reasons: list[str] = []
        identity = _checked(_identity, cells[header.id], reasons)
        name = _checked(kana.name, cells[header.kana], reasons)
        numbers, spoilt = self._numbers(cells)
        if not numbers:
            reasons += spoilt or ["電話番号がありません。"]
        key = unicodedata.normalize("NFKC", identity)
        if key in self._lines:
            reasons.append(f"宛名番号が {self._lines[key]} 行目と同じです。その人には、その行で一度だけかけます。")
        if reasons:
            raise InputError(" ".join(reasons))
        self._lines[key] = record.line
        self._warnings += (Remark(record.line, f"{one} この番号は使いません。") for one in spoilt)
        columns = {name: cells[index] for index, name in self._named}
        return Recipient(id=identity, line=record.line, kana=name, numbers=numbers, columns=columns)

    def _numbers(self, cells: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
        """Return the numbers that can be dialled, each once, and what is wrong with each other one."""
        good: dict[str, None] = {}
        spoilt: list[str] = []
        for index in self.header.phones:
            if written := cells[index]:
                try:
                    good[phone.parse(written).e164] = None
                except InputError as error:
                    shown = phone.masked(written)
                    spoilt.append(f"{self.header.names[index]}{f'（{shown}）' if shown else ''}: {error}")
        return tuple(good), spoilt


def _some(lines: Sequence[int]) -> str:
    shown = "、".join(str(line) for line in lines[:5])
    return f"{shown} 行目{'など' if len(lines) > 5 else ''}"


def _checked(check: Callable[[str], str], text: str, reasons: list[str]) -> str:
    try:
        return check(text)
    except InputError as error:
        reasons.append(str(error))
        return ""


def _identity(text: str) -> str:
    if not text:
        raise InputError("宛名番号がありません。")
    if len(text) > LONGEST_ID:
        raise InputError(f"宛名番号が長すぎます（上限 {LONGEST_ID} 字）。")
    if re.fullmatch(r"\d(?:\.\d+)?E\+\d+", text, re.ASCII):
        raise InputError("宛名番号が表計算ソフトの指数表示になり、桁が失われています。")
    return text


def looks_like_phone(name: str) -> bool:
    """Tell whether a heading seems to stand over telephone numbers."""
    return re.search("電話|携帯|tel|phone|連絡先", _key(name)) is not None


def _key(name: str) -> str:
    return re.sub(r"[\s_()\-‐・]+", "", unicodedata.normalize("NFKC", name).casefold())


_ROLES = {_key(name): role for role, names in COLUMNS.items() for name in names}


def role_of(heading: str) -> str | None:
    """Return which of `COLUMNS` a heading names, None where it is none of them."""
    return _ROLES.get(_key(heading))


def _roles(names: Sequence[str]) -> dict[str, list[int]]:
    """Return where each column that we know stands in a header."""
    found: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        if role := role_of(name):
            found.setdefault(role, []).append(index)
    return found


def _delimiter(line: str) -> str:
    """Return the delimiter that shows most of the columns we know in the header's `line`."""
    return max(",\t;", key=lambda delimiter: len(_roles([cell.strip(' "') for cell in line.split(delimiter)])))


def _header(first: Record, records: Iterator[Record], data: bytes, file: str) -> _Header:
    names = tuple(name.strip().strip("\ufeff") for name in first.cells)
    roles = _roles(names)
    if first.fault and (roles or not first.cells):
        raise _unusable(file, first.line, f"見出しの行を読めません。{first.fault}")
    if not roles:
        raise _unusable(file, first.line, _no_header(records, data))
    problems = [
        f"見出しに「{COLUMNS[role][0]}」（または {COLUMNS[role][1]}）がありません。"
        for role in (ID, KANA, PHONES[0])
        if role not in roles
    ]
    if PHONES[0] not in roles and (near := next((name for name in names if looks_like_phone(name)), None)):
        problems[-1] += f"「{near}」がそれなら、見出しを「電話番号」に直してください。"
    twice = [name for name, times in Counter(_key(name) for name in names if name).items() if times > 1]
    problems += [f"見出しに「{next(name for name in names if _key(name) == key)}」が二つあります。" for key in twice]
    problems += [
        f"見出しの「{'」と「'.join(names[index] for index in places)}」は同じ意味です。一つにしてください。"
        for places in roles.values()
        if len({_key(names[index]) for index in places}) > 1
    ]
    if problems:
        raise Problems(Problem(file=file, line=first.line, message=message) for message in problems)
    phones = tuple(roles[role][0] for role in PHONES if role in roles)
    return _Header(names=names, id=roles[ID][0], kana=roles[KANA][0], phones=phones, line=first.line)


def _told(first: Record, by_hand: ByHand, file: str) -> _Header:
    """Return the header as somebody told it; columns without a heading, or with another's, are named by their place."""
    places = (by_hand.id, by_hand.kana, *by_hand.phones)
    if not by_hand.phones or len(set(places)) < len(places):
        raise _unusable(file, first.line, "宛名番号、カナ氏名、電話番号には、それぞれ別の列を選んでください。")
    if not all(0 <= place < len(first.cells) for place in places):
        raise _unusable(file, first.line, "選んだ列が名簿にありません。")
    written = [cell.strip().strip("\ufeff") if by_hand.header else "" for cell in first.cells]
    seen = Counter(_key(name) for name in written)
    names = tuple(name if name and seen[_key(name)] == 1 else f"列{place}" for place, name in enumerate(written, 1))
    return _Header(names=names, id=by_hand.id, kana=by_hand.kana, phones=by_hand.phones, line=first.line)


def _no_header(records: Iterator[Record], data: bytes) -> str:
    """Return what to say of a list whose first line names none of our columns; it never repeats that line."""
    for record, _ in zip(records, range(20), strict=False):
        if len(_roles(record.cells)) >= 2:
            return (
                f"見出しは最初の行に書いてください。{record.line} 行目が見出しのようです。その上の行を消してください。"
            )
    for encoding, name in (("euc_jp", "EUC-JP"), ("iso2022_jp", "JIS")):
        line = data[:2000].splitlines()[0].decode(encoding, "ignore")
        if _roles(line.split(",")):
            return f"文字コードが {name} のようです。UTF-8 か Shift_JIS（CP932）で保存し直してください。"
    wanted = "、".join(COLUMNS[role][0] for role in (ID, KANA, PHONES[0]))
    return f"見出しがないか、列の名前が違います。最初の行に {wanted} という列の名前を書いてください。"


def _unusable(file: str, line: int, message: str) -> Problems:
    return Problems([Problem(file=file, line=line, message=message)])
