"""What must not be said before the callee has confirmed to be the person called.

Whoever picks up, or plays back the recording, may be somebody else: 地方税法第22条 (secrecy of tax officers) and the
call-flow of the source document allow the office's own name and 大切なお知らせ, nothing about tax or arrears.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ivr.domain.callflow import confirms
from ivr.domain.scenario import END, SCREENING, Ask, Flaw, Leave, Say, Scenario, Step, targets

_WORDS = re.compile(
    "税|滞納|滞纳|未納|納付|納入|督促|催告|催促|差し?押|保険料|料金|延滞|支払|払い込|振り?込|請求|債権|未払"
    "|缴纳|缴费|欠款|催缴|세금|체납|납부|미납|연체"
    r"|\b(?:tax(?:es|ation)?|overdue|unpaid|arrears|delinquen\w*|payments?|debts?|impostos?|impuestos?|dívidas?)\b",
    re.IGNORECASE,
)
_KANJI = r"[\u3005\u4e00-\u9fff]"
_OFFICE = re.compile(
    rf"{_KANJI}*?(?:税務|納税|市税|区税|町税|村税|県税|都税|住民税|市民税|区民税|課税|収税|徴税|税){_KANJI}{{0,6}}?"
    r"(?:課|课|係|室|部|局|署|事務所|センター)"
    r"|\b(?:(?:resident|municipal|city|ward|local) )?tax(?:ation)? (?:affairs )?"
    r"(?:division|section|department|office|bureau|counter)\b"
    r"|세무(?:과|서|국|소)",
    re.IGNORECASE,
)
_TELLING = re.compile("滞納|滞纳|未納|督促|催告|催促|差し?押|保険料|延滞|欠款|催缴")
"""Words that tell even inside the name of an office (滞納対策課)."""


def disclosures(scenario: Scenario) -> Iterator[Flaw]:
    """Yield a warning for each step that a call can reach unconfirmed and that speaks of tax or arrears.

    The graph of `scenario` must be without flaws.
    """
    for name in before_confirmation(scenario):
        step = scenario.steps[name]
        if words := telling(step.text):
            yield Flaw(
                step=name,
                part=_kind(step),
                message=f"ご本人の確認より前に話されるステップ「{name}」に「{'」「'.join(words)}」があります。"
                "本人以外の人に知られるおそれがあります。",
                warning=True,
            )


def telling(text: str) -> tuple[str, ...]:
    """Return the words in `text` that tell of tax or arrears, each once; those in the names of offices do not count."""
    bare = _OFFICE.sub(lambda found: found[0] if _TELLING.search(found[0]) else "", text)
    return tuple(dict.fromkeys(_WORDS.findall(bare)))


def before_confirmation(scenario: Scenario) -> tuple[str, ...]:
    """Return the names of the steps that a call can come to without a key that confirms, in the order of the file."""
    seen: set[str] = set()
    todo = [scenario.start, *({SCREENING} & scenario.steps.keys())]
    while todo:
        name = todo.pop()
        if name in seen or name == END:
            continue
        seen.add(name)
        todo.extend(
            target
            for part, target in targets(scenario.steps[name])
            if not (part.startswith("keys.") and confirms(scenario, target))
        )
    return tuple(name for name in scenario.steps if name in seen)


def _kind(step: Step) -> str:
    match step:
        case Say():
            return "say"
        case Ask():
            return "ask"
        case Leave():
            return "leave"
