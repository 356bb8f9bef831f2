"""The gateway over HTTP against real servers that behave as the shipped shapes say, and against some that do not."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from ivr.campaign.texting import Accepted, NotNow, NotTaken, Receipt, Refused
from ivr.domain.text import TextState
from ivr.errors import TextUncertain
from ivr.messaging import Account, HttpGateway
from ivr.parts.text_shapes import read_shape
from tests.messaging.centres import LIMIT, PHONE, Heard, free_port, text
from tests.messaging.providers import (
    OFFICE,
    QUICK,
    SECRET,
    STYLES,
    RawProvider,
    Style,
    Taken,
    account,
    gateway,
    http,
    provider,
)
from tests.messaging.test_smpp_link import _certified

pytestmark = pytest.mark.parametrize("style", STYLES)
LONG = "市役所です。𠮷田さん &=%\n" * 20

SENT = {"form": {"result": "0"}, "json": {"id": "m1"}}
LATER = {"form": ({"result": "900"}, 200), "json": ({"error": {"code": "no_credit"}}, 402)}
TURNED_DOWN = {
    "form": [
        ({"result": "102"}, 200, "no_number"),
        ({"result": 103}, 200, "refused"),
        ({"result": "201"}, 200, "failed"),
    ],
    "json": [
        ({"error": {"code": "unknown_number"}}, 400, "no_number"),
        ({"error": {"code": "opted_out"}}, 422, "refused"),
        ("too long", 413, "failed"),
    ],
}


async def test_a_text_arrives_whole_and_its_answer_names_it(style: Style) -> None:
    async with provider(style) as there, gateway(style, there.url, Heard()) as sms:
        name = "t1" if style == "form" else "m1"
        assert await sms.submit(text(LONG)) == Accepted(references=(name,))
        number = "09012345678" if style == "form" else PHONE
        assert there.taken == [Taken(number, OFFICE, LONG, "t1", name)]
        assert there.sends() == 1


async def test_a_text_that_is_turned_down_says_why(style: Style) -> None:
    async with provider(style) as there, gateway(style, there.url, Heard()) as sms:
        for body, status, state in TURNED_DOWN[style]:
            there.say = lambda _, body=body, status=status: JSONResponse(body, status)  # type: ignore[misc]
            outcome = await sms.submit(text())
            assert isinstance(outcome, Refused)
            assert outcome.state is TextState(state)
            assert f"HTTP {status}" in outcome.reason
        assert sms.connected


async def test_what_is_no_number_or_no_text_is_not_sent(style: Style) -> None:
    async with provider(style) as there, gateway(style, there.url, Heard()) as sms:
        for number in ("09012345678", "+81", "+8190１２３４５６７８", "+81901234567\n"):
            outcome = await sms.submit(text(number=number))
            assert isinstance(outcome, Refused)
            assert outcome.state is TextState.NO_NUMBER
        for body in ("あ" * 661, "\ud842"):
            outcome = await sms.submit(text(body))
            assert isinstance(outcome, Refused)
            assert outcome.state is TextState.FAILED
        assert not there.asked
        if style == "form":
            assert isinstance(await sms.submit(text(number="+12025550123")), Refused)
            assert not there.asked


async def test_one_text_that_is_put_off_holds_up_no_other(style: Style) -> None:
    async with provider(style) as there, gateway(style, there.url, Heard()) as sms:
        body, status = LATER[style]
        there.say = lambda _: JSONResponse(body, status)
        assert isinstance(await sms.submit(text()), NotNow)
        assert sms.connected
        there.say = lambda _: None
        assert isinstance(await sms.submit(text()), Accepted)
        there.say = lambda _: JSONResponse(body, status, {"Retry-After": "1"})
        assert isinstance(await sms.submit(text()), NotNow)
        assert not sms.connected, "but one that is put off with a time says of us when to come"


@pytest.mark.parametrize(("wait", "least"), [("1", 0.9), ("86400", 0.9), (None, 0.15), ("soon", 0.15)])
async def test_who_is_asked_to_wait_sends_nothing_until_then(style: Style, wait: str | None, least: float) -> None:
    timing = replace(QUICK, wait_most=1.0, backoff_first=0.2)
    heard = Heard()
    async with provider(style) as there, gateway(style, there.url, heard, timing) as sms:
        there.say = lambda _: Response(status_code=429, headers={"Retry-After": wait} if wait else {})
        began = asyncio.get_running_loop().time()
        assert isinstance(await sms.submit(text()), NotNow)
        there.say = lambda _: None
        held = await sms.submit(text())
        assert isinstance(held, NotNow)
        assert "HTTP 429" in held.reason
        assert (sms.connected, there.sends()) == (False, 1)
        assert await sms.ready(LIMIT)
        assert asyncio.get_running_loop().time() - began >= least
        assert isinstance(await sms.submit(text()), Accepted)
    assert heard.states == [True, False, True, False]


async def test_a_window_of_complaints_waits_once_and_each_further_wait_is_longer(style: Style) -> None:
    timing = replace(QUICK, backoff_first=0.05, backoff_most=0.2)
    async with provider(style) as there, gateway(style, there.url, Heard(), timing) as sms:
        clock = asyncio.get_running_loop().time
        there.say = lambda _: Response(status_code=503)
        waits, doubled = [], []
        for _ in range(4):
            assert await sms.ready(LIMIT)
            began = clock()
            outcomes = await asyncio.gather(*(sms.submit(text()) for _ in range(5)))
            assert all(isinstance(one, NotNow) for one in outcomes)
            doubled.append(sms._pause)
            assert await sms.ready(LIMIT)
            waits.append(clock() - began)
        for wait, least in zip(waits, (0.05, 0.1, 0.2, 0.2), strict=True):
            assert wait >= least
        assert doubled == [0.1, 0.2, 0.2, 0.2], "once for each window"
        there.say = lambda _: None
        assert isinstance(await sms.submit(text()), Accepted)
        assert sms._pause == 0.05


async def test_a_wrong_secret_is_told_and_tried_again_ever_more_seldom(style: Style) -> None:
    async with provider(style) as there:
        wrong = HttpGateway(
            replace(account(style, there.url), secret="other"),
            read_shape(style),
            on_receipt=Heard().receipt,
            timing=QUICK,
        )
        running = asyncio.create_task(wrong.run())
        assert await wrong.ready(LIMIT)
        outcome = await wrong.submit(text())
        assert isinstance(outcome, NotNow)
        assert "HTTP 401" in outcome.reason
        assert "HTTP 401" in wrong.state
        running.cancel()
        await asyncio.wait([running])
        assert "other" not in repr(wrong) + repr(wrong._account)


async def test_a_text_that_is_not_answered_in_time_is_uncertain_and_was_sent_once(style: Style) -> None:
    async with provider(style) as there, gateway(style, there.url, Heard(), replace(QUICK, exchange=0.3)) as sms:
        there.gate = asyncio.Event()
        with pytest.raises(TextUncertain, match="時間内に答えません"):
            await sms.submit(text())
        assert len(there.taken) == 1
        there.gate.set()
        assert isinstance(await sms.submit(text()), Accepted)
        assert there.sends() == 2


MEANINGLESS = {
    "an end before the answer": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b'HTTP/1.1 202 Accepted\r\nContent-Length: 400\r\n\r\n{"id": "m1"',
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no JSON": http(b"<html>"),
    "no UTF-8": http(b'\xff\xfe{"'),
    "nothing": http(b""),
    "a depth": http(b"[" * 100_000),
    "a large number": http(b'{"id": ' + b"9" * 5000 + b"}"),
    "a list": http(b"[0]"),
    "no name": http(b'{"id": null, "result": null}'),
    "a name of two lines": http(b'{"id": "a\\nb", "result": "0\\n0"}'),
    "a long name": http(json.dumps({"id": "m" * 201, "result": "0" * 201}).encode()),
    "an error": http(b'{"id": "m1", "result": "0"}', "500 Internal Server Error"),
    "a redirection": http(b"", "302 Found", "Location: /v1/other"),
    "a huge answer": http(b'{"id": "m1", "result": "0", "x": "' + b"x" * 1_000_000 + b'"}'),
    "an answer without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 1000 + b"\r\n",
    "packed": http(gzip.compress(b'{"id": "m1", "result": "0"}'), "200 OK", "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("what", MEANINGLESS)
async def test_an_answer_that_the_shape_does_not_describe_leaves_the_text_uncertain(style: Style, what: str) -> None:
    async with RawProvider(MEANINGLESS[what]).serving() as there, gateway(style, there.url, Heard()) as sms:
        with pytest.raises(TextUncertain) as caught:
            await sms.submit(text())
        assert caught.value.references == ()
        assert len(there.asked) == 1, "nothing is sent again, and no redirection followed"


async def test_a_connection_that_was_closed_since_the_last_text_costs_none(style: Style) -> None:
    body = json.dumps(SENT[style]).encode()
    kept = http(body).replace(b"Connection: close\r\n", b"")
    async with RawProvider(kept).serving() as there, gateway(style, there.url, Heard()) as sms:
        for _ in range(3):
            assert isinstance(await sms.submit(text()), Accepted)
            async with asyncio.timeout(LIMIT):
                await there.closed.wait()
        assert len(there.asked) == 3


async def test_an_answer_to_half_a_request_counts_if_it_is_whole(style: Style) -> None:
    refused = http(b'{"result": "201"}', "400 Bad Request")
    async with RawProvider(refused, reads=False).serving() as there, gateway(style, there.url, Heard()) as sms:
        assert isinstance(await sms.submit(text(LONG)), Refused)


async def test_a_provider_that_goes_away_has_certainly_taken_nothing_and_may_come_back(style: Style) -> None:
    heard = Heard()
    port = free_port()
    async with gateway(style, f"http://127.0.0.1:{port}/v1", heard, wait=False) as sms:
        async with asyncio.timeout(LIMIT):
            while "接続を断られました" not in sms.state:
                assert not await sms.ready(0.05)
        assert isinstance(await sms.submit(text()), NotNow)
        async with provider(style, port) as there:
            assert await sms.ready(LIMIT)
            assert sms.state == ""
            assert isinstance(await sms.submit(text()), Accepted)
            assert len(there.taken) == 1
        outcome = await sms.submit(text())
        assert isinstance(outcome, NotNow)
        assert "接続できません" in outcome.reason
        assert not sms.connected
        async with provider(style, port) as there:
            assert await sms.ready(LIMIT)
            assert isinstance(await sms.submit(text()), Accepted)
    assert heard.states == [True, False, True, False]


async def test_a_connection_that_comes_to_nothing_in_time_has_written_nothing(style: Style) -> None:
    async with RawProvider(None).serving() as there:
        url = there.url.replace("http:", "https:")
        async with gateway(style, url, Heard(), replace(QUICK, connect=0.1), wait=False) as sms:
            assert not await sms.ready(0.3)
            sms._presence.say("")
            outcome = await sms.submit(text())
            assert isinstance(outcome, NotNow)
            assert "時間切れ" in outcome.reason
        assert not there.asked


async def test_what_becomes_of_texts_is_asked_for_until_it_is_stored(style: Style) -> None:
    heard = Heard(fail=2)
    outstanding: list[str] = []
    async with provider(style) as there, gateway(style, there.url, heard, outstanding=outstanding) as sms:
        outcome = await sms.submit(text())
        assert isinstance(outcome, Accepted)
        (name,) = outcome.references
        there.states[name] = ("2", "") if style == "form" else ("expired", "")
        outstanding += [name, "nobody-knows"]
        await heard.until(lambda: len(heard.receipts) == 1)
        assert heard.receipts == [Receipt(reference=name, state=TextState.OUT_OF_RANGE)]
        asked = len(there.asked)
        await there.until(lambda: len(there.asked) > asked + 3)
        assert len(heard.receipts) == 1, "what was told is not told again"
        there.states[name] = ("1", "") if style == "form" else ("delivered", "")
        await heard.until(lambda: len(heard.receipts) == 2)
        there.states[name] = ("3", "11") if style == "form" else ("failed", "unknown_number")
        await heard.until(lambda: len(heard.receipts) == 3)
        there.states[name] = ("new", "") if style == "form" else ("archived", "")
        await heard.until(lambda: len(heard.receipts) == 4)
        assert [one.state.value for one in heard.receipts[1:]] == ["delivered", "no_number", "unknown"]


async def test_many_texts_are_asked_about_as_many_at_once_as_the_shape_says(style: Style) -> None:
    outstanding: list[str] = []
    heard = Heard()
    async with provider(style) as there, gateway(style, there.url, heard, outstanding=outstanding) as sms:
        for number in range(60):
            assert isinstance(await sms.submit(replace(text(), id=f"t{number}")), Accepted)
        outstanding += [one.reference for one in there.taken]
        await heard.until(lambda: len(heard.receipts) == 60)
        assert [one.reference for one in heard.receipts] == outstanding
        assert len(there.asked) - there.sends() == (2 if style == "form" else 60)


@pytest.mark.parametrize(
    "what", ["no JSON", "nothing", "a depth", "an error", "half a body", "a huge answer", "a list"]
)
async def test_what_is_said_of_texts_in_no_known_way_says_nothing(style: Style, what: str) -> None:
    heard = Heard()
    async with (
        RawProvider(MEANINGLESS[what]).serving() as there,
        gateway(style, there.url, heard, outstanding=["m1"]) as sms,
    ):
        async with asyncio.timeout(LIMIT):
            while len(there.asked) < 2:
                await asyncio.sleep(0.01)
        assert sms.connected
    assert not heard.receipts


async def test_a_text_whose_answer_was_lost_is_asked_for_by_our_own_name(style: Style) -> None:
    async with provider(style) as there, gateway(style, there.url, Heard(), replace(QUICK, exchange=0.3)) as sms:
        there.gate = asyncio.Event()
        with pytest.raises(TextUncertain):
            await sms.submit(text())
        there.gate.set()
        assert await sms.became("t1") == Accepted(references=("t1" if style == "form" else "m1",))
        assert await sms.became("t2") == NotTaken()
        there.say = lambda _: Response(status_code=500)
        assert isinstance(await sms.became("t1"), NotNow)
        there.say = lambda _: Response(status_code=429)
        assert isinstance(await sms.became("t1"), NotNow)
        assert not sms.connected


async def test_a_text_that_the_provider_may_still_come_to_is_not_said_to_be_untaken(style: Style) -> None:
    clock = asyncio.get_running_loop().time

    async def sure(sms: HttpGateway, name: str) -> float:
        """Return after how long it is said that the text was not taken."""
        began = clock()
        async with asyncio.timeout(LIMIT):
            while not isinstance(await sms.became(name), NotTaken):
                await asyncio.sleep(0.01)
        return clock() - began

    async with provider(style) as there, gateway(style, there.url, Heard(), after=0.4) as sms:
        assert isinstance(await sms.became("t1"), NotNow), "it may have been handed over just before we began"
        await sure(sms, "t1")
        there.say = lambda request: Response(status_code=500) if request.method == "POST" else None
        with pytest.raises(TextUncertain):
            await sms.submit(text())
        assert isinstance(await sms.became("t2"), NotTaken)
        assert await sure(sms, "t1") > 0.3


async def test_an_answer_about_other_texts_does_not_prove_that_ours_was_not_taken(style: Style) -> None:
    entry = {"tag": "t9", "status": "1"} if style == "form" else {"id": "m9", "client_reference": "t9"}
    async with provider(style) as there, gateway(style, there.url, Heard()) as sms:
        for answer in (
            {"result": "0", "results": [entry], "messages": [entry]},
            {"result": "0"},
            {"result": "0", "results": {}, "messages": {}},
            {"result": "0", "results": [7], "messages": [7]},
        ):
            there.say = lambda _, answer=answer: JSONResponse(answer)  # type: ignore[misc]
            assert isinstance(await sms.became("t1"), NotNow), answer


async def test_a_provider_that_is_not_there_proves_nothing_of_a_text(style: Style) -> None:
    async with gateway(style, f"http://127.0.0.1:{free_port()}", Heard(), wait=False) as sms:
        assert isinstance(await sms.became("t1"), NotNow)


async def test_no_more_requests_than_the_window_are_under_way(style: Style) -> None:
    async with provider(style) as there, gateway(style, there.url, Heard(), window=3) as sms:
        there.gate = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            submitted = [group.create_task(sms.submit(text())) for _ in range(10)]
            await there.until(lambda: len(there.taken) == 3)
            there.gate.set()
        assert all(isinstance(one.result(), Accepted) for one in submitted)
        assert there.most_at_once == 3


async def test_neither_secret_nor_number_nor_text_is_logged(style: Style, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with provider(style) as there, gateway(style, there.url, Heard()) as sms:
        await sms.submit(text("ナイショ"))
        there.say = lambda _: Response("ナイショ", 400)
        await sms.submit(text("ナイショ"))
        there.say = lambda _: Response("ナイショ", 500)
        with pytest.raises(TextUncertain) as caught:
            await sms.submit(text("ナイショ"))
        told = caplog.text + str(caught.value) + repr(sms._account) + repr(sms._shape)
    for hidden in (SECRET, "9012345678", "ナイショ", "%E3%83%8A"):
        assert hidden not in told


async def test_it_speaks_with_whom_the_certificate_names(style: Style, tmp_path: Path) -> None:
    ours, theirs = _certified(tmp_path)
    server = await asyncio.start_server(_answers(SENT[style]), "127.0.0.1", 0, ssl=theirs)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with gateway(style, url, Heard(), tls=ours) as sms:
            assert isinstance(await sms.submit(text()), Accepted)
        async with gateway(style, url, Heard(), tls=ssl.create_default_context(), wait=False) as sms:
            async with asyncio.timeout(LIMIT):
                while "証明書" not in sms.state:
                    assert not await sms.ready(0.05)
            assert isinstance(await sms.submit(text()), NotNow)


def _answers(body: object):  # type: ignore[no-untyped-def]
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(http(json.dumps(body).encode()))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return serve


@pytest.mark.parametrize(
    "url",
    ["http://sms.example.jp/v1", "ftp://127.0.0.1/", "https://a:b@sms.example.jp/", "https://", "https://h/?a=1", "x"],
)
async def test_nothing_goes_out_in_the_clear(style: Style, url: str) -> None:
    with pytest.raises(ValueError, match=r"://|URL"):
        HttpGateway(Account(url=url, secret="s"), read_shape(style), on_receipt=Heard().receipt)


async def test_a_gateway_that_has_ended_takes_nothing(style: Style) -> None:
    async with provider(style) as there:
        async with gateway(style, there.url, Heard()) as sms:
            pass
        assert sms.state == "SMS の事業者との接続を閉じました。"
        assert isinstance(await sms.submit(text()), NotNow)
        assert not there.asked
