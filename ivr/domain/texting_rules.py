"""May this person be sent a text (SMS) now, and to which number? The answer fails closed.

A text goes to whom the telephone has not reached, once in a campaign, to a mobile number. In a campaign of texts
alone, to everybody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ivr.domain.attempt import Past
from ivr.domain.calendar import Calendar
from ivr.domain.calling_rules import Cap, Ceiling, best, ceilings_of, day_after
from ivr.domain.outcome import Outcome
from ivr.domain.phone import Kind, kind_of
from ivr.domain.recipient import Recipient, plain
from ivr.domain.sms import LONGEST, OFFICE, OFFICE_PHONE, URL, Template, links, units
from ivr.domain.template import filled, variables


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRules:
    """When a campaign sends texts, and to whom.

    `after` are the outcomes with which a person must have ended. With `tries` those of whom so many dials came to
    nothing else are sent one while further dials are still to come. `caps` hold over all campaigns.
    """

    calendar: Calendar
    after: frozenset[Outcome]
    tries: int | None = None
    caps: tuple[Cap, ...] = ()

    def ceilings(self, now: datetime) -> tuple[Ceiling, ...]:
        """Return what the caps allow now."""
        return ceilings_of(self.caps, now, self.calendar.zone)

    def capped_until(self, now: datetime) -> datetime:
        """Return when who has reached a cap is to be looked at again: caps count calendar days."""
        return day_after(now, self.calendar.zone)

    def valid_for(self, now: datetime) -> timedelta | None:
        """Return how long a text that goes out now may go on being delivered; None where nothing limits that.

        Until the day's last window closes, so that a phone switched on at night stays silent, but long enough to have a
        chance.
        """
        calendar = self.calendar
        end = calendar.closes(now) or now
        while end - now <= MOST_VALID and (again := calendar.next_open(end)) is not None:
            if again.astimezone(calendar.zone).date() != now.astimezone(calendar.zone).date():
                break
            end = calendar.closes(again) or again
        return max(end - now, LEAST_VALID) if end - now <= MOST_VALID else None


LEAST_VALID = timedelta(hours=1)
"""How long a text may be delivered at least, however soon the window closes."""

MOST_VALID = timedelta(days=3)
"""A window that stays open for longer is no limit; networks give up by themselves by then."""

NO_MOBILE = "SMS を送れる携帯電話の番号がありません"
"""Why somebody is sent no text who has no other number than of a fixed line, or one that does not exist."""

REFUSED = "SMS を断った人です"
"""Why somebody is sent no text who has written back, or told staff, that they want none."""

NOBODYS = "携帯電話の番号が使われていません"
"""Why somebody is sent no text whose mobile number is nobody's, as a call or an earlier text has found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mobile:
    """Where a text goes; empty where it goes nowhere, `why`."""

    number: str = ""
    why: str = ""


def is_due(rules: TextRules, settled: Outcome | None, past: Sequence[Past]) -> bool:
    """Tell whether a person is due who ended as `settled` (None: not yet), after the ended dials `past`."""
    if settled is not None:
        return settled in rules.after
    return rules.tries is not None and len(past) >= rules.tries and best(past) in rules.after


def mobile(numbers: Sequence[str], past: Sequence[Past], refused: Collection[str], nobodys: Collection[str]) -> Mobile:
    """Return the first number (E.164) that takes texts: a mobile one that exists and has not refused them."""
    dead = {*nobodys, *(one.number for one in past if one.outcome is Outcome.INVALID_NUMBER)}
    mobiles = [one for one in numbers if kind_of(one) is Kind.MOBILE]
    number = next((one for one in mobiles if one not in dead and one not in refused), None)
    if number is not None:
        return Mobile(number=number)
    if not mobiles:
        return Mobile(why=NO_MOBILE)
    return Mobile(why=REFUSED if any(one in refused for one in mobiles) else NOBODYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who writes: what stands in every text."""

    office: str
    phone: str


class Unwritable(Exception):
    """A text can't be written for this person; the message, for staff, says why."""


def body_of(template: Template, recipient: Recipient, sender: Sender) -> str:
    """Return what `recipient` is sent; Unwritable where their row lacks something, or makes it too long."""
    own = {OFFICE: sender.office, OFFICE_PHONE: sender.phone, URL: template.url}
    values = recipient.values()
    for name in variables(template.body):
        if name not in own and (astray := links(values.get(name, ""))):
            raise Unwritable(f"名簿の「{name}」に、携帯電話でリンクになる「{astray[0]}」があります")
    try:
        body = filled(template.body, {**values, **own})
    except KeyError as error:
        raise Unwritable(f"名簿に「{error.args[0]}」がないので、SMS の文章を作れません") from None
    if units(body) > LONGEST:
        raise Unwritable(f"SMS の文章が {units(body)} 字になり、{LONGEST} 字までの上限を超えます")
    return body


def is_opt_out(body: str, words: Collection[str]) -> bool:
    """Tell whether somebody wrote back that they want no texts: one of `words` is in what they wrote."""
    written = plain(body)
    return any(plain(word) in written for word in words)
