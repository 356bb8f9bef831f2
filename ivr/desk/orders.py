"""A list and a scenario become a campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from ivr import identity, scenario_files, settings
from ivr.audit import Audit
from ivr.campaign.intake import Intake, read_list
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.desk.lists import excluded_today, show_intake
from ivr.desk.records import recorded, store
from ivr.desk.scenarios import load_scenario
from ivr.desk.text_orders import see_sendable, show_pointless, show_texts
from ivr.domain.account import Department
from ivr.domain.audit import Action
from ivr.domain.calling_rules import Rules, first_number
from ivr.domain.exclusion import Source
from ivr.domain.order import households, in_order, without_worth
from ivr.domain.recipient import Recipient, missing_columns
from ivr.domain.scenario import Scenario
from ivr.errors import InputError, NameTaken, NotFound, Problems
from ivr.seals import read_bytes, read_opened
from ivr.settings import NOTHING, Calling, Settings, calling_of, read_own
from ivr.standing import unapproved
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock

LONGEST_NAME = 100

Files = tuple[Path, Path, Path | None]
"""A list, a scenario and, if there are any, rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A campaign as it was asked for, read and checked, but not stored."""

    campaign: NewCampaign
    recipients: Sequence[Recipient]
    households: Mapping[str, tuple[Recipient, ...]]
    """Who shares the number that is dialled first, by that number: the first of them is called."""


async def read_order(
    chosen: Settings,
    name: str,
    list_file: Path,
    scenario_file: Path,
    rules_file: Path | None = None,
    *,
    opened_with: Callable[[], Settings] | None = None,
) -> Order:
    """Read the files of a campaign and show what is refused; raise InputError where it can't begin.

    A sealed list is opened with the keys of `opened_with`, of `chosen` unless told.
    """
    see_name(name)
    intake = read_list(read_opened(list_file, opened_with or (lambda: chosen)), file=str(list_file))
    report = await load_scenario(chosen, scenario_file, columns=intake.columns)
    if report.scenario is None:
        raise Problems(report.errors)
    excluded = excluded_today(chosen, list_file, intake)
    calls = report.scenario.calls
    show_intake(list_file, intake, excluded, calls=calls)
    own = read_own(rules_file, chosen.calling) if rules_file is not None else NOTHING
    parts = Parts(
        name=name,
        list_name=str(list_file),
        list_sha256=_sha256(list_file),
        intake=intake,
        excluded=excluded,
        scenario=report.scenario,
        scenario_text=scenario_files.text_of(scenario_file),
        scenario_file=str(scenario_file),
        rules=own,
        rules_name=str(rules_file) if rules_file is not None else "",
        sources={} if rules_file is None else {"rules": rules_file.name, "rules_sha256": _sha256(rules_file)},
    )
    order = put_together(chosen, parts, by=identity.human(), now=SystemClock(chosen.calling.timezone).now())
    calling = calling_of(chosen.calling, own)
    _show_worthless(list_file, intake, calling)
    if calls:
        _show_numberless(order.recipients, chosen.rules(own))
    show_texts(chosen, report.scenario, scenario_file, order.recipients)
    show_pointless(report.scenario, calling, own, rules_file)
    _show_joined(order.households)
    return order


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a campaign is made of, each part read and checked by itself. Names are as messages call the files.

    `excluded` are lines and reasons; `sources` is what the audit trail keeps beyond the list and the scenario.
    """

    name: str
    list_name: str
    list_sha256: str
    intake: Intake
    excluded: Sequence[tuple[int, str]]
    scenario: Scenario
    scenario_text: str
    scenario_file: str
    rules: Mapping[str, object] = field(default_factory=dict)
    rules_name: str = ""
    sources: Mapping[str, str | int] = field(default_factory=dict)


def put_together(chosen: Settings, parts: Parts, *, by: str, now: datetime) -> Order:
    """Return the order of a campaign that `by` makes now; raise InputError where its parts don't go together."""
    intake, own = parts.intake, parts.rules
    if not intake.accepted:
        whom = "かけられる" if parts.scenario.calls else "SMS を送れる"
        raise InputError(f"{parts.list_name} に、{whom}人が一人もいません。")
    rules = chosen.rules(own)
    if own and rules.calendar.next_open(now) is None:
        raise InputError(
            f"{parts.rules_name or 'この催告'} の規則と設定では、これから60日の間に架電できる時間帯がありません。"
        )
    calling = calling_of(chosen.calling, own)
    recipients = _in_order(parts.list_name, intake, calling)
    out = {line for line, _ in parts.excluded}
    shared = _households(recipients, out, rules) if calling.one_call_per_number else {}
    sources: dict[str, str | int] = {
        "list": Path(parts.list_name).name,
        "list_sha256": parts.list_sha256,
        "rows": intake.rows,
        "accepted": len(intake.accepted),
        "refused": len(intake.refused),
        "excluded": len(parts.excluded),
        "scenario": Path(parts.scenario_file).name,
        "scenario_sha256": hashlib.sha256(parts.scenario_text.encode()).hexdigest(),
        **parts.sources,
        **({"joined": sum(len(members) - 1 for members in shared.values())} if shared else {}),
    }
    campaign = NewCampaign(
        name=parts.name,
        scenario=parts.scenario_text,
        scenario_file=parts.scenario_file,
        created_at=now,
        created_by=by,
        rules=own,
        sources=sources,
    )
    return Order(campaign=campaign, recipients=recipients, households=shared)


def see_name(name: str) -> None:
    """Raise InputError where a campaign can't be called so."""
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise InputError(
            f"催告の名前は、前後に空白のない 1 字から {LONGEST_NAME} 字で、一行で付けてください（例：2026-11-住民税）。"
        )


