"""The collection system: a real HTTP server that answers, refuses, lies and hangs."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from ivr.collection import LONGEST, UNTOLD, Collection
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.recipient import Recipient
from ivr.errors import ExclusionsUnknown

WHO = Recipient(id="00012345", line=2, kana="ヤマダ タロウ", numbers=("+819012345678",))
Answer = Callable[[bytes], bytes | None]


def http(body: object, status: str = "200 OK") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data


@asynccontextmanager
async def office(answer: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers every question with `answer`, with None never; yields its URL and what it was asked."""
    asked: list[bytes] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(
            next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        )
        asked.append(head + await reader.readexactly(length))
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/dial-check", asked
        over.set()


async def ask(
    answer: bytes | None, *, seconds: float = 2.0, token: str | None = None, call_unknown: bool = False
) -> tuple[Exclusion | None, list[bytes], list[str]]:
    told: list[str] = []
    async with (
        office(answer) as (url, asked),
        Collection(url, seconds=seconds, token=token, call_unknown=call_unknown, on_answer=told.append) as system,
    ):
        return await system.excluded(WHO), asked, told


async def test_who_is_to_be_called_is_called_and_nothing_but_the_id_leaves() -> None:
    excluded, (question,), told = await ask(http({"call": True}), token="geheim")
    assert excluded is None
    assert told == ["call"]
    head, _, body = question.partition(b"\r\n\r\n")
    assert json.loads(body) == {"id": "00012345"}
    assert head.startswith(b"POST /dial-check HTTP/1.1\r\n")
    assert b"authorization: bearer geheim" in head.lower()
    assert b"9012345678" not in question


async def test_who_has_paid_is_not_called() -> None:
    excluded, _, told = await ask(http({"call": False, "reason": "納付済"}))
    assert excluded == Exclusion(reason="納付済", source=Source.COLLECTION)
    assert told == ["excluded"]


@pytest.mark.parametrize("reason", [None, "", "  ", 7, "a\x00b"])
async def test_a_reason_that_is_none_is_replaced(reason: object) -> None:
    excluded, _, _ = await ask(http({"call": False, "reason": reason}))
    assert excluded == Exclusion(reason=UNTOLD, source=Source.COLLECTION)


BAD = {
    "an error": http({"call": True}, "500 Internal Server Error"),
    "a redirection": http({"call": True}, "302 Found"),
    "no JSON": http(b"<html>"),
    "no call": http({"id": "00012345"}),
    "a word for a truth": http({"call": "false"}),
    "a list": http([True]),
    "too much": http(b" " * (LONGEST + 1) + b'{"call": true}'),
    "half an answer": http({"call": True})[:-3],
    "a deep hole": http(b"[" * 60_000),
    "something packed": http(gzip.compress(b'{"call": true}')).replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1),
    "noise": b"\x00\xff\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("answer", list(BAD.values()), ids=list(BAD))
async def test_whatever_is_no_answer_forbids_the_call(answer: bytes) -> None:
    with pytest.raises(ExclusionsUnknown, match="に確かめられません"):
        await ask(answer)


async def test_a_system_that_hangs_is_given_up_in_time() -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(ExclusionsUnknown, match=r"0\.3 秒のうちに答えがない"):
        await ask(None, seconds=0.3)
    assert asyncio.get_running_loop().time() - began < 2.0


async def test_a_system_that_drips_is_given_up_in_time() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            writer.write(b" ")
            await asyncio.sleep(0.05)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    began = asyncio.get_running_loop().time()
    async with server, Collection(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", seconds=0.3) as system:
        with pytest.raises(ExclusionsUnknown):
            await system.excluded(WHO)
    assert asyncio.get_running_loop().time() - began < 2.0


async def test_where_nobody_listens_is_no_answer() -> None:
    async with Collection("http://127.0.0.1:9/", seconds=1.0) as system:
        with pytest.raises(ExclusionsUnknown):
            await system.excluded(WHO)
        assert not system.sound
        assert await system.trouble()


async def test_by_the_setting_no_answer_forbids_nothing_and_is_counted() -> None:
    excluded, _, told = await ask(BAD["an error"], call_unknown=True)
    assert excluded is None
    assert told == ["none"]


async def test_the_examination_takes_a_refusal_of_nobody_for_an_answer() -> None:
    for answer, well in ((http({"call": False}), True), (http({}, "422 No"), True), (http({}, "401 No"), False)):
        async with office(answer) as (url, asked), Collection(url, seconds=2.0) as system:
            assert (await system.trouble() is None) is well
        assert asked[0].endswith(b'{"id":""}')
