"""The engine at work: one campaign to its end, or whatever is started, until a signal."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog
from rich.console import Console

from ivr import identity, logs, scenario_files, settings
from ivr.app import Engine, running
from ivr.campaign.course import Halt
from ivr.campaign.records import CampaignRow
from ivr.desk import orders
from ivr.desk.reports import show_counts, texts_of
from ivr.domain.audit import Action
from ivr.domain.entered import KEPT
from ivr.domain.text import TextState
from ivr.drafts.kept import Drafts
from ivr.editions import Book
from ivr.erasing import Care, erase_due
from ivr.errors import InputError, IvrError, PbxUnavailable, StoreFailed
from ivr.hooks.posting import Post
from ivr.hooks.sending import Sender
from ivr.parts.rules import texts_asked
from ivr.progress import CampaignProgress, terminal
from ivr.reporting import Seal, see_writable, write_json
from ivr.seals import sealer
from ivr.standing import ended, unapproved, why_unsent, why_waiting
from ivr.ways import Ways

LOOK_FOR_CAMPAIGNS = 1.0
"""Seconds between two looks for campaigns that were started from elsewhere."""

ERASE_EVERY = 24 * 3600.0
"""Seconds between two looks for campaigns that were kept for long enough."""

RECEIPTS = 60.0
"""Seconds for the network to say what became of texts; of a telephone that is on it says so within ten."""

SWEEP_EVERY = 3600.0
LOOK_EVERY = 60.0
"""Seconds between two looks for campaigns in the making that nobody has touched for long enough."""

LEFT = 3
"""Exit status where some people are not settled yet."""

log = structlog.get_logger(__name__)


async def run_campaign(
    config: Path | None,
    name: str,
    list_file: Path,
    scenario_file: Path,
    results_file: Path | None,
    seal_to: Sequence[str] = (),
    rules_file: Path | None = None,
) -> int:
    """Import, dial until everybody is settled or the window closes, print the table, export."""
    chosen = settings.load(config)
    logs.configure(as_json=chosen.log.format == "json", level="warning")
    seal = sealer(seal_to)
    if results_file is not None:
        see_writable(results_file)
    order = await orders.read_order(chosen, name, list_file, scenario_file, rules_file)
    screen = terminal()
    async with running(chosen) as engine:
        campaign = await orders.take_up(engine.results, order, engine.audit.by(identity.person()))
        if lacking := ended(campaign) or unapproved(chosen, campaign):
            raise InputError(lacking)
        await engine.originator.ready()
        spare_the_lasting()
        halt = await dial_shown(engine, campaign, screen)
        return await conclude(engine, campaign, halt, results_file, screen, seal)


def spare_the_lasting() -> None:
    """Keep the garbage collector from what lives as long as the process: a look through it stops calls for 0.1 s.

    A call leaves few circles behind, so that the collector may come more seldom than by itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def dial_shown(engine: Engine, campaign: CampaignRow, console: Console) -> Halt:
    """Dial one campaign, with its progress on the terminal."""
    await engine.audit.by(identity.person()).record(Action.STARTED, campaign.name)
    await engine.results.move_campaign(campaign.id, expected=["created", "paused", "halted", "done"], state="running")
    counts = await engine.results.counts(campaign.id)
    total = sum(counts.states.values())
    ways = Ways.of(scenario_files.of(campaign))
    engine.tasks.serve(_say_draining(engine.stopping, ways, console))
    try:
        with CampaignProgress(console, total, counts.states.get("settled", 0), calls=ways.calls).shown() as progress:
            halt = await engine.dial(campaign, progress)
    except asyncio.CancelledError:
        await asyncio.shield(_pause(engine, campaign))
        raise
    await _receipts(engine, campaign, console)
    if engine.stopping.is_set():
        await _pause(engine, campaign)
    return halt


