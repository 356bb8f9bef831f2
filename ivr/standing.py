"""How a campaign stands: its state in words and, where nothing is dialled, why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ivr.campaign.records import CampaignRow, Counts
from ivr.campaign.text_records import TextCounts
from ivr.domain.text import TextState
from ivr.domain.texting_rules import TextRules
from ivr.settings import Settings

STATES = {
    "created": "作成済み（まだ始めていません）",
    "running": "実行中",
    "paused": "一時停止中",
    "stopped": "打ち切り",
    "halted": "緊急停止",
    "cut": "打ち切り（通話も切断）",
    "done": "完了",
    "erasing": "消去中",
}

APPROVABLE = ("created", "paused", "halted")
"""States in which a campaign may be approved: it is not at work."""

CUT = ("halted", "cut")
"""States in which the calls under way are hung up."""

TEXTED_NO_MORE = ("stopped", "cut", "done", "erasing")
"""States in which nobody more is sent a text."""

NEXT = {"created": "start", "paused": "resume", "halted": "resume"}
"""The command that leads on from a state."""

ILL = {
    "ami": "電話交換機（Asterisk）に接続できないので、かけていません。つながれば、つづきからかけます。",
    "trunk": (
        "どの電話も同じ理由でつながらないので、発信を見合わせています。回線の機器が動いているか、設定と契約を"
        "確かめてください。15 分以内ごとに一件だけ試し、つながればつづけます。"
    ),
    "collection": (
        "収納システムに納付を確かめられないので、かけていません。ivr doctor が理由を示します。"
        "答えるようになれば、つづきからかけます。"
    ),
}
"""Why an engine that runs dials nothing, by what it says is not well."""

UNPAID = "SMS の事業者が、残高か利用枠が足りないと答えたので、送らずに待っています。"
"""Why no text is sent where the provider takes none without being paid."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where whoever reads a sentence does what it asks for: there a command or a button, by verb and campaign."""

    of: Callable[[str, str], str]
    word: Callable[[str], str]
    soon: str
    collection: str
    space: str
    """What stands around a command within a sentence."""
    act: str = ""
    """What ends a sentence that leads to it."""


TERMINAL = Place(
    lambda verb, name: f"ivr campaign {verb} {name}",
    lambda verb: verb,
    "かけられる人がいます。ivr serve か、この催告の ivr campaign run が動いていれば、まもなくかけます。",
    ILL["collection"],
    " ",
)
"""For who reads it at a terminal."""


def ended(campaign: CampaignRow) -> str | None:
    """Return why nothing leads on from where a campaign is, None where something does."""
    if campaign.state not in ("stopped", "cut"):
        return None
    return (
        f"催告「{campaign.name}」は打ち切られているので、もう始められません。"
        "残りの人のためには、別の名前で作ってください。"
    )


def unapproved(chosen: Settings, campaign: CampaignRow, place: Place = TERMINAL) -> str | None:
    """Return what a campaign lacks to be set to work, None where it lacks nothing.

    It may have been created, or even begun, when no approval was asked for.
    """
    if chosen.calling.approval == "none" or campaign.approved_by is not None or campaign.state not in APPROVABLE:
        return None
    who = f"作った人とは別の人が{place.space}" if chosen.calling.approval == "second_person" else ""
    return (
        f"催告「{campaign.name}」は、まだ承認されていません。"
        f"{who}{place.of('approve', campaign.name)}{place.space}で承認してください。"
    )


def why_waiting(
    chosen: Settings,
    campaign: CampaignRow,
    counts: Counts,
    now: datetime,
    *,
    engine: bool = True,
    unknown: str | None = None,
    health: Mapping[str, bool] | None = None,
    place: Place = TERMINAL,
) -> str | None:
    """Return in a sentence why nothing is dialled at `now`; None where calls are under way or may begin.

    `engine` tells whether one runs on this machine; `unknown` why nobody can tell now who is not to be called;
    `health` what the engine here says of itself; `place` how the reader does something about it.
    """
    if counts.states.get("calling"):
        if engine and campaign.state != "running":
            goes_on = "切っています" if campaign.state in CUT else "最後まで続きます"
            return f"{STATES[campaign.state]}なので、新しくはかけません。通話中の電話は{goes_on}。"
        if not engine:
            return (
                "ivr が動いていません。通話中のまま止まったようです。"
                "次に動かしたとき、その人たちは「不明」になり、残りの人からつづけます。"
            )
        return None
    if not counts.states.get("waiting"):
        return "全員が済みました。"
    if campaign.state != "running":
        go_on = place.space + place.of(NEXT[campaign.state], campaign.name) if campaign.state in NEXT else ""
        said = f"{STATES[campaign.state]}なので、かけていません。"
        return unapproved(chosen, campaign, place) or said + (f"かけるには{go_on}{place.act}" if go_on else "")
    obstacle = _obstacle(engine=engine, unknown=unknown)
    if until := _not_before(chosen, campaign, counts, now):
        return f"{until}なお、{obstacle}" if obstacle else until
    if obstacle:
        return obstacle
    for name, sentence in ILL.items():
        if health is not None and not health.get(name, True):
            return place.collection if name == "collection" else sentence
    return place.soon


