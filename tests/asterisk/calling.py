"""An originator on a real PBX, and callees behind a second one, for tests.

async with calling(tmp_path, {"0357220001": answers}) as calls:
    disposition = await calls.dial("0357220001", talk)
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from ivr.asterisk.agi import AgiServer, AgiSession
from ivr.asterisk.agi_wire import Result, command
from ivr.asterisk.ami import Ami, AmiTiming
from ivr.asterisk.originator import AsteriskOriginator, DialPlan, Hooks
from ivr.asterisk.tap import Taps
from ivr.campaign.ports import Clip, Disposition, Talk
from ivr.domain.attempt import Intent
from ivr.domain.line_rules import LeaveRule, LineRules
from ivr.rehearsal.backdrops import music
from ivr.rehearsal.sounds import Samples, babble, ringback
from tests.asterisk.fake_asterisk import until
from tests.asterisk.pbx_pair import OFFICE, PbxPair, pbx_pair

Callee = Callable[["Line"], Awaitable[None]]


@dataclass(slots=True)
class Line:
    """The far end's side of a call."""

    session: AgiSession
    sounds: Path

    async def do(self, verb: str, *arguments: str | int, within: float = 30.0) -> Result:
        """Run an AGI command on the callee's channel."""
        return await self.session.execute(command(verb, *arguments), within=within)

    async def ring(self) -> None:
        await self.do("EXEC", "Ringing")

    async def answer(self) -> None:
        await self.do("ANSWER")

    async def press(self, key: str) -> None:
        await self.do("EXEC", "SendDTMF", f"{key},100,120")

    async def sound(self, seconds: float, *, hz: int = 500) -> None:
        """Send a tone."""
        await self.do("STREAM FILE", str(tone(self.sounds, seconds, hz=hz).path), "")

    async def murmur(self, seconds: float) -> None:
        """Send what sounds like a voice."""
        await self._play(f"murmur-{seconds}", babble(seconds))

    async def melody(self, seconds: float) -> None:
        """Send music."""
        await self._play(f"melody-{seconds}", music(seconds))

    async def rings(self, bursts: int) -> None:
        """Send the ringing of a telephone behind the answer."""
        await self._play(f"rings-{bursts}", ringback(bursts))

    async def _play(self, name: str, samples: Samples) -> None:
        file = self.sounds / f"{name}.ulaw"
        if not file.exists():
            file.write_bytes(bytes(_mu_law(sample) for sample in samples.tolist()))
        await self.do("STREAM FILE", str(self.sounds / name), "")

    async def stay_silent(self, seconds: float) -> None:
        """Send packets that hold silence."""
        await self.do("STREAM FILE", str(tone(self.sounds, seconds, loudness=0).path), "")

    async def wait(self, seconds: float) -> None:
        """Send nothing at all."""
        await self.do("WAIT FOR DIGIT", round(seconds * 1000))

    async def refuse(self, q850: int) -> None:
        await self.do("EXEC", "Hangup", q850)


def tone(directory: Path, seconds: float, *, loudness: int = 8000, hz: int = 500) -> Clip:
    """Return a clip of PCMU with a tone in it."""
    path = directory / f"tone-{seconds}-{loudness}-{hz}"
    if path.with_name(path.name + ".ulaw").exists():
        return Clip(path=path, seconds=seconds)
    samples = (round(loudness * math.sin(2 * math.pi * hz * n / 8000)) for n in range(round(seconds * 8000)))
    path.with_name(path.name + ".ulaw").write_bytes(bytes(_mu_law(sample) for sample in samples))
    return Clip(path=path, seconds=seconds)


def _mu_law(sample: int) -> int:
    """Encode a 16-bit sample (ITU-T G.711)."""
    sign, size = (0x80, -sample) if sample < 0 else (0, sample)
    size = min(size, 32635) + 132
    exponent = size.bit_length() - 8
    return ~(sign | exponent << 4 | (size >> (exponent + 3)) & 0x0F) & 0xFF