async def _receipts(engine: Engine, campaign: CampaignRow, console: Console) -> None:
    """Wait a while for what becomes of the texts that have gone out, so that the results tell it."""
    asked = texts_asked(engine.settings, campaign, scenario_files.of(campaign))
    if asked is None or engine.sms is None:
        return
    if (await engine.results.texts.counts(asked)).states.get(TextState.SENT):
        console.print(f"SMS が届いたかどうかの知らせを待っています（{RECEIPTS:.0f} 秒まで）。", soft_wrap=True)
        await engine.sms.receipts(asked, RECEIPTS, enough=engine.stopping.is_set)


async def _pause(engine: Engine, campaign: CampaignRow, reason: str = "signal") -> None:
    """Pause what somebody broke off here, so that no `ivr serve` goes on with it behind their back."""
    with suppress(StoreFailed):
        if await engine.results.move_campaign(campaign.id, expected=["running"], state="paused"):
            await engine.audit.mention(Action.PAUSED, campaign.name, reason=reason)


async def _say_draining(stopping: asyncio.Event, ways: Ways, console: Console) -> None:
    await stopping.wait()
    console.print(ways.draining, soft_wrap=True)


async def conclude(
    engine: Engine,
    campaign: CampaignRow,
    halt: Halt,
    results_file: Path | None,
    console: Console,
    seal: Seal | None = None,
) -> int:
    """Print what has become of everybody and why it ended; return the exit status."""
    results = engine.results
    counts, texts = await results.counts(campaign.id), await texts_of(engine.settings, results, campaign)
    left = sum(counts.states.values()) - counts.states.get("settled", 0)
    unsent = texts.due if texts is not None and engine.sms is not None else 0
    if not left and not unsent:
        await results.move_campaign(campaign.id, expected=["running", "paused"], state="done")
    show_counts(engine.settings, campaign, counts, texts, console)
    if results_file is not None:
        records = await results.records(campaign.id)
        clerk = engine.audit.by(identity.person())
        await clerk.record(Action.EXPORTED, campaign.name, file=results_file.name, format="json", rows=len(records))
        write_json(results_file, campaign, records, zone=engine.settings.calling.timezone, seal=seal)
        console.print(f"結果を {results_file} に書き出しました。", soft_wrap=True)
    if left:
        now = await results.campaign(campaign.name)
        at = engine.clock.now()
        if texts is not None and not scenario_files.of(campaign).calls:
            why = why_unsent(engine.settings, now, texts, at)
        else:
            why = why_waiting(engine.settings, now, counts, at)
        if halt is Halt.STOPPED:
            why = "止められたので終わります。同じ命令でつづきから始められます。"
        console.print(f"まだの人が {left} 人います。{why or ''}", soft_wrap=True)
    elif texts is not None and unsent:
        why = why_unsent(engine.settings, await results.campaign(campaign.name), texts, engine.clock.now())
        console.print(
            f"SMS をまだ送っていない人が {unsent} 人います。{why or ''}同じ命令で、つづきから送れます。", soft_wrap=True
        )
    return LEFT if left or unsent else 0


async def serve(chosen: settings.Settings) -> int:
    """Dial every campaign that is running, until a signal; those started later within a second."""
    logs.configure(as_json=chosen.log.format == "json", level=chosen.log.level)
    log.info("starting", settings=str(chosen.source) if chosen.source else "defaults", lines=chosen.trunk.lines)
    async with running(chosen) as engine:
        serve_console(engine)
        spare_the_lasting()
        engine.tasks.serve(_erase_daily(engine))
        engine.tasks.serve(_tell_webhooks(engine))
        await _say_ready(engine)
        under_way: set[str] = set()
        idle = asyncio.Event()
        while not engine.stopping.is_set():
            for campaign in await _begun(engine):
                if campaign.id not in under_way:
                    under_way.add(campaign.id)
                    idle.clear()
                    engine.tasks.spawn(_dial(engine, campaign, under_way, idle))
            await _until(engine.stopping, LOOK_FOR_CAMPAIGNS)
        log.info("draining")
        if under_way:
            await idle.wait()
    log.info("stopped")
    return 0


