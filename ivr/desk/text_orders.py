"""What a new campaign's texts (SMS) come to, shown before anybody gets one; what can't be sent is said here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ivr import yaml_source
from ivr.domain.recipient import Recipient
from ivr.domain.scenario import Scenario
from ivr.domain.sms import Template, odd_characters, parts
from ivr.domain.template import fixed
from ivr.domain.texting_rules import Unwritable, body_of, mobile
from ivr.errors import InputError
from ivr.parts.gateway import text_gateway
from ivr.parts.rules import text_sender
from ivr.settings import Calling, Settings

MOST_SHOWN = 3
"""Lines that are named of those with the same trouble."""


def show_texts(chosen: Settings, scenario: Scenario, scenario_file: Path, people: Sequence[Recipient]) -> None:
    """Print how many people of a list can be sent a campaign's text, and how long it gets; InputError as below."""
    for line in told_of_texts(chosen, scenario, str(scenario_file), people):
        print(line)


def told_of_texts(
    chosen: Settings, scenario: Scenario, scenario_file: str, people: Sequence[Recipient]
) -> Iterator[str]:
    """Yield how many people of a list can be sent a campaign's text, and how long it gets.

    InputError where a campaign has nothing but texts and none could be sent.
    """
    if scenario.text is None:
        return
    if not chosen.texts.provider:
        if not scenario.calls:
            raise InputError(
                f"{scenario_file} は SMS だけのシナリオですが、SMS の事業者が決まっていません。"
                "設定 texts.smpp か texts.http を書いてください。"
            )
        yield "SMS の事業者が決まっていないので、SMS は送りません（設定 texts.smpp か texts.http）。"
        return
    yield from _told(chosen, scenario.text, scenario.calls, people)


def see_sendable(chosen: Settings, scenario: Scenario) -> None:
    """Raise InputError where a campaign has texts and what the settings say of the provider can't be used.

    Above all a file with a password that isn't there, which else comes out when somebody is to be sent the first one.
    """
    if scenario.text is not None and chosen.texts.provider:
        text_gateway(chosen, on_receipt=_ignore, on_message=_ignore, hears=False)


async def _ignore(*_told: object) -> None:
    """Nothing is sent, and nothing comes back."""


def show_pointless(scenario: Scenario, calling: Calling, own: Mapping[str, object], rules_file: Path | None) -> None:
    """Print what the rules of a campaign say of its texts to no effect, with its line where its own file says it."""
    if scenario.text is None:
        return
    said = own.get("texts")
    ours = said if isinstance(said, dict) else {}
    lines = yaml_source.read(rules_file) if rules_file is not None and ours else None
    for key, why in _pointless(calling, ours, calls=scenario.calls):
        place = lines.problem(("texts", key), "") if lines is not None and key in ours else None
        where = f"{place.file}:{place.line}: texts.{key}" if place is not None else f"設定 calling.texts.{key}"
        print(f"{where} {why}（注意）")


def _pointless(calling: Calling, own: Mapping[str, object], *, calls: bool) -> Iterator[tuple[str, str]]:
    """Yield the keys of the section `texts` that come to nothing, and why. The office's own are not meant for each."""
    texts, total = calling.texts, calling.retries.total
    if not calls:
        for key in ("after", "tries"):
            if key in own:
                yield key, "は、SMS だけの催告では使いません。携帯電話の番号がある全員に送ります。"
        return
    if not texts.after:
        yield "after", "が空なので、だれにも SMS を送りません。送るのは、どの結果で終わった人かを書いてください。"
    elif texts.tries is not None and texts.tries > total:
        most = f"電話をかけるのは全部で {total} 回までです（retries.total）"
        yield "tries", f"は {texts.tries} 回ですが、{most}。SMS は、電話がすべて済んでから送ります。"


def _told(chosen: Settings, template: Template, calls: bool, people: Sequence[Recipient]) -> Iterator[str]:
    sender = text_sender(chosen)
    lengths, without, odd = Counter[int](), 0, Counter[str]()
    unwritable: list[tuple[int, str]] = []
    written = {one.character for one in odd_characters(fixed(template.body))}
    for person in people:
        if not mobile(person.numbers, (), (), ()).number:
            without += 1
            continue
        try:
            body = body_of(template, person, sender)
        except Unwritable as error:
            unwritable.append((person.line, str(error)))
            continue
        lengths[len(parts(body))] += 1
        odd.update({one.character for one in odd_characters(body)} - written)
    whom = "電話で会えなかったとき SMS を送れる人" if calls else "SMS を送れる人"
    told = "、".join(f"{count} 通の人 {number}" for count, number in sorted(lengths.items()))
    yield f"{whom}：{lengths.total()} 人（{told or 'いません'}）。携帯電話の番号がない人：{without} 人。"
    for line, why in unwritable[:MOST_SHOWN]:
        yield f"{line} 行目の人には SMS を送れません。{why}。"
    if len(unwritable) > MOST_SHOWN:
        yield f"ほかに {len(unwritable) - MOST_SHOWN} 人も、同じように送れません。"
    if odd:
        characters = "、".join(odd)
        yield f"名簿から入る字に、携帯電話会社によって表示できないものがあります：{characters}（注意）"
    if not calls and not lengths:
        raise InputError("SMS を送れる人が一人もいません。")
