"""The words for where a person is: what a campaign is of, calls or texts alone, and its state decide them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.campaign.records import CampaignRow, RecipientRecord

BROKEN_OFF = ("stopped", "cut")
"""States of a campaign in which whoever still waits gets nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a campaign goes: it `calls`, else it is of texts (SMS) alone; broken off, it is `over`."""

    calls: bool = True
    over: bool = False

    @classmethod
    def of(cls, campaign: CampaignRow, *, calls: bool) -> Course:
        """Return that of a campaign."""
        return cls(calls=calls, over=campaign.state in BROKEN_OFF)

    @property
    def words(self) -> Mapping[str, str]:
        """Return what staff read for each state of a person."""
        act = "発信" if self.calls else "送信"
        waiting = f"{act}せず（打ち切り）" if self.over else f"{act}待ち"
        return {"waiting": waiting, "calling": f"{act}中", "settled": "完了"}

    def word(self, record: RecipientRecord) -> str:
        """Return what staff read of a person; with a text alone on its way they are no longer waiting for it."""
        under_way = not self.calls and record.state == "waiting" and record.text is not None
        return self.words.get("calling" if under_way else record.state, record.state)
