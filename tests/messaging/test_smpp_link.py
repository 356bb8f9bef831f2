"""The gateway against centres that do what no good one does, or what smpp34 can't be told to do."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import smpp34
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.campaign.texting import Accepted, NotNow, Receipt
from ivr.domain.text import TextState
from ivr.errors import TextUncertain
from ivr.messaging import SmppAccount, SmppGateway
from ivr.messaging import smpp_wire as wire
from ivr.messaging.smpp_wire import Bind, Command, Named, Pdu, ShortMessage
from tests.certificates import certified
from tests.messaging.centres import LIMIT, QUICK, Heard, Peer, gateway, scripted_centre, text

RECEIPT = ShortMessage(esm_class=4, short_message=b"id:A1 stat:DELIVRD")


async def stay(peer: Peer) -> None:
    """A centre that lets us in and answers whatever is asked with the same name."""
    await peer.let_in()
    while True:
        asked = await peer.read()
        if not asked.command & wire.RESPONSE:
            await peer.send(Command(asked.command | wire.RESPONSE), asked.sequence, Named(name="a1"))


async def test_we_bind_as_who_we_are() -> None:
    seen: list[Pdu] = []

    async def centre(peer: Peer) -> None:
        seen.append(await peer.let_in())
        await peer.at_end()

    async with scripted_centre(centre) as port, gateway(port, Heard(), system_type="VMS") as sms:
        assert sms.connected
    assert seen[0].command is Command.BIND_TRANSCEIVER
    assert seen[0].content == Bind(system_id="yobirin", password="secret12", system_type="VMS")


@pytest.mark.parametrize(("expires", "written"), [(True, "000000083000000R"), (False, "")])
async def test_the_centre_is_told_in_every_part_how_long_a_text_may_be_delivered(expires: bool, written: str) -> None:
    seen: list[smpp34.SubmitSm] = []

    async def centre(peer: Peer) -> None:
        await peer.let_in()
        while (asked := await peer.read()).command is Command.SUBMIT_SM:
            read = smpp34.decode(wire.encode(asked))
            assert isinstance(read, smpp34.SubmitSm)
            seen.append(read)
            await peer.send(Command.SUBMIT_SM_RESP, asked.sequence, Named(name="a1"))

    async with scripted_centre(centre) as port, gateway(port, Heard(), expires=expires) as sms:
        await sms.submit(dataclasses.replace(text("あ" * 150), valid_for=timedelta(hours=8, minutes=30)))
        await sms.submit(text())
    assert [got.validity_period for got in seen] == [written] * 3 + [""]


async def test_a_centre_that_does_not_let_us_in_is_asked_again() -> None:
    async def refuse(peer: Peer) -> None:
        bind = await peer.read()
        await peer.send(Command.BIND_TRANSCEIVER_RESP, bind.sequence, status=0x0E)

    heard = Heard()
    async with scripted_centre(refuse, refuse, stay) as port, gateway(port, heard, wait=False) as sms:
        assert not await sms.ready(0.01)
        assert "ESME_RINVPASWD" in sms.state
        assert await sms.ready(LIMIT)
    assert heard.states == [True, False]


async def test_the_pause_before_the_next_bind_doubles_up_to_its_limit() -> None:
    at: list[float] = []
    enough = asyncio.Event()

    async def refuse(_peer: Peer) -> None:
        at.append(asyncio.get_running_loop().time())
        if len(at) == 5:
            enough.set()

    async with scripted_centre(refuse) as port, gateway(port, Heard(), wait=False), asyncio.timeout(LIMIT):
        await enough.wait()
    pauses = [later - earlier for earlier, later in pairwise(at[:5])]
    assert all(pause >= least * 0.9 for pause, least in zip(pauses, (0.02, 0.04, 0.08, 0.1), strict=True))


async def test_a_centre_that_no_longer_answers_is_left_for_a_new_bind() -> None:
    async def deaf(peer: Peer) -> None:
        await peer.let_in()
        assert (await peer.read()).command is Command.ENQUIRE_LINK
        await peer.at_end()

    heard = Heard()
    timing = dataclasses.replace(QUICK, enquire_every=0.03, enquire=0.05)
    async with scripted_centre(deaf, stay) as port, gateway(port, heard, timing) as sms:
        await heard.until(lambda: heard.states == [True, False, True])
        assert isinstance(await sms.submit(text()), Accepted)


async def test_a_text_that_is_not_answered_in_time_is_uncertain_and_a_late_answer_harms_nothing() -> None:
    async def slow(peer: Peer) -> None:
        await peer.let_in()
        first, second = await peer.read(), await peer.read()
        await peer.send(Command.SUBMIT_SM_RESP, first.sequence, Named(name="late"))
        await peer.send(Command.SUBMIT_SM_RESP, second.sequence, Named(name="b"))
        await peer.at_end()

    timing = dataclasses.replace(QUICK, answer=0.3)
    async with scripted_centre(slow) as port, gateway(port, Heard(), timing) as sms:
        with pytest.raises(TextUncertain):
            await sms.submit(text())
        assert await sms.submit(text()) == Accepted(references=("b",))


async def test_a_centre_that_hangs_up_on_a_text_leaves_it_uncertain() -> None:
    async def rude(peer: Peer) -> None:
        await peer.let_in()
        await peer.read()

    async with scripted_centre(rude, stay) as port, gateway(port, Heard()) as sms:
        with pytest.raises(TextUncertain) as caught:
            await sms.submit(text())
    assert caught.value.references == ()


@pytest.mark.parametrize(
    "answer",
    [
        Pdu(command=Command.SUBMIT_SM_RESP, sequence=0, content=Named()),
        Pdu(command=Command.ENQUIRE_LINK_RESP, sequence=0),
        Pdu(command=Command.GENERIC_NACK, sequence=0),
    ],
)
async def test_an_answer_that_names_nothing_leaves_the_text_uncertain(answer: Pdu) -> None:
    async def centre(peer: Peer) -> None:
        await peer.let_in()
        asked = await peer.read()
        peer.writer.write(wire.encode(dataclasses.replace(answer, sequence=asked.sequence)))
        await peer.at_end()

    async with scripted_centre(centre) as port, gateway(port, Heard()) as sms:
        with pytest.raises(TextUncertain):
            await sms.submit(text())


async def test_an_answer_that_cannot_be_read_leaves_the_text_uncertain_at_once() -> None:
    async def centre(peer: Peer) -> None:
        await peer.let_in()
        asked = await peer.read()
        body = b"x" * 70
        peer.writer.write(wire.HEADER.pack(16 + len(body), Command.SUBMIT_SM_RESP, 0, asked.sequence) + body)
        await peer.at_end()

    async with scripted_centre(centre) as port, gateway(port, Heard()) as sms, asyncio.timeout(QUICK.answer / 2):
        with pytest.raises(TextUncertain):
            await sms.submit(text())


async def test_the_centre_is_answered_as_the_standard_says() -> None:
    seen: list[Pdu] = []

    async def centre(peer: Peer) -> None:
        await peer.let_in()
        await peer.send(Command.ENQUIRE_LINK, 7)
        peer.writer.write(wire.HEADER.pack(16, 0x103, 0, 8))
        await peer.send(Command.SUBMIT_SM, 9, ShortMessage())
        await peer.send(Command.ALERT_NOTIFICATION, 10)
        peer.writer.write(wire.HEADER.pack(18, Command.DELIVER_SM, 0, 11) + b"ab")
        await peer.send(Command.UNBIND, 12)
        seen.extend([await peer.read() for _ in range(5)])
        await peer.at_end()

    heard = Heard()
    async with scripted_centre(centre, stay) as port, gateway(port, heard, wait=False):
        await heard.until(lambda: heard.states == [True, False, True])
    assert [(pdu.command, pdu.sequence, pdu.status) for pdu in seen] == [
        (Command.ENQUIRE_LINK_RESP, 7, 0),
        (Command.GENERIC_NACK, 8, 3),
        (Command.GENERIC_NACK, 9, 3),
        (Command.DELIVER_SM_RESP, 11, 1),
        (Command.UNBIND_RESP, 12, 0),
    ]


async def test_what_is_no_length_is_answered_and_ends_the_link() -> None:
    seen: list[Pdu] = []

    async def centre(peer: Peer) -> None:
        await peer.let_in()
        peer.writer.write(wire.HEADER.pack(wire.MAX_PDU + 1, Command.DELIVER_SM, 0, 5))
        seen.append(await peer.read())
        await peer.at_end()

    heard = Heard()
    async with scripted_centre(centre, stay) as port, gateway(port, heard, wait=False):
        await heard.until(lambda: heard.states == [True, False, True])
    assert [(pdu.command, pdu.sequence, pdu.status) for pdu in seen] == [(Command.GENERIC_NACK, 5, 2)]


async def test_a_receipt_is_answered_only_once_it_is_stored() -> None:
    heard = Heard(gate=asyncio.Event())
    seen: list[Command] = []

    async def centre(peer: Peer) -> None:
        await peer.let_in()
        await peer.send(Command.DELIVER_SM, 1, RECEIPT)
        await peer.send(Command.ENQUIRE_LINK, 2)
        seen.append((await peer.read()).command)
        assert not heard.receipts
        assert heard.gate is not None
        heard.gate.set()
        seen.append((await peer.read()).command)
        assert heard.receipts == [Receipt(reference="a1", state=TextState.DELIVERED)]
        await peer.at_end()

    async with scripted_centre(centre) as port, gateway(port, heard):
        await heard.until(lambda: bool(heard.receipts))
    assert seen == [Command.ENQUIRE_LINK_RESP, Command.DELIVER_SM_RESP], "a slow store holds nothing else up"


async def test_a_store_that_hangs_and_a_flood_are_put_off() -> None:
    heard = Heard(gate=asyncio.Event())
    seen: list[Pdu] = []
    count = 300

    async def centre(peer: Peer) -> None:
        await peer.let_in()
        for number in range(1, count + 1):
            await peer.send(Command.DELIVER_SM, number, RECEIPT)
        while not any(pdu.sequence == 1 for pdu in seen):
            seen.append(await peer.read())
        heard.more.set()
        await peer.at_end()

    timing = dataclasses.replace(QUICK, store=0.2)
    async with scripted_centre(centre) as port, gateway(port, heard, timing):
        await heard.until(lambda: any(pdu.sequence == 1 for pdu in seen))
    assert {pdu.status for pdu in seen} == {0x64}
    assert len(seen) > 50


async def test_the_end_unbinds_and_takes_little_time_where_nobody_answers() -> None:
    seen: list[Command] = []

    async def deaf(peer: Peer) -> None:
        await peer.let_in()
        seen.append((await peer.read()).command)
        await peer.at_end()

    loop = asyncio.get_running_loop()
    heard = Heard()
    async with scripted_centre(deaf) as port:
        async with gateway(port, heard) as sms:
            began = loop.time()
        assert loop.time() - began < QUICK.unbind * 2 + 1
        assert isinstance(await sms.submit(text()), NotNow)
    assert seen == [Command.UNBIND]
    assert heard.states == [True, False]


async def test_a_centre_that_reads_nothing_costs_its_link_and_no_more() -> None:
    async def clogged(peer: Peer) -> None:
        await peer.let_in()
        data = wire.encode(Pdu(command=Command.ENQUIRE_LINK, sequence=1)) * 4096
        async with asyncio.timeout(LIMIT):
            while True:
                peer.writer.write(data)
                await peer.writer.drain()

    heard = Heard()
    timing = dataclasses.replace(QUICK, write=0.2)
    async with scripted_centre(clogged, stay) as port, gateway(port, heard, timing) as sms:
        await heard.until(lambda: heard.states == [True, False, True])
        assert isinstance(await sms.submit(text()), Accepted)


async def test_a_bind_over_tls_is_with_the_centre_that_the_certificate_names(tmp_path: Path) -> None:
    file, theirs = certified(tmp_path)
    ours = ssl.create_default_context(cafile=file)
    async with scripted_centre(stay, tls=theirs) as port:
        async with gateway(port, Heard(), tls=ours) as sms:
            assert isinstance(await sms.submit(text()), Accepted)
        async with gateway(port, Heard(), wait=False, tls=ssl.create_default_context()) as sms:
            assert not await sms.ready(0.3)
            assert "接続できません" in sms.state


async def test_a_host_that_is_none_is_a_centre_out_of_reach() -> None:
    async with gateway(2775, Heard(), wait=False, host="smsc..provider.jp") as sms:
        assert not await sms.ready(0.1)
        assert "接続できません（ホスト名ではありません）" in sms.state


def test_an_account_that_does_not_fit_is_our_mistake() -> None:
    heard = object.__new__(Heard)
    for wrong in ({"password": "x" * 65}, {"source": "市役所"}, {"system_id": "a\0"}):
        with pytest.raises(ValueError):  # noqa: PT011
            SmppGateway(
                SmppAccount(**{"host": "h", "port": 1, "system_id": "a", "password": "b", **wrong}),  # type: ignore[arg-type]
                on_receipt=heard.receipt,
                on_message=heard.message,
            )


def test_what_is_shown_of_a_text_or_an_account_names_nobody() -> None:
    account = SmppAccount(host="h", port=1, system_id="a", password="secret12")
    assert "secret12" not in repr(account)
    assert "8190" not in repr(text("本文"))
    assert "本文" not in repr(text("本文"))


_HEADERS = st.builds(
    lambda command, status, sequence, body: wire.HEADER.pack(16 + len(body), command, status, sequence) + body,
    st.sampled_from([*Command, 0x103, 0x80000103]),
    st.sampled_from([0, 0x58, 0xFFFFFFFF]),
    st.integers(0, 5),
    st.binary(max_size=60),
)
_STREAMS = st.lists(st.one_of(st.binary(max_size=40), _HEADERS), max_size=8).map(b"".join)


@settings(max_examples=60)
@given(before=st.booleans(), stream=_STREAMS, hangs_up=st.booleans())
def test_no_bytes_end_the_gateway_or_hold_it_up(before: bool, stream: bytes, hangs_up: bool) -> None:
    """Whatever comes, before the bind is answered or after, the gateway lives and its submissions come to an end."""

    async def centre(peer: Peer) -> None:
        if not before:
            await peer.let_in()
        peer.writer.write(stream)
        await peer.writer.drain()
        if not hangs_up:
            await peer.at_end()

    async def run() -> None:
        timing = dataclasses.replace(
            QUICK,
            bind=0.05,
            answer=0.05,
            unbind=0.02,
            enquire=0.02,
            enquire_every=0.03,
            backoff_first=0.001,
            backoff_most=0.005,
            throttle_first=0.001,
            throttle_most=0.002,
        )
        heard = Heard()
        async with (
            asyncio.timeout(LIMIT),
            scripted_centre(centre, stay) as port,
            gateway(port, heard, timing, wait=False) as sms,
        ):
            await sms.ready(0.02)
            with suppress(TextUncertain):
                await sms.submit(text("い" * 80))
            await heard.until(lambda: heard.states.count(True) > (not before))
            while not isinstance(await _tried(sms), Accepted):
                await asyncio.sleep(0.001)

    asyncio.run(run())


async def _tried(sms: SmppGateway) -> object:
    try:
        return await sms.submit(text())
    except TextUncertain:
        return None
