"""Dials through AMI and talks through AGI.

    dial --Originate(token)--> PBX --SIP--> callee answers --> dialplan --AGI(token)--> talk --> Hangup event --> done

A dial ends with the channel's Hangup event. Where that can't come, because AMI was away, the PBX's list of channels
is asked, and what the AGI session saw counts; a limit stands behind everything, so that no line stays taken.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ivr.asterisk.agi import AgiSession
from ivr.asterisk.ami import Ami
from ivr.asterisk.ami_link import AmiMessage, NotSent
from ivr.asterisk.call_leg import AgiCallLeg
from ivr.asterisk.dial_state import DialState
from ivr.asterisk.early_media import EarlyListener
from ivr.asterisk.listening import Ear
from ivr.asterisk.tap import Tap, Taps
from ivr.campaign.ports import Clock, Disposition, Talk
from ivr.domain.attempt import Intent
from ivr.domain.line_rules import LineRules
from ivr.errors import CallLost, OwnError, PbxUnavailable

LOOK_AGAIN = 1.0
"""Seconds between two looks at the PBX's channels while one's fate is in doubt."""

FAREWELL = 2.0
"""Seconds after a talk for the channel to be gone while AMI is away and can't say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPlan:
    """How we dial: the endpoint's name in pjsip.conf, our number, the form of numbers, limits in seconds."""

    trunk: str = "trunk"
    caller_id: str = ""
    number_format: Literal["national", "e164"] = "national"
    context: str = "ivr-call"
    extension: str = "start"
    ring: float = 30.0
    call: float = 180.0
    margin: float = 10.0
    """Seconds beyond `ring` and `call` before we hang up ourselves, and again before we give the channel up."""
    order: float = 5.0
    """Seconds for AMI to answer one action."""
    ready: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Told for metrics: seconds, except `bad_token` and `deaf` (a call that could not be listened to)."""

    originated: Callable[[float], None] = lambda _seconds: None
    first_audio: Callable[[float], None] = lambda _seconds: None
    key_to_audio: Callable[[float], None] = lambda _seconds: None
    bad_token: Callable[[], None] = lambda: None
    deaf: Callable[[], None] = lambda: None


class AsteriskOriginator:
    """An Originator. `handle` is the handler of the AgiServer that the dialplan connects to."""

    def __init__(
        self,
        ami: Ami,
        clock: Clock,
        *,
        plan: DialPlan | None = None,
        rules: LineRules | None = None,
        hooks: Hooks | None = None,
        taps: Taps | None = None,
    ) -> None:
        self._ami = ami
        self._clock = clock
        self._plan = plan or DialPlan()
        self._rules = rules or LineRules()
        self._hooks = hooks or Hooks()
        self._taps = taps
        self.deaf = False
        """Whether the last call that was to be listened to could not be."""
        self._waiting: dict[str, _Dial] = {}
        self._channels = _Channels(ami, self._plan.order)

    @property
    def waiting(self) -> int:
        """How many dials are under way."""
        return len(self._waiting)

    @property
    def ringing(self) -> frozenset[str]:
        """The attempts of which the network has said that it rings."""
        return frozenset(dial.id for dial in self._waiting.values() if dial.state.rings)

    @property
    def connected(self) -> bool:
        """Tell whether AMI is there now."""
        return self._ami.connected

    async def ready(self) -> None:
        """Return once AMI is there; PbxUnavailable with the reason after `ready` seconds."""
        await self._ami.wait_connected(self._plan.ready)

    async def dial(self, intent: Intent, talk: Talk) -> Disposition:
        """Originate `intent` once; see ports.Originator.

        What `talk` raises, and a channel that the PBX could not connect to our AGI server (OwnError), is raised when
        the channel is gone. A cancelled dial orders the hang-up and does not wait for it.
        """
        number = dialled(intent.number, self._plan.number_format)
        if number is None:
            return Disposition(refused="電話番号の形が正しくないため、発信しませんでした。")
        token = secrets.token_urlsafe(24)
        dial = _Dial(intent.id, talk, DialState(self._clock))
        early = EarlyListener(self._open_tap)
        self._waiting[token] = dial
        over = False
        try:

            def take(event: AmiMessage) -> None:
                dial.state.take(event)
                early.take(event)

            with self._ami.following(intent.id, take):
                await self._order(dial, number, token)
                await self._until_gone(dial)
                over = True
                if dial.error is not None:
                    raise dial.error
                if dial.state.never_talked:
                    raise OwnError("応答した通話が AGI に接続されませんでした。PBX から AGI の設定を確認してください。")
                return replace(dial.state.disposition(), early=early.heard())
        finally:
            early.close()
            self._waiting.pop(token, None)
            if not over:
                self._ami.tell(_hang_up(intent.id))
                if dial.session is not None:
                    dial.session.close()

    def hang_up(self, attempt: str) -> None:
        """Have AMI hang up; without AMI the dialplan does, once its AGI session is gone."""
        for dial in self._waiting.values():
            if dial.id == attempt:
                dial.state.by_us = True
                self._ami.tell(_hang_up(attempt))
                if dial.session is not None and not self._ami.connected:
                    dial.session.close()

    async def handle(self, session: AgiSession) -> None:
        """Run the talk that a session's token stands for; any other session is closed at once."""
        dial = self._waiting.get(session.argument(1))
        if dial is None or session.unique_id != dial.id or dial.session is not None:
            self._hooks.bad_token()
            return
        dial.session = session
        try:
            with Ear(self._ami, dial.id, self._tap_of(session), rule=self._rules.leave) as ear:
                leg = AgiCallLeg(
                    session,
                    ear,
                    answered=dial.state.note_talk(),
                    rules=self._rules,
                    on_first_audio=self._hooks.first_audio,
                    on_key_to_audio=self._hooks.key_to_audio,
                    on_deaf=self._hooks.deaf,
                )
                await dial.talk(leg)
                self.deaf = leg.deaf if ear.to_be_tapped else self.deaf
                await leg.hang_up()
        except CallLost:
            pass
        except Exception as error:  # noqa: BLE001 - raised again by dial()
            dial.error = error
        finally:
            session.close()
            dial.state.note_talked()

    def _tap_of(self, session: AgiSession) -> Callable[[], Tap] | None:
        open_tap, channel = self._open_tap, session.environment.get("agi_channel", "")
        return (lambda: open_tap(channel)) if open_tap is not None and channel else None

    @property
    def _open_tap(self) -> Callable[[str], Tap] | None:
        taps = self._taps
        return (lambda channel: taps.open(self._ami, channel)) if taps is not None else None

    async def _order(self, dial: _Dial, number: str, token: str) -> None:
        """Send the one Originate of this dial, and note what came of it."""
        plan = self._plan
        order = {
            "Action": "Originate",
            "ActionID": dial.id,
            "ChannelId": dial.id,
            "Channel": f"PJSIP/{number}@{plan.trunk}",
            "Context": plan.context,
            "Exten": plan.extension,
            "Priority": "1",
            "CallerID": plan.caller_id,
            "Timeout": str(round(plan.ring * 1000)),
            "Async": "true",
            "Variable": [
                f"IVR_TOKEN={token}",
                f"TIMEOUT(absolute)={round(plan.ring + plan.call + plan.margin)}",
            ],
        }
        loop = asyncio.get_running_loop()
        began = loop.time()
        dial.state.note_order()
        try:
            answer = await self._ami.action(order, within=plan.order)
        except NotSent as error:
            dial.state.note_refusal(str(error))
        except PbxUnavailable:
            return
        else:
            self._hooks.originated(loop.time() - began)
            if answer.get("Response") != "Success":
                dial.state.note_refusal("PBX が発信の指示を断りました。トランクの設定を確認してください。")

    async def _until_gone(self, dial: _Dial) -> None:
        """Return when the channel is gone or given up, and `talk` has ended."""
        state, plan = dial.state, self._plan
        loop = asyncio.get_running_loop()
        ring_end = loop.time() + plan.ring + plan.margin
        told_at: float | None = None
        while not state.gone:
            if state.in_doubt and self._ami.connected and not await self._alive(dial):
                state.note_gone()
                break
            end = ring_end if state.answered is None else state.answered + plan.call + plan.margin
            if told_at is not None:
                end = told_at + plan.margin
            elif state.talked is not None:
                end = min(end, state.talked + (plan.margin / 2 if self._ami.connected else FAREWELL))
            left = end - loop.time()
            if left > 0:
                await state.changed(min(left, LOOK_AGAIN) if state.in_doubt else left)
            elif told_at is None and self._ami.connected:
                told_at = loop.time()
                state.by_us = True
                self._ami.tell(_hang_up(dial.id))
            else:
                state.note_gone()
        await self._talk_ended(dial)

    async def _talk_ended(self, dial: _Dial) -> None:
        """The channel is gone, so that the talk ends by itself; see to it that it does."""
        loop = asyncio.get_running_loop()
        for _ in range(2):
            end = loop.time() + self._plan.margin / 2
            while dial.session is not None and dial.state.talked is None and loop.time() < end:
                await dial.state.changed(end - loop.time())
            if dial.session is not None:
                dial.session.close()

    async def _alive(self, dial: _Dial) -> bool:
        """Tell whether the PBX still has the channel, after events may have been missed; True where it can't say."""
        generation = self._ami.generation
        try:
            alive = dial.id in await self._channels.alive(generation)
        except PbxUnavailable:
            return True
        if alive and generation == self._ami.generation:
            dial.state.in_doubt = False
        return alive


