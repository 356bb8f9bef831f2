"""Screening devices and assistants, announcements of the network, and faxes of the corpus."""

from __future__ import annotations

from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import BusyTone, Fax, HangUp, HearOut, Repeat, Ringback, Special, Stay, Step, Wait
from ivr.rehearsal.corpus.draw import SILENT, Draw, Made, Variation
from ivr.rehearsal.corpus.people import hears_and_presses

CONFIRMED = frozenset({Outcome.CONFIRMED})

NOBODY_CAME = frozenset({Outcome.SCREENED, Outcome.UNCONFIRMED, Outcome.UNKNOWN})
"""No message is on any machine, not even a part of one, and nobody has been asked."""

SENT_AWAY = NOBODY_CAME | {Outcome.HUNG_UP}

ANNOUNCED = frozenset({Outcome.UNKNOWN, Outcome.HUNG_UP, Outcome.UNCONFIRMED, Outcome.VOICEMAIL_PARTIAL})
"""`voicemail_partial` also says that the line never fell silent (docs/outcomes.md)."""

FAXED = frozenset({Outcome.HUNG_UP, Outcome.UNCONFIRMED})


def _device_person_presses(draw: Draw) -> Made:
    return Made(
        steps=(*_device_rings(draw), *_comes(draw), *hears_and_presses(draw)),
        expect=Outcome.CONFIRMED,
        allowed=CONFIRMED,
    )


def _device_person_is_silent(draw: Draw) -> Made:
    return Made(steps=(*_device_rings(draw), *_comes(draw), Stay()), expect=Outcome.VOICEMAIL, allowed=SILENT)


def _device_rings_on(draw: Draw) -> Made:
    rings: list[Step] = [_ring(draw, 1), Wait(2.0)]
    return Made(steps=(*_device_speaks(draw), Repeat(tuple(rings))), expect=Outcome.SCREENED, allowed=NOBODY_CAME)


def _device_closes(draw: Draw) -> Made:
    return Made(
        steps=(*_device_rings(draw), *draw.says("device_closes"), Wait(0.5), HangUp()),
        expect=Outcome.SCREENED,
        allowed=SENT_AWAY,
    )


def _assistant_person_presses(draw: Draw) -> Made:
    return Made(
        steps=(*_assistant_fetches(draw), *_comes(draw), *hears_and_presses(draw)),
        expect=Outcome.CONFIRMED,
        allowed=CONFIRMED,
    )


def _assistant_person_is_silent(draw: Draw) -> Made:
    return Made(steps=(*_assistant_fetches(draw), *_comes(draw), Stay()), expect=Outcome.VOICEMAIL, allowed=SILENT)


def _assistant_closes(draw: Draw) -> Made:
    return Made(
        steps=(*_assistant_fetches(draw), *draw.says("assistant_closes"), Wait(0.5), HangUp()),
        expect=Outcome.SCREENED,
        allowed=SENT_AWAY,
    )


def _unused(draw: Draw) -> Made:
    return Made(
        steps=(Wait(draw.number("answer_s")), *_announces(draw, "unused"), HangUp()),
        expect=Outcome.UNKNOWN,
        allowed=ANNOUNCED | {Outcome.INVALID_NUMBER},
    )


def _unused_special(draw: Draw) -> Made:
    return Made(
        steps=(*_special(draw), *_announces(draw, "unused"), HangUp()),
        expect=Outcome.UNKNOWN,
        allowed=ANNOUNCED | {Outcome.INVALID_NUMBER},
    )


def _out_of_reach(draw: Draw) -> Made:
    """As some exchanges do, the busy tone follows the announcement."""
    return Made(
        steps=(Wait(draw.number("answer_s")), *_announces(draw, "out_of_reach"), BusyTone(4), HangUp()),
        expect=Outcome.UNKNOWN,
        allowed=ANNOUNCED | {Outcome.UNREACHABLE},
    )


def _out_of_reach_special(draw: Draw) -> Made:
    return Made(
        steps=(*_special(draw), *_announces(draw, "out_of_reach"), HangUp()),
        expect=Outcome.UNKNOWN,
        allowed=ANNOUNCED | {Outcome.UNREACHABLE},
    )


def _fax(draw: Draw) -> Made:
    steps = (Wait(draw.number("answer_s")), Fax(draw.number("fax_s")), HangUp())
    return Made(steps=steps, expect=Outcome.HUNG_UP, allowed=FAXED)


def _device_speaks(draw: Draw) -> list[Step]:
    return [Wait(draw.number("answer_s")), *draw.says("device"), Wait(draw.number("device_gap_s"))]


def _device_rings(draw: Draw) -> list[Step]:
    """Return a device that announces itself and then rings whom it protects."""
    return [*_device_speaks(draw), _ring(draw, int(draw.number("rings"))), Wait(draw.number("device_gap_s"))]


def _ring(draw: Draw, bursts: int) -> Ringback:
    return Ringback(bursts, draw.number("ring_level"), draw.number("ring_hz"))


def _assistant_fetches(draw: Draw) -> list[Step]:
    """Return an assistant that asks, hears the answer out, and goes to fetch whom it protects."""
    asks: list[Step] = [Wait(draw.number("answer_s")), *draw.says("assistant"), HearOut(draw.number("answered_s"))]
    return [*asks, *draw.says("assistant_fetches"), Wait(draw.number("fetches_s"))]


def _comes(draw: Draw) -> list[Step]:
    """Return a person, whose voice is not the device's, who takes the call."""
    device = draw.parameters["voice"]
    return draw.says("hello", voice=draw.voice(str(device)))


def _special(draw: Draw) -> list[Step]:
    return [Wait(draw.number("answer_s")), Special(level=draw.number("special_level")), Wait(0.3)]


def _announces(draw: Draw, words: str) -> list[Step]:
    once = (*draw.says(words), Wait(draw.number("between_s")))
    return [Repeat(once, int(draw.number("announced")))]


SCREENINGS = (
    Variation("device_person_presses", "装置が名乗って呼び出し、人が出て「#」を押す", 3, 2, _device_person_presses),
    Variation("device_person_is_silent", "装置が呼び出し、人が出るが、黙っている", 1, 1, _device_person_is_silent),
    Variation("device_rings_on", "装置が呼び出し続け、誰も出ない", 1, 1, _device_rings_on),
    Variation("device_closes", "装置が呼び出した後、断って切る", 1, 1, _device_closes),
    Variation(
        "assistant_person_presses", "アシスタントが用件を聞き、人が出て「#」を押す", 2, 1, _assistant_person_presses
    ),
    Variation(
        "assistant_person_is_silent", "アシスタントの後、人が出るが、黙っている", 1, 0, _assistant_person_is_silent
    ),
    Variation("assistant_closes", "アシスタントが用件を聞き、断って切る", 1, 1, _assistant_closes),
)

ANNOUNCEMENTS = (
    Variation("unused", "網が応答し、使われていないと告げる", 1, 1, _unused),
    Variation("unused_special", "特別な三つの音の後、使われていないと告げる", 2, 1, _unused_special),
    Variation("out_of_reach", "網が応答し、電波が届かないと告げる", 1, 1, _out_of_reach),
    Variation("out_of_reach_special", "特別な三つの音の後、電波が届かないと告げる", 1, 1, _out_of_reach_special),
)

FAXES = (Variation("fax", "ファクシミリが応答する", 2, 1, _fax),)
