"""An engine small enough to see through: the real PBX, originator and call flow, without store, list and voice.

Every step is spoken as a murmur of its own, so that what a callee heard can be compared with what was said.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from ivr.asterisk.agi import AgiServer
from ivr.asterisk.ami import Ami
from ivr.asterisk.originator import AsteriskOriginator, DialPlan
from ivr.asterisk.pbx_config import Trunk
from ivr.campaign.ports import Clip, Disposition
from ivr.campaign.run_call import Conversation
from ivr.domain.attempt import Intent
from ivr.domain.line_rules import LeaveRule, LineRules
from ivr.domain.outcome import Outcome, of_call, of_network
from ivr.domain.scenario import Ask, Leave, Say, Scenario
from ivr.rehearsal.sounds import RATE, Samples, babble
from ivr.system_clock import SystemClock
from tests.asterisk.pbx_pair import engine_config, started
from tts import g711

SCENARIO = Scenario(
    title="reminder",
    start="confirm",
    steps={
        "confirm": Ask(name="confirm", text="q", keys={"#": "notice"}, times=2, wait=4.0, silence="machine"),
        "notice": Say(name="notice", text="n", reached=True, then="more"),
        "more": Ask(name="more", text="m", keys={"1": "notice", "2": "callback"}, wait=3.0, silence="bye"),
        "callback": Say(name="callback", text="c", mark="callback_requested", then="bye"),
        "bye": Say(name="bye", text="b"),
        "machine": Leave(name="machine", text="l"),
    },
)
"""The reminder of design.md §4.4 in its shape."""

SECONDS = {"confirm": 6.0, "notice": 3.0, "more": 2.5, "callback": 1.2, "bye": 1.2, "machine": 4.0}
SAID: Mapping[str, Samples] = {
    name: babble(seconds, seed=100 + index, pitch=140.0 + 7 * index)
    for index, (name, seconds) in enumerate(SECONDS.items())
}
"""What is said at each step; no pause in it."""

RING = 6.0
LEAVE = LeaveRule(before=1.0, total=12.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How the engine saw a call."""

    outcome: Outcome
    disposition: Disposition
    conversation: Conversation

    @property
    def keys(self) -> list[str]:
        return [timed.press.key for timed in self.conversation.keys]


class SmallEngine:
    """Calls numbers and says what came of it."""

    def __init__(self, originator: AsteriskOriginator, directory: Path) -> None:
        self._originator = originator
        self._clock = SystemClock(UTC)
        self._calls = 0
        self._script = {name: (_clip(directory / name, samples),) for name, samples in SAID.items()}

    async def call(self, number: str) -> Call:
        """Dial `number` (E.164) and go through the scenario with whoever answers."""
        self._calls += 1
        conversation = Conversation(SCENARIO, self._script, self._clock, limit=90.0)
        intent = Intent(id=f"call-{self._calls}", campaign="c", recipient="r", number=number, at=self._clock.now())
        disposition = await self._originator.dial(intent, conversation.run)
        if conversation.over is not None:
            outcome = of_call(conversation.facts, conversation.over)
        else:
            outcome = of_network(disposition.sip, disposition.q850, rang=disposition.rang)
        return Call(outcome=outcome, disposition=disposition, conversation=conversation)


@asynccontextmanager
async def small_engine(
    directory: Path, sip_port: int, *, username: str | None = None, password: str | None = None
) -> AsyncIterator[SmallEngine]:
    """An engine whose trunk leads to 127.0.0.1:`sip_port`."""
    trunk = Trunk(host="127.0.0.1", port=sip_port, caller_id="0357220000", username=username, password=password)

    async def handle(session: object) -> None:
        await originator.handle(session)  # type: ignore[arg-type]

    async with (
        AgiServer("127.0.0.1", 0, handle) as agi,
        started(engine_config(directory / "engine", trunk, agi_port=agi.port)) as pbx,
        asyncio.TaskGroup() as group,
    ):
        ami = Ami(
            host="127.0.0.1",
            port=pbx.config.ami_port,
            username=pbx.config.ami_username,
            secret=pbx.ami_secret,
        )
        running = group.create_task(ami.run())
        originator = AsteriskOriginator(
            ami, SystemClock(UTC), plan=DialPlan(caller_id="0357220000", ring=RING), rules=LineRules(leave=LEAVE)
        )
        await originator.ready()
        (directory / "said").mkdir()
        yield SmallEngine(originator, directory / "said")
        running.cancel()


def _clip(path: Path, samples: Samples) -> Clip:
    path.with_suffix(".ulaw").write_bytes(g711.ulaw(samples))
    return Clip(path=path, seconds=samples.size / RATE)
