"""What has become of texts, asked of a provider over HTTPS: by its names of them, or by ours."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from starlette.responses import JSONResponse, Response

from ivr.campaign.texting import Accepted, NotNow, NotTaken, Receipt
from ivr.domain.text import TextState
from ivr.errors import TextUncertain
from ivr.messaging import HttpGateway
from tests.messaging.centres import LIMIT, Heard, free_port, text
from tests.messaging.providers import (
    MEANINGLESS,
    QUICK,
    STYLES,
    RawProvider,
    Style,
    gateway,
    provider,
)

pytestmark = pytest.mark.parametrize("style", STYLES)
LONG = "市役所です。𠮷田さん &=%\n" * 20

SENT = {"form": {"result": "0"}, "json": {"id": "m1"}}
LATER = {"form": ({"result": "900"}, 200), "json": ({"error": {"code": "recipient_limit"}}, 422)}
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
