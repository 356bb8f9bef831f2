"""The gateway over HTTP against real servers that behave as the shipped shapes say, and against some that do not."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from ivr.campaign.texting import Accepted, NotNow, Refused
from ivr.domain.text import TextState
from ivr.errors import TextUncertain
from ivr.messaging import Account, HttpGateway
from ivr.parts.text_shapes import read_shape
from tests.certificates import certified
from tests.messaging.centres import LIMIT, PHONE, Heard, free_port, text
from tests.messaging.providers import (
    MEANINGLESS,
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

pytestmark = pytest.mark.parametrize("style", STYLES)
LONG = "市役所です。𠮷田さん &=%\n" * 20

SENT = {"form": {"result": "0"}, "json": {"id": "m1"}}
LATER = {"form": ({"result": "900"}, 200), "json": ({"error": {"code": "recipient_limit"}}, 422)}
UNPAID = {"form": ({"result": "901"}, 200), "json": ({"error": {"code": "no_credit"}}, 402)}
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


async def test_of_a_text_that_has_become_too_late_no_byte_goes_out(style: Style) -> None:
    async with provider(style) as there, gateway(style, there.url, Heard()) as sms:
        for _ in range(2):
            outcome = await sms.submit(replace(text(), late=lambda: True))
            assert isinstance(outcome, NotNow)
            assert sms.connected
            assert isinstance(await sms.submit(text()), Accepted)
        assert there.sends() == 2


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


async def test_who_has_no_credit_sends_nothing_for_as_long_as_the_longest_wait_and_says_so(style: Style) -> None:
    timing = replace(QUICK, backoff_first=0.01, backoff_most=0.3)
    body, status = UNPAID[style]
    async with provider(style) as there, gateway(style, there.url, Heard(), timing) as sms:
        for answer in (JSONResponse(body, status), Response(status_code=402)):
            there.say = lambda _, answer=answer: answer  # type: ignore[misc]
            began, sends = asyncio.get_running_loop().time(), there.sends()
            outcome = await sms.submit(text())
            assert isinstance(outcome, NotNow)
            assert (outcome.unpaid, sms.unpaid, sms.connected) == (True, True, False)
            assert "残高か利用枠が足りない" in sms.state
            assert await sms.ready(LIMIT)
            assert asyncio.get_running_loop().time() - began >= 0.25
            assert (there.sends(), sms.unpaid) == (sends + 1, True), "unpaid until a text is taken"
        there.say = lambda _: None
        assert isinstance(await sms.submit(text()), Accepted)
        assert not sms.unpaid


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
    file, theirs = certified(tmp_path)
    ours = ssl.create_default_context(cafile=file)
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
