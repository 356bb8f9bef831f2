"""The simulated SMS centre against our own client, and against one of another origin."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import smpplib.client
import smpplib.consts
import smpplib.gsm
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.campaign.texting import Accepted, NotNow, Refused
from ivr.domain.text import TextState
from ivr.errors import Busy, TextUncertain
from ivr.messaging import SmppGateway
from ivr.rehearsal.handsets import Habit, Manner, answers, habit
from ivr.rehearsal.sms_centre import SmsCentre
from tests.messaging.centres import LIMIT, OFFICE, PHONE, QUICK, Heard, gateway, text
from tests.rehearsal.habits import HANDSET, ROOT, TOLD, soon

PATIENT = replace(QUICK, part_tries=200)
LONG = "市役所からのお知らせです。" * 12 + "𠮷"


@asynccontextmanager
async def bound(one: Habit, heard: Heard, **account: object) -> AsyncIterator[tuple[SmsCentre, SmppGateway]]:
    """A centre with one handset, and our gateway bound to it."""
    async with SmsCentre({HANDSET: one}) as centre, gateway(centre.port, heard, **account) as sms:
        yield centre, sms


async def again(sms: SmppGateway, number: str = PHONE) -> Accepted | Refused:
    """Submit until the centre says something for good."""
    async with asyncio.timeout(LIMIT):
        while isinstance(said := await sms.submit(text(number=number)), NotNow):
            await sms.ready(LIMIT)
            await asyncio.sleep(0)
    return said


# Handsets


@pytest.mark.parametrize("manner", TOLD)
async def test_a_text_that_is_taken_gets_the_receipts_of_its_handset(manner: Manner) -> None:
    heard = Heard()
    async with bound(soon(manner), heard) as (centre, sms):
        accepted = await sms.submit(text("市役所です。"))
        await centre.quiet(within=LIMIT)
    assert isinstance(accepted, Accepted)
    assert [(one.reference, one.state) for one in heard.receipts] == [
        (accepted.references[0], state) for state in TOLD[manner]
    ]
    (taken,) = centre.taken
    assert (taken.number, taken.body, taken.parts, taken.ids) == (PHONE, "市役所です。", 1, accepted.references)
    assert centre.count_by_number() == {PHONE: 1}
    assert "市役所" not in repr(taken)
    assert PHONE not in repr(taken)


async def test_a_receipt_that_comes_before_the_answer_is_heard_before_it() -> None:
    heard = Heard()
    heard.gate = asyncio.Event()
    async with bound(soon("receipt_before_answer"), heard) as (centre, sms), asyncio.TaskGroup() as group:
        submitting = group.create_task(sms.submit(text()))
        await centre.until(lambda: bool(centre.taken), within=LIMIT)
        assert not submitting.done()
        heard.gate.set()
        accepted = await submitting
    assert isinstance(accepted, Accepted)
    assert heard.receipts[0].reference == accepted.references[0]


async def test_a_number_that_does_not_exist_takes_nothing() -> None:
    async with bound(soon("no_number"), Heard()) as (centre, sms):
        refused = await sms.submit(text())
        assert isinstance(refused, Refused)
        assert refused.state is TextState.NO_NUMBER
        assert centre.taken == ()


async def test_a_throttled_number_takes_the_text_at_last() -> None:
    async with bound(habit("throttled", times=2), Heard()) as (centre, sms):
        assert [type(await sms.submit(text())) for _ in range(3)] == [NotNow, NotNow, Accepted]
        assert centre.count_by_number() == {PHONE: 1}


async def test_a_long_text_whose_first_part_was_throttled_is_there_once() -> None:
    async with bound(habit("throttled", times=1), Heard()) as (centre, sms):
        assert isinstance(await sms.submit(text(LONG)), NotNow)
        assert isinstance(await sms.submit(text(LONG)), Accepted)
    assert [(one.body, one.parts, one.whole) for one in centre.taken] == [(LONG, 3, True)]


@pytest.mark.parametrize(("manner", "count"), [(Manner.DISCONNECTS, 1), (Manner.DISCONNECTS_BEFORE, 0)])
async def test_a_connection_that_closes_without_an_answer_leaves_a_text_uncertain(manner: Manner, count: int) -> None:
    heard = Heard()
    async with bound(soon(manner), heard) as (centre, sms):
        with pytest.raises(TextUncertain):
            await sms.submit(text())
        assert len(centre.taken) == count
        await heard.until(lambda: heard.states.count(True) == 2)
        await centre.quiet(within=LIMIT)
        assert len(heard.receipts) == count
        assert isinstance(await again(sms), Accepted)
        assert len(centre.taken) == count + 1


async def test_who_writes_back_does_so_once_the_whole_text_is_there() -> None:
    heard = Heard()
    async with bound(replace(answers("停止"), after=0.02), heard) as (_, sms):
        await sms.submit(text(LONG))
        await heard.until(lambda: bool(heard.messages) and len(heard.receipts) == 3)
    assert heard.messages == [(PHONE, "停止")]


async def test_a_long_answer_comes_whole() -> None:
    heard = Heard()
    async with bound(replace(answers(LONG), after=0.0), heard) as (_, sms):
        await sms.submit(text())
        await heard.until(lambda: bool(heard.messages))
    assert heard.messages == [(PHONE, LONG)]


async def test_a_number_that_is_not_named_takes_texts_by_default() -> None:
    async with SmsCentre(default=soon("refused")) as centre:
        heard = Heard()
        async with gateway(centre.port, heard) as sms:
            await sms.submit(text())
            await centre.quiet(within=LIMIT)
    assert [one.state for one in heard.receipts] == [TextState.REFUSED]


@pytest.mark.parametrize("long", ["udh", "payload"])
async def test_a_long_text_is_one(long: str) -> None:
    async with bound(soon("delivered"), Heard(), long=long) as (centre, sms):
        accepted = await sms.submit(text(LONG))
        assert isinstance(accepted, Accepted)
        assert [(one.body, one.parts, one.ids) for one in centre.taken] == [
            (LONG, len(accepted.references), accepted.references)
        ]


@given(st.lists(st.sampled_from(Manner), min_size=1, max_size=12))
@settings(max_examples=25)
def test_every_text_that_is_taken_is_there_once_whatever_the_handsets_do(manners: list[Manner]) -> None:
    numbers = [f"+8190123400{index:02d}" for index in range(len(manners))]
    handsets = {"0" + number[3:]: habit(one, after=0.0) for number, one in zip(numbers, manners, strict=True)}

    async def go() -> tuple[list[str], SmsCentre]:
        certain = []
        async with SmsCentre(handsets) as centre, gateway(centre.port, Heard()) as sms:
            for number, manner in zip(numbers, manners, strict=True):
                try:
                    said = await again(sms, number)
                except TextUncertain:
                    certain += [number] * (manner is Manner.DISCONNECTS)
                else:
                    certain += [number] * isinstance(said, Accepted)
            await sms.ready(LIMIT)
            await centre.quiet(within=LIMIT)
        return certain, centre

    taken, centre = asyncio.run(go())
    assert [one.number for one in centre.taken] == taken
    assert len({name for one in centre.taken for name in one.ids}) == len(taken)


# The centre


async def test_a_receipt_that_was_not_stored_comes_again() -> None:
    heard = Heard(fail=2)
    async with bound(soon("delivered"), heard) as (centre, sms):
        await sms.submit(text())
        await centre.quiet(within=LIMIT)
    assert [one.state for one in heard.receipts] == [TextState.DELIVERED]
    assert heard.fail == 0


async def test_a_receipt_waits_until_somebody_is_bound() -> None:
    first, second = Heard(fail=1_000), Heard()
    async with SmsCentre() as centre:
        async with gateway(centre.port, first) as sms:
            await sms.submit(text())
        await centre.until(lambda: not centre.bound, within=LIMIT)
        async with gateway(centre.port, second):
            await second.until(lambda: bool(second.receipts))
    assert first.receipts == []


async def test_only_the_account_binds_where_there_is_one() -> None:
    async with SmsCentre(system_id="yobirin", password="secret12") as centre:
        async with gateway(centre.port, Heard()) as sms:
            assert isinstance(await sms.submit(text()), Accepted)
        async with gateway(centre.port, Heard(), wait=False, password="wrong") as other:
            assert not await other.ready(0.2)
            assert "ESME_RINVPASWD" in other.state


async def test_more_in_a_second_than_is_allowed_are_throttled() -> None:
    async with SmsCentre(per_second=2) as centre, gateway(centre.port, Heard()) as sms:
        said = [type(await sms.submit(text())) for _ in range(3)]
        assert said == [Accepted, Accepted, NotNow]
        assert len(centre.taken) == 2
        assert isinstance(await again(sms), Accepted)


async def test_a_part_that_is_throttled_is_in_its_text_once() -> None:
    async with SmsCentre(per_second=2) as centre, gateway(centre.port, Heard(), PATIENT) as sms:
        assert isinstance(await sms.submit(text(LONG)), Accepted)
        assert [(one.body, one.parts, one.whole) for one in centre.taken] == [(LONG, 3, True)]


async def test_what_is_no_bind_is_turned_away() -> None:
    async with SmsCentre() as centre:
        for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x10\0\0\0\x15\0\0\0\0\0\0\0\1"):
            reader, writer = await asyncio.open_connection(centre.host, centre.port)
            writer.write(octets)
            async with asyncio.timeout(LIMIT):
                assert await reader.read() == b""
            writer.close()
        async with gateway(centre.port, Heard()) as sms:
            assert isinstance(await sms.submit(text()), Accepted)


async def test_a_taken_port_is_told() -> None:
    async with SmsCentre() as centre:
        with pytest.raises(Busy):
            async with SmsCentre(port=centre.port):
                pass


async def test_nothing_is_left_running() -> None:
    before = asyncio.all_tasks()
    async with (
        SmsCentre({HANDSET: habit("slow", after=60.0)}) as centre,
        gateway(centre.port, Heard()) as sms,
        asyncio.TaskGroup() as group,
    ):
        waiting = group.create_task(sms.submit(text()))
        await centre.until(lambda: bool(centre.taken), within=LIMIT)
        centre.stall(60.0)
        waiting.cancel()
    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(centre.host, centre.port)


async def test_an_error_inside_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with SmsCentre():
            raise KeyError


# Faults


def of_another_origin(port: int) -> tuple[list[str], list[tuple[str, int]]]:
    """Send LONG by smpplib; return the names that the centre gave, and the (name, message_state) of its receipts."""
    client = smpplib.client.Client("127.0.0.1", port, timeout=LIMIT, allow_unknown_opt_params=True)
    names: list[str] = []
    told: list[tuple[str, int]] = []
    client.set_message_sent_handler(lambda pdu: names.append(pdu.message_id.decode()))
    client.set_message_received_handler(lambda pdu: told.append((pdu.receipted_message_id.decode(), pdu.message_state)))
    client.connect()
    client.bind_transceiver(system_id="other", password="secret")
    pieces, coding, kind = smpplib.gsm.make_parts(LONG)
    for piece in pieces:
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_NATNL,
            source_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            source_addr=OFFICE,
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            destination_addr=PHONE[1:],
            short_message=piece,
            data_coding=coding,
            esm_class=kind,
            registered_delivery=True,
        )
    while len(told) < len(pieces) or len(names) < len(pieces):
        client.read_once()
    client.unbind()
    client.disconnect()
    return names, told


async def test_a_client_of_another_origin_is_served() -> None:
    async with SmsCentre() as centre:
        async with asyncio.timeout(LIMIT):
            names, told = await asyncio.to_thread(of_another_origin, centre.port)
        (taken,) = centre.taken
    assert (taken.number, taken.body, taken.ids) == (PHONE, LONG, tuple(names))
    assert told == [(name, 2) for name in names]


async def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    file = tmp_path / "callees.yaml"
    file.write_text(f'handsets: {{"{HANDSET}": refused}}\n', encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ivr", "sms-centre", "--port", "0", "--handsets", str(file), "--password", "secret12",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            found = re.search(r":(\d+) で動いています", (await process.stdout.readline()).decode())
            assert found is not None
            heard = Heard()
            async with gateway(int(found[1]), Heard(), wait=False, password="other") as stranger:
                assert not await stranger.ready(0.2)
            async with gateway(int(found[1]), heard) as sms:
                await sms.submit(text("市役所です。"))
                line = (await process.stdout.readline()).decode()
                await heard.until(lambda: bool(heard.receipts))
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert heard.receipts[0].state is TextState.REFUSED
    assert line.endswith("*******5678 あて、6 字、1 通\n")
