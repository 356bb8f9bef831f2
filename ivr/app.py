"""Assemble the engine and run it: the only TaskGroup, the signals, the drain.

settings -> store, voice, PBX, AMI, AGI, originator, metrics -> Engine -> one dialler a campaign
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from ivr import identity, scenario_files
from ivr.asterisk.inbound import Greeting, InboundCalls
from ivr.asterisk.originator import AsteriskOriginator
from ivr.asterisk.pbx import Pbx
from ivr.asterisk.tap import Taps
from ivr.audit import Audit
from ivr.campaign.course import Halt
from ivr.campaign.dial import Dialler
from ivr.campaign.lines import Lines
from ivr.campaign.observer import Observer
from ivr.campaign.ports import ChannelRecord
from ivr.campaign.reconcile import BEAT, reconcile, take_over
from ivr.campaign.records import CampaignRow
from ivr.campaign.ring_back import RingBacks
from ivr.campaign.scripts import Scripts
from ivr.campaign.send_texts import Texter
from ivr.collection import Collection
from ivr.data_dir import alone, engine_id
from ivr.domain.audit import Action
from ivr.domain.outcome import Outcome
from ivr.errors import InputError, IvrError, PbxUnavailable, SpeechFailed, StoreFailed
from ivr.exclusions import Register
from ivr.metrics import Metrics
from ivr.observers import LogObserver, MetricsObserver, Observers
from ivr.parts.enquiry import collection
from ivr.parts.exchange import asterisk_originator, channel_record, fast_agi, managed_or_external, manager
from ivr.parts.keys import audit_trail, key_store
from ivr.parts.rules import limits, register
from ivr.parts.serving import listening, serve
from ivr.parts.voice import telephone_voice
from ivr.pulse import Pulse
from ivr.settings import STAFF_CALL, Settings, calling_of
from ivr.signals import signals
from ivr.sms import Sms
from ivr.speech import TelephoneVoice
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.tasks import Tasks
from ivr.vault import KeyStore

log = structlog.get_logger(__name__)

GREET_AGAIN = 60.0
"""Seconds between two tries to prepare what callers hear."""

NO_PROVIDER = "SMS だけの催告ですが、SMS の事業者がありません。設定 texts.smpp か texts.http を書いてください。"

RECONCILE_AGAIN = 2.0
"""Seconds between two tries to account for the calls of an earlier run."""

METRICS_EVERY = 5.0
"""Seconds between two counts of people for the metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything that lives together while calls are made."""

    settings: Settings
    results: SqlResults
    keys: KeyStore
    originator: AsteriskOriginator
    pbx: Pbx
    speech: TelephoneVoice
    metrics: Metrics
    clock: SystemClock
    lines: Lines
    audit: Audit
    pulse: Pulse
    register: Register
    collection: Collection | None
    sms: Sms | None
    tasks: Tasks
    stopping: asyncio.Event
    reconciled: asyncio.Event
    joined: dict[str, Callable[[], bool]] = field(default_factory=dict)
    """Checks of what is served beside the calls, by name."""

    async def dial(
        self, campaign: CampaignRow, observer: Observer | None = None, *, wait_for_windows: bool = False
    ) -> Halt:
        """Dial and text `campaign` to its end, or until the engine is told to stop and what is under way has ended.

        Nothing is dialled before every call of an earlier run is accounted for. InputError where there is nobody to
        call and no way to text.
        """
        scenario = scenario_files.of(campaign)
        known: list[Observer] = [MetricsObserver(self.metrics), LogObserver()]
        watch = Observers([*known, observer] if observer else known)
        # A member of staff is on no list.
        staff = campaign.rules == STAFF_CALL
        texter = None
        if self.sms is not None:
            texter = self.sms.texter(
                campaign,
                scenario,
                registers=self.register,
                enquiry=self.collection,
                observer=watch,
                spawn=self.tasks.spawn,
                wait_for_windows=wait_for_windows,
            )
        if not scenario.calls:
            if texter is None:
                raise InputError(NO_PROVIDER)
            with _stopped_when(self.stopping, texter):
                return await texter.run()
        await first_of(self.reconciled, self.stopping)
        if not self.reconciled.is_set():
            return Halt.STOPPED
        dialler = Dialler(
            campaign,
            scenario,
            rules=self.settings.rules(campaign.rules),
            registers=Register() if staff else self.register,
            enquiry=None if staff else self.collection,
            weight=calling_of(self.settings.calling, campaign.rules).weight,
            results=self.results,
            originator=self.originator,
            scripts=Scripts(scenario, self.speech, scope=campaign.id),
            lines=self.lines,
            clock=self.clock,
            observer=watch,
            spawn=self.tasks.spawn,
            wait_for_windows=wait_for_windows,
        )
        if texter is None:
            with _stopped_when(self.stopping, dialler):
                return await dialler.run()
        with _stopped_when(self.stopping, dialler, texter):
            return await _both(dialler, texter)

    def health(self) -> Mapping[str, bool]:
        """Tell what calls depend on and whether it is well, for `/healthz`."""
        return {
            "pulse": self.pulse.steady,
            "ami": self.originator.connected,
            "trunk": not self.lines.trunk.holds,
            "listening": not self.originator.deaf,
            "audit": self.audit.sound,
            "exclusions": self.register.sound,
            "collection": self.collection is None or self.collection.sound,
            "sms": self.sms is None or self.sms.gateway.connected,
            "sms_credit": self.sms is None or not self.sms.gateway.unpaid,
            **{name: sound() for name, sound in self.joined.items()},
        }

    async def reconcile(self, record: ChannelRecord) -> None:
        """Account for the calls of an earlier run, as soon as the PBX and the store allow it."""
        while not self.reconciled.is_set():
            try:
                await self.originator.ready()
                found = await reconcile(self.results, record, self.clock)
            except (PbxUnavailable, StoreFailed) as error:
                self.metrics.held("reconcile")
                log.warning("not_reconciled", reason=str(error))
                await asyncio.sleep(RECONCILE_AGAIN)
            else:
                for outcome in found:
                    self.metrics.found_open(outcome)
                if found:
                    log.warning("reconciled", attempts=len(found), unknown=found.count(Outcome.UNKNOWN))
                self.reconciled.set()

    async def keep_lease(self) -> None:
        """Say that we live, and account for the calls of engines that don't, for ever."""
        while True:
            await asyncio.sleep(BEAT.total_seconds())
            with suppress(StoreFailed):
                if not await self.results.renew():
                    log.error("buried", reason="silent for too long; what was under way is accounted for by others")
                    await _join(self.results, self.settings)
                if left := await take_over(self.results, self.clock):
                    log.warning("took_over", attempts=left)
                    for _ in range(left):
                        self.metrics.found_open(Outcome.UNKNOWN)

    async def watch_campaigns(self) -> None:
        """Keep the metrics about people and windows true, for ever."""
        calendar = self.settings.rules().calendar
        shown: set[str] = set()
        while True:
            self.metrics.window(calendar.is_open(self.clock.now()))
            with suppress(StoreFailed):
                running_ = await self.results.campaigns(state="running")
                for campaign in running_:
                    counts = await self.results.counts(campaign.id)
                    self.metrics.recipients(campaign.name, counts.states)
                for name in shown - {campaign.name for campaign in running_}:
                    self.metrics.forget(name)
                shown = {campaign.name for campaign in running_}
            await asyncio.sleep(METRICS_EVERY)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Engine]:
    """Start the engine, yield it, and stop it; raise what keeps it from starting.

    The first SIGTERM or SIGINT sets `stopping` and leaves `drain_timeout` for the calls under way; after that, or at a
    second signal, they are hung up, and what is known of them is stored.
    """
    clock = SystemClock(settings.calling.timezone)
    metrics = Metrics()
    metrics.lines(settings.trunk.most_lines)
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(alone(settings.data_dir))
        web = stack.enter_context(listening(settings.metrics.host, settings.metrics.port, "metrics.port"))
        keys = stack.enter_context(key_store(settings))
        results = await stack.enter_async_context(
            await SqlResults.open(settings.database_url(), keys, on_write=metrics.wrote)
        )
        await _join(results, settings)
        audit = audit_trail(settings, results, keys, identity.engine(), metrics.audit_failed)
        await audit.mention_settings(settings.model_dump_json())
        await audit.mention(Action.ENGINE_STARTED, by=identity.person().who)
        stack.push_async_callback(audit.mention, Action.ENGINE_STOPPED)
        speech = telephone_voice(settings, on_render=metrics.speech_rendered, on_hit=metrics.speech_cached)
        stack.push_async_callback(speech.close)
        pbx = managed_or_external(settings, metrics)
        ami = manager(settings, pbx, metrics)
        taps = await stack.enter_async_context(Taps(thresholds=settings.listening.rules().sounds))
        originator = asterisk_originator(settings, ami, taps, clock, metrics)
        chosen = settings.inbound
        ring_backs = RingBacks(results, clock, match=chosen.match, pause=chosen.pause)
        inbound = InboundCalls(ring_backs.note, lines=chosen.lines, on_call=metrics.came_in)
        await stack.enter_async_context(fast_agi(settings, originator, inbound, metrics))
        asked = collection(settings, on_answer=metrics.collection_answered)
        if asked is not None:
            await stack.enter_async_context(asked)
        sms = Sms.of(settings, results, clock, metrics, audit)
        failure: IvrError | None = None
        async with asyncio.TaskGroup() as group:
            tasks = Tasks(group)
            engine = Engine(
                settings=settings,
                results=results,
                keys=keys,
                originator=originator,
                pbx=pbx,
                speech=speech,
                metrics=metrics,
                clock=clock,
                lines=Lines(limits(settings), clock),
                audit=audit,
                pulse=Pulse(metrics.beat, calls=lambda: originator.waiting),
                register=register(settings, on_look=metrics.exclusions_known),
                collection=asked,
                sms=sms,
                tasks=tasks,
                stopping=stopping,
                reconciled=asyncio.Event(),
            )
            try:
                tasks.serve(engine.pulse.run())
                tasks.serve(warmed_up(speech))
                tasks.serve(greeted(settings, speech, inbound, clock))
                await pbx.start()
                stack.push_async_callback(pbx.stop)
                tasks.serve(pbx.run())
                tasks.serve(ami.run())
                tasks.serve(engine.reconcile(channel_record(settings, ami)))
                tasks.serve(engine.keep_lease())
                if sms is not None:
                    tasks.serve(sms.run())
                    tasks.serve(sms.recover())
                tasks.serve(engine.watch_campaigns())
                tasks.serve(serve_metrics(web, metrics, engine.health))
                with signals(stopping, settings.drain_timeout.total_seconds()) as stop:
                    tasks.on_defect = stop
                    yield engine
            except IvrError as error:
                failure = error
            finally:
                await tasks.end()
        if failure is not None:
            raise failure
        if tasks.defect is not None:
            raise tasks.defect


