"""How an attempt ended, and on what evidence. An outcome never claims more than its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from ivr.domain.call import EndedBy, Fact, Heard, Heeded, KeyPress, Mark, MessageLeft, NobodyCame, Over
from ivr.domain.signs import Found, Sign, Stretch


class Outcome(StrEnum):
    """The codes that results carry; `label` is what staff read."""

    CONFIRMED = "confirmed"
    CONFIRMED_PARTIAL = "confirmed_partial"
    HUNG_UP = "hung_up"
    UNCONFIRMED = "unconfirmed"
    VOICEMAIL = "voicemail"
    VOICEMAIL_PARTIAL = "voicemail_partial"
    SCREENED = "screened"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    INVALID_NUMBER = "invalid_number"
    NETWORK_CONGESTION = "network_congestion"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        """Return the outcome in the words of staff."""
        return LABELS[self]


PROOF = "proof"
"""In the evidence: what says that a machine recorded the whole message; absent where nothing does."""

MOST_SOUNDS = 40
"""Of the callee's side in the evidence: a call on a noisy line has hundreds."""

LABELS: Mapping[Outcome, str] = {
    Outcome.CONFIRMED: "本人確認済",
    Outcome.CONFIRMED_PARTIAL: "本人（途中切断）",
    Outcome.HUNG_UP: "切断（他人・拒否）",
    Outcome.UNCONFIRMED: "応答（確認なし）",
    Outcome.VOICEMAIL: "留守録",
    Outcome.VOICEMAIL_PARTIAL: "留守録（途中まで）",
    Outcome.SCREENED: "迷惑電話対策装置等",
    Outcome.BUSY: "話中",
    Outcome.NO_ANSWER: "不在",
    Outcome.REJECTED: "着信拒否",
    Outcome.UNREACHABLE: "圏外・電源断",
    Outcome.INVALID_NUMBER: "欠番",
    Outcome.NETWORK_CONGESTION: "回線混雑",
    Outcome.FAILED: "障害",
    Outcome.CANCELLED: "取消",
    Outcome.UNKNOWN: "不明",
}

_BY_SIP: Mapping[int, Outcome] = {
    # Carriers' usage in Japan; RFC 3261 section 21, RFC 3398 for the mapping to Q.850.
    403: Outcome.REJECTED,
    404: Outcome.INVALID_NUMBER,
    408: Outcome.NO_ANSWER,
    410: Outcome.INVALID_NUMBER,
    480: Outcome.UNREACHABLE,
    484: Outcome.INVALID_NUMBER,
    486: Outcome.BUSY,
    487: Outcome.NO_ANSWER,
    600: Outcome.BUSY,
    603: Outcome.REJECTED,
    604: Outcome.INVALID_NUMBER,
    500: Outcome.NETWORK_CONGESTION,
    502: Outcome.NETWORK_CONGESTION,
    503: Outcome.NETWORK_CONGESTION,
    504: Outcome.NETWORK_CONGESTION,
}

_BY_Q850: Mapping[int, Outcome] = {
    1: Outcome.INVALID_NUMBER,
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,
    19: Outcome.NO_ANSWER,
    20: Outcome.UNREACHABLE,
    21: Outcome.REJECTED,
    22: Outcome.INVALID_NUMBER,
    27: Outcome.NETWORK_CONGESTION,
    28: Outcome.INVALID_NUMBER,
    34: Outcome.NETWORK_CONGESTION,
    38: Outcome.NETWORK_CONGESTION,
    41: Outcome.NETWORK_CONGESTION,
    42: Outcome.NETWORK_CONGESTION,
}


def of_network(
    sip: int | None,
    q850: int | None,
    *,
    rang: bool,
    progressed: bool = False,
    tones: Sequence[Found] = (),
) -> Outcome:
    """Return the outcome of a dial that nobody answered, from the final SIP status and the Q.850 cause.

    Where there is no status, our own limit ended the dial. It was the callee who did not answer only if the network
    had said that it rings (`rang`, 180) or works on it (`progressed`, 183); a trunk that says nothing is not there.
    Otherwise the SIP status is what the network sent, the cause often only derived from it, so that is asked first.
    480 stands for "nobody answers" as well as for "powered off": it is the first after ringing or with cause 18,
    the second otherwise. What the network played before (`tones`) tells more than no status: a ringing is one, as good
    as 180; special information, or words that go round, are an announcement, which says why nobody will answer, but not
    to us: `unknown`. A voice or music alone is none: many callers hear a melody in the place of the ringing. A refusal
    of our own registration or digest (401, 407) is our fault, not the callee's.
    """
    if sip in (401, 407):
        return Outcome.FAILED
    rang = rang or any(one.sign is Sign.RINGBACK for one in tones)
    if sip is None and not rang and any(one.sign in (Sign.SPECIAL, Sign.REPEATED) for one in tones):
        return Outcome.UNKNOWN
    if sip is None and q850 in (18, 19) and not (rang or progressed):
        return Outcome.NETWORK_CONGESTION
    if sip == 480 and q850 != 20 and (rang or q850 == 18):
        return Outcome.NO_ANSWER
    if sip is not None and sip in _BY_SIP:
        return _BY_SIP[sip]
    if q850 is not None and q850 in _BY_Q850:
        return _BY_Q850[q850]
    return Outcome.UNKNOWN


