"""What should have become of texts (SMS) against what did: at the handsets, and in the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ivr.campaign.records import RecipientRecord
from ivr.campaign.text_records import TextRecord
from ivr.domain.phone import national
from ivr.domain.text import TextState
from ivr.rehearsal.handsets import DELIVERED, Habit
from ivr.rehearsal.taken import TakenText


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAstray:
    """A text that is not what it should be: of the person on a `line` of the list (0: nobody's), and in which way."""

    line: int
    what: str


def compare_texts(
    handsets: Mapping[str, Habit], taken: Sequence[TakenText], people: Sequence[RecipientRecord]
) -> tuple[TextAstray, ...]:
    """Return every text that came twice, to nobody, changed, or to another state than its handset's habit leads to."""
    return tuple(_astray(handsets, taken, people))


def _astray(
    handsets: Mapping[str, Habit], taken: Sequence[TakenText], people: Sequence[RecipientRecord]
) -> Iterator[TextAstray]:
    arrived: Mapping[str, list[str]] = {one.number: [] for one in taken}
    for one in taken:
        arrived[one.number].append(one.body)
    known = Counter[str]()
    for person in people:
        text = person.text
        if text is None or not text.number:
            continue
        known[text.number] += 1
        bodies = arrived.get(text.number, [])
        if what := _wrong(text, bodies, handsets.get(national(text.number), DELIVERED)):
            yield TextAstray(line=person.recipient.line, what=what)
    for number in arrived.keys() - known.keys():
        yield TextAstray(line=0, what=f"{national(number)} に、記録にない SMS が届きました")


def _wrong(text: TextRecord, bodies: Sequence[str], habit: Habit) -> str | None:
    if text.state not in habit.expected:
        expected = "、".join(state.label for state in habit.expected)
        return f"台本 {expected}、結果 {text.state.label}"
    if len(bodies) > 1:
        return f"{len(bodies)} 回届きました"
    if not bodies and text.state is TextState.DELIVERED:
        return "届いていないのに、到達になっています"
    if bodies and bodies[0] != text.body:
        return "届いた文章が違います"
    return None
