"""Who is not called, and how much the trunk bears."""

from __future__ import annotations

from collections.abc import Callable

from ivr.campaign.lines import Hours, Limits
from ivr.exclusions import Register
from ivr.settings import Settings


def register(settings: Settings, *, on_look: Callable[[bool], None] = lambda known: None) -> Register:
    """Return what says of people that they are not called."""
    return Register(settings.exclusions.rules(), settings.exclusions.file, on_look=on_look)


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
