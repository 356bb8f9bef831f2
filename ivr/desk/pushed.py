"""A list that another system pushes becomes a campaign, with a scenario that the office keeps."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr import scenario_files
from ivr.audit import Audit
from ivr.campaign.intake import Intake, Refusal, read_list
from ivr.campaign.records import CampaignRow
from ivr.desk.lists import excluded_today
from ivr.desk.orders import Order, Parts, bring_in, put_together, see_name
from ivr.desk.scenarios import load_scenario
from ivr.desk.text_orders import see_sendable
from ivr.domain.scenario import Scenario
from ivr.errors import InputError, NotFound, Problems
from ivr.settings import Settings
from ivr.storage import SqlResults

LIST = "list.csv"
"""What messages call a list that has no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What has become of a list: the campaign, and who of the list is not in it or is not called."""

    campaign: CampaignRow
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
    intake = await asyncio.to_thread(read_list, data, file=LIST)
    report = await load_scenario(chosen, file, columns=intake.columns)
    if report.scenario is None:
        raise Problems(report.errors)
    see_sendable(chosen, report.scenario)
    order, excluded = await asyncio.to_thread(_order, chosen, name, file, report.scenario, intake, data, by, now)
    campaign = await bring_in(results, order, audit, department=department)
    return Pushed(
        campaign=campaign,
        rows=intake.rows,
        accepted=len(intake.accepted),
        refused=intake.refused,
        excluded=excluded,
    )


def _file(chosen: Settings, name: str) -> Path:
    """Return the file of a scenario that is kept by that name; NotFound."""
    folder = scenarios(chosen)
    known = {file.name: file for file in folder.glob("*.yaml")} if folder.is_dir() else {}
    if name not in known:
        raise NotFound(f"シナリオ「{name}」は、保存されていません（データのフォルダの scenarios に置いてください）。")
    return known[name]


def _order(
    chosen: Settings,
    name: str,
    file: Path,
    scenario: Scenario,
    intake: Intake,
    data: bytes,
    by: str,
    now: datetime,
) -> tuple[Order, int]:
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
        scenario_text=scenario_files.text_of(file),
        scenario_file=file.name,
    )
    return put_together(chosen, parts, by=by, now=now), len(excluded)