def of_record(q850: int | None) -> Outcome:
    """Return the outcome of a dial that nobody answered and of which the far end's Q.850 cause is all that is left.

    18 to 20 come for a telephone that rings as well as for one that is off (480): no outcome says both.
    """
    return Outcome.UNKNOWN if q850 in (None, 18, 19, 20) else _BY_Q850.get(q850, Outcome.UNKNOWN)


def of_call(facts: Sequence[Fact], over: Over, tones: Sequence[Found] = ()) -> Outcome:
    """Return the outcome of an answered call, no stronger than `facts` and the `tones` of the callee's side.

    What the callee heard of a call that we lost, perhaps all of it, can't be known.
    A closing sentence after a beep is a machine's, whose recording is full. An announcement of the network proves
    neither a person nor a machine; it is told by its tones, or by going round and hanging up.
    """
    key = any(isinstance(fact, KeyPress) and fact.confirms for fact in facts)
    reached = any(isinstance(fact, Heard) and fact.reached and fact.whole for fact in facts)
    left = [fact for fact in facts if isinstance(fact, MessageLeft)]
    heeded = [fact.sign for fact in facts if isinstance(fact, Heeded)]
    if key and reached:
        return Outcome.CONFIRMED
    if over.by is EndedBy.LOST:
        return Outcome.UNKNOWN
    if over.by is EndedBy.FAULT:
        return Outcome.FAILED
    if key:
        return Outcome.CONFIRMED_PARTIAL
    if any(message.whole for message in left):
        return Outcome.VOICEMAIL
    goes_round = any(one.sign is Sign.REPEATED for one in tones)
    if Sign.SPECIAL in heeded or (goes_round and over.by is EndedBy.CALLEE):
        return Outcome.UNKNOWN
    if NobodyCame() in facts and not any(one.sign is Sign.BEEP for one in tones):
        return Outcome.SCREENED
    if Sign.FAX in heeded:
        return Outcome.UNCONFIRMED
    if left and (over.by is not EndedBy.CALLEE or any(message.seconds > 0 for message in left)):
        return Outcome.VOICEMAIL_PARTIAL
    return Outcome.HUNG_UP if over.by is EndedBy.CALLEE else Outcome.UNCONFIRMED


def heard_seconds(facts: Sequence[Fact]) -> float:
    """Return how many seconds of speech were played to the callee's side in all."""
    return round(sum(fact.seconds for fact in facts if isinstance(fact, Heard | MessageLeft)), 2)


def restarts(facts: Sequence[Fact]) -> int:
    """Return how often a message to a recording machine was begun anew."""
    return sum(fact.restarts for fact in facts if isinstance(fact, MessageLeft))


def marks(facts: Sequence[Fact]) -> tuple[str, ...]:
    """Return the tags of the steps come to, each once, in order."""
    return tuple(dict.fromkeys(fact.tag for fact in facts if isinstance(fact, Mark)))


def evidence(
    facts: Sequence[Fact],
    over: Over,
    tones: Sequence[Found] = (),
    sounds: Sequence[Stretch] = (),
    at: Sequence[float] = (),
) -> dict[str, object]:
    """Return what proves the outcome of an answered call, ready for JSON; it names no person and no number.

    `tones` and `sounds` are those of the callee's side, `at` when each of the `facts` was known; all in seconds since
    the answer.
    """
    times = [*at, *[None] * (len(facts) - len(at))]
    found: dict[str, object] = {
        "ended_by": over.by.value,
        "steps": [step for fact, known in zip(facts, times, strict=True) if (step := _step(fact, known))],
    }
    if sounds:
        found["sounds"] = [
            {"at": round(one.start, 2), "seconds": round(one.end - one.start, 2), "voice": round(one.voice, 2)}
            for one in sounds[:MOST_SOUNDS]
        ]
    if tones:
        found["tones"] = told(tones)
    if any(isinstance(fact, MessageLeft) and fact.whole for fact in facts) and any(
        one.sign is Sign.BEEP for one in tones
    ):
        found[PROOF] = Sign.BEEP.value
    if over.reason:
        found["reason"] = over.reason
    return found


def told(tones: Sequence[Found]) -> list[dict[str, object]]:
    """Return tones as the evidence holds them."""
    return [
        {
            "sign": one.sign.value,
            "at": round(one.start, 2),
            "seconds": round(one.end - one.start, 2),
            "hz": round(one.hz),
        }
        for one in tones[:MOST_SOUNDS]
    ]


def _step(fact: Fact, known: float | None) -> dict[str, object]:
    """Return what the evidence says of a fact that was known at `known`; keys have a place of their own."""
    if not isinstance(fact, Heard | MessageLeft):
        return {}
    began = {} if known is None else {"at": round(max(0.0, known - fact.seconds), 2)}
    step = {"step": fact.step, **began, "seconds": round(fact.seconds, 2), "whole": fact.whole}
    return {**step, "restarts": fact.restarts} if isinstance(fact, MessageLeft) else step
