"""The texts (SMS) of a campaign, summed up beside its calls: what became of them, what they cost, who was reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from ivr.campaign.records import Counts
from ivr.campaign.text_records import TextCounts
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState

_BY_CALL = (Outcome.CONFIRMED, Outcome.CONFIRMED_PARTIAL, Outcome.VOICEMAIL)
"""Outcomes of who may count as reached by the call: a text besides reaches nobody more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """People reached, each once: `by_call` who confirmed, or on whose machine the message is with proof of it."""

    by_call: int
    by_text_alone: int


def reached(counts: Counts, texts: TextCounts) -> Reached:
    """Return how many people were reached, either way. A text that arrived is not proof that it was read."""
    confirmed = sum(counts.outcomes.get(one, 0) for one in (Outcome.CONFIRMED, Outcome.CONFIRMED_PARTIAL))
    alone = sum(
        states.get(TextState.DELIVERED, 0) for outcome, states in texts.by_outcome.items() if outcome not in _BY_CALL
    )
    return Reached(by_call=confirmed + counts.proven, by_text_alone=alone)


def texts_json(counts: Counts, texts: TextCounts, price: float | None) -> dict[str, Any]:
    """Return the texts of a campaign, ready for JSON; `cost` in yen, null where the settings name no price."""
    both = reached(counts, texts)
    return {
        "states": {state.value: number for state, number in texts.states.items()},
        "due": texts.due,
        "capped": texts.capped,
        "opted_out": {"by_answer": texts.stopped, "by_staff": texts.declined},
        "parts": texts.parts,
        "taken": texts.taken,
        "unsure": texts.unsure,
        "cost": _yen(texts.parts, price) if price is not None else None,
        "reached": {"by_call": both.by_call, "by_text_alone": both.by_text_alone},
    }


def text_lines(counts: Counts, texts: TextCounts, price: float | None, *, over: bool = False) -> Iterator[str]:
    """Yield what staff read of the texts of a campaign; `over`: nobody more is sent one."""
    cost = f"、{_yen(texts.parts, price):,} 円" if price is not None else ""
    yield f"SMS：{texts.taken} 人に送信（{texts.parts} 通{cost}）"
    if texts.unsure:
        yield f"  ほかに、送れたかどうか分からない人が {texts.unsure} 人います（料金がかかっているかもしれません）"
    if texts.by_outcome:
        yield f"  {'、'.join(f'{state.label} {number}' for state, number in texts.states.items())}"
    if texts.due:
        capped = f"（うち {texts.capped} 人は、上限に達したので次の日から）" if texts.capped and not over else ""
        yield f"  {'送らなかった人' if over else 'これから送る人'} {texts.due}{capped}"
    if texts.stopped or texts.declined:
        both_ways = f"（停止の返信 {texts.stopped}、職員への申し出 {texts.declined}）"
        yield f"  そのあと SMS を断った人 {texts.stopped + texts.declined}{both_ways}"
    both = reached(counts, texts)
    yield f"届いた人：{both.by_call + both.by_text_alone}（電話 {both.by_call}、SMS だけ {both.by_text_alone}）"


def _yen(parts: int, price: float) -> int:
    """Return a cost in whole yen; half a yen counts as one."""
    return int(parts * price + 0.5)


def show_texts(counts: Counts, texts: TextCounts, price: float | None, console: Console, *, over: bool = False) -> None:
    """Print the texts of a campaign; `over`: nobody more is sent one."""
    for line in text_lines(counts, texts, price, over=over):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
