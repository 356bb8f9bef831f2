"""Between people and rows: what names somebody goes into a row sealed, and comes out of it as it was.

    recipients.id        keyed hash of campaign and 宛名番号: the same person is the same row, and no row tells who
    recipients.household keyed hash of campaign and number, of those who share one where one call is for all of them
    recipients.sealed    宛名番号, kana, numbers and columns; of who is excluded the reason and where that is written
    recipients.excluded  where that is written, for those who look for the excluded; the reason is not told by it
    attempts.sealed      宛名番号 and the number that was dialled
    attempts.number_hash keyed hash of the number, the same in every campaign
    attempts.person_hash keyed hash of the 宛名番号, the same in every campaign: the caps count by both
    exclusions.sealed    宛名番号 and number that staff exclude, and why; its hashes are keyed as well
    texts.sealed         宛名番号, number and body of a text, or why there is none; the hashes are as those of attempts

Sealed is JSON. The campaign's key is in the key store, apart from the database.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from ivr.campaign.text_records import TextIntent
from ivr.domain.attempt import Intent
from ivr.domain.exclusion import Exclusion, Source
from ivr.domain.recipient import Recipient
from ivr.vault.fields import Fields

RECIPIENTS, ATTEMPTS, TEXTS = "recipients", "attempts", "texts"
"""The tables, as the fields are bound to them."""

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Sealing:
    """Seals people and attempts, and opens their rows; raises KeyDestroyed and KeysFailed."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields

    def key(self, campaign: str, recipient: str) -> str:
        """Return the id of a person's row."""
        return self.fields.hash("recipient", campaign, recipient)

    def number_hash(self, number: str) -> str:
        """Return what an E.164 number is found by."""
        return self.fields.hash("number", number)

    def person_hash(self, recipient: str) -> str:
        """Return what the dials of a person are found by, in every campaign."""
        return self.fields.hash("person", recipient)

    def household(self, campaign: str, number: str) -> str:
        """Return what those are found by who share a number in a campaign."""
        return self.fields.hash("household", campaign, number)

    def person(self, campaign: str, person: Recipient, excluded: Exclusion | None = None) -> dict[str, Any]:
        """Return the part of a row that tells who somebody is, and why they are not called."""
        key = self.key(campaign, person.id)
        content: list[object] = [person.id, person.kana, person.numbers, dict(person.columns)]
        if excluded is not None:
            content += [excluded.reason, excluded.source]
        sealed = self.fields.seal(RECIPIENTS, campaign, key, _packed(content))
        return {"id": key, "sealed": sealed, "excluded": excluded.source.value if excluded else None}

    def attempt(self, intent: Intent) -> dict[str, Any]:
        """Return the part of a row that tells who was dialled."""
        content = _packed([intent.recipient, intent.number])
        return {
            "recipient_id": self.key(intent.campaign, intent.recipient),
            "sealed": self.fields.seal(ATTEMPTS, intent.campaign, intent.id, content),
            "number_hash": self.number_hash(intent.number),
            "person_hash": self.person_hash(intent.recipient),
        }

    def text(self, intent: TextIntent, reason: str = "") -> dict[str, Any]:
        """Return the part of a row that tells who is sent what; with a `reason`, why nothing, which no cap counts."""
        number, body = ("", "") if reason else (intent.number, intent.body)
        content = _packed([intent.recipient, number, body, reason])
        return {
            "recipient_id": self.key(intent.campaign, intent.recipient),
            "sealed": self.fields.seal(TEXTS, intent.campaign, intent.id, content),
            "number_hash": "" if reason else self.number_hash(number),
            "person_hash": "" if reason else self.person_hash(intent.recipient),
        }

    def texted(self, campaign: str, text: str, sealed: bytes) -> tuple[str, str, str]:
        """Return the number and the body of a text, and the reason why it was not sent."""
        _, number, body, reason = json.loads(self.fields.open(TEXTS, campaign, text, sealed))
        return number, body, reason

    def recipient(self, row: Row[Any]) -> tuple[Recipient, Exclusion | None]:
        """Return who a row of `recipients` is, and why they are not called."""
        identity, kana, numbers, columns, *excluded = json.loads(
            self.fields.open(RECIPIENTS, row.campaign_id, row.id, row.sealed)
        )
        person = Recipient(id=identity, line=row.line, kana=kana, numbers=tuple(numbers), columns=columns)
        return person, Exclusion(reason=excluded[0], source=Source(excluded[1])) if excluded else None

    def dialled(self, campaign: str, attempt: str, sealed: bytes) -> tuple[str, str]:
        """Return the 宛名番号 and the number of an attempt."""
        recipient, number = json.loads(self.fields.open(ATTEMPTS, campaign, attempt, sealed))
        return recipient, number


def _packed(content: object) -> bytes:
    return _JSON.encode(content).encode("utf-8", "surrogatepass")
