"""The text (SMS) of a scenario, as a recipient gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ivr import scenario_files, settings
from ivr.desk.answers import print_json
from ivr.desk.scenarios import EXAMPLE, pairs
from ivr.domain.sms import OFFICE, OFFICE_PHONE, URL, Template, odd_characters, parts, units
from ivr.domain.template import filled
from ivr.errors import InputError, Problems
from ivr.parts.rules import text_sender
from ivr.settings import Settings


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