async def _begun(engine: Engine) -> Sequence[CampaignRow]:
    """Return the campaigns that are to be dialled; none while the store can't tell, as it may be back soon."""
    try:
        return await engine.results.campaigns(state="running")
    except StoreFailed as error:
        engine.metrics.held("store")
        log.warning("campaigns_unknown", reason=str(error))
        return ()


def serve_console(engine: Engine) -> None:
    """Serve the console of staff beside the calls."""
    from ivr.doctor.exchange import trunk
    from ivr.web import Console, Opening, open_console

    opening = Opening()
    engine.joined["console"] = lambda: opening.sound
    console = Console(
        settings=engine.settings,
        results=engine.results,
        audit=engine.audit,
        clock=engine.clock,
        health=engine.health,
        ringing=lambda: engine.originator.ringing,
        voice=engine.speech,
        engine_registers=engine.register,
        trunk=lambda: trunk(engine.settings, engine.pbx),
    )
    engine.tasks.serve(open_console(console, opening))
    engine.tasks.serve(_sweep_drafts(engine, console.drafts))
    engine.tasks.serve(_look_at_scenarios(engine, console.book))


async def _sweep_drafts(engine: Engine, drafts: Drafts) -> None:
    from ivr.web.scenarios.speaking import sweep

    while True:
        with suppress(OSError):
            await asyncio.to_thread(sweep, engine.settings.data_dir, engine.clock.now().timestamp())
        with suppress(IvrError, OSError):
            await drafts.sweep(engine.clock.now())
        await engine.clock.sleep(SWEEP_EVERY)


async def _look_at_scenarios(engine: Engine, book: Book) -> None:
    """Let the files of this machine follow what is saved on another, and be followed where they are edited by hand."""
    while True:
        try:
            engine.metrics.scenarios_looked_at(len((await book.look()).unreadable))
        except (IvrError, OSError) as error:
            engine.metrics.scenarios_unknown()
            log.warning("scenarios_unknown", reason=str(error) if isinstance(error, IvrError) else type(error).__name__)
        await engine.clock.sleep(LOOK_EVERY)


async def _tell_webhooks(engine: Engine) -> None:
    async with Post(engine.settings.webhooks) as post:
        await Sender(engine.results, post, engine.clock, engine.audit, engine.metrics).run()


async def _erase_daily(engine: Engine) -> None:
    care = Care(settings=engine.settings, results=engine.results, keys=engine.keys, audit=engine.audit)
    while True:
        await erase_due(care, engine.metrics)
        with suppress(StoreFailed):
            await engine.results.exclusions.forget(engine.clock.now() - KEPT)
        await engine.clock.sleep(ERASE_EVERY)


async def _say_ready(engine: Engine) -> None:
    """Say that calls can be made, or that the PBX keeps us waiting; it is waited for on."""
    try:
        await engine.originator.ready()
    except PbxUnavailable as error:
        log.warning("waiting_for_pbx", reason=str(error))
    else:
        log.info("ready")


async def _dial(engine: Engine, campaign: CampaignRow, under_way: set[str], idle: asyncio.Event) -> None:
    try:
        halt = await engine.dial(campaign, wait_for_windows=True)
        if halt is Halt.SETTLED:
            await engine.results.move_campaign(campaign.id, expected=["running"], state="done")
    except InputError as error:
        # Its rules no longer go with the settings: nobody is called by rules that nobody has.
        log.error("campaign_unfit", campaign=campaign.name, reason=str(error))
        await _pause(engine, campaign, reason="unfit")
    except StoreFailed as error:
        # It is still running as the store has it, and so it is taken up again.
        log.warning("campaign_left", campaign=campaign.name, reason=str(error))
    finally:
        under_way.discard(campaign.id)
        if not under_way:
            idle.set()


async def _until(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
