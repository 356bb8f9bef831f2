"""How single values are written in the settings, and what is said of those that are not."""

from __future__ import annotations

import re
from datetime import date, timedelta
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ivr import yaml_source
from ivr.errors import InputError, reason

LONGEST_NAME = 253
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}(\.[A-Za-z0-9-]{1,63})*\.?")
"""Of a host: without a label that is empty or longer than RFC 1035 lets it be, which the resolver does not take."""


class Section(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


def wrong(message: str, *at: str | int) -> PydanticCustomError:
    """Return an error for people to read, about the part `at` below the field or section that raises it."""
    return PydanticCustomError("wrong", "{message}", {"message": message, "at": at})


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    seconds = yaml_source.seconds(value) if isinstance(value, str) else None
    if seconds is None:
        raise wrong("時間は 500ms、30s、5m、1h、1d のように、単位を付けて書いてください。")
    return timedelta(seconds=seconds)


def _host(value: str) -> str:
    if not (_is_ip_v6(value) if ":" in value else len(value) <= LONGEST_NAME and _NAME.fullmatch(value)):
        raise wrong("ホスト名か IP アドレスを書いてください。")
    return value


def _is_ip_v6(value: str) -> bool:
    try:
        IPv6Address(value)
    except ValueError:
        return False
    return "%" not in value


def _account(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._+@-]{1,64}", value):
        raise wrong("64 字までの英数字と . _ + @ - で書いてください。")
    return value


def _caller_id(value: str) -> str:
    digits = value.replace("-", "")
    if not re.fullmatch(r"0\d{9,10}", digits, re.ASCII):
        raise wrong('市外局番からの電話番号を、"0312345678" のように引用符で囲んで書いてください。')
    return digits


def _database(value: str) -> str:
    if not re.match(r"sqlite\+aiosqlite:///.|postgresql\+asyncpg://.", value):
        raise wrong("sqlite+aiosqlite:///… か postgresql+asyncpg://… で書いてください。")
    if re.match(r"[^/]+//[^/?#]*:[^/?#@]*@", value):
        raise wrong("パスワードは URL に書かず、database_password_file でファイルを指定してください。")
    return value


def _minutes(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1440:
        return value
    found = re.fullmatch(r"(\d{1,2}):(\d\d)", value, re.ASCII) if isinstance(value, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else 1441
    if minutes > 24 * 60:
        raise wrong('時刻は "09:00" のように、00:00 から 24:00 までで書いてください。')
    return minutes


def _zone(value: object) -> object:
    try:
        return value if isinstance(value, ZoneInfo) else ZoneInfo(str(value))
    except (ValueError, OSError, KeyError):
        raise wrong("そのような時間帯はありません。Asia/Tokyo のように書いてください。") from None


def _date(value: object) -> object:
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise wrong('日付は "2026-12-28" のように書いてください。') from None


def limited(low: str, high: str) -> AfterValidator:
    """Return a check that a duration is within two others, written as in the settings."""
    least, most = _duration(low), _duration(high)

    def check(value: timedelta) -> timedelta:
        if not least <= value <= most:
            raise wrong(f"{low} から {high} までの時間にしてください。")
        return value

    return AfterValidator(check)


Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, AfterValidator(_host)]
CallerId = Annotated[str, AfterValidator(_caller_id)]
Database = Annotated[str, AfterValidator(_database)]
Account = Annotated[str, AfterValidator(_account)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Minutes = Annotated[int, BeforeValidator(_minutes)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Day = Annotated[date, BeforeValidator(_date)]


def secret(path: Path | None, setting: str) -> str | None:
    """Return the one line that a secret's file holds, None where `path` is None; raise InputError naming `setting`."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "UTF-8 ではありません"
        raise InputError(f"{setting} のファイル {path} を読めません（{why}）。") from None
    if not text or len(text.splitlines()) > 1 or not text.isprintable():
        raise InputError(f"{setting} のファイル {path} には、秘密の文字列を一行だけ書いてください。")
    return text
