"""What one call of the corpus amounts to, from the callee's side: what was heard, said, pressed and recorded.

Pure. The engine's own account of the call is not believed here but for its outcome, which is what is judged. Times
are seconds since the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ivr.domain.outcome import Outcome
from ivr.rehearsal.comparing import heard_matches
from ivr.rehearsal.corpus import Part, Specimen, Truth
from ivr.rehearsal.hearing import Heard
from ivr.rehearsal.records import CallRecord, EndedBy
from ivr.rehearsal.seeking import PIECE, Soundtrack, lasting_from, leading_pause, pieces, tracks, without
from ivr.rehearsal.sounds import RATE, Samples

WHOLE = 0.95
"""The correlation from which on a recording holds the message; beside it, each piece must be in its place."""

BEGINNING = 2.0
"""Seconds of the question that nobody may miss: who calls, and whom."""

OVERLAP = 0.3
"""Seconds that the end of the callee's words may lie in the question without spoiling its beginning."""

TINY = 0.001
"""Seconds that are no difference."""

PIECE_SECONDS = PIECE / RATE

BREATH = 1.3
"""Seconds: a pause up to this is a breath, and what follows it belongs to the same words."""

SHORT_WORDS = 2.5
"""Seconds. First words up to this length and nothing after them are a plain answer: はい、もしもし、山田です。"""

CONFIRMED = (Outcome.CONFIRMED, Outcome.CONFIRMED_PARTIAL)


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """What the engine has to say, as rendered: int16 at 8 kHz.

    `confirmed` is everything that only a confirmed person may hear, `screening` the sentence for whoever answers with
    a long announcement (empty: the scenario has none).
    """

    question: Samples
    confirmed: Samples
    leave: Samples
    screening: Samples

    @cached_property
    def secret(self) -> tuple[Samples, ...]:
        """Return the pieces of `confirmed` that nobody else may hear; what the other parts say too is no secret."""
        return without(self.confirmed, (self.question, self.leave, self.screening))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One call, judged; None where the question does not arise.

    `whole_message`: a recording of the machine holds the whole message. `heard_confirmed_part`: half a second or more
    of what is for confirmed persons was heard before any `#`. `question_whole`: the person heard the question from
    its beginning. `question_after_s`: from the end of their first words, or from the answer where they waited for us,
    to the question's first word. `longest_silence_s`: of both sides, from there to our first sound. `plain`: they
    said a few words, or nothing, and then waited. `honest`: the outcome claims no more than is true. `overclaimed`:
    the evidence says that a message was left whole, and no recording holds it. `lost_press`: `#` was pressed and the
    outcome does not know of it. `screening_said`: the screening sentence was heard.
    """

    number: str
    kind: str
    truth: Truth
    part: Part
    outcome: Outcome | None
    whole_message: bool | None
    heard_confirmed_part: bool
    question_whole: bool | None
    question_after_s: float | None
    longest_silence_s: float | None
    plain: bool
    honest: bool
    overclaimed: bool
    pressed: bool
    lost_press: bool
    screening_said: bool
    fault: str | None

    def as_json(self) -> Mapping[str, object]:
        """Return what was judged, without what it was judged by."""
        names = (
            "whole_message", "heard_confirmed_part", "question_whole", "question_after_s", "longest_silence_s", "plain",
            "honest", "overclaimed", "pressed", "lost_press", "screening_said", "fault",
        )  # fmt: skip
        values = {name: getattr(self, name) for name in names}
        return {name: round(value, 2) if isinstance(value, float) else value for name, value in values.items()}

    def complaints(self) -> tuple[str, ...]:
        """Return in words what went wrong in this call."""
        checks = (
            (self.whole_message is False, "伝言が丸ごとは残っていない"),
            (self.overclaimed, "丸ごと残したと名乗った"),
            (self.heard_confirmed_part, "本人だけの内容を、確認の前に聞いた"),
            (self.question_whole is False, "質問を初めから聞けなかった"),
            (self.lost_press, "「#」が本人確認にならなかった"),
            (not self.honest, f"結果「{self.outcome.label if self.outcome else 'なし'}」は事実に合わない"),
            (self.fault is not None, f"模擬の電話網の側の故障（{self.fault}）"),
        )
        return tuple(what for holds, what in checks if holds)


@dataclass(frozen=True, slots=True)
class Playing:
    """One time that something was played: when its first word came, and how many seconds came without a break."""

    start: float
    seconds: float


def judge(
    specimen: Specimen,
    record: CallRecord,
    outcome: Outcome | None,
    evidence: Mapping[str, object],
    parts: Parts,
) -> Verdict:
    """Return what the call of `specimen` amounts to; `evidence` is that of the results, empty where there is none."""
    person = specimen.truth is Truth.PERSON
    pressed_at = _pressed_at(record)
    unconfirmed = record.heard if pressed_at is None else record.heard.before(pressed_at)
    asked, left, screened = (playings(record.heard, part) for part in (parts.question, parts.leave, parts.screening))
    askings = _outlasting(asked, (*left, *screened), by=-PIECE_SECONDS)
    whole = holds_whole(record, parts.leave) if specimen.truth is Truth.RECORDER else None
    return Verdict(
        number=specimen.number,
        kind=specimen.kind.name,
        truth=specimen.truth,
        part=specimen.part,
        outcome=outcome,
        whole_message=whole,
        heard_confirmed_part=_holds_any(unconfirmed, parts.secret),
        question_whole=_question_whole(record, askings, parts.question) if person else None,
        question_after_s=_question_after(record, askings) if person else None,
        longest_silence_s=_longest_silence(record) if person else None,
        plain=person and _plain(record),
        honest=outcome in specimen.allowed,
        overclaimed=whole is False and _claims_whole(evidence),
        pressed=pressed_at is not None,
        lost_press=pressed_at is not None and outcome not in CONFIRMED,
        screening_said=bool(_outlasting(screened, (*asked, *left), by=PIECE_SECONDS)),
        fault=record.fault,
    )


def holds_whole(record: CallRecord, message: Samples) -> bool:
    """Tell whether some recording of the machine holds all of `message`."""
    kept = [record.recording(index) for index in range(len(record.recorded))]
    return any(_whole(recording, message) for recording in kept)


def playings(heard: Heard, reference: Samples) -> tuple[Playing, ...]:
    """Return every time that `reference` was played from its first word on, in order."""
    spoken = reference[round(leading_pause(reference) * RATE) :]
    cut = pieces(spoken)
    if not cut:
        return ()
    found: dict[int, Playing] = {}
    for samples, when in ((heard.stream(), heard.when), (heard.samples, _seconds)):
        for place in Soundtrack(samples).places(cut[0][1]):
            playing = Playing(when(place), lasting_from(samples, spoken, place) / RATE)
            known = [start for start in found if abs(start / RATE - playing.start) < BEGINNING / 2]
            if not known or found[known[0]].seconds < playing.seconds:
                for start in known:
                    del found[start]
                found[round(playing.start * RATE)] = playing
        if len(heard.runs) <= 1:
            break
    return tuple(found[start] for start in sorted(found))


def _seconds(index: int) -> float:
    return index / RATE


def _outlasting(some: Sequence[Playing], others: Sequence[Playing], *, by: float) -> tuple[Playing, ...]:
    """Return those of `some` that last longer, by more than `by` seconds, than each of `others` at the same place.

    Two texts may begin with the same words, and so be found at the same place; the longer one is what was played.
    """
    return tuple(
        one
        for one in some
        if all(one.seconds > other.seconds + by for other in others if abs(other.start - one.start) < OVERLAP)
    )


def _whole(heard: Heard, message: Samples) -> bool:
    length = (message.size / RATE) - leading_pause(message)
    in_place = any(playing.seconds > length - TINY for playing in playings(heard, message))
    return in_place and heard_matches(heard, message).correlation >= WHOLE


def _holds_any(heard: Heard, secret: tuple[Samples, ...]) -> bool:
    if not heard.size or not np.any(heard.samples):
        return False
    return any(track.holds(piece) for track in tracks(heard) for piece in secret)


def _pressed_at(record: CallRecord) -> float | None:
    """Return when `#` went down for the first time."""
    answered = record.answered or 0.0
    return min((key.at - answered for key in record.keys if key.key == "#"), default=None)


def _question_whole(record: CallRecord, askings: Sequence[Playing], question: Samples) -> bool:
    """Tell whether one asking began while the person was not speaking, and came as far as they let it come."""
    length = question.size / RATE - leading_pause(question)
    return any(
        asking.seconds >= _needed(record, asking.start, length) and not _talked_into(record, asking.start)
        for asking in askings
    )


def _talked_into(record: CallRecord, start: float) -> bool:
    """Tell whether an asking from `start` on had begun before the person had ended, or the first words were over."""
    begun = any(begin < start and end > start + OVERLAP for begin, end in record.spoken)
    first = _first_words(record, start)
    return begun or (first is not None and first[1] > start + OVERLAP)


def _needed(record: CallRecord, start: float, length: float) -> float:
    """Return how many seconds of an asking must have been heard: less only where the callee cut it short."""
    answered = record.answered or 0.0
    cuts = [key.at - answered for key in record.keys]
    if record.ended_by is EndedBy.CALLEE:
        cuts.append(record.talked)
    cut = min((at - start for at in cuts if start < at < start + length), default=None)
    # What is cut short ends within a piece of half a second, and the line takes a moment to fall silent.
    return length - TINY if cut is None else max(0.0, min(BEGINNING, cut - PIECE_SECONDS))


def _first_words(record: CallRecord, before: float) -> tuple[float, float] | None:
    """Return from when to when the callee's first words lasted, breaths included, if they began before `before`."""
    if not record.spoken or record.spoken[0][0] >= before:
        return None
    begin, until = record.spoken[0]
    for start, end in record.spoken[1:]:
        if start - until > BREATH:
            break
        until = end
    return begin, until


