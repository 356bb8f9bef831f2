"""A phrase to be rendered: what its sound depends on, and so its name in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tts.reading import Digits, Name, Reading, Spoken


@dataclass(frozen=True, slots=True)
class Job:
    """What to say, who says it, and the pause in seconds that follows."""

    engine: str
    voice: str
    language: str
    speed: float
    reading: Reading
    pause: float

    def key(self, *versions: str) -> str:
        """Return the job's name in the cache: 64 hexadecimal digits, others for other `versions`."""
        said = json.dumps([*versions, self.to_json()], ensure_ascii=True, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        return {
            "engine": self.engine,
            "voice": self.voice,
            "language": self.language,
            "speed": self.speed,
            "reading": [_item_to_json(item) for item in self.reading],
            "pause": self.pause,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Job:
        """Return the job that `to_json` gave."""
        reading = tuple(_item_from_json(item) for item in values["reading"])
        return cls(
            engine=values["engine"],
            voice=values["voice"],
            language=values["language"],
            speed=values["speed"],
            reading=reading,
            pause=values["pause"],
        )


def _item_to_json(item: Spoken) -> Any:
    match item:
        case str():
            return item
        case Name(parts):
            return {"name": parts}
        case Digits(groups):
            return {"digits": groups}


def _item_from_json(item: Any) -> Spoken:
    match item:
        case str():
            return item
        case {"name": parts}:
            return Name(tuple(parts))
        case {"digits": groups}:
            return Digits(tuple(groups))
        case _:
            raise ValueError("no such item in a reading")
