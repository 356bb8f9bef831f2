"""Who is not called, who is texted, and how much the trunk bears."""

from __future__ import annotations

from collections.abc import Callable

from ivr.campaign.lines import Hours, Limits
from ivr.campaign.records import CampaignRow
from ivr.campaign.text_records import TextsAsked
from ivr.domain.scenario import Scenario
from ivr.domain.texting_rules import Sender
from ivr.errors import InputError
from ivr.exclusions import Register
from ivr.settings import STAFF_CALL, Settings


def register(settings: Settings, *, on_look: Callable[[bool], None] = lambda known: None) -> Register:
    """Return what says of people that they are not called."""
    return Register(settings.exclusions.rules(), settings.exclusions.file, on_look=on_look)


def texts_asked(settings: Settings, campaign: CampaignRow, scenario: Scenario) -> TextsAsked | None:
    """Return whom a campaign texts, None where its scenario has no text; InputError where its rules no longer hold.

    A test call to a member of staff has none either.
    """
    if scenario.text is None or campaign.rules == STAFF_CALL:
        return None
    rules = settings.text_rules(campaign.rules)
    return TextsAsked(
        campaign=campaign.id,
        after=tuple(sorted(rules.after)),
        tries=rules.tries,
        alone=not scenario.calls,
    )


def text_sender(settings: Settings) -> Sender:
    """Return who writes; raise InputError where the settings do not say."""
    texts = settings.texts
    if texts.office is None or texts.office_phone is None:
        raise InputError("設定 texts.office（役所と課の名前）と texts.office_phone（電話番号）を書いてください。")
    return Sender(office=texts.office, phone=texts.office_phone)


def limits(settings: Settings) -> Limits:
    """Return what the trunk bears."""
    return Limits(
        lines=settings.trunk.lines,
        hours=tuple(Hours(start=one.start, until=one.until, lines=one.lines) for one in settings.trunk.lines_by_hour),
        zone=settings.calling.timezone,
        pause=settings.trunk.pause.total_seconds(),
        calls_per_second=settings.trunk.calls_per_second,
        call=settings.calling.call_limit.total_seconds(),
    )
