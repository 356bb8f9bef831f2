"""The section `texts`: who writes texts (SMS), and over which provider. For meanings see docs/settings.md."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from ivr.settings.calling import DialCap
from ivr.settings.notation import CallerId, Duration, Host, Port, Section, limited, secret, wrong


def _domain(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", text):
        raise wrong("ドメインは city.meguro.tokyo.jp のように、半角の小文字で書いてください。")
    return text


def _shape(value: object) -> str | Path:
    if isinstance(value, Path) or value in SHAPES:
        return value
    if not isinstance(value, str) or not value:
        raise wrong(f"shape は {'、'.join(SHAPES)} のどれかか、事業者の決まりを書いたファイルです。")
    return Path(value)


def _base(url: str) -> str:
    found = re.fullmatch(r"(https?)://(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[!-~]*)?", url)
    if found is None or re.search(r"[?#@]", url):
        raise wrong("https:// で始まる URL を書いてください。利用者名やパスワード、「?」は書けません。")
    if found[1] == "http" and not re.fullmatch(r"localhost|127\..*|\[::1\]", found[2]):
        raise wrong("http:// で送れるのは、このコンピュータの中だけです。https:// で書いてください。")
    return url


def _callback_path(path: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
        raise wrong("path は /texts のように、「/」と半角の英数字で書いてください。")
    return path


SHAPES = ("form", "json")
"""Descriptions of a provider's interface that come with us; any other is a file."""

LONGEST_PASSWORD = 8
"""Characters of a password: SMPP 3.4, 4.1.1. Many centres take longer ones."""

Domain = Annotated[str, AfterValidator(_domain)]


class Smpp(Section):
    """The account at a provider that speaks SMPP 3.4."""

    host: Host
    port: Port = 2775
    tls: bool = False
    ca_file: Path | None = None
    system_id: Annotated[str, Field(min_length=1, max_length=15)]
    password_file: Path
    system_type: Annotated[str, Field(max_length=12)] = ""
    sender: Annotated[str, Field(min_length=1, max_length=20)]
    sender_ton: Literal["international", "national", "network", "alphanumeric", "unknown"] = "international"
    window: Annotated[int, Field(ge=1, le=1000)] = 10
    enquire_link: Annotated[Duration, limited("5s", "10m")] = timedelta(seconds=30)
    long: Literal["udh", "payload"] = "udh"
    validity: Literal["window", "centre"] = "window"
    receipt_ids: Literal["same", "hex_to_decimal", "decimal_to_hex"] = "same"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.ca_file is not None and not self.tls:
            raise wrong("ca_file を書いたときは、tls: true も書いてください。", "ca_file")
        if self.sender_ton == "international" and not re.fullmatch(r"0\d{8,10}|\+\d{8,15}", self.sender):
            raise wrong("sender は、役所の電話番号です。ほかの形なら sender_ton も書いてください。", "sender")
        return self

    def password(self) -> str:
        """Return what the file holds; raise InputError if it can't be read."""
        return secret(self.password_file, "texts.smpp.password_file") or ""

    def beyond_standard(self) -> int:
        """Return how long the password is where that is longer than SMPP allows, else 0; InputError as above."""
        length = len(self.password().encode())
        return length if length > LONGEST_PASSWORD else 0


class HttpCallback(Section):
    """Where the provider tells by itself what became of texts."""

    host: Host = "127.0.0.1"
    port: Port = 8081
    path: Annotated[str, AfterValidator(_callback_path)] = "/texts"
    secret_file: Path

    def secret(self) -> str:
        """Return what the file holds; raise InputError if it can't be read."""
        return secret(self.secret_file, "texts.http.callback.secret_file") or ""


class Http(Section):
    """The account at a provider with an interface over HTTPS, which `shape` describes."""

    shape: Annotated[str | Path, PlainValidator(_shape)]
    url: Annotated[str, AfterValidator(_base)]
    user: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\s:]+$")] | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    sender: Annotated[str, Field(max_length=20)] = ""
    ca_file: Path | None = None
    window: Annotated[int, Field(ge=1, le=100)] = 10
    poll: Annotated[Duration, limited("5s", "1h")] = timedelta(seconds=30)
    callback: HttpCallback | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.password_file is None) == (self.token_file is None):
            raise wrong("password_file（user と一緒に）か token_file の、どちらか一つを書いてください。")
        if self.password_file is not None and self.user is None:
            raise wrong("password_file を書いたときは、user も書いてください。", "password_file")
        if self.ca_file is not None and not self.url.startswith("https:"):
            raise wrong("ca_file は、url が https:// のときにだけ使えます。", "ca_file")
        return self

    def secret(self) -> str:
        """Return the password or the token; raise InputError if its file can't be read."""
        if self.token_file is not None:
            return secret(self.token_file, "texts.http.token_file") or ""
        return secret(self.password_file, "texts.http.password_file") or ""


class Texts(Section):
    """`office` and `office_phone` are who writes, in every text; `domains` are where its links may lead.

    `opt_out` are words in an answer by which somebody asks for no more texts; `price` is that of a message, in yen.
    """

    office: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    office_phone: CallerId | None = None
    domains: tuple[Domain, ...] = ()
    caps: tuple[DialCap, ...] = (DialCap(of="number", times=1, days=1), DialCap(of="person", times=1, days=1))
    opt_out: tuple[Annotated[str, Field(min_length=1, max_length=20)], ...] = ("停止", "STOP", "不要", "拒否")
    price: Annotated[float, Field(ge=0, le=1000)] | None = None
    smpp: Smpp | None = None
    http: Http | None = None

    @property
    def provider(self) -> bool:
        """Tell whether there is anybody over whom texts go out."""
        return self.smpp is not None or self.http is not None

    def see_secrets(self) -> None:
        """Raise InputError where a file with a password, a token or a secret can't be read."""
        if self.smpp is not None:
            self.smpp.password()
        if self.http is not None:
            self.http.secret()
            if self.http.callback is not None:
                self.http.callback.secret()

    @property
    def window(self) -> int:
        """Return how many texts the provider may owe an answer at once; 1 where there is no provider."""
        chosen = self.smpp or self.http
        return chosen.window if chosen is not None else 1

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.smpp is not None and self.http is not None:
            raise wrong("SMS の事業者は一つです。smpp と http のどちらかだけを書いてください。", "http")
        return self
