"""What a new campaign's texts (SMS) come to, shown before anybody gets one; what can't be sent is said here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ivr.domain.recipient import Recipient
from ivr.domain.scenario import Scenario
from ivr.domain.sms import Template, odd_characters, parts
from ivr.domain.template import fixed
from ivr.domain.texting_rules import Unwritable, body_of, mobile
from ivr.errors import InputError
from ivr.parts.rules import text_sender
from ivr.settings import Settings

MOST_SHOWN = 3
"""Lines that are named of those with the same trouble."""


def show_texts(chosen: Settings, scenario: Scenario, scenario_file: Path, people: Sequence[Recipient]) -> None:
    """Print how many people of a list can be sent a campaign's text, and how long it gets.

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
        print("SMS の事業者が決まっていないので、SMS は送りません（設定 texts.smpp か texts.http）。")
        return
    _show(chosen, scenario.text, scenario.calls, people)


def _show(chosen: Settings, template: Template, calls: bool, people: Sequence[Recipient]) -> None:
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
    print(f"{whom}：{lengths.total()} 人（{told or 'いません'}）。携帯電話の番号がない人：{without} 人。")
    for line, why in unwritable[:MOST_SHOWN]:
        print(f"{line} 行目の人には SMS を送れません。{why}。")
    if len(unwritable) > MOST_SHOWN:
        print(f"ほかに {len(unwritable) - MOST_SHOWN} 人も、同じように送れません。")
    if odd:
        characters = "、".join(odd)
        print(f"名簿から入る字に、携帯電話会社によって表示できないものがあります：{characters}（注意）")
    if not calls and not lengths:
        raise InputError("SMS を送れる人が一人もいません。")
