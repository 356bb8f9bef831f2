"""What a row about a person, or about an attempt, holds. Staff bring it together with their own system by 宛名番号."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers

from ivr.campaign.records import AttemptRecord, RecipientRecord
from ivr.campaign.text_records import TextRecord
from ivr.domain.exclusion import Source
from ivr.domain.outcome import PROOF
from ivr.reporting.classes import class_of
from ivr.reporting.course import Course

Value = str | int | float | None

CALLS = Course()

PERSON = (
    "宛名番号",
    "カナ氏名",
    "状態",
    "結果",
    "区分",
    "印",
    "発信回数",
    "電話番号",
    "発信日時",
    "応答日時",
    "終了日時",
    "聴取秒数",
    "押されたキー",
    "次回発信予定",
    "結果コード",
    "除外の理由",
    "除外の出どころ",
    "SMS",
    "SMS 電話番号",
    "SMS 送信日時",
    "SMS 結果日時",
    "SMS 通数",
    "SMS の理由",
)

SOURCES = {
    Source.LIST: "名簿",
    Source.FILE: "除外ファイル",
    Source.STAFF: "職員",
    Source.HOUSEHOLD: "同じ番号",
    Source.COLLECTION: "収納システム",
    Source.RULES: "規則",
}

ATTEMPT = (
    "宛名番号",
    "カナ氏名",
    "回",
    "電話番号",
    "発信日時",
    "応答日時",
    "終了日時",
    "結果",
    "聴取秒数",
    "録音のやり直し",
    "押されたキー",
    "SIP",
    "Q.850",
    "結果コード",
    "発信ID",
)

_OF_THE_LIST = re.compile(r"(宛名番号|id|カナ氏名|kana|電話番号|phone)\d*", re.IGNORECASE)
"""Columns of the list that a row has already under its own heading."""


def person_headings(records: Sequence[RecipientRecord]) -> tuple[str, ...]:
    """Return the headings of rows about people: ours, then the further columns of their list."""
    further = dict.fromkeys(
        name for record in records for name in record.recipient.columns if not _OF_THE_LIST.fullmatch(name)
    )
    return (*PERSON, *(name for name in further if name not in PERSON))


def person_rows(
    records: Sequence[RecipientRecord],
    zone: ZoneInfo,
    course: Course = CALLS,
    *,
    headings: Sequence[str] | None = None,
) -> Iterator[tuple[Value, ...]]:
    """Yield a row for each person, as `headings` head it, else as `person_headings` does.

    Number, times and keys are those of the attempt that decided the outcome, or of the last one so far.
    """
    further = (headings or person_headings(records))[len(PERSON) :]
    for record in records:
        decided = deciding(record)
        yield (
            record.recipient.id,
            record.recipient.kana,
            course.word(record),
            record.outcome.label if record.outcome else None,
            class_of(record.outcome, proven=is_proven(record)).value if record.outcome else None,
            "、".join(record.marks),
            len(record.attempts),
            telephone(decided.number) if decided else None,
            local(decided.dialled_at, zone) if decided else None,
            local(decided.answered_at, zone) if decided else None,
            local(decided.ended_at, zone) if decided else None,
            round(decided.heard_s, 1) if decided else None,
            keys(decided) if decided else None,
            local(record.due_at, zone) if course.calls and not course.over else None,
            record.outcome.value if record.outcome else None,
            record.excluded.reason if record.excluded else None,
            SOURCES[record.excluded.source] if record.excluded else None,
            *_text(record.text, zone),
            *(record.recipient.columns.get(name) for name in further),
        )


def attempt_rows(records: Sequence[RecipientRecord], zone: ZoneInfo) -> Iterator[tuple[Value, ...]]:
    """Yield a row for each attempt, as `ATTEMPT` heads it."""
    for record in records:
        for ordinal, attempt in enumerate(record.attempts, start=1):
            yield (
                record.recipient.id,
                record.recipient.kana,
                ordinal,
                telephone(attempt.number),
                local(attempt.dialled_at, zone),
                local(attempt.answered_at, zone),
                local(attempt.ended_at, zone),
                attempt.outcome.label if attempt.outcome else None,
                round(attempt.heard_s, 1),
                attempt.restarts,
                keys(attempt),
                attempt.sip,
                attempt.q850,
                attempt.outcome.value if attempt.outcome else None,
                attempt.id,
            )


def _text(text: TextRecord | None, zone: ZoneInfo) -> tuple[Value, ...]:
    if text is None:
        return (None,) * 6
    return (
        text.state.label,
        telephone(text.number) if text.number else None,
        local(text.sent_at, zone),
        local(text.ended_at, zone),
        text.parts,
        in_words(text.why) or None,
    )


def in_words(why: str) -> str:
    """Return why a text did not arrive as staff read it: of the provider's code that it is one."""
    return re.sub(r"^err (?=\S)", "事業者の理由コード ", why)


def deciding(record: RecipientRecord) -> AttemptRecord | None:
    """Return the latest attempt with the outcome that the person ended with, else the latest of all."""
    for attempt in reversed(record.attempts):
        if attempt.outcome is not None and attempt.outcome is record.outcome:
            return attempt
    return record.attempts[-1] if record.attempts else None


def is_proven(record: RecipientRecord) -> bool:
    """Tell whether a beep says that a machine recorded the message."""
    decided = deciding(record)
    return decided is not None and PROOF in decided.evidence


@lru_cache(maxsize=256)
def telephone(number: str) -> str:
    """Return an E.164 number as it is written in Japan, with hyphens: so no spreadsheet eats the leading zero."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


def local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """Return a moment as spreadsheets read it, to the second."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if moment else None


def keys(attempt: AttemptRecord) -> str:
    """Return the key presses in order, each with its step."""
    return "、".join(f"{key.step}:{key.key}" for key in attempt.keys)


def without_controls(text: str) -> str:
    """Return `text` with tabs, line ends and other control characters as spaces: a cell is one line."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text).strip()


def looks_like_formula(text: str) -> bool:
    """Tell whether a spreadsheet might run `text`: full-width marks count in Japanese ones.

    A mere number doesn't run, nor one below zero; of `+81…` a spreadsheet makes another number. Source: OWASP, CSV
    Injection.
    """
    return text.startswith(tuple("=+-@＝＋－＠")) and not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII)
