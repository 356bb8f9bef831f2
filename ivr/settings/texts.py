"""The section `texts`: who writes texts (SMS), and over which provider. For meanings see docs/settings.md."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ivr.settings.calling import DialCap
from ivr.settings.notation import CallerId, Duration, Host, Port, Section, limited, secret, wrong


def _domain(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", text):
        raise wrong("ドメインは city.meguro.tokyo.jp のように、半角の小文字で書いてください。")
    return text


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
