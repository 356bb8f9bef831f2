"""Calls that come in, with a scripted PBX at the other end of the AGI connection."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.asterisk.inbound import Greeting, InboundCalls, caller
from ivr.campaign.ports import Clip
from tests.asterisk.agi_serving import serving

GREETING = Greeting(
    message=(Clip(path=Path("/voice/one"), seconds=1.0), Clip(path=Path("/voice/two"), seconds=1.0)),
    thanks=(Clip(path=Path("/voice/thanks"), seconds=1.0),),
    wait=1.0,
)
ENVIRONMENT = b"agi_network_script: inbound\nagi_uniqueid: 1.1\nagi_arg_1: <sip:0312345678@10.0.0.1>\n\n"


class Office:
    """Answers calls, and keeps what it was told of them."""

    def __init__(self, *, lines: int = 2, greeting: Greeting | None = GREETING) -> None:
        self.rang: list[tuple[str | None, bool]] = []
        self.how: list[str] = []
        self.calls = InboundCalls(self._note, lines=lines, on_call=self.how.append)
        self.calls.greeting = greeting

    async def _note(self, number: str | None, wanted: bool) -> None:
        self.rang.append((number, wanted))


async def call(port: int, *results: int | bytes | None) -> list[str]:
    """Be the PBX of one call: answer each command with the next of `results`, None hangs up; return the commands.

    A number is a result, bytes are sent as they are.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ENVIRONMENT)
    said = []
    try:
        for result in results:
            line = (await asyncio.wait_for(reader.readline(), 5)).decode()
            if not line:
                break
            said.append(line.strip())
            if result is None:
                break
            writer.write(result if isinstance(result, bytes) else f"200 result={result}\n".encode())
    finally:
        writer.close()
    return said


async def until_told(office: Office, times: int = 1) -> None:
    async with asyncio.timeout(5):
        while len(office.how) < times:
            await asyncio.sleep(0.01)


async def test_the_whole_message_is_said_and_nobody_pressed() -> None:
    office = Office()
    async with serving(office.calls.handle) as server:
        said = await call(server.port, 0, 0, 0, 0, 1)
        await until_told(office)
    assert [line.split('"')[0].strip() for line in said] == [
        "ANSWER",
        "STREAM FILE",
        "STREAM FILE",
        "WAIT FOR DIGIT",
        "HANGUP",
    ]
    assert (office.rang, office.how) == ([("0312345678", False)], ["answered"])


async def test_a_1_in_the_message_is_thanked_for_at_once() -> None:
    office = Office()
    async with serving(office.calls.handle) as server:
        said = await call(server.port, 0, 0, ord("1"), 0, 1)
        await until_told(office)
    assert "/voice/thanks" in said[3]
    assert (office.rang, office.how) == ([("0312345678", True)], ["wanted"])


async def test_who_hangs_up_in_the_message_has_rung_back_all_the_same() -> None:
    office = Office()
    async with serving(office.calls.handle) as server:
        await call(server.port, 0, None)
        await until_told(office)
    assert office.rang == [("0312345678", False)]


@pytest.mark.parametrize(
    "then",
    [
        [ord("1"), b"HANGUP\n200 result=-1 endpos=1000\n"],
        [ord("1"), None],
        [ord("1"), b"200 result=-1 endpos=0\n"],
        [ord("1"), b"510 Invalid or unknown command\n"],
        [b"200 result=49 endpos=800\nHANGUP\n"],
        [b"HANGUP\n200 result=49 endpos=800\n"],
    ],
    ids=["in the thanks", "the line is lost", "no thanks can be played", "thanks refused", "at once", "told before"],
)
async def test_who_pressed_1_is_called_back_however_the_call_ends(then: list[int | bytes | None]) -> None:
    office = Office()
    async with serving(office.calls.handle) as server:
        await call(server.port, 0, *then, 1)
        await until_told(office)
    assert (office.rang, office.how) == ([("0312345678", True)], ["wanted"])


@pytest.mark.parametrize("greeting", [None, GREETING])
async def test_without_a_message_or_a_line_the_call_is_left_to_the_busy_tone(greeting: Greeting | None) -> None:
    office = Office(lines=0 if greeting else 2, greeting=greeting)
    async with serving(office.calls.handle) as server:
        assert await call(server.port, 0) == []
        await until_told(office)
    assert (office.rang, office.how) == ([], ["busy"])


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("<sip:0312345678@10.0.0.1>", "0312345678"),
        ("sip:+81312345678@ntt.example;user=phone", "+81312345678"),
        ("<sip:anonymous@anonymous.invalid>", None),
        ("<sip:10.0.0.1>", None),
        ("", None),
        ("<sip:03a@x>", None),
    ],
)
def test_the_number_is_what_the_uri_says_and_nothing_where_it_is_withheld(uri: str, number: str | None) -> None:
    assert caller(uri) == number