def _question_after(record: CallRecord, askings: Sequence[Playing]) -> float | None:
    """Return the seconds from the end of the first words to the question that came after them."""
    if not askings:
        return None
    first = _first_words(record, askings[0].start)
    since = first[1] if first else 0.0
    return next((one.start for one in askings if one.start >= since - OVERLAP), askings[0].start) - since


def _longest_silence(record: CallRecord) -> float:
    """Return the longest silence of both sides between the end of the first words and our first sound, or the end."""
    until = _first_sound(record)
    first = _first_words(record, until)
    since, longest = first[1] if first else 0.0, 0.0
    for start, end in [*record.spoken, (until, until)]:
        longest = max(longest, min(start, until) - since)
        since = max(since, end)
    return longest


def _plain(record: CallRecord) -> bool:
    until = _first_sound(record)
    first = _first_words(record, until)
    later = [start for start, _ in record.spoken if first and first[1] < start < until]
    return first is None or (not later and first[1] - first[0] <= SHORT_WORDS)


def _first_sound(record: CallRecord) -> float:
    """Return when our first sound came; where none did, the end of the call."""
    return record.talked if record.first_sound is None else record.first_sound - (record.answered or 0.0)


def _claims_whole(evidence: Mapping[str, object]) -> bool:
    """Tell whether the evidence has a message that was left whole: a step with `restarts` is one for a machine."""
    steps = evidence.get("steps")
    return isinstance(steps, list) and any(step.get("whole") is True for step in steps if "restarts" in step)
