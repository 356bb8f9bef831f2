"""Everything the voice can refuse, as one tree; the class says whose fault it is.

VoiceError
├── TemplateError       the text: braces that do not pair, an empty or ill-formed variable
├── MissingValue        the caller: no value was given for a variable
├── NoSuchVoice         the settings: no such engine, voice or language
├── EngineMissing       the installation: the engine's package is not there, or can't be loaded
├── RenderFailed        the engine refused the text
├── CacheFailed         the disk: the cache could not be read or written
├── RenderTimeout       no audio within the time limit
├── WorkerLost          the rendering process died, twice, or none could be started
└── VoiceClosed         the voice was used after `close`
"""

from __future__ import annotations


class VoiceError(Exception):
    """Base of every error of the voice; its message is one sentence without a person's data."""


class TemplateError(VoiceError, ValueError):
    """The template is malformed; `position` is the index of the offending character in it."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class MissingValue(VoiceError):
    """A variable of the template has no value; `name` is the variable."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no value for {{{name}}}")
        self.name = name


class NoSuchVoice(VoiceError, ValueError):
    """No such engine, voice or language."""


class EngineMissing(VoiceError):
    """The engine's package is not installed, or can't be loaded now."""


class RenderFailed(VoiceError):
    """The engine refused the text; trying again will not help."""


class CacheFailed(VoiceError):
    """The cache could not be read or written; the text is not to blame."""


class RenderTimeout(VoiceError, TimeoutError):
    """No audio within the time limit."""


class WorkerLost(VoiceError):
    """The process that rendered died, and so did the next one; or the system lets us start none."""


class VoiceClosed(VoiceError):
    """The voice has been closed."""
