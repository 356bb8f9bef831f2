"""The results JSON: a contract that users script against. Fields may be added, none renamed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ivr.campaign.records import AttemptRecord, CampaignRow, RecipientRecord
from ivr.campaign.text_records import TextRecord
from ivr.reporting.classes import class_of
from ivr.reporting.columns import is_proven
from ivr.reporting.files import Seal, replacing

TOKYO = ZoneInfo("Asia/Tokyo")


def results_json(
    campaign: CampaignRow, records: Sequence[RecipientRecord], *, zone: ZoneInfo = TOKYO
) -> dict[str, Any]:
    """Return the results, ready for JSON; times are ISO 8601 with the offset of `zone`.

    An `outcome` is null until there is one: for a person until settled, for an attempt until ended.
    """
    return {"campaign": campaign.name, "recipients": [_recipient(record, zone) for record in records]}


def write_json(
    path: Path,
    campaign: CampaignRow,
    records: Sequence[RecipientRecord],
    *,
    zone: ZoneInfo = TOKYO,
    seal: Seal | None = None,
) -> None:
    """Write the results JSON to `path`, sealed if asked; raise InputError where that can't be written to."""
    text = json.dumps(results_json(campaign, records, zone=zone), ensure_ascii=False, indent=1)
    with replacing(path, seal) as file:
        file.write(text.encode())
        file.write(b"\n")


def _recipient(record: RecipientRecord, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": record.recipient.id,
        "kana": record.recipient.kana,
        "state": record.state,
        "outcome": record.outcome.value if record.outcome else None,
        "outcome_label": record.outcome.label if record.outcome else None,
        "class": class_of(record.outcome, proven=is_proven(record)).name.lower() if record.outcome else None,
        "marks": list(record.marks),
        "due_at": _iso(record.due_at, zone),
        "excluded": {"reason": record.excluded.reason, "source": record.excluded.source.value}
        if record.excluded
        else None,
        "attempts": [_attempt(attempt, zone) for attempt in record.attempts],
        "text": _text(record.text, zone) if record.text else None,
    }


def _attempt(attempt: AttemptRecord, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "number": attempt.number,
        "intended_at": _iso(attempt.intended_at, zone),
        "dialled_at": _iso(attempt.dialled_at, zone),
        "answered_at": _iso(attempt.answered_at, zone),
        "ended_at": _iso(attempt.ended_at, zone),
        "outcome": attempt.outcome.value if attempt.outcome else None,
        "sip": attempt.sip,
        "q850": attempt.q850,
        "heard_s": attempt.heard_s,
        "restarts": attempt.restarts,
        "keys": [{"step": key.step, "key": key.key, "at": _iso(key.at, zone)} for key in attempt.keys],
        "evidence": dict(attempt.evidence),
    }


def _text(text: TextRecord, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": text.id,
        "state": text.state.value,
        "state_label": text.state.label,
        "number": text.number or None,
        "body": text.body or None,
        "intended_at": _iso(text.intended_at, zone),
        "sent_at": _iso(text.sent_at, zone),
        "ended_at": _iso(text.ended_at, zone),
        "parts": text.parts,
        "why": text.why or None,
    }


def _iso(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return moment.astimezone(zone).isoformat(timespec="milliseconds") if moment else None
