"""What is not well with the systems that are told of results, and what to do about each. No call depends on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from ivr.doctor.finding import Finding, good
from ivr.doctor.finding import State as Judged
from ivr.domain.era import japanese_date
from ivr.domain.webhook import LONGEST_FAILURE, Off, Webhook
from ivr.parts.keys import key_store
from ivr.settings import Settings
from ivr.storage import SqlResults
from ivr.storage.webhooks import NOTHING, Waiting
from ivr.system_clock import SystemClock

NAME = "ほかのシステムへの通知"

PATIENCE = timedelta(minutes=10)
"""How long a message may fail before anybody is to look."""

REMEMBERED = timedelta(days=14)
"""How long it is told that events were lost."""

READ = "知らせていない結果は、結果の API（GET /api/v1/lists/…/results）で読めます。"


class State(StrEnum):
    """How it goes with a webhook."""

    FINE = "fine"
    FAILING = "failing"
    OFF = "off"
    GONE = "gone"
    GIVEN_UP = "given_up"


_OFF = {Off.BY_HAND: State.OFF, Off.GONE: State.GONE, Off.GIVEN_UP: State.GIVEN_UP}


async def look(chosen: Settings) -> Finding:
    """Do the systems that are told of results get it?"""
    now = SystemClock(chosen.calling.timezone).now()
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            return await judged(results, now)


async def judged(results: SqlResults, now: datetime) -> Finding:
    """Return how it goes with all of them: the worst, and how many there are."""
    there, waiting = await results.webhooks.all(), await results.webhooks.waiting()
    found = list(findings(there, waiting, now))
    if found:
        more = f"（ほか {len(found) - 1} 件）" if len(found) > 1 else ""
        return replace(found[0], message=found[0].message + more)
    at_work = sum(one.off is None for one in there)
    left = sum(one.events for one in waiting.values())
    return good(NAME, f"通知先 {at_work} 件、待っている通知 {left:,} 件。" if there else "使わない設定です。")


def state_of(webhook: Webhook) -> State:
    """Return how it goes."""
    if webhook.off is not None:
        return _OFF[webhook.off]
    return State.FAILING if webhook.failures else State.FINE


def findings(webhooks: Iterable[Webhook], waiting: Mapping[str, Waiting], now: datetime) -> Iterator[Finding]:
    """Yield what somebody should look at."""
    for one in webhooks:
        said = _said(one, waiting.get(one.id, NOTHING), now)
        if said is not None:
            message, remedy = said
            yield Finding(name=NAME, state=Judged.WARNING, message=f"「{one.name}」：{message}", remedy=remedy)


def _said(one: Webhook, waiting: Waiting, now: datetime) -> tuple[str, str] | None:
    since = _moment(one.off_at, now)
    match state_of(one):
        case State.GONE:
            return (
                f"相手がもう受け取らないと答えた（410）ので、{since} に通知を止めました。",
                f"要らないなら削除し、要るなら相手を直し、システム連携の「結果の通知」で「再開する」を押してください。{READ}",
            )
        case State.GIVEN_UP:
            return (
                (f"{LONGEST_FAILURE.days} 日のあいだ届かなかったので、{since} に通知を止めました{_answered(one)}。"),
                f"相手を直し、システム連携の「結果の通知」で「試しに送る」を押して確かめてから、「再開する」を押してください。{READ}",
            )
        case State.FAILING if one.failing_since is not None and now - one.failing_since >= PATIENCE:
            return (
                (
                    f"{_moment(one.failing_since, now)} から届いていません（{waiting.events:,} 件が待っています）"
                    f"{_answered(one)}。"
                ),
                "相手のシステムと通り道を確かめ、システム連携の「結果の通知」で「試しに送る」を押してください。届けば、待っているものも続けて送ります。",
            )
        case _:
            if one.missed_at is not None and now - one.missed_at < REMEMBERED:
                return f"{_moment(one.missed_at, now)} に、知らせきれなかった結果があります。", READ
            return None


def _answered(one: Webhook) -> str:
    return f"。最後の答えは「{one.answer}」" if one.answer else ""


def _moment(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    local = at.astimezone(now.tzinfo)
    return f"{japanese_date(local.date())} {local:%H:%M}"
