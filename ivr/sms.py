"""The texts (SMS) of one engine: the way to the provider, what is told of texts, and who sends those of a campaign."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from ivr.audit import Audit
from ivr.campaign.attempts import Spawn
from ivr.campaign.observer import Observer
from ivr.campaign.ports import Clock, Enquiry, Registers
from ivr.campaign.reconcile import BEAT
from ivr.campaign.records import CampaignRow
from ivr.campaign.send_texts import LANES, Texter
from ivr.campaign.text_news import TextNews
from ivr.campaign.text_records import TextsAsked
from ivr.domain.audit import Action
from ivr.domain.scenario import Scenario
from ivr.domain.text import TextState
from ivr.domain.texting_rules import Sender
from ivr.errors import IvrError, StoreFailed
from ivr.metrics import Metrics
from ivr.parts.gateway import RunningGateway, text_gateway
from ivr.parts.rules import text_sender, texts_asked
from ivr.settings import Settings
from ivr.settings.texts import LONGEST_PASSWORD
from ivr.storage import SqlResults

TRY_AGAIN = 60.0
"""Seconds before a way to the provider that can't even be begun is begun again."""

LOOK_AGAIN = 0.5
"""Seconds between two looks for receipts."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """What sends texts and hears of them; `run` and `recover` are to run for as long as it is used."""

    settings: Settings
    results: SqlResults
    clock: Clock
    gateway: RunningGateway
    news: TextNews
    sender: Sender

    @classmethod
    def of(cls, settings: Settings, results: SqlResults, clock: Clock, metrics: Metrics, audit: Audit) -> Sms | None:
        """Return it, None where the settings name no provider; InputError where they do not say all that it takes."""
        if not settings.texts.provider:
            return None

        if settings.texts.smpp is not None and (long := settings.texts.smpp.beyond_standard()):
            log.warning("smpp_password_long", characters=long, standard=LONGEST_PASSWORD)

        async def opted_out() -> None:
            log.info("text_opt_out")
            await audit.mention(Action.TEXTS_REFUSED, by="answer")

        news = TextNews(
            results.texts,
            clock,
            opt_out=settings.texts.opt_out,
            on_state=lambda state: metrics.text(state.value),
            on_opt_out=opted_out,
        )
        gateway = text_gateway(
            settings,
            on_receipt=news.receipt,
            on_message=news.message,
            outstanding=news.outstanding,
            on_state=metrics.sms_connected,
        )
        return cls(
            settings=settings,
            results=results,
            clock=clock,
            gateway=gateway,
            news=news,
            sender=text_sender(settings),
        )

    async def run(self) -> None:
        """Keep the way to the provider up, for ever."""
        while True:
            try:
                await self.gateway.run()
            except IvrError as error:
                log.error("sms_unavailable", reason=str(error))
                await self.clock.sleep(TRY_AGAIN)

    async def recover(self) -> None:
        """Account for what a crash left half handed over, here or at an engine that fell silent, for ever."""
        while True:
            with suppress(StoreFailed):
                if found := await self.news.recover(self.gateway):
                    log.warning("texts_recovered", texts=len(found), unknown=found.count(TextState.UNKNOWN))
            await self.clock.sleep(BEAT.total_seconds())

    def texter(
        self,
        campaign: CampaignRow,
        scenario: Scenario,
        *,
        registers: Registers,
        enquiry: Enquiry | None,
        observer: Observer,
        spawn: Spawn,
        wait_for_windows: bool,
    ) -> Texter | None:
        """Return what sends the texts of a campaign, None where it has none."""
        asked = texts_asked(self.settings, campaign, scenario)
        if asked is None or scenario.text is None:
            return None
        return Texter(
            campaign,
            scenario.text,
            sender=self.sender,
            rules=self.settings.text_rules(campaign.rules),
            asked=asked,
            registers=registers,
            enquiry=enquiry,
            results=self.results,
            texts=self.results.texts,
            gateway=self.gateway,
            clock=self.clock,
            observer=observer,
            spawn=spawn,
            wait_for_windows=wait_for_windows,
            lanes=min(LANES, self.settings.texts.window),
        )

    async def receipts(self, asked: TextsAsked, within: float, *, enough: Callable[[], bool]) -> None:
        """Return once the network has said of each text what became of it, `enough`, or `within` seconds are over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not enough():
                    states = (await self.results.texts.counts(asked)).states
                    if not states.keys() & {TextState.QUEUED, TextState.SENT}:
                        return
                    await asyncio.sleep(LOOK_AGAIN)
