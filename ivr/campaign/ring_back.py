"""Somebody has rung back: matched by their number to the last call of ours, and further tries wait.

Who asked to be called back and was not called by us lately is kept as one of a month's callers: a list of its own that
is exported and erased as every campaign is, and dialled by nobody but people.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import structlog

from ivr.campaign.ports import Clock, Results
from ivr.campaign.records import CampaignRow, NewCampaign
from ivr.domain import phone
from ivr.domain.recipient import Recipient
from ivr.errors import InputError, NameTaken, NotFound, StoreFailed

TRIES, AGAIN = 30, 10.0
"""So many tries of the store, so many seconds apart, before a call is given up for the record: five minutes."""

log = structlog.get_logger(__name__)


class RingBacks:
    """Notes who has rung back."""

    def __init__(self, results: Results, clock: Clock, *, match: timedelta, pause: timedelta) -> None:
        """Match with calls of the last `match`; people who rang back are not called again for `pause`."""
        self._results = results
        self._clock = clock
        self._match = match
        self._pause = pause

    async def note(self, number: str | None, wanted: bool) -> None:
        """Note one call; `number` is None where it was withheld. Never raises for anything of the store's."""
        try:
            parsed = phone.parse(number).e164 if number else None
        except InputError:
            parsed = None
        if parsed is None:
            return
        for _ in range(TRIES):
            try:
                await self._note(parsed, wanted)
            except StoreFailed:
                await self._clock.sleep(AGAIN)
            else:
                return
        log.error("ring_back_lost", wanted=wanted)

    async def _note(self, number: str, wanted: bool) -> None:
        now = self._clock.now()
        found = await self._results.rang_back(
            number, since=now - self._match, wanted=wanted, wait_until=now + self._pause
        )
        if wanted and not found:
            await self._keep(number)

    async def _keep(self, number: str) -> None:
        now = self._clock.now()
        name = f"折り返し-{now:%Y-%m}"
        national = phone.national(number)
        asked = {"折り返しの希望": f"{now:%Y-%m-%d %H:%M}", "電話番号": national}
        person = Recipient(id=national, line=1, kana="", numbers=(number,), columns=asked)
        try:
            row = await self._results.campaign(name)
        except NotFound:
            row = await self._month(NewCampaign(name=name, scenario="", scenario_file="", created_at=now))
        await self._results.add_caller(row.id, person)

    async def _month(self, campaign: NewCampaign) -> CampaignRow:
        """Make a month's list, unless another caller's has just made it."""
        with suppress(NameTaken):
            row = await self._results.create_campaign(campaign, ())
            await self._results.move_campaign(row.id, expected=["created"], state="done")
        return await self._results.campaign(campaign.name)
