"""One call on the simulated network: it rings, is refused, or is answered and lived through by a person.

Asterisk asks over FastAGI, before it answers, what to do with the number that was dialled.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from ivr.asterisk.agi import AgiSession
from ivr.asterisk.agi_wire import command
from ivr.errors import CallLost, IvrError
from ivr.rehearsal.callees import FOREVER, REFUSALS, Callees, Dtmf, HangUp, Kind, Wait
from ivr.rehearsal.keypad import Keypad
from ivr.rehearsal.lines import Line, LineClosed, Lines
from ivr.rehearsal.mouth import Mouth
from ivr.rehearsal.person import Person
from ivr.rehearsal.records import CallRecord, EndedBy, Logbook
from ivr.rehearsal.voices import Repertoire

ANSWER_SECONDS = 5.0
"""How long the network's own PBX may take over a command that does not wait for anybody."""

CANCELLED_SIP, CANCELLED_Q850 = 487, 16
ANSWERED_SIP, CLEARED_Q850 = 200, 16


class Exchange:
    """Handles the FastAGI sessions of the network's PBX."""

    def __init__(
        self, callees: Callees, logbook: Logbook, lines: Lines, says: Repertoire, keypad: Callable[[], Keypad]
    ) -> None:
        self._callees = callees
        self._logbook = logbook
        self._lines = lines
        self._says = says
        self._keypad = keypad

    async def handle(self, session: AgiSession) -> None:
        """Live through a call and keep its record."""
        began = asyncio.get_running_loop().time()
        callee = self._callees.find(session.argument(1))
        call = self._logbook.dials(callee.number) + 1
        kind = callee.kind(call)
        record = CallRecord(number=callee.number, call=call, kind=kind.name, invited_at=datetime.now().astimezone())
        self._logbook.open(record)
        try:
            await _Call(self, session, kind, record, began).run()
        except IvrError as error:
            record.fault = record.fault or str(error)
        finally:
            record.ended = record.ended or asyncio.get_running_loop().time() - began
            record.ended_by = record.ended_by or EndedBy.CALLER
            await asyncio.shield(self._logbook.close(record))

    def line(self, kind: Kind, number: str) -> Line:
        """Return a line, answered now. The same number always loses the same frames."""
        mouth = Mouth(sparse=kind.sparse, loss=kind.loss, background=kind.background, seed=zlib.crc32(number.encode()))
        return self._lines.open(mouth)

    def give_back(self, line: Line) -> None:
        """Close a line."""
        self._lines.drop(line)

    @property
    def audio_address(self) -> str:
        """Where Asterisk brings the audio, as its AudioSocket application wants it."""
        return f"{self._lines.host}:{self._lines.port}"

    def person(self, session: AgiSession, kind: Kind, line: Line, record: CallRecord) -> Person:
        """Return who performs the steps of `kind`."""
        channel = session.environment.get("agi_channel", "")

        async def press(key: str) -> tuple[float, float]:
            return await self._keypad().press(channel, key)

        return Person(kind, line, self._says, record, press=press)


