"""A campaign in virtual time: the real dialler, rules and store, with people who live by stated habits.

Weeks pass in a minute. What comes out is an estimate: when it will be done, how many will be reached, how the lines are
used by the hour. As sure as the habits; the rules are the real ones.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from rich.console import Console

from ivr import scenario_files
from ivr.campaign.dial import Dialler
from ivr.campaign.lines import Lines
from ivr.campaign.observer import Observer
from ivr.campaign.ports import Clip
from ivr.campaign.records import Counts
from ivr.campaign.scripts import Scripts
from ivr.data_dir import made
from ivr.desk import orders
from ivr.domain.exclusion import Source
from ivr.domain.outcome import Outcome
from ivr.domain.scenario import NO_CALLS
from ivr.domain.text import TextState
from ivr.errors import InputError
from ivr.observers import Observers
from ivr.parts.rules import limits, register
from ivr.progress import CampaignProgress
from ivr.rehearsal import virtual_time
from ivr.rehearsal.habits import Dialled, Habits, People
from ivr.rehearsal.virtual_time import VirtualClock
from ivr.reporting import HourRow, replacing, show_closing, write_hours
from ivr.settings import Settings, load
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.vault import KeyStore

HORIZON = timedelta(days=60)
"""What is not done by then is told as left over."""

PER_CHARACTER = 0.17
"""Seconds that a character of a text takes: 0.16 to 0.19 in the shipped scenarios, spoken by the default voice."""

BAR = 30
"""Characters of a bar for all lines in use for the whole hour."""

TOLD_EVERY = 20
"""People, between two words of how many are done."""

REACHED = (Outcome.CONFIRMED, Outcome.VOICEMAIL)


class EstimatedVoice:
    """`ivr.campaign.ports.Speech` that knows how long a text takes, and speaks none."""

    async def prepare(self, text: str, values: Mapping[str, str], *, language: str, scope: str) -> tuple[Clip, ...]:
        """Return one clip as long as the text."""
        spoken = text.format(**values) if values else text
        return (Clip(path=Path("/nowhere"), seconds=round(len(spoken) * PER_CHARACTER, 2)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is rehearsed: the settings, the campaign as it would be created, and when it would start."""

    chosen: Settings
    order: orders.Order
    begin: datetime
    seed: int


@dataclass(slots=True, kw_only=True)
class Hour:
    """One hour of the campaign."""

    dials: int = 0
    answered: int = 0
    line_seconds: float = 0.0
    settled: int = 0


