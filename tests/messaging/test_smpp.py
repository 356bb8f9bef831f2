"""The gateway against a real centre (smpp34)."""

from __future__ import annotations

import asyncio

import pytest
import smpp34

from ivr.campaign.texting import Accepted, NotNow, Receipt, Refused
from ivr.domain.text import TextState
from ivr.errors import TextUncertain
from tests.messaging.centres import LIMIT, OFFICE, PHONE, Heard, free_port, gateway, real_centre, text

LONG = "".join(chr(0x4E00 + place) for place in range(66)) + "𠮷" + "あ" * 100
"""Where the first part would end, a character of two units stands."""


async def test_a_short_text_arrives_whole_and_its_answer_names_it() -> None:
    async with real_centre() as centre, gateway(centre.port, Heard()) as sms:
        assert await sms.submit(text("市役所です。𠮷田さん")) == Accepted(references=("m1",))
        (got,) = centre.submitted
        assert got.short_message.decode("utf-16-be") == "市役所です。𠮷田さん"
        assert (got.data_coding, got.esm_class, got.registered_delivery) == (8, 0, 1)
        assert (got.destination_addr, got.dest_addr_ton, got.dest_addr_npi) == (PHONE[1:], 1, 1)
        assert (got.source_addr, got.source_addr_ton, got.source_addr_npi) == (OFFICE, 2, 1)
        assert not got.tlvs


async def test_a_long_text_goes_in_parts_that_a_phone_can_join() -> None:
    async with real_centre() as centre, gateway(centre.port, Heard()) as sms:
        assert await sms.submit(text(LONG)) == Accepted(references=("m1", "m2", "m3"))
        headers = [got.short_message[:6] for got in centre.submitted]
        assert {got.esm_class for got in centre.submitted} == {0x40}
        assert [tuple(header[4:]) for header in headers] == [(3, 1), (3, 2), (3, 3)]
        assert len({header[:4] for header in headers}) == 1
        assert headers[0][:3] == b"\5\0\3"
        assert "".join(got.short_message[6:].decode("utf-16-be") for got in centre.submitted) == LONG
        assert all(len(got.short_message) <= 140 for got in centre.submitted)
        await sms.submit(text(LONG))
        assert centre.submitted[3].short_message[3] == (headers[0][3] + 1) % 256


async def test_a_long_text_may_go_whole_in_a_payload() -> None:
    async with real_centre() as centre, gateway(centre.port, Heard(), long="payload") as sms:
        assert await sms.submit(text(LONG)) == Accepted(references=("m1",))
        (got,) = centre.submitted
        assert (got.short_message, got.esm_class) == (b"", 0)
        assert [(tlv.tag, tlv.value.decode("utf-16-be")) for tlv in got.tlvs] == [(smpp34.TLV_MESSAGE_PAYLOAD, LONG)]


async def test_receipts_come_from_text_and_from_parameters_early_and_twice() -> None:
    heard = Heard()
    async with real_centre() as centre, gateway(centre.port, heard, errs={"011": TextState.NO_NUMBER}) as sms:

        async def early(event: smpp34.SubmitSmEvent) -> None:
            assert await centre.deliver(b"id:M1 sub:001 dlvrd:001 stat:ENROUTE err:000 text:", esm_class=4) == 0
            event.accept("M1")

        async with asyncio.TaskGroup() as group:
            centre.answer = lambda event: (group.create_task(early(event)), None)[1]
            assert await sms.submit(text()) == Accepted(references=("m1",))
        assert heard.receipts == [Receipt(reference="m1", state=TextState.SENT, err="000")]
        parameters = {smpp34.TLV_RECEIPTED_MESSAGE_ID: b"M1\0", smpp34.TLV_MESSAGE_STATE: b"\2"}
        for _ in range(2):
            assert await centre.deliver(b"", tlvs=parameters, esm_class=4) == 0
        assert heard.receipts[1:] == [Receipt(reference="m1", state=TextState.DELIVERED)] * 2
        assert await centre.deliver(b"id:M1 stat:UNDELIV err:011", esm_class=4) == 0
        assert heard.receipts[-1] == Receipt(reference="m1", state=TextState.NO_NUMBER, err="011")


async def test_what_somebody_writes_is_told_with_their_number() -> None:
    heard = Heard()
    async with real_centre() as centre, gateway(centre.port, heard):
        assert await centre.deliver("わかりました".encode("utf-16-be"), data_coding=8) == 0
        assert await centre.deliver(b"STOP") == 0
    assert heard.messages == [(PHONE, "わかりました"), (PHONE, "STOP")]


async def test_what_could_not_be_stored_is_repeated_by_the_centre() -> None:
    heard = Heard(fail=2)
    async with real_centre() as centre, gateway(centre.port, heard):
        statuses = [await centre.deliver(b"id:M1 stat:DELIVRD", esm_class=4) for _ in range(3)]
    assert statuses == [0x64, 0x64, 0]
    assert heard.receipts == [Receipt(reference="m1", state=TextState.DELIVERED)]


async def test_a_receipt_of_no_text_is_refused_for_good() -> None:
    heard = Heard()
    async with real_centre() as centre, gateway(centre.port, heard):
        assert await centre.deliver(b"stat:DELIVRD", esm_class=4) == 0x65
    assert not heard.receipts


