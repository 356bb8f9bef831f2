"""By what a campaign reaches people, calls, texts (SMS) or both, and what staff are told of each."""

from __future__ import annotations

from dataclasses import dataclass

from ivr import scenario_files
from ivr.campaign.records import CampaignRow
from ivr.domain.scenario import Scenario
from ivr.errors import IvrError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """By what a campaign reaches people: one at least."""

    calls: bool = True
    texts: bool = False

    @classmethod
    def of(cls, scenario: Scenario) -> Ways:
        """Return those of a scenario."""
        return cls(calls=scenario.calls, texts=scenario.text is not None)

    @classmethod
    def of_stored(cls, campaign: CampaignRow) -> Ways:
        """Return those of a campaign; both where its scenario can't be read: that keeps nobody from stopping it."""
        try:
            return cls.of(scenario_files.of(campaign))
        except IvrError:
            return cls(texts=True)

    @property
    def draining(self) -> str:
        """Return what somebody is told who has broken off the campaign at the terminal."""
        if not self.calls:
            return (
                "これ以上は送りません。送っている途中の SMS に事業者が答えるのを待っています。"
                "もう一度 Ctrl-C を押すと、すぐに終わります（途中だった SMS は「不明」になります）。"
            )
        no_more = "これ以上はかけず、SMS も送りません。" if self.texts else "これ以上はかけません。"
        return f"{no_more}通話中の電話が終わるのを待っています。もう一度 Ctrl-C を押すと、すぐに切ります。"

    @property
    def halted(self) -> str:
        """Return what an emergency stop does."""
        if not self.calls:
            return "SMS は、もう送りません。すでに事業者に渡した SMS は、止められません。"
        return "通話中の電話も切ります。" + ("SMS も送りません。" if self.texts else "")

    def excluded(self, people: int) -> str:
        """Return what is told of so many people who were excluded before they were reached."""
        if not self.calls:
            return f"{people} 人には、SMS を送りません。"
        return f"{people} 人には、もうかけません。" + ("SMS も送りません。" if self.texts else "")

    def excluded_late(self, people: int) -> str:
        """Return what is told of so many people with whom the campaign was done when they were excluded."""
        if not self.calls:
            return f"{people} 人には、SMS をもう送ったか、送らないことに決まっていました。"
        too = "まだ送っていなければ、SMS も送りません。" if self.texts else ""
        return f"{people} 人は、すでに済んでいました。{too}"

    @property
    def kept(self) -> str:
        """Return what is kept of a campaign's people, and goes when it is erased."""
        return f"鍵・宛先・{'音声・' if self.calls else ''}{'SMS・' if self.texts else ''}結果"
