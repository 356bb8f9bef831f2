"""One request to the provider: JSON comes back, within a limit of time and size, and nobody leads us elsewhere."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from ivr.errors import ProviderAway

SECONDS = 5.0
"""For a request, from the name's address to the last byte."""

LONGEST = 256 * 1024
"""Bytes of an answer; more is no answer."""

FAILURES = (TimeoutError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: status, the object in the body (empty where it is none), and when the provider says it is."""

    status: int
    held: Mapping[str, Any]
    at: datetime | None


class Exchange:
    """Speaks to one provider, by `proxy` if one is named.

    `ca_file`: the authorities that may have signed its certificate, None: the system's.
    """

    def __init__(self, ca_file: Path | None, proxy: str | None) -> None:
        self._ca_file = ca_file
        self._proxy = proxy
        self._context: ssl.SSLContext | None = None

    async def get(self, url: str) -> Answer:
        """Ask for a document; ProviderAway where nothing comes back that is one."""
        answer = await self._request("GET", url)
        if answer.status != httpx.codes.OK:
            raise ProviderAway(f"{url} が HTTP {answer.status} と答えます。")
        return answer

    async def post(self, url: str, form: Mapping[str, str], auth: tuple[str, str] | None) -> Answer:
        """Send a form, as `auth` (already encoded) where it is given; the answer may be a refusal. ProviderAway."""
        return await self._request("POST", url, form=form, auth=auth)

    async def _request(
        self, method: str, url: str, *, form: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None
    ) -> Answer:
        if self._context is None:
            self._context = await asyncio.to_thread(self._trusted)
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        basic = httpx.BasicAuth(*auth) if auth is not None else None
        try:
            async with (
                asyncio.timeout(SECONDS),
                # Neither a proxy of the environment nor a redirection: where to is a setting.
                httpx.AsyncClient(
                    verify=self._context, trust_env=False, proxy=self._proxy, timeout=SECONDS, headers=headers
                ) as client,
                client.stream(method, url, data=form, auth=basic) as answer,
            ):
                body = b""
                # As it comes: what is packed could be any size unpacked.
                async for piece in answer.aiter_raw():
                    body += piece
                    if len(body) > LONGEST:
                        raise ProviderAway(f"{url} の答えが長すぎます。")
        except FAILURES as error:
            why = f"{SECONDS:g} 秒のうちに答えがない" if isinstance(error, TimeoutError) else str(error)
            raise ProviderAway(f"{url} につながりません（{why or type(error).__name__}）。") from None
        return Answer(status=answer.status_code, held=_object(body), at=moment(answer.headers.get("date", "")))

    def _trusted(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError):
            raise ProviderAway(f"web.openid.ca_file（{self._ca_file}）を、証明書として読めません。") from None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def moment(told: str) -> datetime | None:
    """Return what the header `date` says, None where it says nothing that is a moment."""
    try:
        found = parsedate_to_datetime(told)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else None