class _Dial:
    """A dial under way: its id, what is to be said, what is known, and the AGI session once it has come."""

    def __init__(self, dial_id: str, talk: Talk, state: DialState) -> None:
        self.id = dial_id
        self.talk = talk
        self.state = state
        self.session: AgiSession | None = None
        self.error: Exception | None = None


class _Channels:
    """The PBX's living channels, asked for once after each connection, for all dials together."""

    def __init__(self, ami: Ami, within: float) -> None:
        self._ami = ami
        self._within = within
        self._lock = asyncio.Lock()
        self._generation = 0
        self._alive: frozenset[str] = frozenset()

    async def alive(self, generation: int) -> frozenset[str]:
        """Return the ids as of the connection `generation` or a later one; PbxUnavailable."""
        async with self._lock:
            if self._generation < generation:
                current = self._ami.generation
                listed = await self._ami.listing("CoreShowChannels", self._within)
                self._alive = frozenset(channel.get("Uniqueid", "") for channel in listed)
                self._generation = current
            return self._alive


def dialled(number: str, number_format: Literal["national", "e164"]) -> str | None:
    """Return an E.164 `number` as the trunk wants it; None where it is none, or not Japanese and so not national.

    `+81312345678` is `0312345678` (national, ITU-T E.164 with the trunk prefix 0) or itself (e164).
    """
    if not re.fullmatch(r"\+[1-9][0-9]{4,14}", number):
        return None
    if number_format == "e164":
        return number
    return "0" + number.removeprefix("+81") if number.startswith("+81") else None


def _hang_up(channel: str) -> dict[str, str]:
    return {"Action": "Hangup", "Channel": channel, "Cause": "16"}
