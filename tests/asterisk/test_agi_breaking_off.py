"""Commands that are broken off: what Asterisk says of them, in which order, and when it says nothing."""

from __future__ import annotations

import asyncio

from ivr.asterisk.agi import AgiSession, HangupReceived
from ivr.asterisk.agi_wire import Result, command
from ivr.errors import CallLost
from tests.asterisk.agi_serving import NOOP, serving
from tests.asterisk.fake_asterisk import AgiCaller


class BreakingOff:
    """A handler that breaks one command off as soon as `stop` is set, and then runs a NOOP."""

    def __init__(self, within: float = 10.0) -> None:
        self.within = within
        self.stop = asyncio.Event()
        self.results: list[Result | None] = []
        self.errors: list[Exception] = []

    async def __call__(self, session: AgiSession) -> None:
        stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(self.stop.wait())
        waiting.add_done_callback(lambda _task: stop.done() or stop.set_result(None))
        try:
            order = command("STREAM FILE", "/clips/hello", "#")
            self.results.append(await session.execute_until(order, self.within, stop))
            self.results.append(await session.execute(NOOP, within=5))
        except Exception as error:
            self.errors.append(error)
            raise
        finally:
            waiting.cancel()


def marker(line: str) -> str:
    """Return the text that a marker command asks for."""
    assert line.startswith("GET FULL VARIABLE"), line
    return line.split('"')[1]


async def test_a_command_broken_off_has_no_result_and_the_next_one_gets_its_own() -> None:
    handler = BreakingOff()
    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        assert (await caller.command()).startswith("STREAM FILE")
        handler.stop.set()
        await caller.answer(f"200 result=1 ({marker(await caller.command())})")
        assert await caller.command() == "NOOP"
        await caller.answer("200 result=0 (own)")
        assert await caller.closed()
    assert handler.results == [None, Result(200, "0", "own")]


async def test_a_result_that_crosses_the_breaking_off_counts() -> None:
    handler = BreakingOff()
    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        handler.stop.set()
        text = marker(await caller.command())
        await caller.answer(f"200 result=0 endpos=800\n200 result=1 ({text})")
        assert await caller.command() == "NOOP"
        await caller.answer("200 result=0")
        assert await caller.closed()
    assert handler.results == [Result(200, "0", None, 800), Result(200, "0")]


async def test_a_breaking_off_that_asterisk_has_not_read_is_sent_again() -> None:
    handler = BreakingOff()
    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        handler.stop.set()
        first, second = marker(await caller.command()), marker(await caller.command())
        assert first != second
        await caller.answer(f"200 result=1 ({first})\n200 result=1 ({second})")
        assert await caller.command() == "NOOP"
        await caller.answer("200 result=0")
        assert await caller.closed()
    assert handler.results == [None, Result(200, "0")]


async def test_a_breaking_off_that_is_never_answered_ends_with_the_commands_limit() -> None:
    handler = BreakingOff(within=0.5)
    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        handler.stop.set()
        assert await caller.closed()
    assert type(handler.errors[0]) is CallLost


async def test_a_hangup_during_the_breaking_off_is_a_hangup() -> None:
    handler = BreakingOff()
    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        handler.stop.set()
        await caller.command()
        await caller.answer("200 result=-1 endpos=80\nHANGUP\n511 Command Not Permitted on a dead channel")
        assert await caller.closed()
    assert handler.results == [Result(200, "-1", None, 80)]
    assert type(handler.errors[0]) is HangupReceived
