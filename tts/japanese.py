"""Written Japanese into the form that a Japanese dictionary reads aright.

Dates, times, amounts and signs of forms and spreadsheets become what a person would write in a sentence; the engines
know how to read that (`11月1日` is ついたち). Telephone numbers and long numbers become digits, said one by one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

import phonenumbers

Groups = tuple[str, ...]

_HYPHEN = "-‐‑‒–—―−ー－ｰ"
_MONTH = r"(0?[1-9]|1[0-2])"
_DAY = r"(0?[1-9]|[12]\d|3[01])"
_ERAS = {"R": "令和", "H": "平成", "S": "昭和", "T": "大正", "M": "明治"}
_ERA = "令和|平成|昭和|大正|明治"
_ROMAN = {chr(0x2160 + n): str(n + 1) for n in range(12)} | {chr(0x2170 + n): str(n + 1) for n in range(12)}
_BEFORE_FOLDING = str.maketrans(
    _ROMAN | {"…": "、", "‥": "、", "℡": "電話", "☎": "電話", "☏": "電話", "♯": "#", "※": "", "\\": "¥"}
)
_COUNTED = r"\s*(?:[千万億兆円人件個枚回期番号年月日時分秒台世冊通%％]|パーセント)"

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _date(found: re.Match[str]) -> str:
    year, month, day = found.groups()
    return f"{year}年{int(month)}月{int(day)}日"


def _era_date(found: re.Match[str]) -> str:
    letter, era, year, month, day = found.groups()
    return f"{era or _ERAS[letter]}{year}年{int(month)}月{int(day)}日"


def _clock(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), int(found[2])
    return f"{hour}時{minute}分" if minute else f"{hour}時"


_RULES: tuple[Rule, ...] = (
    # Dates
    (re.compile(rf"(?<!\d)((?:19|20)\d\d)[-/.−]{_MONTH}[-/.−]{_DAY}(?![\d/])"), _date),
    (
        re.compile(rf"(?:(?<![A-Za-z])([RHSTM])|({_ERA}))\s?(元|\d{{1,2}})[-/.−]{_MONTH}[-/.−]{_DAY}(?![\d/])"),
        _era_date,
    ),
    (re.compile(r"(?<![A-Za-z])([RHSTM])(?=(?:元|\d{1,2})年)"), lambda found: _ERAS[found[1]]),
    (re.compile(rf"(?<![\d/.]){_MONTH}/{_DAY}(?![\d/])"), lambda found: f"{int(found[1])}月{int(found[2])}日"),
    (
        re.compile(r"(?<=[日\d])\s*\(([月火水木金土日])(?:曜日?)?([・,、]?祝日?)?\)"),
        lambda found: f"{found[1]}曜日" + ("、祝日" if found[2] else ""),
    ),
    # Times
    (re.compile(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?::[0-5]\d)?(?![\d:])"), _clock),
    (re.compile(r"(?<=時)0?0分"), ""),
    # Leading zeros of a form's boxes
    (re.compile(r"(?<![\d.])0+(?=\d+\s*[年月日時分期])"), ""),
    (re.compile(rf"({_ERA})1年"), r"\1元年"),
    (re.compile(r"(?<!\d)0時(?!間)"), "レイ時"),
    # Amounts
    (re.compile(r"(?<!\d)\d{1,3}(?:,\d{3})+(?!\d)"), lambda found: found[0].replace(",", "")),
    (re.compile(r"¥\s*([-−△▲]?\d+(?:\.\d+)?)(?:円|也|[-−](?!\d))?"), r"\1円"),
    (re.compile(r"(?<![\w)])[-−△▲]\s*(?=\d+(?:\.\d+)?\s*[万億円%])"), "マイナス"),
    # From … to …
    (re.compile(r"(?<=[時分日月年円度\d])\s*[~〜∼]\s*(?=[\d午翌令平昭])"), "から"),
    # Keys and signs
    (re.compile(r"#"), "シャープ"),
    (re.compile(r"\*"), "米印"),
    (re.compile(r"(?<![A-Za-z])(?:TEL|Tel)(?![A-Za-z])[:.]?"), "電話"),
    (re.compile(r"\(株\)"), "株式会社"),
    (re.compile(r"\(有\)"), "有限会社"),
    (re.compile(r"(?<=[ァ-ヺ])[-‐‑−](?=[ァ-ヺ\s、。]|$)"), "ー"),
    (re.compile(r"\.{2,}|・{2,}"), "、"),
)


def plain(text: str) -> str:
    """Return `text` as a sentence would have it: `R8.11.30` is 令和8年11月30日, `￥12,345` is 12345円, `#` is シャープ.

    Telephone numbers stay as they are.
    """
    text = unicodedata.normalize("NFKC", text.translate(_BEFORE_FOLDING))
    return "".join(piece if number else _plain(piece) for number, piece in _apart(_PHONE, text))


def _plain(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def _apart(pattern: re.Pattern[str], text: str) -> Iterator[tuple[bool, str]]:
    """Yield all of `text` in order, each piece with whether `pattern` matched it."""
    end = 0
    for found in pattern.finditer(text):
        yield False, text[end : found.start()]
        yield True, found[0]
        end = found.end()
    yield False, text[end:]


_SEPARATOR = rf"[{_HYPHEN}\s]"
_PHONE = re.compile(
    rf"""(?<![\d.,+])(?:
        (?:\+|010{_SEPARATOR}?|00)81{_SEPARATOR}?(?:\(0\))?{_SEPARATOR}?\d{{1,4}}{_SEPARATOR}?\d{{1,4}}{_SEPARATOR}?\d{{3,4}}
      | (?:\(0\d{{1,4}}\)|0\d{{1,4}}{_SEPARATOR}|0\d{{1,4}}(?=\())\s?(?:\(\d{{1,4}}\)|\d{{1,4}}{_SEPARATOR})\s?\d{{3,4}}
      | 0\d{{9,10}}
    )(?![\d]|[{_HYPHEN}.,]\d)""",
    re.VERBOSE,
)


def phone_groups(text: str) -> Groups | None:
    """Return the groups of digits of a Japanese telephone number, as it is written or as its area groups it.

    None if `text` is no telephone number of 10 or 11 digits. `+81 3-1234-5678` is ("03", "1234", "5678").
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if not _PHONE.fullmatch(text):
        return None
    foreign = re.match(rf"(?:\+|010{_SEPARATOR}?|00)81", text)
    written = tuple(re.findall(r"\d+", text))
    digits = "".join(written)
    if foreign:
        digits = "0" + re.sub(r"\D", "", text[foreign.end() :].replace("(0)", "")).removeprefix("0")
    if len(digits) not in {10, 11}:
        return None
    if not foreign and len(written) == 3:
        return written
    number = phonenumbers.parse(digits, "JP")
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    groups = tuple(re.findall(r"\d+", national))
    if len(groups) > 1 and "".join(groups) == digits:
        return groups
    return (digits[:-8], digits[-8:-4], digits[-4:])


def split_phones(text: str) -> list[str | Groups]:
    """Return all of `text` in order, its telephone numbers as groups of digits."""
    pieces: list[str | Groups] = []
    for number, piece in _apart(_PHONE, text):
        pieces.append((phone_groups(piece) or piece) if number else piece)
    return pieces


_LONG_NUMBER = re.compile(rf"(?<![\d.])(?:0\d+|\d{{7,}})(?!\d|\.\d|{_COUNTED})|(?<![\d.])\d{{17,}}")


def split_digits(text: str) -> list[str | Groups]:
    """Return all of `text` in order, its telephone numbers and its reference numbers as groups of digits.

    A reference number is one that starts with 0, or of seven digits and more with nothing counted after it.
    """
    pieces: list[str | Groups] = []
    for piece in split_phones(text):
        if not isinstance(piece, str):
            pieces.append(piece)
            continue
        for number, inner in _apart(_LONG_NUMBER, piece):
            pieces.append(tuple(inner[at : at + 4] for at in range(0, len(inner), 4)) if number else inner)
    return pieces