def _sha256(file: Path) -> str:
    return hashlib.sha256(read_bytes(file)).hexdigest()


def _households(
    people: Sequence[Recipient], excluded: Collection[int], rules: Rules
) -> Mapping[str, tuple[Recipient, ...]]:
    return households(people, excluded, lambda person: first_number(rules, person.numbers))


def _show_joined(shared: Mapping[str, Sequence[Recipient]]) -> None:
    if others := sum(len(members) - 1 for members in shared.values()):
        print(f"{others} 件は、同じ電話番号の人と合わせて一度だけかけます。")


def _show_numberless(people: Sequence[Recipient], rules: Rules) -> None:
    without = [person.line for person in people if first_number(rules, person.numbers) is None]
    if without:
        print(
            f"{len(without)} 件は、かける種類の番号がないので、かけません"
            f"（{min(without)} 行目など。規則 cascade を見てください）。"
        )


async def asked(chosen: Settings, what: Files | str, *, opened_with: Callable[[], Settings] | None = None) -> Order:
    """Return the order of a rehearsal: `what` are its files, or the name of a campaign that is stored."""
    if isinstance(what, str):
        return await stored(opened_with() if opened_with else chosen, what)
    return await read_order(chosen, "rehearsal", *what, opened_with=opened_with)


async def stored(chosen: Settings, name: str) -> Order:
    """Return the order of a campaign that is stored, as if it were asked for anew; raise NotFound."""
    async with store(chosen) as results:
        campaign = await results.campaign(name)
        records = await results.records(campaign.id)
    calling = calling_of(chosen.calling, campaign.rules)
    people = in_order([record.recipient for record in records], calling.order_keys())
    out = {one.recipient.line for one in records if one.excluded and one.excluded.source is not Source.HOUSEHOLD}
    rules = chosen.rules(campaign.rules)
    shared = _households(people, out, rules) if calling.one_call_per_number else {}
    _show_joined(shared)
    return Order(
        campaign=NewCampaign(
            name=name,
            scenario=campaign.scenario,
            scenario_file=campaign.scenario_file,
            created_at=SystemClock(chosen.calling.timezone).now(),
            rules=campaign.rules,
            sources=campaign.sources,
        ),
        recipients=people,
        households=shared,
    )


def _in_order(list_name: str, intake: Intake, calling: Calling) -> tuple[Recipient, ...]:
    """Return the people in the order in which they are called; InputError where the list lacks a column for that."""
    keys = calling.order_keys()
    if missing := missing_columns((key.column for key in keys), intake.columns):
        raise InputError(
            f"{list_name} に「{'」「'.join(missing)}」の列がありません。"
            "かける順（設定 calling.order か、規則のファイルの order）を直すか、列のある名簿にしてください。"
        )
    return in_order(intake.accepted, keys)


def _show_worthless(list_file: Path, intake: Intake, calling: Calling) -> None:
    for key in calling.order_keys():
        if lines := without_worth(intake.accepted, key):
            print(
                f"{list_file}:{lines[0]}: 「{key.column}」が数でも日付でもない人が {len(lines)} 人います。"
                "その人たちは後になります。（注意）"
            )


async def bring_in(results: SqlResults, order: Order, audit: Audit, *, department: str | None = None) -> CampaignRow:
    """Put the import on record and store the campaign as that of `department`; raise NameTaken."""
    name = order.campaign.name
    if any(campaign.name == name for campaign in await results.campaigns()):
        raise NameTaken(name)
    of = await _department(results, department)
    told = {"department": of.name} if of is not None else {}
    await audit.record(Action.IMPORTED, name, **order.campaign.sources, **told)
    campaign = replace(order.campaign, department=of.id if of is not None else None)
    return await results.create_campaign(campaign, order.recipients, order.households)


async def _department(results: SqlResults, name: str | None) -> Department | None:
    """Return the department by name; without one the only one there is, if it is; else None."""
    known = await results.accounts.departments()
    if name is None:
        return known[0] if len(known) == 1 else None
    for one in known:
        if one.name == name:
            return one
    raise NotFound(f"部署「{name}」は登録されていません。画面の「利用者」か ivr people add で登録してください。")


async def take_up(results: SqlResults, order: Order, audit: Audit) -> CampaignRow:
    """Create the campaign, or return the one that is there if it has the same people and scenario."""
    name = order.campaign.name
    try:
        campaign = await results.campaign(name)
    except NotFound:
        return await bring_in(results, order, audit)
    known = tuple(record.recipient for record in await results.records(campaign.id))
    same = (campaign.scenario, campaign.rules) == (order.campaign.scenario, order.campaign.rules)
    if not same or known != tuple(sorted(order.recipients, key=lambda person: person.line)):
        raise InputError(
            f"催告「{name}」は、別の名簿かシナリオか規則ですでに作られています。"
            "つづきから始めるには同じファイルを、新しく始めるには別の名前を指定してください。"
        )
    return campaign


async def create(
    config: Path | None,
    name: str,
    list_file: Path,
    scenario_file: Path,
    rules_file: Path | None = None,
    department: str | None = None,
) -> int:
    """Create a campaign without dialling."""
    chosen = settings.load(config)
    order = await read_order(chosen, name, list_file, scenario_file, rules_file)
    see_sendable(chosen, scenario_files.of(order.campaign))
    async with recorded(chosen) as (results, audit):
        campaign = await bring_in(results, order, audit, department=department)
    print(f"催告「{name}」を作りました。{unapproved(chosen, campaign) or f'始めるには ivr campaign start {name}'}")
    return 0