@dataclass(slots=True)
class Log:
    """Counts by the hour. An observer of the dialler, and the watcher of the network."""

    clock: VirtualClock
    hours: dict[datetime, Hour] = field(default_factory=dict)
    told: Callable[[int], None] = lambda done: None
    last: datetime | None = None
    done: int = 0

    def dialled(self, dial: Dialled) -> None:
        """Spread a dial that has ended over the hours that it lasted."""
        if dial.ended is None:
            return
        begun = self._hour(dial.began)
        begun.dials += 1
        begun.answered += dial.answered
        at = dial.began
        while at < dial.ended:
            after = min(dial.ended, _floor(at) + timedelta(hours=1))
            self._hour(at).line_seconds += (after - at).total_seconds()
            at = after

    def dial_began(self, campaign: str, attempt: str) -> None:
        """The network tells."""

    def answered(self, campaign: str, attempt: str) -> None:
        """The network tells."""

    def dial_ended(self, campaign: str, attempt: str, outcome: Outcome, *, settled: bool) -> None:
        """Count who is done."""
        self.last = self.clock.now()
        self._settle(self.last, settled=settled)

    def excluded(self, campaign: str, source: Source, *, settled: bool) -> None:
        """Count who is done."""
        self._settle(self.clock.now(), settled=settled)

    def texted(self, campaign: str, state: TextState, *, settled: bool) -> None:
        """Nothing is sent here."""

    def held(self, campaign: str, reason: str, until: datetime | None) -> None:
        """Nothing to count."""

    def defect(self, campaign: str, attempt: str, error: Exception) -> None:
        """Fail: a rehearsal in which we are at fault says nothing."""
        raise error

    def _settle(self, at: datetime, *, settled: bool) -> None:
        self._hour(at).settled += settled
        self.done += settled
        if settled and self.done % TOLD_EVERY == 0:
            self.told(self.done)

    def _hour(self, at: datetime) -> Hour:
        return self.hours.setdefault(_floor(at), Hour())


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What came out."""

    counts: Counts
    log: Log


async def plan(
    config: Path | None,
    what: orders.Files | str,
    *,
    lines: int | None,
    start: date | None,
    seed: int,
) -> Plan:
    """Read and check everything as for the campaign itself; raise InputError.

    `what` are its files, or the name of a campaign that is stored.
    """
    chosen = load(config)
    if lines is not None:
        chosen = chosen.model_copy(
            update={"trunk": chosen.trunk.model_copy(update={"lines": lines, "lines_by_hour": ()})}
        )
    order = await orders.asked(chosen, what)
    if not scenario_files.of(order.campaign).calls:
        raise InputError(NO_CALLS)
    zone = chosen.calling.timezone
    begin = datetime.combine(start, time(), zone) if start else SystemClock(zone).now()
    return Plan(chosen=chosen, order=order, begin=begin, seed=seed)


def carry_out(plan: Plan, out: Path) -> int:
    """Go through the campaign, print what came of it, write the hours to a file; 3 where somebody is left over."""
    console = Console(soft_wrap=True)
    people = len(plan.order.recipients)
    console.print(
        f"{people} 人への催告を、仮の時間の中で試します（乱数の種 {plan.seed}）。本当の電話はかけません。",
        soft_wrap=True,
    )
    with CampaignProgress(Console(stderr=True, quiet=not console.is_terminal), people, 0).shown() as progress:
        found = virtual_time.run(_campaign(plan, [progress]))
    lines = plan.chosen.trunk.most_lines
    _show_hours(found.log, lines, console)
    show_closing("rehearsal", found.counts, console)
    left = found.counts.states.get("waiting", 0)
    reached = sum(found.counts.outcomes.get(outcome, 0) for outcome in REACHED)
    share = reached / people if people else 0.0
    console.print(f"届く見込み（本人確認か留守録）：{people} 人中 {reached} 人（{share:.0%}）")
    if left:
        console.print(f"{HORIZON.days} 日では {left} 人が済みません。時間帯、回数、回線数を見直してください。")
    elif found.log.last is not None:
        console.print(f"終わる見込み：{found.log.last:%Y年%m月%d日 %H:%M}（{lines} 回線）")
    file = made(out) / "架電見込み.csv"
    _write_hours(file, found.log, lines)
    chart = file.with_suffix(".xlsx")
    write_hours(
        chart,
        [
            HourRow(at=at, dials=hour.dials, answered=hour.answered, use=use, done=done)
            for at, hour, use, done in _rows(found.log, lines)
        ],
    )
    console.print(f"一時間ごとの見込みを {file} と {chart.name}（グラフ付き）に書き出しました。")
    console.print(
        "見込みは、電話に出る割合などの想定によります（docs/rehearsal.md）。決まりは本物です。", soft_wrap=True
    )
    return 3 if left else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A forecast as a page shows it: people, those reached and left over, when it is done, and the days."""

    people: int
    reached: int
    left: int
    lines: int
    done_at: datetime | None
    days: tuple[tuple[date, int, int, int], ...]
    """Date, dials, answers, people done by its end."""


