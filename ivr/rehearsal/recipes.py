"""The usual recipes for recording machines, as baselines: what they leave of our message on the same callees.

    async with RecipeEngine(directory, asterisk, sip_port=network.sip_port) as engine:
        await engine.call("0312345678", Recipe.AMD, prompt=Path("…/prompt"), message=Path("…/message"))

Each is a call through the engine's own PBX configuration: Originate into its dialplan, and what the token stands for
is done over FastAGI. Nobody is listened to but by Asterisk's own applications.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from ivr.asterisk.agi import AgiServer, AgiSession
from ivr.asterisk.agi_wire import command
from ivr.asterisk.ami import Ami
from ivr.asterisk.ami_link import AmiMessage
from ivr.asterisk.pbx import ManagedPbx
from ivr.asterisk.pbx_config import PbxConfig, Trunk
from ivr.asterisk.pbx_layout import Layout
from ivr.errors import CallLost, OwnError, PbxUnavailable
from ivr.rehearsal.ports import HOST, free_port

MODULES = ("app_waitforsilence.so", "app_amd.so")
"""What the recipes need of Asterisk. The engine itself does without the second."""

AMD_CONF = """\
[general]
initial_silence = 2500
greeting = 1500
after_greeting_silence = 800
total_analysis_time = 5000
minimum_word_length = 100
between_words_silence = 50
maximum_number_of_words = 3
maximum_word_length = 5000
silence_threshold = 256
"""
"""Asterisk's own sample of amd.conf; the application does not load without one."""

RTP_PORTS = (10000, 14999)
RING, CALL = 10.0, 200.0
"""Seconds that a callee may ring, and a whole call may last."""

ANSWER = 5.0
"""Seconds for Asterisk to answer a command, beyond the time that the command itself may take."""

FOR_SILENCE = 90
"""Seconds that WaitForSilence may wait at most, as long as the engine's own rule waits."""

OUR_NUMBER = "0357220000"


class Recipe(StrEnum):
    """What is done between the question and the message."""

    TEN_SECONDS = "ten_seconds"
    TWO_SILENT = "two_silent"
    AMD = "amd"

    @property
    def label(self) -> str:
        """Return the recipe in words."""
        return _LABELS[self]


_LABELS: Mapping[Recipe, str] = {
    Recipe.TEN_SECONDS: "質問、10 秒待つ、伝言",
    Recipe.TWO_SILENT: "質問、3 秒待つ、WaitForSilence(2000)、伝言",
    Recipe.AMD: "質問、AMD、WaitForSilence(1000)、伝言",
}


