"""How staff steer a campaign that may be dialled by an engine elsewhere; that follows within a second.

`moved`, `approved` and `cut_off` do it, for a terminal or a page. The others are commands: each prints its answer and
returns the exit status.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ivr import identity, settings
from ivr.audit import Audit
from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.records import CampaignRow
from ivr.campaign.text_records import TextIntent
from ivr.desk.records import recorded
from ivr.domain.audit import Action
from ivr.domain.exclusion import Exclusion, Source
from ivr.errors import InputError, NotFound
from ivr.settings import Settings
from ivr.standing import APPROVABLE, NEXT, STATES, TERMINAL, Place, unapproved
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.ways import Ways

MOVES = {
    "start": (("created",), "running", Action.STARTED),
    "pause": (("running",), "paused", Action.PAUSED),
    "resume": (("paused", "halted"), "running", Action.RESUMED),
    "stop": (("created", "running", "paused", "halted"), "stopped", Action.STOPPED),
}

HALTS = {"running": "halted", "paused": "halted", "stopped": "cut"}
"""Where an emergency stop leads. What was stopped for good stays so, and its last calls are cut off."""

LONGEST_REASON = 100


async def moved(
    chosen: Settings, results: SqlResults, audit: Audit, campaign: CampaignRow, verb: str, place: Place = TERMINAL
) -> str:
    """Start, pause, resume or stop a campaign, and put that on record; return its state. InputError."""
    return await audit.to_its_end(_moved(chosen, results, audit, campaign, verb, place))


async def _moved(
    chosen: Settings, results: SqlResults, audit: Audit, campaign: CampaignRow, verb: str, place: Place
) -> str:
    expected, state, action = MOVES[verb]
    if state == "running" and campaign.state in expected and (lacking := unapproved(chosen, campaign, place)):
        raise InputError(lacking)
    if campaign.state in expected and state == "running":
        await audit.record(action, campaign.name)
    if not await results.move_campaign(campaign.id, expected=expected, state=state):
        now = await results.campaign(campaign.name)
        gap = place.space
        hint = (
            f"{place.word(NEXT[now.state])}{gap}を使ってください。" if state == "running" and now.state in NEXT else ""
        )
        raise InputError(
            f"催告「{now.name}」は「{STATES[now.state]}」なので、{place.word(verb)}{gap}はできません。{hint}"
        )
    if state != "running":
        # No trouble with the trail keeps anybody from stopping calls.
        await audit.record(action, campaign.name)
    return state


async def approved(chosen: Settings, results: SqlResults, audit: Audit, campaign: CampaignRow, who: str) -> None:
    """Approve a campaign for its start as `who`, and put that on record; InputError."""
    name = campaign.name
    if campaign.approved_by is not None:
        raise InputError(f"催告「{name}」は、{campaign.approved_by} がすでに承認しています。")
    if campaign.state not in APPROVABLE:
        raise InputError(f"催告「{name}」は「{STATES[campaign.state]}」なので、承認はできません。")
    if chosen.calling.approval == "second_person" and who == campaign.created_by:
        raise InputError(f"催告「{name}」を作ったのは {who} です。承認は、別の人がしてください。")
    await audit.record(Action.APPROVED, name, created_by=campaign.created_by)
    if not await results.approve(campaign.id, who):
        raise InputError(f"催告「{name}」は、いま別の人が承認したか、始めたところです。")


async def cut_off(results: SqlResults, audit: Audit, campaigns: Sequence[CampaignRow]) -> Mapping[str, str]:
    """Hang up every call of `campaigns`, begin none, and put that on record; return the states of those at work."""
    return await audit.to_its_end(_cut_off(results, audit, campaigns))


async def _cut_off(results: SqlResults, audit: Audit, campaigns: Sequence[CampaignRow]) -> Mapping[str, str]:
    stopped: dict[str, str] = {}
    for campaign in campaigns:
        for before, after in HALTS.items():
            if before == "stopped" and not (await results.counts(campaign.id)).states.get("calling"):
                continue
            if await results.move_campaign(campaign.id, expected=[before], state=after):
                stopped[campaign.name] = after
                break
    for one in stopped:
        await audit.record(Action.EMERGENCY_STOPPED, one)
    return stopped


async def move(config: Path | None, name: str, verb: str) -> int:
    """Start, pause, resume or stop a campaign; an engine that runs elsewhere follows within a second."""
    chosen = settings.load(config)
    async with recorded(chosen) as (results, audit):
        state = await moved(chosen, results, audit, await results.campaign(name), verb)
    print(f"催告「{name}」：{STATES[state]}")
    return 0


async def approve(config: Path | None, name: str) -> int:
    """Approve a campaign for its start, as the person at this terminal."""
    chosen, who = settings.load(config), identity.human()
    async with recorded(chosen) as (results, audit):
        await approved(chosen, results, audit, await results.campaign(name), who)
    print(f"催告「{name}」を {who} が承認しました。始めるには ivr campaign start {name}")
    return 0


async def emergency_stop(config: Path | None, name: str | None) -> int:
    """Hang up every call, of one campaign or of all, begin none and send no text: engines follow within a second."""
    async with recorded(settings.load(config)) as (results, audit):
        campaigns = [await results.campaign(name)] if name is not None else await results.campaigns()
        stopped = await cut_off(results, audit, campaigns)
    for one in campaigns:
        if (state := stopped.get(one.name)) is not None:
            again = f"つづけるには ivr campaign resume {one.name}" if state == "halted" else ""
            print(f"催告「{one.name}」：{STATES[state]}。{Ways.of_stored(one).halted}{again}")
    if not stopped:
        print("電話をかけている催告も、SMS を送っている催告もありません。")
    return 0


async def exclude(config: Path | None, name: str, people: Sequence[str], reason: str) -> int:
    """Call people of a campaign no more, and send them nothing; 1 where one of them is not on its list."""
    if not reason.strip() or not reason.isprintable() or len(reason) > LONGEST_REASON:
        raise InputError(f"--reason は、1 字から {LONGEST_REASON} 字で、一行で書いてください（例：納付済）。")
    exclusion = Exclusion(reason=reason.strip(), source=Source.STAFF)
    strangers: list[str] = []
    states: list[str] = []
    chosen = settings.load(config)
    async with recorded(chosen) as (results, audit):
        campaign = await results.campaign(name)
        ways = Ways.of_stored(campaign)
        for one in people:
            try:
                states.append(await results.exclude(campaign.id, one, exclusion))
            except NotFound as error:
                strangers.append(str(error))
            else:
                if states[-1] == "settled" and ways.texts:
                    now = SystemClock(chosen.calling.timezone).now()
                    await results.texts.withhold(_no_text(campaign, one, now), exclusion.reason)
        if states:
            # Nobody who must not be called waits for the trail; nor does it name them.
            await audit.record(Action.EXCLUDED, name, people=len(states))
    print(f"催告「{name}」：{ways.excluded(states.count('waiting'))}")
    if calling := states.count("calling"):
        print(f"{calling} 人はいま通話中です。この電話が最後になります。")
    if settled := states.count("settled"):
        print(ways.excluded_late(settled))
    for stranger in strangers:
        print(stranger, file=sys.stderr)
    return 1 if strangers else 0


def _no_text(campaign: CampaignRow, recipient: str, now: datetime) -> TextIntent:
    """Return what says of whom it is stored that they are sent no text."""
    return TextIntent(id=attempt_id(now), campaign=campaign.id, recipient=recipient, at=now, number="", body="")
