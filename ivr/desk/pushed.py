"""A list that another system pushes becomes a campaign, with a scenario that the office keeps."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr import scenario_files
from ivr.aside import uncollected
from ivr.audit import Audit
from ivr.campaign.intake import Refusal, read_list
from ivr.campaign.records import CampaignRow
from ivr.desk.lists import excluded_today
from ivr.desk.orders import Order, Parts, bring_in, put_together, see_name
from ivr.desk.orders_aside import let_go, made_aside
from ivr.desk.scenarios import load_scenario
from ivr.desk.text_orders import see_sendable
from ivr.errors import InputError, NotFound, Problems
from ivr.settings import Settings
from ivr.storage import SqlResults

LIST = "list.csv"
"""What messages call a list that has no file."""

MOST_REFUSED = 1_000
"""Rows that are told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Who of a list is in a campaign, and who is not or is not called. The first rows that are refused."""

    rows: int
    accepted: int
    refused: tuple[Refusal, ...]
    excluded: int


def scenarios(chosen: Settings) -> Path:
    """Return where the office keeps the scenarios of lists that are pushed."""
    return chosen.data_dir / "scenarios"


def as_list(people: Sequence[Mapping[str, object]]) -> bytes:
    """Return people, each a mapping of columns to values, as a list; InputError: a value is neither text nor number."""
    columns = list(dict.fromkeys(column for person in people for column in person))
    values = (value for person in people for value in person.values())
    if not all(isinstance(value, str | int) or value is None for value in values):
        raise InputError("people の値は、文字列か整数にしてください。")
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(columns)
    rows.writerows([person.get(column) for column in columns] for person in people)
    try:
        return text.getvalue().encode()
    except UnicodeEncodeError:
        raise InputError("people に、文字として読めないものがあります。") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What has become of a list."""

    campaign: CampaignRow
    taken: Taken


async def push(
    chosen: Settings,
    results: SqlResults,
    audit: Audit,
    *,
    name: str,
    scenario: str,
    data: bytes,
    by: str,
    department: str,
    now: datetime,
) -> Pushed:
    """Create a campaign of `department` out of the list in `data`, as `by`; InputError, NameTaken."""
    see_name(name)
    file = _file(chosen, scenario)
    with uncollected():
        order, (told, columns) = await made_aside(data, _made, chosen, name, file, by, now)
        report = await load_scenario(chosen, file, columns=columns)
        if report.scenario is None:
            raise Problems(report.errors)
        see_sendable(chosen, report.scenario)
        campaign = await bring_in(results, order, audit, department=department)
        await let_go(order)
    return Pushed(campaign=campaign, taken=told)


def _file(chosen: Settings, name: str) -> Path:
    """Return the file of a scenario that is kept by that name; NotFound."""
    folder = scenarios(chosen)
    known = {file.name: file for file in folder.glob("*.yaml")} if folder.is_dir() else {}
    if name not in known:
        raise NotFound(f"シナリオ「{name}」は、保存されていません（データのフォルダの scenarios に置いてください）。")
    return known[name]


def _made(
    data: bytes, chosen: Settings, name: str, file: Path, by: str, now: datetime
) -> tuple[Order, tuple[Taken, tuple[str, ...]]]:
    """Return the order, what is told of the list, and its columns."""
    intake = read_list(data, file=LIST)
    text = scenario_files.text_of(file)
    scenario = scenario_files.parse(text, file.name)
    if not scenario.calls and not chosen.texts.provider:
        raise InputError("SMS だけのシナリオですが、SMS の事業者が決まっていません。")
    excluded = excluded_today(chosen, LIST, intake)
    parts = Parts(
        name=name,
        list_name=LIST,
        list_sha256=hashlib.sha256(data).hexdigest(),
        intake=intake,
        excluded=excluded,
        scenario=scenario,
        scenario_text=text,
        scenario_file=file.name,
    )
    told = Taken(
        rows=intake.rows,
        accepted=len(intake.accepted),
        refused=intake.refused[:MOST_REFUSED],
        excluded=len(excluded),
    )
    return put_together(chosen, parts, by=by, now=now), (told, intake.columns)
