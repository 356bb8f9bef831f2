"""The section `exclusions`: who is not called. For meanings see docs/settings.md."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ivr.domain.exclusion import ColumnRule
from ivr.domain.recipient import plain
from ivr.settings.notation import Duration, Section, limited, secret, wrong

Words = Annotated[str, Field(min_length=1, max_length=100)]


class ExcludingColumn(Section):
    """A column of the list that excludes, unless its value is one of `harmless`; `reason`: the column's name."""

    column: Words
    reason: Words | None = None
    harmless: tuple[str, ...] = ("",)


class Check(Section):
    """The office's collection system, asked just before each dial."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")]
    token_file: Path | None = None
    timeout: Annotated[Duration, limited("100ms", "10s")] = timedelta(seconds=2)
    no_answer: Literal["hold", "call"] = "hold"

    def token(self) -> str | None:
        """Return the bearer token, None where none is needed; raise InputError for an unreadable file."""
        return secret(self.token_file, "exclusions.check.token_file")


class Excluding(Section):
    """What says of a person or number that they are not called."""

    columns: tuple[ExcludingColumn, ...] = ()
    file: Path | None = None
    check: Check | None = None

    def rules(self) -> tuple[ColumnRule, ...]:
        """Return the columns as the domain wants them."""
        return tuple(
            ColumnRule(column=one.column, reason=one.reason or one.column, harmless=frozenset(map(plain, one.harmless)))
            for one in self.columns
        )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        seen: set[str] = set()
        for index, one in enumerate(self.columns):
            if plain(one.column) in seen:
                raise wrong(f"「{one.column}」が二度書いてあります。", "columns", index, "column")
            seen.add(plain(one.column))
        return self
