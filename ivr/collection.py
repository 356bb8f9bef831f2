"""The office's collection system, asked just before each dial whether the person is still to be called.

    POST url  {"id": "00012345"}    200  {"call": true}    or    {"call": false, "reason": "納付済"}

Nothing but the 宛名番号 leaves, in the body, where no access log has it. Every other answer, and none within the limit,
is no answer: what follows from that is a setting.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Self

import httpx
import structlog

from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.recipient import Recipient
from ivr.errors import ExclusionsUnknown

LONGEST = 64 * 1024
"""Bytes of an answer; more is no answer."""

LONGEST_REASON = 100
REFUSALS = ("HTTP 400", "HTTP 422")
"""What may answer a question about nobody."""

UNTOLD = "収納システムの回答"
"""The reason where the collection system tells none."""

log = structlog.get_logger(__name__)


class NoAnswer(Exception):
    """What came back says neither yes nor no."""


FAILURES = (TimeoutError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, NoAnswer)
"""What asking may come to."""


class Collection:
    """`ivr.campaign.ports.Enquiry` over HTTP."""

    def __init__(
        self,
        url: str,
        *,
        seconds: float,
        token: str | None = None,
        call_unknown: bool = False,
        on_answer: Callable[[str], None] = lambda kind: None,
    ) -> None:
        """Ask `url` with the bearer `token`, for `seconds` at most; `call_unknown`: no answer does not forbid a call.

        `on_answer` is told of each answer: `call`, `excluded` or `none`.
        """
        headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})}
        # Neither a proxy of the environment nor a bundle of authorities of its own: the place is in the office.
        verify = ssl.create_default_context()
        self._client = httpx.AsyncClient(headers=headers, verify=verify, trust_env=False, timeout=seconds)
        self._url = url
        self._seconds = seconds
        self._call_unknown = call_unknown
        self._on_answer = on_answer
        self.sound = True
        """Whether the last question was answered, or no answer forbids nothing."""

    async def __aenter__(self) -> Self:
        """Return it."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def excluded(self, recipient: Recipient) -> Exclusion | None:
        """Return why `recipient` is not called, None where nothing is said; ExclusionsUnknown without an answer."""
        try:
            async with asyncio.timeout(self._seconds):
                found = understood(await self._asked(recipient.id))
        except FAILURES as error:
            self._unanswered(self._told(error))
            return None
        self.sound = True
        self._on_answer("excluded" if found else "call")
        return found

    async def trouble(self) -> str | None:
        """Return what keeps it from answering, None where it answers, if only to refuse the empty 宛名番号."""
        try:
            async with asyncio.timeout(self._seconds):
                understood(await self._asked(""))
        except FAILURES as error:
            why = self._told(error)
            return None if why in REFUSALS else why
        return None

    async def _asked(self, identity: str) -> bytes:
        async with self._client.stream("POST", self._url, json={"id": identity}) as answer:
            if answer.status_code != httpx.codes.OK:
                raise NoAnswer(f"HTTP {answer.status_code}")
            body = b""
            # As it comes: what is packed could be any size unpacked.
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > LONGEST:
                    raise NoAnswer("答えが長すぎる")
            return body

    def _told(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"{self._seconds:g} 秒のうちに答えがない"
        return str(error) or type(error).__name__

    def _unanswered(self, why: str) -> None:
        self.sound = self._call_unknown
        self._on_answer("none")
        log.warning("collection_unanswered", reason=why, calls=self._call_unknown)
        if not self._call_unknown:
            raise ExclusionsUnknown(f"収納システム {self._url} に確かめられません（{why}）。")


def understood(body: bytes) -> Exclusion | None:
    """Return why the person is not called, as an answer's body says, None where they are; raise NoAnswer."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise NoAnswer("答えが JSON ではない") from None
    call = said.get("call") if isinstance(said, dict) else None
    if not isinstance(call, bool):
        raise NoAnswer("答えに call（true か false）がない")
    if call:
        return None
    reason = said.get("reason")
    words = reason.strip()[:LONGEST_REASON] if isinstance(reason, str) else ""
    return Exclusion(reason=words if words.isprintable() and words else UNTOLD, source=Source.COLLECTION)
