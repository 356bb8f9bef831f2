"""Telephone numbers of Japan as people and spreadsheets write them: repaired if sure, refused with a reason if not.

Source of the ranges: the numbering plan in phonenumbers' metadata (総務省 電気通信番号計画).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import phonenumbers

from ivr.errors import InputError

JAPAN = 81

LONGEST = 100
"""Characters. What is longer is no number, and some patterns here take a time that grows with its square."""


class Kind(StrEnum):
    """What a number rings."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    IP = "ip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A number that may be dialled: E.164 (`+81…`), and as dialled within Japan (digits only, from 0)."""

    e164: str
    national: str
    kind: Kind


_PLAN: Any = phonenumbers.PhoneMetadata.metadata_for_region("JP")
_KINDS = tuple(
    (re.compile(f"0(?:{described.national_number_pattern})", re.ASCII), kind)
    for described, kind in ((_PLAN.mobile, Kind.MOBILE), (_PLAN.fixed_line, Kind.LANDLINE), (_PLAN.voip, Kind.IP))
)

_PLAIN = re.compile(r"0\d{9,10}", re.ASCII)
_EXCEL_TEXT = re.compile(r"""=?"([^"]*)"|'(.*)""")
_EXCEL_FLOAT = re.compile(r"(\d+)\.0+", re.ASCII)
_SCIENTIFIC = re.compile(r"\d+(?:\.\d+)?E\+?\d+", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"(?:TEL|電話|携帯|自宅)(?:番号)?[.: ]*(?=[\d+(])", re.IGNORECASE)
_EXTENSION = re.compile(r"\d.*(?:内線|ext|x|#)", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s()\[\].\u00ad\u2010-\u2015\u2043\u2212\u2500\u2501\u30fc\u301c\uff5e~_-]+")
_SEVERAL = re.compile(r"\d{2,}\s*[/,;、・]\s*\+?\d{2,}|\n", re.ASCII)
_HIDING = re.compile(r"^18[46](?=0\d{9,10}$|0081|\+81|81\d{9,10}$)", re.ASCII)

_DIGITS_LOST = (
    "表計算ソフトの指数表示（9.01E+09 など）になり、桁が失われています。"
    "電話番号の列を文字列にして保存し直してください。"
)

_SPECIAL = (
    # 電気通信番号規則 別表: short services, then prefixes that cost the callee's side or us, or ring no person.
    (re.compile(r"1(?:10|18|19)"), "緊急通報の番号です。"),
    (re.compile(r"1\d\d|#\d{4}"), "3 桁などの特別なサービスの番号です。"),
    (re.compile(r"0?(?:120\d{6}|800\d{7})"), "フリーダイヤル等（0120、0800）の番号です。"),
    (re.compile(r"0?990\d*"), "情報料のかかる番号（0990）です。"),
    (re.compile(r"0570\d*|570\d{6}"), "ナビダイヤル（0570）の番号です。"),
    (re.compile(r"0180\d*|180\d{6}"), "テレドーム（0180）の番号です。"),
    (re.compile(r"020\d*"), "ポケットベルや機器の通信に使われる番号（020）です。"),
    (re.compile(r"00\d*|010\d*"), "国際電話や電話会社を選ぶ番号（00、010）で始まっています。"),
)


def parse(text: str) -> Phone:
    """Return the number that `text` means; raise InputError with the reason, which never repeats the number.

    Repaired: full width, hyphens of every kind, spaces, brackets, `+81`, `0081`, `81`, a leading 184 or 186 (both
    removed: the office always shows its own number), the marks of text cells, `.0` of number cells, and the zero
    that a spreadsheet ate. Refused: whatever is not surely one dialable number of a person in Japan.
    """
    if len(text) > LONGEST:
        raise InputError(f"電話番号の欄が長すぎます（上限 {LONGEST} 字）。")
    national = text.replace("-", "")
    if not _PLAIN.fullmatch(national):
        national = _national(text)
    if _PLAIN.fullmatch(national) and (kind := _kind(national)):
        return Phone(e164=f"+{JAPAN}{national[1:]}", national=national, kind=kind)
    raise InputError(_reason(national))


def national(e164: str) -> str:
    """Return an E.164 number of Japan as it is dialled within the country."""
    return f"0{e164[3:]}" if e164.startswith(f"+{JAPAN}") else e164


def kind_of(e164: str) -> Kind | None:
    """Return what an E.164 number rings; None where it is none that a person in Japan has."""
    return _kind(national(e164))


def masked(number: str) -> str:
    """Return a number, or whatever was written as one, with all but its last four digits hidden; "" if too long."""
    if len(number) > LONGEST:
        return ""
    written = re.sub(r"\.0+$", "", unicodedata.normalize("NFKC", number).strip())
    digits = re.sub(r"\D", "", national(written))
    return "*" * (len(digits) - 4) + digits[-4:] if len(digits) >= 8 else "*" * len(digits)


_TRUNK_PREFIX = re.compile(r"^(\+81[-\s]*)\(0\)")
"""As in +81 (0)3: to be dialled within the country only."""


def _national(text: str) -> str:
    """Return `text` as digits from 0, or a short special number."""
    written = unicodedata.normalize("NFKC", text).strip()
    if excel := _EXCEL_TEXT.fullmatch(written):
        written = (excel[1] or excel[2] or "").strip()
    if not written:
        raise InputError("電話番号がありません。")
    if _SCIENTIFIC.fullmatch(written):
        raise InputError(_DIGITS_LOST)
    if _SEVERAL.search(written):
        raise InputError("一つの欄に二つ以上の番号があります。列を分けてください。")
    if _EXTENSION.search(written):
        raise InputError("内線番号などが付いています。直通の番号だけを書いてください。")
    written = _LABEL.sub("", written, count=1)
    if whole := _EXCEL_FLOAT.fullmatch(written):
        written = whole[1]
    written = _TRUNK_PREFIX.sub(r"\1", written)
    digits = _HIDING.sub("", _SEPARATORS.sub("", written), count=1)
    if not digits:
        raise InputError("電話番号がありません。")
    if not re.fullmatch(r"\+?\d+|#\d{4}", digits, re.ASCII):
        raise InputError("電話番号ではない文字があります。")
    return _without_country(digits)


def _without_country(digits: str) -> str:
    for prefix in ("+81", "0081", "01081"):
        if digits.startswith(prefix):
            return "0" + digits.removeprefix(prefix).removeprefix("0")
    if digits.startswith("+"):
        raise InputError("海外の番号です。")
    if re.fullmatch(r"81(?:0?\d{9}|0?[5-9]0\d{8})", digits):
        return "0" + digits.removeprefix("81").removeprefix("0")
    if re.fullmatch(r"[1-9]\d{8}|[5-9]0\d{8}", digits):
        return "0" + digits
    return digits


def _kind(national: str) -> Kind | None:
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(national)), None)


def _reason(national: str) -> str:
    """Return why digits that reach no mobile, landline or IP telephone are refused."""
    for pattern, reason in _SPECIAL:
        if pattern.fullmatch(national):
            return reason
    count = len(national)
    if national[0] != "0":
        return "市外局番がありません。市外局番から書いてください。" if count < 9 else "先頭が 0 ではありません。"
    expected = 11 if re.match(r"0[5-9]0", national) else 10
    if count < expected:
        return f"桁が足りません（{expected} 桁のところ {count} 桁）。"
    if count > expected:
        return f"桁が多すぎます（{expected} 桁のところ {count} 桁）。"
    return "使われていない番号帯です。市外局番と桁数を確かめてください。"