async def warmed_up(speech: TelephoneVoice) -> None:
    """Load the voice while the PBX starts. Whether it can speak is found out by those who want it to."""
    with suppress(SpeechFailed):
        await speech.warm_up()


async def greeted(settings: Settings, speech: TelephoneVoice, inbound: InboundCalls, clock: SystemClock) -> None:
    """Prepare what callers hear; until then, and without a message, they hear the busy tone."""
    chosen = settings.inbound
    while chosen.say is not None and inbound.greeting is None:
        try:
            message, thanks = [
                await speech.prepare(text, {}, language="ja", scope="inbound") for text in (chosen.say, chosen.thanks)
            ]
        except SpeechFailed as error:
            log.error("no_greeting", reason=str(error))
            await clock.sleep(GREET_AGAIN)
        else:
            inbound.greeting = Greeting(message=message, thanks=thanks, wait=chosen.wait.total_seconds())


async def serve_metrics(listener: socket.socket, metrics: Metrics, health: Callable[[], Mapping[str, bool]]) -> None:
    """Serve `/metrics` and `/healthz`, for ever."""
    await serve(metrics.app(health), listener)


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` while inside."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            task.cancel()


async def first_of(*events: asyncio.Event) -> None:
    """Return once one of `events` is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


async def _both(dialler: Dialler, texter: Texter) -> Halt:
    """Dial and text; return why it ended: settled where both are."""
    async with asyncio.TaskGroup() as group:
        texting = group.create_task(texter.run())
        halt = await dialler.run()
        if halt is Halt.STOPPED:
            texter.stop()
        texter.calls_are_over()
    return texting.result() if halt is Halt.SETTLED else halt


@contextmanager
def _stopped_when(stopping: asyncio.Event, *at_work: Dialler | Texter) -> Iterator[None]:
    """Stop each of them once the engine is told to; they are forgotten at the end."""

    async def stop() -> None:
        await stopping.wait()
        for one in at_work:
            one.stop()

    waiting = asyncio.ensure_future(stop())
    try:
        yield
    finally:
        waiting.cancel()


async def _join(results: SqlResults, settings: Settings) -> None:
    """Begin a life of this engine."""
    most = settings.trunk.lines_in_all or 0
    await results.join(engine_id(settings.data_dir), socket.gethostname(), most=most)
