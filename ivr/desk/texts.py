"""The text (SMS) of a scenario, as a recipient gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ivr import scenario_files, settings
from ivr.campaign.text_news import BY_STAFF
from ivr.desk.answers import print_json
from ivr.desk.records import recorded
from ivr.desk.scenarios import EXAMPLE, pairs
from ivr.domain import phone
from ivr.domain.audit import Action
from ivr.domain.sms import OFFICE, OFFICE_PHONE, URL, Template, odd_characters, parts, units
from ivr.domain.template import filled
from ivr.errors import InputError, Problems
from ivr.parts.rules import text_sender
from ivr.settings import Settings
from ivr.system_clock import SystemClock


def template_of(chosen: Settings, file: Path) -> Template:
    """Return the text of a scenario file; raise Problems with every mistake, and InputError where it has none."""
    report = scenario_files.check(scenario_files.text_of(file), str(file), domains=chosen.texts.domains)
    if report.scenario is None:
        raise Problems(report.errors)
    if report.scenario.text is None:
        raise InputError(f"{file} に text（SMS の文章）がありません。書き方は docs/ja/SMS.md にあります。")
    return report.scenario.text


def written(chosen: Settings, template: Template, values: Mapping[str, str]) -> str:
    """Return what somebody with `values` is sent; raise InputError where the settings do not say who writes."""
    sender = text_sender(chosen)
    own = {OFFICE: sender.office, OFFICE_PHONE: sender.phone, URL: template.url}
    try:
        return filled(template.body, {**values, **own})
    except KeyError as error:
        raise InputError(f"文章の {{{error.args[0]}}} に入れるものがありません。--value で示してください。") from None


async def refuse(config: Path | None, number: str) -> int:
    """Send a number no texts from now on, in any campaign; one that takes none anyway is not entered."""
    chosen = settings.load(config)
    e164 = phone.parse(number).e164
    if phone.kind_of(e164) is not phone.Kind.MOBILE:
        print(
            "この番号は携帯電話ではないので、もともと SMS を送りません。何も変えていません。"
            "電話もかけないようにするには、除外ファイルか ivr campaign exclude を使ってください。"
        )
        return 0
    async with recorded(chosen) as (results, audit):
        await results.texts.bar(e164, BY_STAFF, SystemClock(chosen.calling.timezone).now())
        await audit.record(Action.TEXTS_REFUSED, by="staff")
    print("この番号には、もう SMS を送りません。電話は、これまでどおりです。")
    return 0


async def accept(config: Path | None, number: str) -> int:
    """Let a number be sent texts again; 1 where nothing kept it from that."""
    chosen = settings.load(config)
    e164 = phone.parse(number).e164
    async with recorded(chosen) as (results, audit):
        barred = await results.texts.unbar(e164)
        if barred:
            await audit.record(Action.TEXTS_WANTED)
    print("この番号に、また SMS を送れます。" if barred else "この番号は、SMS を断っていません。")
    return 0 if barred else 1


def show(config: Path | None, file: Path, kana: str, extra: Sequence[str], *, json: bool) -> int:
    """Print the text of a scenario with an example's values, how long it is, and what may not be shown."""
    chosen = settings.load(config)
    body = written(chosen, template_of(chosen, file), {**EXAMPLE, **pairs(extra), "kana": kana})
    odd = odd_characters(body)
    if json:
        told = [{"character": one.character, "instead": one.instead} for one in odd]
        print_json({"text": body, "characters": units(body), "parts": len(parts(body)), "odd": told})
        return 0
    print(body)
    print(f"（{units(body)} 字、{len(parts(body))} 通）")
    for one in odd:
        instead = f"「{one.instead}」と書けます。" if one.instead else "ほかの言い方にしてください。"
        print(f"「{one.character}」は、携帯電話会社によって表示できません。{instead}（注意）")
    return 0
