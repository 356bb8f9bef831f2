"""What staff enter of somebody who is not to be called again, in any campaign, and how it is lifted. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo

LONGEST_REASON = 100
LONGEST_PERSON = 100

KEPT = timedelta(days=366)
"""How long an exclusion that was lifted, or is over, can still be found: for who asks why they were called again."""

OWN_WISH = "本人の申し出"
"""The reason of most: somebody telephones and says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnteredExclusion:
    """A person (宛名番号), a number (E.164), or both, whom staff have excluded; "" where it is about the other alone.

    In force until `ends_at`, for good where that is None, unless it was lifted. Of one that was lifted, whom it was
    about is kept no longer.
    """

    id: str
    person: str = field(repr=False)
    number: str = field(repr=False)
    reason: str = field(repr=False)
    department: str
    entered_at: datetime
    entered_by: str
    ends_at: datetime | None = None
    lifted_at: datetime | None = None
    lifted_by: str = ""
    lifted_why: str = field(default="", repr=False)

    def holds(self, now: datetime) -> bool:
        """Tell whether it keeps anybody from being called at `now`."""
        return self.lifted_at is None and (self.ends_at is None or now < self.ends_at)

    def until(self, zone: tzinfo) -> date | None:
        """Return the last day on which it is in force, in the office's time."""
        return (self.ends_at.astimezone(zone) - timedelta(microseconds=1)).date() if self.ends_at else None


def end_of(until: date | None, zone: tzinfo) -> datetime | None:
    """Return the moment at which the day `until` is over in the office's time."""
    return datetime.combine(until + timedelta(days=1), time(), zone) if until else None


def unfit_reason(reason: str) -> str | None:
    """Return why `reason` can't be stored, None where it can."""
    if reason.strip() and reason.isprintable() and len(reason) <= LONGEST_REASON:
        return None
    return f"理由は、1 字から {LONGEST_REASON} 字で、一行で書いてください。"


def unfit_person(person: str) -> str | None:
    """Return why nobody has the 宛名番号 `person`, None where somebody may."""
    if person.isprintable() and len(person) <= LONGEST_PERSON:
        return None
    return f"宛名番号は、{LONGEST_PERSON} 字までで書いてください。"
