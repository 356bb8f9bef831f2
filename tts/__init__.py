"""The voice of Yobirin: text to reading to telephone audio.

Knows nothing of calls. Everything that others use is named here; how it works is in docs/voice.md.
"""

from tts.errors import (
    CacheFailed,
    EngineMissing,
    MissingValue,
    NoSuchVoice,
    RenderFailed,
    RenderTimeout,
    TemplateError,
    VoiceClosed,
    VoiceError,
    WorkerLost,
)
from tts.phrases import Phrase, escape, phrases, variables
from tts.reading import Variable
from tts.voice import Clip, Voice, samples, unreadable

__all__ = [
    "CacheFailed",
    "Clip",
    "EngineMissing",
    "MissingValue",
    "NoSuchVoice",
    "Phrase",
    "RenderFailed",
    "RenderTimeout",
    "TemplateError",
    "Variable",
    "Voice",
    "VoiceClosed",
    "VoiceError",
    "WorkerLost",
    "escape",
    "phrases",
    "samples",
    "unreadable",
    "variables",
]
