"""The voice that speaks the scenarios."""

from __future__ import annotations

from collections.abc import Callable

from ivr.data_dir import made
from ivr.settings import Settings
from ivr.speech import TelephoneVoice


def telephone_voice(
    settings: Settings,
    *,
    on_render: Callable[[float], None] = lambda seconds: None,
    on_hit: Callable[[], None] = lambda: None,
) -> TelephoneVoice:
    """Return the voice of the settings; raise SpeechFailed, and InputError where there is no place for its files."""
    speech = settings.speech
    return TelephoneVoice(
        made(settings.data_dir) / "voice",
        engine=speech.engine,
        voice=speech.voice,
        speed=speech.speed,
        workers=speech.workers,
        on_render=on_render,
        on_hit=on_hit,
    )
