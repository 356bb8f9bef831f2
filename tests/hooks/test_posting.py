"""One message, one answer, and never a wait without an end."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.domain.webhook import pause, signed, written_secret
from ivr.errors import InputError
from ivr.hooks import posting
from ivr.hooks.posting import Post
from ivr.settings import Webhooks
from tests.certificates import certified
from tests.hooks.receiver import Behaviour, endless, hangs, raw, receiving, status

HERE = Webhooks(hosts=("127.0.0.1",))
NOON = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
KEY = bytes(range(32))


async def test_a_message_is_proven_to_who_knows_the_secret() -> None:
    body = b'{"events": []}'
    async with receiving() as receiver, Post(HERE) as post:
        answer = await post.send(receiver.url, signed((KEY,), "msg_1", NOON, body), body)
    assert (answer.taken, answer.status) == (True, 204)
    (message,) = receiver.messages
    assert message.path == "/hook?of=office"
    assert message.body == body
    assert message.headers["webhook-id"] == "msg_1"
    assert message.headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert message.headers["content-type"] == "application/json"
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert message.proven_by(written_secret(KEY))
    assert not message.proven_by(written_secret(bytes(32)))
    message.body += b" "
    assert not message.proven_by(written_secret(KEY))


def test_the_signature_is_that_of_the_published_example() -> None:
    """Of the library that Standard Webhooks publishes: its tests hold these values."""
    import base64

    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed((key,), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_while_a_secret_is_changed_both_prove_a_message() -> None:
    async with receiving() as receiver, Post(HERE) as post:
        await post.send(receiver.url, signed((KEY, bytes(32)), "msg_1", NOON, b"{}"), b"{}")
    assert receiver.messages[0].proven_by(written_secret(KEY))
    assert receiver.messages[0].proven_by(written_secret(bytes(32)))


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_no_redirect_is_followed(code: int) -> None:
    async with receiving() as other, receiving(status(code, f"location: {other.url}")) as receiver, Post(HERE) as post:
        answer = await post.send(receiver.url, {}, b"{}")
    assert not answer.taken
    assert "転送" in answer.said
    assert other.messages == []


@pytest.mark.parametrize(
    ("behaviour", "taken", "said"),
    [
        (status(200, body=b"x" * 1000), True, "受け取りました（200）"),
        (status(400), False, "受け取りませんでした（400）"),
        (status(410), False, "（410）"),
        (status(500), False, "受け取りませんでした（500）"),
        (endless, True, "受け取りました（200）"),
        (raw(b""), False, "接続が切れました"),
        (raw(b"nonsense\r\n\r\n"), False, "接続が切れました"),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort"), True, "受け取りました（200）"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000), False, "接続が切れました"),
    ],
)
async def test_whatever_comes_back_is_an_answer(behaviour: Behaviour, taken: bool, said: str) -> None:
    async with receiving(behaviour) as receiver, Post(HERE) as post, asyncio.timeout(5):
        answer = await post.send(receiver.url, {}, b"{}")
    assert answer.taken is taken
    assert said in answer.said


async def test_who_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "IN_ALL_S", 0.2)

    async def drips(writer: asyncio.StreamWriter) -> None:
        for piece in b"HTTP/1.1 200 OK\r\n":
            writer.write(bytes([piece]))
            await asyncio.sleep(0.05)

    for behaviour in (hangs, drips):
        async with receiving(behaviour) as receiver, Post(HERE) as post, asyncio.timeout(3):
            answer = await post.send(receiver.url, {}, b"{}")
        assert answer.status is None
        assert "答えがありませんでした" in answer.said


async def test_who_is_not_there_is_told_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with Post(HERE) as post:
            answer = await post.send(f"http://127.0.0.1:{port}/", {}, b"{}")
    assert answer.said == "つながりませんでした"


async def test_a_name_leads_only_where_the_settings_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it led elsewhere when it was registered."""
    leads = ["127.0.0.1"]
    monkeypatch.setattr(
        posting, "_looked_up", lambda host, port: [(socket.AF_INET, 1, 6, "", (one, port)) for one in leads]
    )
    async with receiving() as receiver:
        url = f"http://shuno.example.jp:{receiver.port}/"
        async with Post(Webhooks(hosts=("shuno.example.jp",))) as post:
            assert (await post.see_allowed(url)).host == "shuno.example.jp"
            assert "webhooks.hosts" in (await post.send(url, {}, b"{}")).said
            assert receiver.messages == []
        async with Post(Webhooks(hosts=("shuno.example.jp", "127.0.0.0/8"))) as post:
            assert (await post.send(url, {}, b"{}")).taken
    assert receiver.messages[0].headers["host"] == f"shuno.example.jp:{receiver.port}"


