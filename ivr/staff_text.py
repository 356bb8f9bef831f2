"""A test text: the SMS of a scenario, sent to a member of staff before anybody else gets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ivr import settings
from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.text_news import TextNews
from ivr.campaign.text_records import Texts
from ivr.campaign.texting import Accepted, NotNow, Refused, Text, TextGateway
from ivr.data_dir import engine_runs
from ivr.desk.records import recorded
from ivr.desk.scenarios import EXAMPLE, pairs
from ivr.desk.staff import staff_number
from ivr.desk.texts import template_of, written
from ivr.domain import phone
from ivr.domain.audit import Action
from ivr.domain.phone import Kind
from ivr.domain.sms import parts
from ivr.domain.text import TextState, of_parts
from ivr.domain.texting_rules import LEAST_VALID
from ivr.errors import InputError, TextUncertain
from ivr.parts.gateway import text_gateway
from ivr.settings import Settings
from ivr.system_clock import SystemClock

BIND = 15.0
"""Seconds for the provider to let us in."""

LOOK_AGAIN = 0.2
"""Seconds between two looks for receipts."""

RECEIPTS = 60.0
"""Seconds for the network to say what became of a text; a phone that is on has it within ten."""


async def send(config: Path | None, file: Path, to: str, kana: str, extra: Sequence[str]) -> int:
    """Send the text of a scenario to the member of staff at `to`; 1 where it is not known to have arrived."""
    chosen = settings.load(config)
    number = staff_number(chosen, to)
    if phone.kind_of(number) is not Kind.MOBILE:
        raise InputError("SMS を送れるのは、携帯電話の番号だけです。")
    body = written(chosen, template_of(chosen, file), {**EXAMPLE, **pairs(extra), "kana": kana})
    clock = SystemClock(chosen.calling.timezone)
    text = Text(id=attempt_id(clock.now()), number=number, body=body, valid_for=LEAST_VALID)
    taken: list[str] = []
    async with recorded(chosen) as (results, audit):
        await audit.record(Action.STAFF_TEXTED, file.name)
        # What comes here may be about texts of campaigns: the network tells whoever of us is connected.
        news = TextNews(
            results.texts,
            clock,
            opt_out=chosen.texts.opt_out,
            on_state=lambda _state: None,
            on_opt_out=lambda: audit.mention(Action.TEXTS_REFUSED, by="answer"),
        )
        async with _gateway(chosen, news, taken) as gateway:
            return await _sent(gateway, text, results.texts, taken)


@asynccontextmanager
async def _gateway(chosen: Settings, news: TextNews, taken: Sequence[str]) -> AsyncIterator[TextGateway]:
    """Yield the provider, connected; raise InputError where it does not let us in.

    `taken` are the references of what it has taken, by then.
    """

    async def outstanding() -> Sequence[str]:
        return taken

    gateway = text_gateway(
        chosen,
        on_receipt=news.receipt,
        on_message=news.message,
        outstanding=outstanding,
        hears=not engine_runs(chosen.data_dir),
    )
    running = asyncio.create_task(gateway.run())
    ready = asyncio.create_task(gateway.ready(BIND))
    try:
        await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        if not await ready:
            raise InputError(f"SMS の事業者につながりません。{gateway.state}")
        yield gateway
    finally:
        for task in (ready, running):
            task.cancel()
        await asyncio.wait([ready, running])


async def _sent(gateway: TextGateway, text: Text, texts: Texts, taken: list[str]) -> int:
    try:
        answer = await gateway.submit(text)
    except TextUncertain as error:
        print(f"送れたかどうか分かりません。{error}")
        return 1
    match answer:
        case Refused():
            print(f"送れませんでした（{answer.state.label}）。{answer.reason}")
            return 1
        case NotNow():
            print(f"いまは送れません。{answer.reason} しばらくしてから、もう一度お試しください。")
            return 1
        case Accepted():
            taken += answer.references
            print(f"事業者が受け付けました（{len(parts(text.body))} 通）。届いたかどうかの知らせを待っています。")
    state = await _state(answer, texts)
    print(f"結果：{state.label}")
    if not state.final:
        print(f"{RECEIPTS:.0f} 秒のうちに、届いたかどうかの知らせがありませんでした。")
    return 0 if state is TextState.DELIVERED else 1


async def _state(answer: Accepted, texts: Texts) -> TextState:
    """Return what the receipts say, whoever of us gets them, once that is final, or nothing came for long."""
    state = TextState.SENT
    with suppress(TimeoutError):
        async with asyncio.timeout(RECEIPTS):
            while not state.final:
                await asyncio.sleep(LOOK_AGAIN)
                state = of_parts((await texts.heard(answer.references)).values())
    return state