class RealClock:
    """The time of day."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Calls:
    """A started pair of PBXs with an originator on one and callees on the other."""

    pair: PbxPair
    ami: Ami
    originator: AsteriskOriginator
    agi: AgiServer
    taps: Taps
    sounds: Path
    callees: dict[str, Callee]
    measured: dict[str, list[float]]

    def rule(self, leave: LeaveRule | None) -> None:
        """Leave messages by another rule from now on."""
        self.originator._rules = LineRules(leave=leave or LeaveRule())

    async def dial(self, number: str, talk: Talk, *, within: float = 60.0) -> Disposition:
        """Dial a callee; fail where that does not end."""
        async with asyncio.timeout(within):
            return await self.originator.dial(self.intent(number), talk)

    def intent(self, number: str) -> Intent:
        """Return an intent to dial a national number."""
        return Intent(id=uuid4().hex, campaign="c", recipient="r", number="+81" + number[1:], at=datetime.now(UTC))

    def clip(self, seconds: float) -> Clip:
        """Return something to play."""
        return tone(self.sounds, seconds, hz=700)

    def drop_ami(self) -> None:
        """Close the socket under AMI."""
        link: Any = self.ami._link
        link.protocol.transport.abort()

    @asynccontextmanager
    async def without_ami(self) -> AsyncIterator[None]:
        """Have AMI away inside the block, and back soon after it."""
        timing, secret = self.ami._timing, self.ami._login["Secret"]
        self.ami._timing = replace(timing, backoff_most=0.5)
        self.ami._login["Secret"] = "wrong"
        self.drop_ami()
        await until(lambda: not self.ami.connected)
        try:
            yield
        finally:
            self.ami._timing, self.ami._login["Secret"] = timing, secret

    async def channels(self) -> str:
        """Return what the engine's PBX counts as active."""
        return await self.pair.engine.command("core show channels count")


@asynccontextmanager
async def calling(
    directory: Path,
    callees: Mapping[str, Callee],
    *,
    plan: DialPlan | None = None,
) -> AsyncIterator[Calls]:
    """Start everything; `callees` answer by number, any other number is unallocated."""
    measured: dict[str, list[float]] = {
        name: [] for name in ("originated", "first_audio", "key_to_audio", "bad_token", "deaf")
    }

    async def callee(session: AgiSession) -> None:
        line = Line(session, directory)
        await known.get(session.argument(1), _unallocated)(line)

    known = dict(callees)
    late: list[AsteriskOriginator] = []

    async def handle(session: AgiSession) -> None:
        await late[0].handle(session)

    async with (
        AgiServer("127.0.0.1", 0, callee) as far,
        AgiServer("127.0.0.1", 0, handle) as near,
        Taps() as taps,
        pbx_pair(directory, agi_port=near.port, network_agi_port=far.port) as pair,
    ):
        config = pair.engine.config
        ami = Ami(
            host="127.0.0.1",
            port=config.ami_port,
            username=config.ami_username,
            secret=pair.engine.ami_secret,
            timing=AmiTiming(backoff_first=0.1, backoff_most=0.5, ping_every=1.0, ping=2.0),
        )
        hooks = Hooks(
            originated=measured["originated"].append,
            first_audio=measured["first_audio"].append,
            key_to_audio=measured["key_to_audio"].append,
            bad_token=lambda: measured["bad_token"].append(1),
            deaf=lambda: measured["deaf"].append(1),
        )
        plan = plan or DialPlan(caller_id=OFFICE, ring=5, call=60, margin=4)
        late.append(AsteriskOriginator(ami, RealClock(), plan=plan, hooks=hooks, taps=taps))
        running = asyncio.create_task(ami.run())
        try:
            await ami.wait_connected(10)
            yield Calls(pair, ami, late[0], near, taps, directory, known, measured)
        finally:
            running.cancel()
            await asyncio.wait({running})


async def _unallocated(line: Line) -> None:
    await line.refuse(1)
