"""May this person be called now, and on which number? The calling rules and the exclusions, asked before each dial.

Who is not called any more is settled, who is not called yet is put off; so the answer holds for everybody who asks.
"""

from __future__ import annotations

from typing import assert_never

from ivr.campaign.observer import Observer
from ivr.campaign.ports import Clock, Enquiry, Registers, Results
from ivr.campaign.records import CampaignRow, Due
from ivr.domain.calling_rules import Dial, Rules, Settled, Wait, next_move
from ivr.domain.exclusion import NO_NUMBER, Exclusion, callable_numbers, ends_with, existing
from ivr.domain.outcome import Outcome


class Vetting:
    """Vets the people of one campaign."""

    def __init__(
        self,
        campaign: CampaignRow,
        *,
        rules: Rules,
        registers: Registers,
        enquiry: Enquiry | None,
        results: Results,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._campaign = campaign
        self._rules = rules
        self._registers = registers
        self._enquiry = enquiry
        self._results = results
        self._clock = clock
        self._observer = observer

    async def number(self, due: Due, *, dialling: bool = False) -> str | None:
        """Return the number to be dialled now; None where none is, which is stored then.

        With `dialling` the dial comes next, so that who knows of each person is asked. Raises ExclusionsUnknown where
        nobody can tell, and nothing is stored.
        """
        told = await self._enquiry.excluded(due.recipient) if self._enquiry and dialling else None
        exclusions = await self._registers.known()
        now = self._clock.now()
        today = now.astimezone(self._rules.calendar.zone).date()
        numbers = callable_numbers(exclusions, due.recipient, today, due.entered)
        numbers = due.excluded or told or existing(numbers, due.nobodys)
        if isinstance(numbers, Exclusion):
            outcome = ends_with(due.past)
            await self._results.settle(self._campaign.id, due.recipient.id, outcome, excluded=numbers, at=now)
            self._observer.excluded(self._campaign.name, numbers.source, settled=True)
            return None
        move = next_move(self._rules, numbers, due.past, now, due.elsewhere)
        match move:
            case Dial():
                return move.number
            case Wait():
                await self._results.postpone(self._campaign.id, due.recipient.id, move.until)
            case Settled():
                why = None if move.outcome else NO_NUMBER
                outcome = move.outcome or Outcome.CANCELLED
                await self._results.settle(self._campaign.id, due.recipient.id, outcome, excluded=why, at=now)
            case _:
                assert_never(move)
        return None