def why_unsent(
    chosen: Settings,
    campaign: CampaignRow,
    texts: TextCounts,
    now: datetime,
    *,
    engine: bool = True,
    health: Mapping[str, bool] | None = None,
    place: Place = TERMINAL,
) -> str | None:
    """Return in a sentence why no text (SMS) is sent at `now`; None where nobody is due one. Else as `why_waiting`."""
    if not texts.due:
        under_way = texts.states.get(TextState.QUEUED, 0)
        return f"送っている途中の SMS が {under_way} 件あります。" if under_way else None
    if not chosen.texts.provider:
        return "SMS の事業者が決まっていないので、SMS は送りません（設定 texts.smpp か texts.http）。"
    if campaign.state in TEXTED_NO_MORE:
        return f"{STATES[campaign.state]}なので、SMS はもう送りません。"
    if campaign.state != "running":
        said = f"{STATES[campaign.state]}なので、SMS を送っていません。"
        return unapproved(chosen, campaign, place) or (
            f"{said}送るには{place.space}{place.of(NEXT[campaign.state], campaign.name)}"
        )
    rules = chosen.text_rules(campaign.rules)
    calendar = rules.calendar
    if not calendar.is_open(now):
        opening = calendar.next_open(now)
        return (
            f"SMS を送る時間帯ではありません。次は {opening:%m月%d日 %H:%M} からです。"
            if opening
            else "これから60日の間に SMS を送れる時間帯がありません。設定 calling.texts.windows を確かめてください。"
        )
    if not engine:
        return "ivr が動いていないので、SMS を送っていません。"
    if health is not None and not health.get("sms_credit", True):
        return f"{UNPAID}事業者に確かめてください。"
    if health is not None and not health.get("sms", True):
        return "SMS の事業者につながらないので、送っていません。つながれば、つづきから送ります。"
    soon = "SMS を送る人がいます。まもなく送ります。" if texts.due > texts.capped else ""
    return soon + _put_off(rules, texts.capped, now)


def _put_off(rules: TextRules, people: int, now: datetime) -> str:
    """Return until when so many people are sent nothing since a cap is reached; empty where there are none.

    A cap of several days may last longer: who has reached one is looked at again each day.
    """
    if not people:
        return ""
    again = rules.calendar.next_open(rules.capped_until(now))
    until = f"{again:%m月%d日 %H:%M} まで" if again else "これから60日の間は"
    return f"{people} 人は、SMS を送れる回数の上限（設定 texts.caps）に達したので、{until}送りません。"


def _not_before(chosen: Settings, campaign: CampaignRow, counts: Counts, now: datetime) -> str | None:
    """Return until when nobody is to be called and why, None where somebody is due."""
    calendar = chosen.rules(campaign.rules).calendar
    if not calendar.is_open(now):
        opening = calendar.next_open(now)
        return (
            f"架電できる時間帯ではありません。次は {opening:%m月%d日 %H:%M} からです。"
            if opening
            else "これから60日の間に架電できる時間帯がありません。設定 calling.windows を確かめてください。"
        )
    if counts.next_due and counts.next_due > now:
        return f"かけ直しを待っています。次は {counts.next_due.astimezone(now.tzinfo):%m月%d日 %H:%M} です。"
    minute = now.hour * 60 + now.minute
    hours = {one.start: one for one in chosen.trunk.lines_by_hour}
    spell = next((one for one in hours.values() if one.start <= minute < one.until and not one.lines), None)
    if spell is None:
        return None
    until = spell.until
    while until in hours and not hours[until].lines:
        until = hours[until].until
    again = f"{until // 60:02}:{until % 60:02}"
    return f"いまの時間は使う回線が 0 です（設定 trunk.lines_by_hour）。次は {again} からです。"


def _obstacle(*, engine: bool, unknown: str | None) -> str | None:
    """Return what will keep people from being called until somebody does something about it."""
    if unknown:
        return f"かけてはいけない人が分からないので、だれにもかけません。{unknown}"
    if not engine:
        return "ivr が動いていないので、かけていません。始めたときと同じ ivr campaign run か、ivr serve でかけます。"
    return None