class _Call:
    def __init__(self, exchange: Exchange, session: AgiSession, kind: Kind, record: CallRecord, began: float) -> None:
        self._exchange = exchange
        self._session = session
        self._kind = kind
        self._record = record
        self._began = began

    async def run(self) -> None:
        kind = self._kind
        if kind.ring > 0 and not await self._ring():
            self._cancelled()
        elif kind.refuse is not None:
            await self._refuse(kind.refuse)
        else:
            if kind.dtmf is Dtmf.INFO:
                await self._do("SET VARIABLE", "PJSIP_DTMF_MODE()", "info")
            await (self._talk() if kind.audio else self._hold())

    def _cancelled(self) -> None:
        self._record.ended, self._record.ended_by = self._now, EndedBy.CALLER
        self._record.sip, self._record.q850 = CANCELLED_SIP, CANCELLED_Q850

    def _answered(self, at: float) -> None:
        self._record.answered = at
        self._record.sip, self._record.q850 = ANSWERED_SIP, CLEARED_Q850

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    async def _do(self, verb: str, *arguments: str, within: float = ANSWER_SECONDS) -> bool:
        """Run a command; tell whether the caller is still there after it."""
        result = await self._session.execute(command(verb, *arguments), within)
        return result.number >= 0 and not self._session.ended

    async def _ring(self) -> bool:
        """Ring for as long as the kind does; tell whether the caller is still there."""
        await self._do("EXEC", "Ringing", "")
        self._record.ringing = self._now
        return await self._pause(self._kind.ring)

    async def _pause(self, seconds: float) -> bool:
        """Let `seconds` pass, or less where the other side hangs up; tell whether it is still there."""
        try:
            return await self._do("EXEC", "Wait", f"{seconds:.3f}", within=seconds + ANSWER_SECONDS)
        except CallLost:
            return False

    async def _refuse(self, sip: int) -> None:
        cause = self._kind.cause or REFUSALS[sip][0]
        await self._hang_up(EndedBy.CALLEE, cause)
        self._record.sip, self._record.q850 = sip, cause or None

    async def _hang_up(self, by: EndedBy, cause: int = CLEARED_Q850) -> None:
        self._record.ended, self._record.ended_by = self._now, by
        with suppress(CallLost):
            await self._do("EXEC", "Hangup", str(cause or ""))

    async def _hold(self) -> None:
        """Answer and stay on the line without audio, for as long as the steps wait."""
        at = self._now
        if not await self._do("ANSWER"):
            self._cancelled()
            return
        self._answered(at)
        for step in self._kind.steps:
            if isinstance(step, HangUp):
                break
            if not await self._pause(step.seconds if isinstance(step, Wait) else FOREVER):
                self._record.ended, self._record.ended_by = self._now, EndedBy.CALLER
                return
        await self._hang_up(EndedBy.CALLEE)

    async def _talk(self) -> None:
        line = self._exchange.line(self._kind, self._record.number)
        try:
            await asyncio.gather(self._carry(line), self._live(line))
        finally:
            self._exchange.give_back(line)
            self._keep(line)
        if not self._session.ended:
            with suppress(CallLost):
                await self._do("EXEC", "Hangup", str(CLEARED_Q850))

    async def _carry(self, line: Line) -> None:
        """Let Asterisk answer and carry the audio until one side hangs up.

        Dial answers the call when the AudioSocket is there and bridges the two, so that the callee hears from the
        first packet on. The application AudioSocket wants an answered call: what comes before it runs is lost.
        """
        try:
            await self._do(
                "EXEC",
                "Dial",
                f"AudioSocket/{self._exchange.audio_address}/{line.uuid}/c(slin)",
                within=2 * FOREVER,
            )
        except CallLost:
            pass
        finally:
            line.close()

    async def _live(self, line: Line) -> None:
        """Perform the steps; whichever way it ends, the line is hung up."""
        record = self._record
        try:
            await line.connected()
            self._answered(line.answered - self._began)
            async with asyncio.timeout(FOREVER):
                await self._exchange.person(self._session, self._kind, line, record).perform(self._kind.steps)
            by = EndedBy.CALLEE
        except TimeoutError:
            by = EndedBy.LIMIT
        except LineClosed:
            by = EndedBy.CALLER
        except IvrError as error:
            record.fault, by = str(error), EndedBy.CALLEE
        record.ended, record.ended_by = self._now, by
        if not line.hang_up():
            self._session.close()

    def _keep(self, line: Line) -> None:
        record, ear = self._record, line.ear
        answered = record.answered or 0.0
        record.heard = ear.heard()
        record.keys_heard = [key for key, _ in line.keys_heard]
        if ear.first_frame is not None:
            record.first_audio = answered + ear.first_frame
        if ear.first_sound is not None:
            record.first_sound = answered + ear.first_sound
