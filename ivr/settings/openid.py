"""The section `web.openid`: who vouches for staff, and what its word is worth. For meanings see docs/settings.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ivr.domain.authority import Role
from ivr.settings.notation import Section, secret, wrong


def _issuer(url: str) -> str:
    if not re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?", url):
        raise wrong("issuer は、プロバイダーの資料のとおりに、https://… で書いてください。「?」や「#」は書けません。")
    return url


def _proxy(url: str) -> str:
    if not re.fullmatch(r"http://(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}", url):
        raise wrong("proxy は http://proxy.city.example.jp:8080 のように書いてください。")
    return url


def _claim(name: str) -> str:
    if not re.fullmatch(r"[!-~]{1,100}", name):
        raise wrong("クレームの名前を、100 字までの半角で書いてください。")
    return name


def _value(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,200}", text):
        raise wrong("200 字までの半角で、空白なしで書いてください。")
    return text


def _label(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > 40:
        raise wrong("ボタンの文字は、1 字から 40 字で書いてください。")
    return text


Claim = Annotated[str, AfterValidator(_claim)]
Value = Annotated[str, AfterValidator(_value)]

LOOPBACK = re.compile(r"http://(localhost|127\.[0-9.]+|\[::1\])([:/].*)?")


class Group(Section):
    """What somebody is in whose groups the provider names this one."""

    group: Annotated[str, Field(min_length=1, max_length=200)]
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    department: Annotated[str, Field(min_length=1, max_length=40)]


class Openid(Section):
    """The provider, and what we are to it. `groups` empty: the administrator registers people, and says what they are.

    `acr`: one of them is asked for, and must have come about; `amr`: one of them must have. `only`: who is linked has
    no password of ours any more.
    """

    issuer: Annotated[str, AfterValidator(_issuer)]
    client_id: Value
    client_secret_file: Path
    ca_file: Path | None = None
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None
    allow_http: bool = False
    scopes: tuple[Value, ...] = ("openid", "profile")
    label: Annotated[str, AfterValidator(_label)] = "庁内アカウントでサインイン"
    name_claim: Claim = "preferred_username"
    name_domain: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$", max_length=200)] | None = None
    groups_claim: Claim = "groups"
    groups: tuple[Group, ...] = ()
    second_factor: Literal["provider", "ours"] = "provider"
    acr: tuple[Value, ...] = ()
    amr: tuple[Value, ...] = ()
    only: bool = False

    def client_secret(self) -> str:
        """Return what the file holds; raise InputError if it can't be read."""
        return secret(self.client_secret_file, "web.openid.client_secret_file") or ""

    @property
    def plain(self) -> bool:
        """Tell whether the provider may be spoken to without TLS: on this machine, or where that was allowed."""
        return self.allow_http or LOOPBACK.fullmatch(self.issuer) is not None

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.issuer.startswith("http:") and not self.plain:
            raise wrong(
                "issuer は https:// で始めてください。http:// では、だれでも職員になりすませます（allow_http）。",
                "issuer",
            )
        if "openid" not in self.scopes:
            raise wrong("scopes には openid も書いてください。", "scopes")
        return self
