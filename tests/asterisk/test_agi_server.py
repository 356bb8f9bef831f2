"""The FastAGI server over real sockets, with peers that behave and peers that don't."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack

import pytest

from ivr.asterisk.agi import AgiLimits, AgiServer, AgiSession, CommandRefused, HangupReceived
from ivr.asterisk.agi_wire import Result
from ivr.errors import Busy, CallLost
from tests.asterisk.agi_serving import NOOP, serving
from tests.asterisk.fake_asterisk import AgiCaller, until


class Recorder:
    """A handler that runs one NOOP after another and keeps how the session ended."""

    def __init__(self, within: float = 2.0, commands: int = 1000) -> None:
        self.within = within
        self.commands = commands
        self.results: list[Result] = []
        self.errors: list[Exception] = []
        self.sessions: list[AgiSession] = []

    async def __call__(self, session: AgiSession) -> None:
        self.sessions.append(session)
        try:
            for _ in range(self.commands):
                self.results.append(await session.execute(NOOP, within=self.within))
        except Exception as error:
            self.errors.append(error)
            raise


async def test_a_handler_gets_the_environment_and_its_commands_are_answered() -> None:
    recorder = Recorder(commands=2)
    async with serving(recorder) as server, AgiCaller.connect(server.port, "id-1", "token") as caller:
        assert await caller.command() == "NOOP"
        await caller.answer("200 result=0")
        await caller.command()
        await caller.answer("200 result=35 endpos=800")
        assert await caller.closed()
    assert recorder.results == [Result(200, "0"), Result(200, "35", None, 800)]
    assert recorder.sessions[0].unique_id == "id-1"
    assert recorder.sessions[0].argument(1) == "token"
    assert recorder.sessions[0].argument(2) == ""


@pytest.mark.parametrize("sent", [b"", b"agi_network: yes\n", b"agi_netw"])
async def test_a_peer_that_does_not_finish_its_environment_is_let_go(sent: bytes) -> None:
    recorder, refused = Recorder(), list[str]()
    async with serving(recorder, refused) as server:
        caller = await AgiCaller.raw(server.port, sent)
        assert await caller.closed()
        await until(lambda: refused == ["late"])
        await caller.close()
    assert recorder.sessions == []


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + b"\0" * 9000, b"\n\n"])
async def test_a_peer_that_sends_garbage_is_let_go_at_once(sent: bytes) -> None:
    recorder, refused = Recorder(), list[str]()
    async with serving(recorder, refused, environment=30) as server:
        caller = await AgiCaller.raw(server.port, sent)
        assert await caller.closed()
        await until(lambda: refused == ["garbage"])
        await caller.close()
    assert recorder.sessions == []


async def test_a_peer_that_goes_away_inside_its_environment_costs_nothing() -> None:
    recorder, refused = Recorder(), list[str]()
    async with serving(recorder, refused, environment=30) as server:
        for sent in (b"", b"agi_network: yes\n"):
            await (await AgiCaller.raw(server.port, sent)).close()
        await until(lambda: refused == ["garbage", "garbage"])
    assert recorder.sessions == []


async def test_a_peer_that_goes_away_in_mid_command_raises_call_lost_at_once() -> None:
    recorder = Recorder(within=60)
    async with serving(recorder) as server:
        async with AgiCaller.connect(server.port) as caller:
            await caller.command()
        await until(lambda: len(recorder.errors) == 1)
    assert type(recorder.errors[0]) is CallLost


async def test_a_peer_that_never_answers_raises_call_lost_in_time() -> None:
    recorder = Recorder(within=0.1)
    async with serving(recorder) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        assert await caller.closed()
    assert type(recorder.errors[0]) is CallLost


async def test_an_answer_that_came_while_our_own_process_stood_still_counts() -> None:
    recorder = Recorder(within=0.2, commands=2)
    async with serving(recorder) as server, AgiCaller.connect(server.port) as caller:
        for _ in range(2):
            await caller.command()
            await caller.answer("200 result=0")
            time.sleep(0.5)  # noqa: ASYNC251 - the process stands still
        assert await caller.closed()
    assert recorder.results == [Result(200, "0")] * 2


@pytest.mark.parametrize("answer", ["what?", "200 nothing", "\x00", ""])
async def test_a_peer_that_answers_garbage_raises_call_lost(answer: str) -> None:
    recorder = Recorder(within=60)
    async with serving(recorder) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        await caller.answer(answer)
        assert await caller.closed()
    assert type(recorder.errors[0]) is CallLost


async def test_an_answer_without_a_command_ends_the_session() -> None:
    recorder = Recorder(within=60)
    async with serving(recorder) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        await caller.answer("200 result=0\n200 result=0")
        assert await caller.closed()
    assert type(recorder.errors[0]) is CallLost


async def test_a_hangup_in_mid_command_is_known_before_the_commands_own_result() -> None:
    recorder, told = Recorder(within=60), list[bool]()

    async def handler(session: AgiSession) -> None:
        session.when_ended(lambda: told.append(session.hung_up))
        await recorder(session)

    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        await caller.answer("HANGUP")
        await until(lambda: told == [True])
        assert recorder.results == []
        await caller.answer("200 result=-1 endpos=160")
        assert await caller.closed()
    assert recorder.results == [Result(200, "-1", None, 160)]
    assert type(recorder.errors[0]) is HangupReceived


async def test_a_hangup_between_commands_is_noted_though_nobody_reads() -> None:
    noted = asyncio.Event()

    async def handler(session: AgiSession) -> None:
        session.when_ended(noted.set)
        await noted.wait()
        with pytest.raises(HangupReceived):
            await session.execute(NOOP, within=60)

    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        await caller.answer("HANGUP")
        async with asyncio.timeout(2):
            await noted.wait()
        assert await caller.closed()


async def test_a_dead_channel_is_a_hangup() -> None:
    recorder = Recorder(within=60)
    async with serving(recorder) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        await caller.answer("511 Command Not Permitted on a dead channel or intercept routine")
        assert await caller.closed()
    assert type(recorder.errors[0]) is HangupReceived
    assert recorder.sessions[0].hung_up


@pytest.mark.parametrize(
    "answer", ["510 Invalid or unknown command", "520-Invalid command syntax.\nUsage: NOOP\n520 End of proper usage."]
)
async def test_a_refused_command_is_our_own_error_and_only_logged_by_its_kind(
    answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(within=60)
    async with serving(recorder) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        await caller.answer(answer)
        assert await caller.closed()
    assert type(recorder.errors[0]) is CommandRefused
    assert "CommandRefused" in caplog.text


async def test_what_a_handler_raises_is_logged_without_its_text_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(session: AgiSession) -> None:
        if session.argument(1) == "bad":
            raise RuntimeError("山田太郎 09012345678")
        await session.execute(NOOP, within=5)

    async with serving(handler) as server, AgiCaller.connect(server.port) as good:
        await good.command()
        async with AgiCaller.connect(server.port, "id-2", "bad") as bad:
            assert await bad.closed()
        await good.answer("200 result=0")
        assert await good.closed()
    assert "RuntimeError" in caplog.text
    assert "handler:" in caplog.text
    assert "山田" not in caplog.text
    assert "0901" not in caplog.text


async def test_a_cancelled_command_ends_its_session_so_that_no_answer_is_taken_for_the_next() -> None:
    outcome = list[str]()

    async def handler(session: AgiSession) -> None:
        try:
            async with asyncio.timeout(0.05):
                await session.execute(NOOP, within=60)
        except TimeoutError:
            outcome.append("cancelled")
        try:
            await session.execute(NOOP, within=60)
        except CallLost:
            outcome.append("lost")

    async with serving(handler) as server, AgiCaller.connect(server.port) as caller:
        await caller.command()
        assert await caller.closed()
    assert outcome == ["cancelled", "lost"]


async def test_more_connections_than_allowed_are_closed_and_counted() -> None:
    recorder, refused, counts = Recorder(within=60), list[str](), list[int]()
    limits = AgiLimits(sessions=2, environment=5)
    async with AgiServer(
        "127.0.0.1", 0, recorder, limits=limits, on_refused=refused.append, on_sessions=counts.append
    ) as server:
        async with AgiCaller.connect(server.port) as one, AgiCaller.connect(server.port) as two:
            await one.command()
            await two.command()
            async with AgiCaller.connect(server.port) as three:
                assert await three.closed()
        await until(lambda: server.sessions == 0)
        async with AgiCaller.connect(server.port) as four:
            await four.command()
    assert refused == ["full"]
    assert counts == [1, 2, 1, 0, 1, 0]


async def test_strangers_who_say_nothing_take_no_calls_place() -> None:
    recorder, refused = Recorder(within=60), list[str]()
    limits = AgiLimits(sessions=2, strangers=3, environment=60)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            AgiServer("127.0.0.1", 0, recorder, limits=limits, on_refused=refused.append)
        )
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        for _ in range(2):
            caller = await stack.enter_async_context(AgiCaller.connect(server.port))
            await caller.command()
        assert server.sessions == 2
        await until(lambda: len(refused) >= 17)
        assert set(refused) == {"garbage"}
        for _, writer in silent:
            writer.close()


async def test_a_thousand_connections_without_a_token_that_is_waited_for_keep_no_call_out() -> None:
    recorder, refused = Recorder(within=60), list[str]()

    async def handler(session: AgiSession) -> None:
        if session.argument(1) == "token":
            await recorder(session)

    limits = AgiLimits(sessions=2, strangers=50, environment=60)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            AgiServer("127.0.0.1", 0, handler, limits=limits, on_refused=refused.append)
        )
        silent = [await AgiCaller.raw(server.port, b"" if n % 2 else b"agi_network: yes\n") for n in range(500)]
        forged = [await AgiCaller.greeted(server.port, "id", "forged") for _ in range(500)]
        for _ in range(2):
            caller = await stack.enter_async_context(AgiCaller.connect(server.port, "id", "token"))
            await caller.command()
        assert server.sessions == 2
        assert "full" not in refused
        for other in (*silent, *forged):
            await other.close()


async def test_closing_the_server_ends_every_session_and_cancels_a_handler_that_stays() -> None:
    ended = list[str]()

    async def stubborn(session: AgiSession) -> None:
        try:
            await session.execute(NOOP, within=60)
        except CallLost:
            ended.append("lost")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    began = time.monotonic()
    async with serving(stubborn, closing=0.1) as server:
        caller = await AgiCaller.greeted(server.port)
        await caller.command()
    assert ended == ["lost", "cancelled"]
    assert await caller.closed()
    assert time.monotonic() - began < 5
    await caller.close()


async def test_a_port_that_is_taken_is_said_so() -> None:
    async with serving(Recorder()) as server:
        with pytest.raises(Busy, match=str(server.port)):
            async with AgiServer("127.0.0.1", server.port, Recorder()):
                pass


async def test_five_hundred_bad_peers_leave_no_session_and_good_calls_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    recorder = Recorder(commands=1)
    async with serving(recorder) as server:
        bad = await asyncio.gather(
            *(AgiCaller.raw(server.port, (b"", b"rubbish\n", b"agi_x: y\n")[n % 3]) for n in range(500))
        )
        async with AgiCaller.connect(server.port) as good:
            await good.command()
            await good.answer("200 result=0")
            assert await good.closed()
        await asyncio.gather(*(caller.close() for caller in bad))
        await until(lambda: server.sessions == 0)
    assert len(recorder.results) == 1
