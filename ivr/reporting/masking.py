"""People as they are shown to whoever has not asked who they are: by their 宛名番号, with a hint of name and number."""

from __future__ import annotations

from dataclasses import replace

from ivr.campaign.records import RecipientRecord
from ivr.campaign.text_records import TextRecord
from ivr.domain.exclusion import Exclusion
from ivr.domain.phone import masked
from ivr.domain.recipient import Recipient
from ivr.domain.text import TextState
from ivr.reporting.columns import telephone

HIDDEN = "（伏せています）"


def masked_name(name: str) -> str:
    """Return a name as its first character and a mark, whatever its length."""
    return f"{name[:1]}●" if name else ""


def masked_number(number: str) -> str:
    """Return an E.164 number as it is written in Japan, without its middle: 090-****-1234."""
    parts = telephone(number).split("-")
    if len(parts) != 3:
        return masked(number)
    return f"{parts[0]}-{'*' * len(parts[1])}-{parts[2]}"


def masked_recipient(recipient: Recipient) -> Recipient:
    """Return somebody of whom only the 宛名番号 is left whole; what else their list says is gone."""
    numbers = tuple(masked_number(number) for number in recipient.numbers)
    return replace(recipient, kana=masked_name(recipient.kana), numbers=numbers, columns={})


def masked_exclusion(excluded: Exclusion | None) -> Exclusion | None:
    """Return that somebody is excluded, and where that is written, but not why: that may be their secret."""
    return replace(excluded, reason=HIDDEN) if excluded else None


def masked_record(record: RecipientRecord) -> RecipientRecord:
    """Return a person, their attempts and text without who they are."""
    text = record.text
    return replace(
        record,
        recipient=masked_recipient(record.recipient),
        attempts=tuple(replace(one, number=masked_number(one.number)) for one in record.attempts),
        excluded=masked_exclusion(record.excluded),
        text=_masked_text(text) if text else None,
    )


def _masked_text(text: TextRecord) -> TextRecord:
    """Return a text without its number and words; of one that was withheld the reason may be that of an exclusion."""
    withheld = text.state is TextState.CANCELLED and text.why
    return replace(
        text,
        number=masked_number(text.number),
        body=HIDDEN if text.body else "",
        why=HIDDEN if withheld else text.why,
    )
