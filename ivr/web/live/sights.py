"""What is shown live of a campaign and of the day, in words and numbers; it names nobody and no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from ivr.campaign.figures import Change, Dials, Figures, OpenLine
from ivr.campaign.records import CampaignRow
from ivr.domain.calendar import Calendar
from ivr.domain.outcome import LABELS, Outcome
from ivr.errors import IvrError
from ivr.reporting.outlook import done_at, pace
from ivr.standing import STATES
from ivr.web.campaigns import reason_of
from ivr.web.console import Console
from ivr.web.live.lamps import Lines, lines_of

TOO_EARLY = "まだ見積もれません。もう少しかけると分かります。"
TOO_FAR = "このままの速さでは、60日の間に終わりません。"


class Bar(BaseModel):
    """How many calls ended so."""

    code: str
    label: str
    number: int


class Live(BaseModel):
    """A campaign as it stands at this moment."""

    id: str
    name: str
    state: str
    state_label: str
    people: int
    settled: int
    waiting: int
    calling: int
    dials: int = Field(description="Ended calls.")
    answered: int = Field(description="Of them answered, by whomever or whatever.")
    confirmed: int = Field(description="Of them those in which the person confirmed who they are.")
    outcomes: list[Bar] = Field(description="Ended calls by outcome, each outcome once, in the order of reports.")
    reason: str | None = Field(description="Why nothing is dialled now, in a sentence.")
    forecast: str | None = Field(description="When it may be done, in a sentence; null where nothing is going on.")
    done_at: datetime | None = Field(description="The same as a moment.")
    lines: Lines


class Ended(BaseModel):
    """A call that ended a moment ago. `number` grows with each, and tells nothing else."""

    number: int
    at: datetime
    outcome: str
    label: str


class Card(BaseModel):
    """A campaign among those of the day."""

    id: str
    name: str
    state: str
    state_label: str
    people: int
    settled: int
    waiting: int
    calling: int
    attempts: int
    reason: str | None


class LiveDay(BaseModel):
    """The day as it stands at this moment: the window, the lines, and the campaigns that are not over."""

    window: str
    open: bool
    lines: Lines
    campaigns: list[Card]


@dataclass(slots=True)
class Sight:
    """What is known of a campaign. `counted` is when its people were, `took` the seconds of that."""

    campaign: CampaignRow
    figures: Figures
    dials: Mapping[Outcome, Dials]
    reason: str | None
    forecast: str | None
    done_at: datetime | None
    counted: float
    took: float
    stale: bool = False


async def judged(
    console: Console, campaign: CampaignRow, figures: Figures
) -> tuple[str | None, str | None, datetime | None]:
    """Return why nothing is dialled, when it may be done in words, and as a moment."""
    reason, _ = await reason_of(console, campaign, figures.counts)
    try:
        calendar = console.settings.rules(campaign.rules).calendar
    except IvrError:
        return reason, None, None
    said, at = _forecast(campaign, figures, calendar, console.clock.now())
    return reason, said, at


def live_of(sight: Sight, calls: dict[int, OpenLine], ringing: Collection[str], most: int) -> Live:
    """Return a campaign as it is shown."""
    campaign, counts = sight.campaign, sight.figures.counts
    lines = lines_of(calls, {campaign.id}, ringing, most)
    dials = sight.dials
    return Live(
        id=campaign.id,
        name=campaign.name,
        state=campaign.state,
        state_label=STATES[campaign.state],
        people=sum(counts.states.values()),
        settled=counts.states.get("settled", 0),
        waiting=counts.states.get("waiting", 0),
        calling=lines.dialling + lines.ringing + lines.talking,
        dials=sum(one.number for one in dials.values()),
        answered=sum(one.answered for one in dials.values()),
        confirmed=sum(dials[one].number for one in (Outcome.CONFIRMED, Outcome.CONFIRMED_PARTIAL) if one in dials),
        outcomes=[
            Bar(code=one.value, label=LABELS[one], number=dials[one].number if one in dials else 0) for one in Outcome
        ],
        reason=sight.reason,
        forecast=sight.forecast,
        done_at=sight.done_at,
        lines=lines,
    )


def card_of(sight: Sight, calling: int) -> Card:
    """Return a campaign as it stands among those of the day."""
    campaign, states = sight.campaign, sight.figures.counts.states
    return Card(
        id=campaign.id,
        name=campaign.name,
        state=campaign.state,
        state_label=STATES[campaign.state],
        people=sum(states.values()),
        settled=states.get("settled", 0),
        waiting=states.get("waiting", 0),
        calling=calling,
        attempts=sum(one.number for one in sight.dials.values()) + calling,
        reason=sight.reason,
    )


def ended_of(change: Change) -> Ended | None:
    """Return an ended call as it is told; None where the change is of something else, or of what is gone."""
    if change.outcome is None or change.ended_at is None:
        return None
    return Ended(number=change.number, at=change.ended_at, outcome=change.outcome.value, label=LABELS[change.outcome])


def _forecast(
    campaign: CampaignRow, figures: Figures, calendar: Calendar, now: datetime
) -> tuple[str | None, datetime | None]:
    states = figures.counts.states
    left = states.get("waiting", 0) + states.get("calling", 0)
    if campaign.state != "running" or not left:
        return None, None
    settled: Counter[datetime] = Counter()
    for (at, _, _), number in figures.settled.items():
        settled[at] += number
    a_second = pace(settled, {at for at, _ in figures.quarters}, now, made=campaign.created_at)
    if a_second is None:
        return TOO_EARLY, None
    due = figures.counts.next_due
    idle = not states.get("calling") and due is not None and due > now
    end = done_at(left, a_second, calendar, due if idle and due is not None else now)
    if end is None:
        return TOO_FAR, None
    end = _rounded(end.astimezone(now.tzinfo))
    day = "" if end.date() == now.date() else f"{end:%-m月%-d日}（{'月火水木金土日'[end.weekday()]}）"
    return f"およそ {day}{end:%H:%M} ごろ", end


def _rounded(at: datetime) -> datetime:
    """Return the next five minutes: more exactly nobody knows."""
    return datetime.fromtimestamp(-(-at.timestamp() // 300) * 300, at.tzinfo)