@pytest.mark.parametrize("status", [smpp34.ESME_RTHROTTLED, smpp34.ESME_RMSGQFUL])
async def test_a_throttled_text_may_be_sent_again(status: int) -> None:
    async with real_centre() as centre, gateway(centre.port, Heard()) as sms:
        centre.answer = lambda event: event.reject(status)
        outcome = await sms.submit(text())
        assert isinstance(outcome, NotNow)
        assert f"0x{status:08X}" in outcome.reason
        centre.answer = centre.accept
        began = asyncio.get_running_loop().time()
        assert isinstance(await sms.submit(text()), Accepted)
        assert asyncio.get_running_loop().time() - began >= 0.015, "the gateway has slowed down"


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        (smpp34.ESME_RINVDSTADR, TextState.NO_NUMBER, "0x0000000B（ESME_RINVDSTADR"),
        (smpp34.ESME_RINVSRCADR, TextState.FAILED, "0x0000000A（ESME_RINVSRCADR"),
    ],
)
async def test_a_refused_text_says_why(status: int, state: TextState, words: str) -> None:
    async with real_centre() as centre, gateway(centre.port, Heard()) as sms:
        centre.answer = lambda event: event.reject(status)
        outcome = await sms.submit(text())
    assert isinstance(outcome, Refused)
    assert outcome.state is state
    assert words in outcome.reason


async def test_what_is_no_number_or_no_text_is_not_sent() -> None:
    async with real_centre() as centre, gateway(centre.port, Heard()) as sms:
        for number in ("09012345678", "+81", "+8190１２３４５６７８", "+81901234567\n"):
            outcome = await sms.submit(text(number=number))
            assert isinstance(outcome, Refused)
            assert outcome.state is TextState.NO_NUMBER
        for body in ("あ" * 67 * 256, "\ud842"):
            assert isinstance(await sms.submit(text(body)), Refused)
        assert not centre.submitted


async def test_a_text_that_has_begun_goes_on_when_throttled() -> None:
    async with real_centre() as centre, gateway(centre.port, Heard()) as sms:

        def answer(event: smpp34.SubmitSmEvent) -> None:
            if len(centre.submitted) in (2, 3):
                event.reject(smpp34.ESME_RTHROTTLED)
            else:
                centre.accept(event)

        centre.answer = answer
        assert await sms.submit(text("い" * 100)) == Accepted(references=("m1", "m2"))
        assert [got.short_message[5] for got in centre.submitted] == [1, 2, 2, 2]


@pytest.mark.parametrize("status", [smpp34.ESME_RINVDSTADR, smpp34.ESME_RTHROTTLED])
async def test_a_text_of_which_a_later_part_is_never_taken_is_uncertain(status: int) -> None:
    async with real_centre() as centre, gateway(centre.port, Heard()) as sms:
        centre.answer = lambda event: centre.accept(event) if event.short_message[5] == 1 else event.reject(status)
        with pytest.raises(TextUncertain) as caught:
            await sms.submit(text("い" * 100))
    assert caught.value.references == ("m1",)


async def test_a_text_that_was_not_answered_when_the_link_went_is_uncertain() -> None:
    heard = Heard()
    held = []
    async with asyncio.TaskGroup() as group, real_centre() as centre, gateway(centre.port, heard) as sms:
        centre.answer = held.append
        submission = group.create_task(_uncertain(sms.submit(text())))
        await centre.until(lambda: len(held) == 1)
        await centre.esmes[-1].unbind()
        async with asyncio.timeout(LIMIT):
            assert PHONE[1:] not in str(await submission)


async def _uncertain(submission: object) -> TextUncertain:
    with pytest.raises(TextUncertain) as caught:
        await submission  # type: ignore[misc]
    return caught.value


async def test_without_a_centre_nothing_is_sent_and_with_one_again_it_is() -> None:
    heard, port = Heard(), free_port()
    async with gateway(port, heard, wait=False) as sms:
        assert not await sms.ready(0.05)
        assert isinstance(await sms.submit(text()), NotNow)
        for turn in (1, 2):
            async with real_centre(port) as centre:
                assert await sms.ready(LIMIT)
                assert isinstance(await sms.submit(text()), Accepted)
                assert len(centre.submitted) == 1
                assert heard.states == [True, False] * (turn - 1) + [True]
                await centre.until(lambda: bool(centre.esmes))
                await centre.esmes[-1].unbind()
            await heard.until(lambda: heard.states[-1] is False)
            assert sms.state
            assert isinstance(await sms.submit(text()), NotNow)
    assert heard.states == [True, False, True, False]


async def test_no_more_are_unanswered_than_the_window_holds() -> None:
    open_ = most = 0
    async with asyncio.TaskGroup() as group, real_centre() as centre, gateway(centre.port, Heard(), window=3) as sms:

        async def later(event: smpp34.SubmitSmEvent) -> None:
            nonlocal open_
            await asyncio.sleep(0.01)
            open_ -= 1
            centre.accept(event)

        def answer(event: smpp34.SubmitSmEvent) -> None:
            nonlocal open_, most
            open_ += 1
            most = max(most, open_)
            group.create_task(later(event))

        centre.answer = answer
        outcomes = await asyncio.gather(*(sms.submit(text()) for _ in range(20)))
    assert len({outcome.references for outcome in outcomes if isinstance(outcome, Accepted)}) == 20
    assert most == 3
