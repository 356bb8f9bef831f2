"""What a provider tells by itself: stored before it is answered, and of nobody but who knows the secret."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest

from ivr.app import meanwhile
from ivr.campaign.texting import Receipt
from ivr.domain.text import TextState
from ivr.messaging import callbacks
from ivr.messaging.http_callbacks import LONGEST
from ivr.messaging.http_shape import Auth, Callback, Report
from ivr.parts.serving import serve
from ivr.parts.text_shapes import read_shape
from tests.messaging.centres import LIMIT, Heard

SECRET = "himitsu"
JSON = read_shape("json").callback
assert JSON is not None
FORM = Callback(
    auth=Auth(kind="path"),
    encoding="form",
    report=Report(reference=("id",), state=("status",), states={"1": TextState.DELIVERED}, err=("cause",)),
)
BEARER = {"Authorization": f"Bearer {SECRET}"}


def events(*told: Mapping[str, object]) -> bytes:
    return json.dumps({"events": told}).encode()


DELIVERED = events({"id": "m1", "status": "delivered"})


@dataclass
class Served:
    """What a provider posts to."""

    url: str
    client: httpx.AsyncClient

    async def post(
        self, body: bytes, headers: Mapping[str, str] = BEARER, path: str = "/texts", method: str = "POST"
    ) -> int:
        async with asyncio.timeout(LIMIT):
            answer = await self.client.request(method, self.url + path, content=body, headers=headers)
        assert answer.content == b"" or answer.status_code not in (200, 400, 401, 503)
        return answer.status_code


@asynccontextmanager
async def served(
    heard: Heard, callback: Callback = JSON, secret: str = SECRET, within: float = 5.0
) -> AsyncIterator[Served]:
    app = callbacks(callback, path="/texts", secret=secret, on_receipt=heard.receipt, within=within)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with meanwhile(serve(app, listener)), httpx.AsyncClient(trust_env=False) as client:
            yield Served(url, client)


async def test_what_is_told_is_stored_in_order_before_it_is_answered() -> None:
    heard = Heard(gate=asyncio.Event())
    told = events(
        {"id": "m1", "status": "sent"},
        {"id": "m2", "status": "failed", "error": {"code": "blocked"}},
        {"id": "m1", "status": "delivered", "error": None},
    )
    async with served(heard) as there, asyncio.TaskGroup() as group:
        posted = group.create_task(there.post(told))
        await asyncio.wait([posted], timeout=0.1)
        assert not posted.done()
        assert heard.gate is not None
        heard.gate.set()
        assert await posted == 200
    assert heard.receipts == [
        Receipt(reference="m1", state=TextState.SENT),
        Receipt(reference="m2", state=TextState.REFUSED, err="blocked"),
        Receipt(reference="m1", state=TextState.DELIVERED),
    ]


async def test_what_is_told_again_is_told_again() -> None:
    heard = Heard()
    async with served(heard) as there:
        assert [await there.post(DELIVERED) for _ in range(2)] == [200, 200]
    assert heard.receipts == [Receipt(reference="m1", state=TextState.DELIVERED)] * 2


async def test_what_could_not_be_stored_is_repeated_by_the_provider() -> None:
    heard = Heard(fail=2)
    async with served(heard) as there:
        assert [await there.post(DELIVERED) for _ in range(3)] == [503, 503, 200]
    assert len(heard.receipts) == 1


async def test_a_store_that_does_not_answer_keeps_the_provider_for_a_limited_time() -> None:
    heard = Heard(gate=asyncio.Event())
    async with served(heard, within=0.1) as there:
        assert await there.post(DELIVERED) == 503
    assert not heard.receipts


AUTHS: dict[str, tuple[Auth, dict[str, str], str, str]] = {
    "bearer": (Auth(kind="bearer"), BEARER, "/texts", SECRET),
    "basic": (Auth(kind="basic"), {"Authorization": "basic bWVndXJvOmhpbWl0c3U="}, "/texts", "meguro:himitsu"),
    "header": (Auth(kind="header", header="X-Key"), {"x-key": SECRET}, "/texts", SECRET),
    "path": (Auth(kind="path"), {}, f"/texts/{SECRET}", SECRET),
}


@pytest.mark.parametrize("kind", AUTHS)
async def test_nobody_but_who_knows_the_secret_is_listened_to(kind: str) -> None:
    auth, headers, path, secret = AUTHS[kind]
    heard = Heard()
    assert JSON is not None
    async with served(heard, replace(JSON, auth=auth), secret) as there:
        assert await there.post(DELIVERED, headers, path) == 200
        assert len(heard.receipts) == 1
        for wrong in ("", "himits", "himitsuu", "Himitsu", "Bearer", "Basic !", "Basic bWVndXJvOg==", "Bearer himits"):
            tried = {"Authorization": wrong, "X-Key": wrong}
            status = await there.post(DELIVERED, tried, "/texts/himits" if kind == "path" else path)
            assert status == 401, wrong
        assert await there.post(DELIVERED, {}, "/texts/x" if kind == "path" else path) == 401
        raw = {"Authorization": "Bearer 秘密".encode(), "X-Key": "秘密".encode()}
        answer = await there.client.post(
            there.url + ("/texts/%E7%A7%98" if kind == "path" else path), content=DELIVERED, headers=raw
        )
        assert answer.status_code == 401
    assert len(heard.receipts) == 1


def test_a_callback_without_a_secret_is_our_mistake() -> None:
    heard = object.__new__(Heard)
    assert JSON is not None
    for callback, secret in ((JSON, ""), (replace(JSON, auth=Auth(kind="none")), SECRET)):
        with pytest.raises(ValueError, match="secret"):
            callbacks(callback, path="/texts", secret=secret, on_receipt=heard.receipt)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        events(),
        events({"status": "delivered"}),
        events({"id": "m1"}),
        events({"id": {"a": 1}, "status": "delivered"}),
        events({"id": "m" * 201, "status": "delivered"}),
        b'{"events": {"id": "m1", "status": "delivered"}}',
        b" " * LONGEST + DELIVERED,
    ],
)
async def test_what_is_no_report_is_refused(body: bytes) -> None:
    heard = Heard()
    async with served(heard) as there:
        assert await there.post(body) == 400
        assert await there.post(DELIVERED) == 200
    assert len(heard.receipts) == 1


async def test_what_can_be_read_of_a_report_is_stored() -> None:
    heard = Heard()
    async with served(heard) as there:
        assert await there.post(events({"status": "delivered"}, {"id": "m1", "status": "archived"}, {})) == 200
    assert heard.receipts == [Receipt(reference="m1", state=TextState.UNKNOWN)]


async def test_nothing_but_post_is_taken() -> None:
    heard = Heard()
    async with served(heard) as there:
        for method in ("GET", "PUT", "DELETE", "HEAD"):
            assert await there.post(b"", method=method) == 405
        assert await there.post(DELIVERED, path="/") == 404
    assert not heard.receipts


async def test_a_report_that_is_never_finished_is_given_up() -> None:
    heard = Heard()
    async with served(heard, within=0.2) as there:
        port = int(there.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /texts HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nAuthorization: Bearer {SECRET}\r\n\r\n{{"
        writer.write(head.encode())
        async with asyncio.timeout(LIMIT):
            assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode())
        writer.close()
        assert await there.post(DELIVERED) == 200
    assert len(heard.receipts) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"id=m1&status=1&cause=0", 200),
        (b"id=m%31&status=1&cause=", 200),
        (b"id=m1&id=m2&status=1", 400),
        (b"id=&status=1", 400),
        (b"id=%ff&status=1", 400),
        (b"&".join(b"a%d=1" % number for number in range(300)), 400),
        (b"\x00", 400),
    ],
)
async def test_a_report_may_be_a_form(body: bytes, status: int) -> None:
    heard = Heard()
    async with served(heard, FORM) as there:
        assert await there.post(body, {}, f"/texts/{SECRET}") == status
    assert [one.reference for one in heard.receipts] == (["m1"] if status == 200 else [])
