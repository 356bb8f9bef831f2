"""The section `inbound`: what callers hear who ring the office's number. For meanings see docs/settings.md."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from ivr.settings.notation import Duration, Section, limited, wrong

Said = Annotated[str, Field(min_length=1, max_length=500)]


class Inbound(Section):
    """The same for every caller; `say` null: nobody is answered."""

    say: Said | None = None
    thanks: Said = "承りました。担当者から、折り返しお電話いたします。"
    wait: Annotated[Duration, limited("1s", "30s")] = timedelta(seconds=5)
    lines: Annotated[int, Field(ge=1, le=200)] = 2
    match: Annotated[Duration, limited("1h", "365d")] = timedelta(days=30)
    pause: Annotated[Duration, limited("0s", "60d")] = timedelta(days=3)

    @model_validator(mode="after")
    def _neutral(self) -> Self:
        for name, text in (("say", self.say), ("thanks", self.thanks)):
            if text and ("{" in text or "}" in text):
                raise wrong("だれにでも同じことを言います。{ } の差し込みは書けません。", name)
        return self