async def test_a_name_that_no_entry_names_is_looked_up_before_it_is_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(posting, "_looked_up", lambda host, port: [(socket.AF_INET, 1, 6, "", ("10.1.2.3", port))])
    async with Post(Webhooks(hosts=("10.1.0.0/16",))) as post:
        assert (await post.see_allowed("http://shuno/")).host == "shuno"
    for hosts in ((), ("10.2.0.0/16",), ("other",)):
        async with Post(Webhooks(hosts=hosts)) as post:
            with pytest.raises(InputError, match=r"webhooks\.hosts"):
                await post.see_allowed("http://shuno/")


async def test_a_name_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    goes = threading.Event()
    monkeypatch.setattr(posting, "CONNECT_S", 0.1)
    monkeypatch.setattr(posting, "_looked_up", lambda host, port: goes.wait(5))
    try:
        async with Post(Webhooks(hosts=("shuno",))) as post, asyncio.timeout(2):
            answer = await post.send("http://shuno/", {}, b"{}")
    finally:
        goes.set()
    assert not answer.taken


async def test_names_that_are_not_answered_keep_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    goes = threading.Event()

    def looked_up(host: str, port: int) -> list[object]:
        if host != "shuno":
            goes.wait(5)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(posting, "CONNECT_S", 0.5)
    monkeypatch.setattr(posting, "_looked_up", looked_up)
    try:
        async with receiving() as receiver, Post(Webhooks(hosts=("*.dead", "127.0.0.0/8"))) as post:
            dead = [asyncio.ensure_future(post.send(f"http://{name}.dead/", {}, b"{}")) for name in "abcdefgh"]
            await asyncio.sleep(0.05)
            assert (await post.send(f"http://shuno:{receiver.port}/", {}, b"{}")).taken
            assert not any(one.taken for one in await asyncio.gather(*dead))
    finally:
        goes.set()


async def test_nothing_that_a_receiver_gives_is_sent_along_with_the_next_message() -> None:
    """Webhooks of several departments may be told on one machine."""
    async with receiving(status(200, "set-cookie: seen=1; Path=/")) as receiver, Post(HERE) as post:
        for _ in range(2):
            assert (await post.send(f"http://127.0.0.1:{receiver.port}/", {}, b"{}")).taken
    assert ["cookie" in one.headers for one in receiver.messages] == [False, False]


async def test_a_certificate_is_proven_by_the_authority_of_the_settings(tmp_path: Path) -> None:
    certificate, context = certified(tmp_path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await status(204)(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        async with Post(HERE) as post:
            assert "webhooks.ca_file" in (await post.send(url, {}, b"{}")).said
        async with Post(Webhooks(hosts=HERE.hosts, ca_file=certificate)) as post:
            assert (await post.send(url, {}, b"{}")).taken
        async with Post(Webhooks(hosts=HERE.hosts, ca_file=tmp_path / "none.pem")) as post:
            assert "webhooks.ca_file" in (await post.send(url, {}, b"{}")).said
    finally:
        server.close()


def test_the_pauses_grow_and_are_spread() -> None:
    middle = [pause(failures, 0.5) for failures in range(1, 12)]
    assert middle[0] == timedelta(seconds=5)
    assert middle[-1] == timedelta(hours=6)
    assert middle == sorted(middle)
    assert pause(1, 0.0) == timedelta(seconds=4)
    assert pause(1, 1.0) == timedelta(seconds=6)
    assert pause(1, 0.5, timedelta(minutes=2)) == timedelta(minutes=2)
    assert pause(1, 0.5, timedelta(days=9)) == timedelta(hours=6)