@dataclass(frozen=True, slots=True)
class Play:
    """Play the files, one after the other; they last `seconds`."""

    clips: tuple[Path, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """Run an application of the dialplan, `within` seconds."""

    application: str
    arguments: str
    within: float


Act = Play | Run


def acts(recipe: Recipe, prompt: Play, message: Play) -> tuple[Act, ...]:
    """Return what `recipe` does, in order: the prompt once, what it waits for, the message."""
    silent = f"1,{FOR_SILENCE}"
    match recipe:
        case Recipe.TEN_SECONDS:
            waits: tuple[Act, ...] = (Run("Wait", "10", 10.0),)
        case Recipe.TWO_SILENT:
            waits = (Run("Wait", "3", 3.0), Run("WaitForSilence", f"2000,{silent}", FOR_SILENCE))
        case Recipe.AMD:
            waits = (Run("AMD", "", 10.0), Run("WaitForSilence", f"1000,{silent}", FOR_SILENCE))
    return (prompt, *waits, message)


async def perform(session: AgiSession, todo: Sequence[Act]) -> None:
    """Do `todo` on an answered call, then hang up; what is left is dropped once the callee has hung up."""
    with suppress(CallLost):
        for act in todo:
            for order, within in _orders(act):
                if session.ended:
                    return
                await session.execute(order, within + ANSWER)
        await session.execute(command("HANGUP"), ANSWER)


def _orders(act: Act) -> list[tuple[bytes, float]]:
    match act:
        case Play(clips, seconds):
            return [(command("STREAM FILE", str(clip), ""), seconds) for clip in clips]
        case Run(application, arguments, within):
            return [(command("EXEC", application, arguments), within)]


@dataclass(slots=True)
class _Call:
    todo: Sequence[Act]
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    refused: bool = False

    def take(self, event: AmiMessage) -> None:
        """Note the end of the channel, or that there never was one."""
        never = event.get("Event") == "OriginateResponse" and event.get("Response") == "Failure"
        if event.get("Event") in ("Hangup", "Disconnected") or never:
            self.gone.set()


class RecipeEngine:
    """A PBX as the engine's, whose trunk leads to 127.0.0.1:`sip_port`, and what runs recipes on it.

    Entering raises what `ManagedPbx.start` does, and OwnError where Asterisk lacks a module.
    """

    def __init__(self, directory: Path, asterisk: Layout, *, sip_port: int) -> None:
        self._directory = directory
        self._asterisk = asterisk
        self._sip_port = sip_port
        self._calls: dict[str, _Call] = {}
        self._running = AsyncExitStack()
        self._count = 0

    async def __aenter__(self) -> Self:
        see_modules(self._asterisk.moddir)
        async with AsyncExitStack() as stack:
            agi = await stack.enter_async_context(AgiServer(HOST, 0, self._handle))
            pbx = ManagedPbx(self._config(agi.port), self._asterisk)
            stack.push_async_callback(pbx.stop)
            await pbx.start()
            await load_modules(pbx, self._directory)
            config = pbx.config
            self._ami = Ami(host=HOST, port=config.ami_port, username=config.ami_username, secret=pbx.ami_secret)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            running = group.create_task(self._ami.run())
            stack.callback(running.cancel)
            await self._ami.wait_connected(ANSWER)
            self._running = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Hang up every call and stop the PBX."""
        await self._running.aclose()

    async def call(self, number: str, todo: Sequence[Act]) -> None:
        """Dial the national `number` and do `todo` once it is answered; return when the call is over.

        PbxUnavailable where the PBX does not take the order.
        """
        self._count += 1
        token, channel = secrets.token_urlsafe(24), f"recipe-{self._count}"
        call = self._calls[token] = _Call(todo)
        try:
            with self._ami.following(channel, call.take):
                answer = await self._ami.action(_originate(number, channel, token), within=ANSWER)
                if answer.get("Response") != "Success":
                    raise PbxUnavailable("PBX が発信の指示を断りました。")
                with suppress(TimeoutError):
                    async with asyncio.timeout(RING + CALL + ANSWER):
                        await call.gone.wait()
        finally:
            del self._calls[token]
            if not call.gone.is_set():
                self._ami.tell({"Action": "Hangup", "Channel": channel, "Cause": "16"})

    async def _handle(self, session: AgiSession) -> None:
        call = self._calls.get(session.argument(1))
        if call is not None:
            await perform(session, call.todo)

    def _config(self, agi_port: int) -> PbxConfig:
        return PbxConfig(
            directory=self._directory,
            side=Trunk(host=HOST, port=self._sip_port, caller_id=OUR_NUMBER),
            ami_port=free_port(),
            sip_port=free_port(socket.SOCK_DGRAM),
            rtp_ports=RTP_PORTS,
            agi_port=agi_port,
            name="recipes",
        )


def see_modules(moddir: Path) -> None:
    """See that Asterisk's modules for the recipes are there; OwnError."""
    missing = [name for name in MODULES if not (moddir / name).exists()]
    if missing:
        raise OwnError(
            f"比べるための手順に要る Asterisk のモジュール {'、'.join(missing)} が {moddir} にありません。"
            "--recipes を外して実行してください。"
        )


async def load_modules(pbx: ManagedPbx, directory: Path) -> None:
    """Load what the engine's own configuration does not; OwnError where Asterisk does not take it."""
    (directory / "etc" / "amd.conf").write_text(AMD_CONF, encoding="utf-8")
    listed = await pbx.command("module show")
    for name in MODULES:
        if name not in listed:
            said = await pbx.command(f"module load {name}")
            if "Loaded" not in said:
                raise OwnError(f"Asterisk のモジュール {name} を読み込めません（{said.strip()}）。")


def _originate(number: str, channel: str, token: str) -> dict[str, str | list[str]]:
    return {
        "Action": "Originate",
        "ActionID": channel,
        "ChannelId": channel,
        "Channel": f"PJSIP/{number}@trunk",
        "Context": "ivr-call",
        "Exten": "start",
        "Priority": "1",
        "CallerID": OUR_NUMBER,
        "Timeout": str(round(RING * 1000)),
        "Async": "true",
        "Variable": [f"IVR_TOKEN={token}", f"TIMEOUT(absolute)={round(RING + CALL)}"],
    }
