"""Assemble the engine and run it: the only TaskGroup, the signals, the drain.

settings -> store, voice, PBX, AMI, AGI, originator, metrics -> Engine -> one dialler a campaign
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from ivr import scenario_files
from ivr.asterisk.agi import AgiServer
from ivr.asterisk.ami import Ami
from ivr.asterisk.originator import AsteriskOriginator, DialPlan, Hooks
from ivr.asterisk.pbx import ExternalPbx, ManagedPbx, Pbx
from ivr.asterisk.pbx_config import PbxConfig, Trunk
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.campaign.dial import Dialler, Halt, Observer
from ivr.campaign.lines import Limits, Lines
from ivr.campaign.ports import CampaignRow
from ivr.campaign.reconcile import reconcile
from ivr.campaign.scripts import Scripts
from ivr.errors import Busy, EngineRuns, InputError, IvrError, SpeechFailed, StoreFailed
from ivr.metrics import Metrics
from ivr.observers import LogObserver, MetricsObserver, Observers
from ivr.settings import Settings
from ivr.speech import TelephoneVoice
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock

log = structlog.get_logger(__name__)

PROJECT = Path(__file__).resolve().parent.parent
"""Where `make setup` unpacks Asterisk, in `.asterisk/`."""

LAST_WORDS = 15.0
"""Seconds for calls that are cut off to store what is known of them."""

METRICS_EVERY = 5.0
"""Seconds between two counts of people for the metrics."""


def made(data_dir: Path) -> Path:
    """Return `data_dir`, made where it was not there; raise InputError where nothing can be written to it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unwritable(data_dir, error) from None
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise _unwritable(data_dir, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return data_dir


def _unwritable(data_dir: Path, error: OSError) -> InputError:
    return InputError(f"データの置き場 {data_dir} に書けません：{error.strerror}（設定 data_dir）")


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` for this engine alone; raise EngineRuns if another has it, InputError where it can't be made."""
    try:
        lock = (made(data_dir) / "engine.lock").open("a")
    except OSError as error:
        raise _unwritable(data_dir, error) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise EngineRuns(
                f"{data_dir} は別の ivr が使っています。`ivr serve` などが動いていないか確かめてください。"
            ) from None
        yield


def engine_runs(data_dir: Path) -> bool:
    """Tell whether an engine holds `data_dir` now."""
    try:
        with (data_dir / "engine.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


class Tasks:
    """The tasks of one engine: services that run until the end, and calls that end by themselves."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._services: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Task[None]] = set()

    def serve(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a service; it is cancelled at the end."""
        self._keep(work, self._services)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a piece of a call; at the end it is given the chance to store what it knows."""
        self._keep(work, self._calls)

    def _keep(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = self._group.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def end(self) -> None:
        """Cancel the calls, wait until they have stored what they know, then cancel the services."""
        calls = set(self._calls)
        for task in calls:
            task.cancel()
        if calls:
            await asyncio.wait(calls, timeout=LAST_WORDS)
        for task in self._services:
            task.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything that lives together while calls are made."""

    settings: Settings
    results: SqlResults
    originator: AsteriskOriginator
    pbx: Pbx
    speech: TelephoneVoice
    metrics: Metrics
    clock: SystemClock
    lines: Lines
    tasks: Tasks
    stopping: asyncio.Event

    async def dial(
        self, campaign: CampaignRow, observer: Observer | None = None, *, wait_for_windows: bool = False
    ) -> Halt:
        """Dial `campaign` to its end, or until the engine is told to stop and the calls under way have ended."""
        scenario = scenario_files.parse(campaign.scenario, campaign.scenario_file)
        observers: list[Observer] = [MetricsObserver(self.metrics), LogObserver()]
        dialler = Dialler(
            campaign,
            scenario,
            rules=self.settings.rules(),
            results=self.results,
            originator=self.originator,
            scripts=Scripts(scenario, self.speech, scope=campaign.id),
            lines=self.lines,
            clock=self.clock,
            observer=Observers([*observers, observer] if observer else observers),
            spawn=self.tasks.spawn,
            wait_for_windows=wait_for_windows,
        )
        self.tasks.serve(_stop_when(self.stopping, dialler))
        return await dialler.run()

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
    metrics.lines(settings.trunk.lines)
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(alone(settings.data_dir))
        web = stack.enter_context(listening(settings.metrics.host, settings.metrics.port, "metrics.port"))
        results = await stack.enter_async_context(
            await SqlResults.open(settings.database_url(), on_write=metrics.wrote)
        )
        metrics.found_unknown(await reconcile(results, clock))
        speech = telephone_voice(settings, metrics)
        stack.push_async_callback(speech.close)
        pbx = managed_or_external(settings, metrics)
        ami = manager(settings, pbx, metrics)
        originator = asterisk_originator(settings, ami, clock, metrics)
        await stack.enter_async_context(fast_agi(settings, originator, metrics))
        failure: IvrError | None = None
        async with asyncio.TaskGroup() as group:
            tasks = Tasks(group)
            engine = Engine(
                settings=settings,
                results=results,
                originator=originator,
                pbx=pbx,
                speech=speech,
                metrics=metrics,
                clock=clock,
                lines=Lines(limits(settings), clock),
                tasks=tasks,
                stopping=stopping,
            )
            try:
                tasks.serve(warmed_up(speech))
                await pbx.start()
                stack.push_async_callback(pbx.stop)
                tasks.serve(pbx.run())
                tasks.serve(ami.run())
                tasks.serve(engine.watch_campaigns())
                tasks.serve(serve_metrics(web, metrics, lambda: {"ami": ami.connected}))
                with signals(stopping, settings.drain_timeout.total_seconds()):
                    yield engine
            except IvrError as error:
                failure = error
            finally:
                await tasks.end()
        if failure is not None:
            raise failure


async def warmed_up(speech: TelephoneVoice) -> None:
    """Load the voice while the PBX starts. Whether it can speak is found out by those who want it to."""
    with suppress(SpeechFailed):
        await speech.warm_up()


@contextmanager
def signals(stopping: asyncio.Event, drain: float) -> Iterator[None]:
    """Set `stopping` at the first SIGTERM or SIGINT; cancel the caller `drain` seconds later, or at the second.

    A closed terminal (SIGHUP) counts as a first one.
    """
    loop = asyncio.get_running_loop()
    caller = asyncio.current_task()
    if caller is None:
        raise RuntimeError("signals() is for a task")
    deadline: list[asyncio.TimerHandle] = []

    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def stop() -> None:
        if stopping.is_set():
            caller.cancel()
            return
        stopping.set()
        deadline.append(loop.call_later(drain, caller.cancel))

    def terminal_gone() -> None:
        # Nothing can be printed there any more. A shell passes the signal on, so that it may come twice.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in terminals:
            os.dup2(nowhere, number)
        os.close(nowhere)
        if not stopping.is_set():
            stop()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` leaves it
        handlers[signal.SIGHUP] = terminal_gone
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
        for timer in deadline:
            timer.cancel()


def telephone_voice(settings: Settings, metrics: Metrics | None = None) -> TelephoneVoice:
    """Return the voice of the settings; raise SpeechFailed, and InputError where there is no place for its files."""
    counted = metrics or Metrics()
    speech = settings.speech
    return TelephoneVoice(
        made(settings.data_dir) / "voice",
        engine=speech.engine,
        voice=speech.voice,
        speed=speech.speed,
        workers=speech.workers,
        on_render=counted.speech_rendered,
        on_hit=counted.speech_cached,
    )


def managed_or_external(settings: Settings, metrics: Metrics) -> Pbx:
    """Return the PBX of the settings, not started; raise InputError or PbxUnavailable."""
    chosen = settings.pbx
    if chosen.mode == "external":
        return ExternalPbx(ami_secret=chosen.ami.secret() or "")
    config = PbxConfig(
        directory=settings.data_dir / "asterisk",
        side=trunk(settings),
        ami_port=chosen.ami.port,
        ami_username=chosen.ami.username,
        sip_port=chosen.sip_port,
        bind_host=chosen.bind_host,
        rtp_ports=chosen.rtp_ports,
        agi_host=chosen.agi.host,
        agi_port=chosen.agi.port,
    )
    was_up: list[bool] = []

    def on_state(up: bool, reason: str) -> None:
        metrics.pbx_up(up)
        if up and was_up:
            metrics.pbx_restarted()
        was_up.append(up)
        log.info("pbx_up") if up else log.error("pbx_down", reason=reason)

    return ManagedPbx(config, find_asterisk(chosen.asterisk, PROJECT), on_state=on_state)


def trunk(settings: Settings) -> Trunk:
    """Return the telephone line as the PBX's configuration wants it; raise InputError for an unreadable password."""
    line = settings.trunk
    return Trunk(
        host=line.host,
        port=line.port,
        transport=line.transport,
        username=line.username,
        password=line.password(),
        register=line.registers,
        from_domain=line.from_domain,
        caller_id=line.caller_id,
        codecs=line.codecs,
        dtmf=line.dtmf,
    )


def manager(settings: Settings, pbx: Pbx, metrics: Metrics) -> Ami:
    """Return the AMI connection, not yet made."""
    place = settings.pbx.ami
    return Ami(
        host=place.host,
        port=place.port,
        username=place.username,
        secret=pbx.ami_secret,
        on_state=metrics.ami_connected,
    )


def asterisk_originator(settings: Settings, ami: Ami, clock: SystemClock, metrics: Metrics) -> AsteriskOriginator:
    """Return what dials."""
    plan = DialPlan(
        caller_id=settings.trunk.caller_id or "",
        number_format=settings.trunk.number_format,
        ring=settings.calling.ring_timeout.total_seconds(),
        call=settings.calling.call_limit.total_seconds(),
    )
    hooks = Hooks(
        originated=metrics.originated,
        first_audio=metrics.answer_to_audio,
        key_to_audio=metrics.key_to_audio,
        bad_token=lambda: metrics.agi_rejected("token"),
    )
    return AsteriskOriginator(ami, clock, plan=plan, hooks=hooks)


def fast_agi(settings: Settings, originator: AsteriskOriginator, metrics: Metrics) -> AgiServer:
    """Return the server that answered calls come to."""
    return AgiServer(
        settings.pbx.agi.host,
        settings.pbx.agi.port,
        originator.handle,
        on_sessions=metrics.agi_sessions,
        on_refused=metrics.agi_rejected,
    )


def limits(settings: Settings) -> Limits:
    """Return what the trunk bears."""
    return Limits(
        lines=settings.trunk.lines,
        calls_per_second=settings.trunk.calls_per_second,
        call=settings.calling.call_limit.total_seconds(),
    )


@contextmanager
def listening(host: str, port: int, setting: str) -> Iterator[socket.socket]:
    """Yield a socket that listens on `host` and `port`; raise Busy, naming `setting`, where it is taken."""
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise Busy(
            f"{host}:{port} を使えません（{error.strerror}）。設定 {setting} を変えるか、"
            "そのポートを使っているプログラムを止めてください。"
        ) from None
    with listener:
        yield listener


class _Server(uvicorn.Server):
    """Uvicorn within our own application: the signals are ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def serve_metrics(listener: socket.socket, metrics: Metrics, health: Callable[[], Mapping[str, bool]]) -> None:
    """Serve `/metrics` and `/healthz`, for ever."""
    config = uvicorn.Config(
        metrics.app(health), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    await _Server(config).serve(sockets=[listener])


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` while inside."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            task.cancel()


async def _stop_when(stopping: asyncio.Event, dialler: Dialler) -> None:
    await stopping.wait()
    dialler.stop()
