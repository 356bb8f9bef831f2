"""The life of one text (SMS): what is known of it, from whatever order in which it comes to be known.

    queued ─ cancelled ─ sent ─ unknown ─ out_of_range ─ failed ─ refused ─ no_number ─ delivered

What is told later, again, or before what it follows from changes nothing but towards the right: a receipt proves
what it says, and nothing proves more than that a text was delivered. So `after` may be folded over what is told in any
order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class TextState(StrEnum):
    """The codes that results carry, weakest evidence first; `label` is what staff read."""

    QUEUED = "queued"
    CANCELLED = "cancelled"
    SENT = "sent"
    UNKNOWN = "unknown"
    OUT_OF_RANGE = "out_of_range"
    FAILED = "failed"
    REFUSED = "refused"
    NO_NUMBER = "no_number"
    DELIVERED = "delivered"

    @property
    def label(self) -> str:
        """Return the state in the words of staff."""
        return TEXT_LABELS[self]

    @property
    def final(self) -> bool:
        """Tell whether it is known what became of the text: nothing more need come."""
        return self not in (TextState.QUEUED, TextState.SENT, TextState.UNKNOWN)


TEXT_LABELS: Mapping[TextState, str] = {
    TextState.QUEUED: "送信中",
    TextState.CANCELLED: "送らない",
    TextState.SENT: "送信済み（結果待ち）",
    TextState.UNKNOWN: "不明",
    TextState.OUT_OF_RANGE: "圏外",
    TextState.FAILED: "失敗",
    TextState.REFUSED: "拒否",
    TextState.NO_NUMBER: "番号なし",
    TextState.DELIVERED: "到達",
}

_WEIGHT = {state: weight for weight, state in enumerate(TextState)}


def after(known: TextState, told: TextState) -> TextState:
    """Return what is known of a text, or of a part of one, once `told` has come."""
    return max(known, told, key=_WEIGHT.__getitem__)


def of_parts(parts: Iterable[TextState]) -> TextState:
    """Return the state of a text from those of its parts (one at least): delivered where all are.

    One part that did not arrive spoils the text; until each is known, that is what is known of the least.
    """
    states = [*parts]
    spoilt = [state for state in states if state.final and state is not TextState.DELIVERED]
    if spoilt:
        return max(spoilt, key=_WEIGHT.__getitem__)
    return min(states, key=_WEIGHT.__getitem__)
