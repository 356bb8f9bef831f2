"""A draft becomes a campaign: its parts are put together as `ivr campaign create` does, once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from ivr import scenario_files
from ivr.aside import uncollected
from ivr.audit import Audit
from ivr.campaign.intake import Intake
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.desk import orders
from ivr.desk.lists import excluded_today
from ivr.desk.orders_aside import let_go, made_aside
from ivr.desk.text_orders import see_sendable, told_of_texts
from ivr.domain.recipient import same_person
from ivr.domain.scenario import Scenario
from ivr.drafts import rules_form, uploaded
from ivr.drafts.draft import Chosen, Draft, Sample, Uploaded
from ivr.drafts.kept import LIST, Drafts
from ivr.errors import InputError, NotFound
from ivr.forecast import Plan
from ivr.settings import Settings
from ivr.storage import SqlResults

LIST_FIRST = "先に「名簿」で、名簿を選んでください。"
SCENARIO_FIRST = "先に「シナリオ」で、シナリオを選んでください。"
RULES_FIRST = "「規則」に直すところがあります。"


def scenario_of(draft: Draft) -> Scenario:
    """Return the scenario of a draft; InputError where none was chosen, or it is wrong."""
    held = chosen_of(draft)
    return _parsed(held.text, held.file)


@lru_cache(maxsize=32)
def _parsed(text: str, file: str) -> Scenario:
    """Return a scenario that is asked for on every page of a draft."""
    return scenario_files.parse(text, file)


def chosen_of(draft: Draft) -> Chosen:
    """Return the choice of a draft; InputError where none was made, or it is wrong."""
    if draft.scenario is None:
        raise InputError(SCENARIO_FIRST)
    if draft.scenario.problems:
        raise InputError("選んだシナリオは、この名簿では使えません。「シナリオ」で確かめてください。")
    return draft.scenario


def upload_of(draft: Draft) -> Uploaded:
    """Return the list of a draft; InputError where there is none to call."""
    if draft.upload is None or draft.upload.taken is None:
        raise InputError(LIST_FIRST)
    return draft.upload


def own_rules(chosen: Settings, draft: Draft) -> Mapping[str, object]:
    """Return the rules of a draft's own; none where the form was never sent. InputError."""
    if draft.rules is None:
        return {}
    checked = rules_form.read(chosen.calling, draft.rules, texts=has_texts(draft))
    if checked.wrong:
        raise InputError(RULES_FIRST)
    return checked.own


def has_texts(draft: Draft) -> bool:
    """Tell whether the scenario of a draft has a text (SMS)."""
    if draft.scenario is None or draft.scenario.problems:
        return False
    return scenario_of(draft).text is not None


def intake_of(draft: Draft, data: bytes) -> Intake:
    """Return the list of a draft with the names as corrected; for a thread. InputError."""
    intake = uploaded.intake_of(data, upload_of(draft).name, draft.columns)
    return replace(intake, accepted=uploaded.with_readings(intake.accepted, draft.readings))


def plan_of(data: bytes, chosen: Settings, draft: Draft, by: str, now: datetime, seed: int) -> Plan:
    """Return what a forecast of a draft is made of; InputError. Computes for seconds."""
    order, _ = order_of(data, chosen, draft, "forecast", by, now)
    return Plan(chosen=chosen, order=order, begin=now, seed=seed)


def order_of(
    data: bytes, chosen: Settings, draft: Draft, name: str, by: str, now: datetime
) -> tuple[orders.Order, tuple[str, ...]]:
    """Return the order of a campaign that a draft makes, and what is to be said of its texts; InputError.

    Computes for seconds.
    """
    upload, held = upload_of(draft), chosen_of(draft)
    intake, scenario, own = intake_of(draft, data), scenario_of(draft), own_rules(chosen, draft)
    written = json.dumps(own, ensure_ascii=False, sort_keys=True).encode()
    parts = orders.Parts(
        name=name,
        list_name=upload.name,
        list_sha256=upload.sha256,
        intake=intake,
        excluded=excluded_today(chosen, upload.name, intake),
        scenario=scenario,
        scenario_text=held.text,
        scenario_file=held.file,
        rules=own,
        sources={
            **({"rules": "console", "rules_sha256": hashlib.sha256(written).hexdigest()} if own else {}),
            **({"readings": len(draft.readings)} if draft.readings else {}),
        },
    )
    order = orders.put_together(chosen, parts, by=by, now=now)
    notes = tuple(told_of_texts(chosen, scenario, held.file, order.recipients))
    see_sendable(chosen, scenario)
    return order, notes


def glanced(data: bytes, chosen: Settings, draft: Draft, now: datetime) -> tuple[int, int, tuple[str, ...]]:
    """Return how many people are called, how many share a number with another, and what is to be said of texts."""
    order, notes = order_of(data, chosen, draft, "-", "-", now)
    joined = sum(len(members) - 1 for members in order.households.values())
    return len(order.recipients), joined, notes


def found(data: bytes, draft: Draft, recipient: str) -> Sample | None:
    """Return what is kept of somebody on the list of a draft to hear sentences for, by 宛名番号."""
    # Corrections are laid over people when they are shown: the sample is as the list has it.
    intake = intake_of(draft.model_copy(update={"readings": {}}), data)
    wanted = same_person(recipient)
    return next((uploaded.sample_of(one) for one in intake.accepted if same_person(one.id) == wanted), None)


def for_staff(chosen: Settings, draft: Draft, *, by: str, now: datetime) -> NewCampaign:
    """Return the campaign of a draft as a test call wants it; InputError."""
    held = chosen_of(draft)
    return NewCampaign(
        name=draft.label,
        scenario=held.text,
        scenario_file=held.file,
        created_at=now,
        created_by=by,
        department=draft.department,
    )


async def created(
    chosen: Settings,
    drafts: Drafts,
    results: SqlResults,
    audit: Audit,
    draft_id: str,
    name: str,
    *,
    department: str,
    by: str,
    clock: Callable[[], datetime],
    see: Callable[[Draft], None] = lambda draft: None,
) -> CampaignRow:
    """Make the campaign of a draft, or return the one that it has become already; InputError, NameTaken.

    `see` is shown the draft before it is made, and raises InputError where it is not what somebody has seen.
    When it is made is stored first: whoever comes after a crash knows the campaign by that and its name.
    """
    orders.see_name(name)
    async with drafts.changing(draft_id) as draft:
        if draft.used is not None:
            return await results.campaign_of(draft.used)
        if draft.creating is not None and (before := await _made(results, draft)) is not None:
            await drafts.use(draft, before.id, clock())
            return before
        see(draft)
        data = await drafts.file(draft.id, LIST)
        now = clock()
        with uncollected():
            order, _ = await made_aside(data, order_of, chosen, draft, name, by, now)
            named = await drafts.put(
                draft.model_copy(update={"name": name, "creating": now}), draft.changed_by, now, basis=False
            )
            campaign = await orders.bring_in(results, order, audit, department=department)
            await let_go(order)
        await drafts.use(named, campaign.id, clock())
        return campaign


async def _made(results: SqlResults, draft: Draft) -> CampaignRow | None:
    try:
        found = await results.campaign(draft.name)
    except NotFound:
        return None
    scenario = draft.scenario.text if draft.scenario is not None else ""
    same = (found.created_at, found.department, found.scenario) == (draft.creating, draft.department, scenario)
    return found if same else None
