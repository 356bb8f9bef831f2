"""The scenarios of campaigns: they never change, so that each is read once and not with every page that shows it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from threading import Lock

from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain.scenario import Scenario
from ivr.errors import Problems
from ivr.scenario_files.checking import Report, check

MOST = 100
"""Scenarios that are known at once, those asked for last: the longest takes a few hundred KiB."""

LONG = 6000
"""Characters. A shorter one is read in some milliseconds (2 for the shipped reminder): a thread, which shares the
interpreter and takes it for 5 ms a turn, would make nothing better of that.
"""

_known: OrderedDict[tuple[str, str], Report] = OrderedDict()
_lock = Lock()


def of(campaign: NewCampaign | CampaignRow) -> Scenario:
    """Return the scenario of a campaign, as it was when that was created; raises as `parse` does."""
    text, file = campaign.scenario, campaign.scenario_file
    report = _found(text, file) or _read(text, file)
    if report.scenario is None:
        raise Problems(report.errors)
    return report.scenario


async def prepare(campaign: CampaignRow) -> None:
    """See to it that `of` answers soon: a long scenario would hold the loop that calls share for 0.1 s and more."""
    text, file = campaign.scenario, campaign.scenario_file
    if len(text) > LONG and _found(text, file) is None:
        await asyncio.to_thread(_read, text, file)


def _found(text: str, file: str) -> Report | None:
    with _lock:
        report = _known.get((text, file))
        if report is not None:
            _known.move_to_end((text, file))
        return report


def _read(text: str, file: str) -> Report:
    report = check(text, file)
    with _lock:
        _known[text, file] = report
        if len(_known) > MOST:
            _known.popitem(last=False)
    return report