def foreseen(plan: Plan, told: Callable[[int], None]) -> Outlook:
    """Go through the campaign without a word, but for how many are done: to `told`, now and then."""
    found = virtual_time.run(_campaign(plan, (), told))
    counts, lines = found.counts, plan.chosen.trunk.most_lines
    days: dict[date, tuple[int, int, int]] = {}
    for at, hour, _, done in _rows(found.log, lines):
        dials, answers, _ = days.get(at.date(), (0, 0, 0))
        days[at.date()] = (dials + hour.dials, answers + hour.answered, done)
    return Outlook(
        people=len(plan.order.recipients),
        reached=sum(counts.outcomes.get(outcome, 0) for outcome in REACHED),
        left=counts.states.get("waiting", 0),
        lines=lines,
        done_at=found.log.last,
        days=tuple((day, *numbers) for day, numbers in days.items()),
    )


async def _campaign(
    plan: Plan, watching: Sequence[Observer], told: Callable[[int], None] = lambda done: None
) -> Forecast:
    chosen = plan.chosen
    clock = VirtualClock(plan.begin, chosen.calling.timezone)
    log = Log(clock, told=told)
    people = People(
        Habits(), clock, ring=chosen.calling.ring_timeout.total_seconds(), seed=plan.seed, watch=log.dialled
    )
    with tempfile.TemporaryDirectory() as folder, KeyStore.open(Path(folder), secrets.token_bytes(32)) as keys:
        async with await SqlResults.in_memory(keys) as results:
            return await _dialled(plan, results, clock, people, log, watching)


async def _dialled(
    plan: Plan, results: SqlResults, clock: VirtualClock, people: People, log: Log, watching: Sequence[Observer]
) -> Forecast:
    chosen = plan.chosen
    campaign = await results.create_campaign(plan.order.campaign, plan.order.recipients, plan.order.households)
    await results.move_campaign(campaign.id, expected=["created"], state="running")
    scenario = scenario_files.of(campaign)
    async with asyncio.TaskGroup() as tasks:
        dialler = Dialler(
            campaign,
            scenario,
            rules=chosen.rules(campaign.rules),
            registers=register(chosen),
            results=results,
            originator=people,
            scripts=Scripts(scenario, EstimatedVoice(), scope=campaign.id),
            lines=Lines(limits(chosen), clock),
            clock=clock,
            observer=Observers([log, *watching]),
            spawn=tasks.create_task,
            wait_for_windows=True,
            alone=True,
        )
        end = asyncio.get_running_loop().call_later(HORIZON.total_seconds(), dialler.stop)
        await dialler.run()
        end.cancel()
    return Forecast(counts=await results.counts(campaign.id), log=log)


def _rows(log: Log, lines: int) -> Iterator[tuple[datetime, Hour, float, int]]:
    """Yield each hour with the share of the lines in use, and how many people were done by its end."""
    done = 0
    for at, hour in sorted(log.hours.items()):
        done += hour.settled
        yield at, hour, hour.line_seconds / (lines * 3600), done


def _show_hours(log: Log, lines: int, console: Console) -> None:
    day: date | None = None
    for at, hour, use, done in _rows(log, lines):
        if at.date() != day:
            day = at.date()
            console.print(f"{at:%m月%d日}（{'月火水木金土日'[at.weekday()]}）", highlight=False)
        bar = "█" * round(use * BAR)
        text = f"  {at:%H} 時 {bar:<{BAR}} {use:>4.0%}  発信 {hour.dials:>5}  応答 {hour.answered:>5}  済み {done:>6}"
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def _write_hours(file: Path, log: Log, lines: int) -> None:
    rows: Sequence[Sequence[object]] = [
        (f"{at:%Y-%m-%d}", at.hour, hour.dials, hour.answered, f"{use:.3f}", done)
        for at, hour, use, done in _rows(log, lines)
    ]
    with replacing(file) as binary:
        binary.write("\ufeff日付,時,発信,応答,回線の使用率,済んだ人（累計）\r\n".encode())
        for row in rows:
            binary.write((",".join(map(str, row)) + "\r\n").encode())


def _floor(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
