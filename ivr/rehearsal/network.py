"""The simulated telephone network: a second Asterisk whose every number is a scripted callee.

    async with TelephoneNetwork(callees, directory, asterisk=find_asterisk(None, root), voices=...) as network:
        ...  # let the engine's trunk dial 127.0.0.1:network.sip_port
        await network.quiet(within=10)
    for record in network.records: ...

Audio passes between the network's Asterisk and the callees over AudioSocket, keys by AMI, both on loopback.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from ivr.asterisk.agi import AgiServer
from ivr.asterisk.pbx import ManagedPbx
from ivr.asterisk.pbx_config import Network, PbxConfig
from ivr.asterisk.pbx_layout import Layout
from ivr.domain.outcome import Outcome
from ivr.domain.phone import national
from ivr.rehearsal.backdrops import beneath
from ivr.rehearsal.callees import Callees, Dtmf
from ivr.rehearsal.exchange import Exchange
from ivr.rehearsal.keypad import Keypad
from ivr.rehearsal.lines import Lines
from ivr.rehearsal.ports import HOST, free_port
from ivr.rehearsal.records import CallRecord, Logbook
from ivr.rehearsal.voices import Murmur, Repertoire, Voices

RTP_PORTS = (20000, 29999)
"""Beside the engine's own 10000 to 14999, below the ports that Linux gives to clients."""


class TelephoneNetwork:
    """A network on loopback; enter it to start it. Ports of 0 become free ones.

    `directory` takes the records (calls.jsonl, a WAV file a call) and the PBX's own files. With `username` and
    `password` every call and registration must prove them. With `load_seconds` nobody is asked: each call is answered
    at once and lasts so long, and there are no records. Starting raises what `ManagedPbx.start` does, Busy for a
    taken port, SpeechFailed where a callee's text cannot be spoken.
    """

    def __init__(
        self,
        callees: Callees,
        directory: Path,
        *,
        asterisk: Layout,
        voices: Voices | None = None,
        sip_port: int = 0,
        username: str | None = None,
        password: str | None = None,
        load_seconds: int | None = None,
    ) -> None:
        self.callees = callees
        self.directory = directory
        self.sip_port = sip_port
        self._asterisk = asterisk
        self._account = (username, password)
        self._load_seconds = load_seconds
        self._says = Repertoire(voices or Murmur())
        self._logbook = Logbook(directory)
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await asyncio.gather(*(self._says.learn(text, voice) for text, voice in self.callees.speeches()))
            for noise in self.callees.backgrounds():
                await asyncio.to_thread(beneath, noise)
            lines = await stack.enter_async_context(Lines(HOST))
            exchange = Exchange(self.callees, self._logbook, lines, self._says, self._keypad)
            agi = await stack.enter_async_context(AgiServer(HOST, 0, exchange.handle))
            self._pbx = await self._started(agi.port)
            stack.push_async_callback(self._pbx.stop)
            self._running = stack.pop_all()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Hang up every call, write its record, and stop the PBX."""
        await self._running.aclose()

    @property
    def records(self) -> Sequence[CallRecord]:
        """Every call in the order of the INVITEs, those still running included."""
        return tuple(self._logbook.records)

    @property
    def peak(self) -> int:
        """How many calls were on the network at once, at most."""
        return self._logbook.peak

    def calls_of(self, number: str) -> Sequence[CallRecord]:
        """Return the calls of `number` (national or E.164), in order."""
        return self._logbook.of(national(number))

    def dials_seen(self, number: str) -> int:
        """Return how many INVITEs came for `number`."""
        return self._logbook.dials(national(number))

    def expected(self, number: str) -> Outcome:
        """Return the outcome that the owner of `number` should end with."""
        return self.callees.find(number).expect

    async def call(self, number: str, *, call: int = 1, within: float) -> CallRecord:
        """Return the record of the `call`-th call of `number` once it is over; TimeoutError."""
        digits, book = national(number), self._logbook
        await book.until(lambda: book.dials(digits) >= call and not book.running(book.of(digits)[call - 1]), within)
        return book.of(digits)[call - 1]

    async def quiet(self, *, within: float) -> None:
        """Return once no call is on the network; TimeoutError."""
        await self._logbook.until(lambda: not self._logbook.running(), within)

    async def _started(self, agi_port: int) -> ManagedPbx:
        self.sip_port = self.sip_port or free_port(socket.SOCK_DGRAM)
        pbx = ManagedPbx(self._config(agi_port, self.sip_port), self._asterisk)
        await pbx.start()
        return pbx

    def _keypad(self) -> Keypad:
        config = self._pbx.config
        return Keypad(host=HOST, port=config.ami_port, username=config.ami_username, secret=self._pbx.ami_secret)

    def _config(self, agi_port: int, sip_port: int) -> PbxConfig:
        username, password = self._account
        return PbxConfig(
            directory=self.directory / "pbx",
            side=Network(
                username=username,
                password=password,
                load_seconds=self._load_seconds,
                inband_numbers=self.callees.with_dtmf(Dtmf.INBAND),
            ),
            ami_port=free_port(),
            sip_port=sip_port,
            rtp_ports=RTP_PORTS,
            agi_port=agi_port,
            name="network",
        )
