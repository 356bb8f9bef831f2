"""How a provider's interface over HTTPS looks: the description that a shape file gives, as values.

What goes over the wire by it is in http_wire.py. Whatever an answer says that is not described here can't be told.

A place in an answer is a `Where`: the names and numbers on the way to it, `*` for each item of a list; empty for the
whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from ivr.domain.text import TextState

Where: TypeAlias = tuple[str, ...]
Encoding: TypeAlias = Literal["form", "json", "query"]
NumberForm: TypeAlias = Literal["e164", "digits", "national"]
"""`+8190…`, `8190…`, `090…`."""

Template: TypeAlias = "str | int | float | bool | Sequence[Template] | Mapping[str, Template] | None"
"""What is sent, with variables in braces: `{to}`."""

EACH = "*"


class Meaning(StrEnum):
    """What an answer says of a text, or of a question about texts."""

    ACCEPTED = "accepted"
    LATER = "later"
    NO_CREDIT = "no_credit"
    NOT_TAKEN = "not_taken"
    NO_NUMBER = "no_number"
    REFUSED = "refused"
    FAILED = "failed"


REFUSING: Mapping[Meaning, TextState] = {
    Meaning.NO_NUMBER: TextState.NO_NUMBER,
    Meaning.REFUSED: TextState.REFUSED,
    Meaning.FAILED: TextState.FAILED,
}
"""What refuses a text for good, and what has become of it then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An answer with one of the HTTP `statuses` and, where `values` are given, one of them at `field`."""

    statuses: frozenset[int]
    means: Meaning
    field: Where = ()
    values: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One kind of request. `path` goes after the base URL; of the `answers`, the first that fits counts."""

    method: Literal["GET", "POST"]
    path: str
    encoding: Encoding
    fields: Mapping[str, Template]
    answers: tuple[Rule, ...]
    reads: Literal["json", "text"] = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """How a text is handed over: `{to} {text} {sender} {id} {user} {secret}`.

    `reference` is where the provider's names of it are; None: it goes by our own id, which is among the fields then.
    """

    call: Call
    reference: Where | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """How the provider is asked by our `{id}` what became of a text.

    `entries` are the texts that the answer tells of (None: it is one itself), `tag` our id in each, `reference` the
    provider's. An entry with another tag proves nothing: the provider may have taken no notice of the question. That a
    text was not taken is only sure `after` so many seconds, in which the provider may still come to it.
    """

    call: Call
    tag: Where
    reference: Where | None
    entries: Where | None = None
    after: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How it is told what became of texts, in each of `entries` (None: there is one, the whole).

    `states` are the provider's words; any other is unknown. `errs` say more exactly why a text did not arrive.
    `reference` may be None where the answer is about the one text that was asked for.
    """

    reference: Where | None
    state: Where
    states: Mapping[str, TextState]
    entries: Where | None = None
    err: Where | None = None
    errs: Mapping[str, TextState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the states of up to `most` texts are asked for: `{references}`, or `{reference}` where `most` is 1."""

    call: Call
    report: Report
    most: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How one side shows who it is: HTTP Basic, a bearer token, the secret as a header of its own.

    A secret in the path, as its last part, is for callbacks alone.
    """

    kind: Literal["none", "basic", "bearer", "header", "path"]
    header: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """How the provider tells by itself what became of texts."""

    auth: Auth
    encoding: Literal["form", "json"]
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A provider's interface."""

    auth: Auth
    number: NumberForm
    send: Send
    headers: Mapping[str, str] = field(default_factory=dict)
    ask: Ask | None = None
    status: Status | None = None
    callback: Callback | None = None


def select(value: object, where: Where) -> list[object] | None:
    """Return what stands at a place, in order; None where the value has no such place, `[]` where a list is empty."""
    if not where:
        return [value]
    step, rest = where[0], where[1:]
    if step == EACH:
        if not isinstance(value, list):
            return None
        found = [select(item, rest) for item in value]
        return None if None in found else [one for items in found if items is not None for one in items]
    if isinstance(value, dict) and step in value:
        return select(value[step], rest)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return select(value[int(step)], rest)
    return None
