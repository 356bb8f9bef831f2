"""What proves the outcome of an attempt, in sentences for staff. They claim nothing that the evidence does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ivr.campaign.records import AttemptRecord
from ivr.domain.call import EndedBy
from ivr.domain.outcome import PROOF
from ivr.domain.signs import Sign

ENDED: Mapping[str, str] = {
    EndedBy.ENGINE: "こちらから電話を切りました。",
    EndedBy.CALLEE: "相手が電話を切りました。",
    EndedBy.TIME: "通話の制限時間になったので、切りました。",
    EndedBy.FAULT: "こちら側の故障で終わりました。",
    EndedBy.LOST: "途中で様子が分からなくなりました。相手が最後まで聞いたかどうかは分かりません。",
}

SIGNS: Mapping[str, str] = {
    Sign.BEEP: "録音の始まりの発信音（ピー）",
    Sign.RINGBACK: "応答のあとの呼出音",
    Sign.BUSY: "話中音",
    Sign.FAX: "ファクシミリの音",
    Sign.SPECIAL: "電話会社の案内の前触れの音",
    Sign.REPEATED: "同じ言葉の繰り返し（電話会社の案内）",
}

REASONS: Mapping[str, str] = {
    **SIGNS,
    "emergency stop": "緊急停止",
    "engine stopped": "電話をかけるプログラムが止まった",
    "not stored in time": "記録が間に合わなかった",
}
"""Of reasons in the evidence, those that have words; the others are shown as they are: they are for our engineers."""


def sentences(attempt: AttemptRecord) -> tuple[str, ...]:
    """Return what is known of an attempt, in the order in which it happened; it names no person and no number."""
    return (*_network(attempt), *_said(attempt), *_heard(attempt), *_end(attempt))


def _network(attempt: AttemptRecord) -> Iterator[str]:
    if attempt.ended_at is None:
        yield "この電話は、まだ終わっていません。"
    elif attempt.answered_at is None:
        codes = [f"SIP {attempt.sip}"] if attempt.sip else []
        codes += [f"理由 {attempt.q850}"] if attempt.q850 else []
        yield f"だれも出ませんでした。電話網の返事：{'、'.join(codes) if codes else 'なし'}。"


def _said(attempt: AttemptRecord) -> Iterator[str]:
    for step in _entries(attempt, "steps"):
        whole = "最後まで" if step.get("whole") else "途中まで"
        again = f"（相手の声で {step['restarts']} 回やり直し）" if step.get("restarts") else ""
        yield f"{_at(step)}「{step.get('step', '？')}」を{whole}流しました（{_seconds(step)}）{again}。"
    for key in attempt.keys:
        yield f"「{key.step}」で {key.key} が押されました。"


def _heard(attempt: AttemptRecord) -> Iterator[str]:
    for tone in _entries(attempt, "tones"):
        yield f"{_at(tone)}{SIGNS.get(str(tone.get('sign')), '合図の音')}が聞こえました（{_seconds(tone)}）。"
    sounds = _entries(attempt, "sounds")
    if voice := sum(_number(one.get("voice")) for one in sounds):
        yield f"相手側の声は、合わせて約 {voice:.1f} 秒でした。"
    elif sounds or (attempt.answered_at and "steps" in attempt.evidence):
        yield "相手側の声は聞こえませんでした。"


def _end(attempt: AttemptRecord) -> Iterator[str]:
    by = attempt.evidence.get("ended_by")
    if isinstance(by, str) and by in ENDED:
        yield ENDED[by]
    if reason := attempt.evidence.get("reason"):
        yield f"記録された理由：{REASONS.get(str(reason), str(reason))}。"
    if attempt.evidence.get(PROOF):
        yield "発信音のあとに伝言が全部録音されたことが、確かめられています。"


def _entries(attempt: AttemptRecord, name: str) -> list[Mapping[str, Any]]:
    found = attempt.evidence.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _at(entry: Mapping[str, Any]) -> str:
    return f"応答から {_number(entry['at']):.1f} 秒：" if "at" in entry else ""


def _seconds(entry: Mapping[str, Any]) -> str:
    return f"{_number(entry.get('seconds')):.1f} 秒"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
