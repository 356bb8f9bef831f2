"""How the two shipped shapes look from the provider's side: what comes in, what goes out. Pure: no clock, no I/O.

Written from the shape files' words, not with the code of our own client, so that an error in the one is not one in the
other.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl

from ivr.rehearsal.handsets import Stat, Status
from ivr.rehearsal.taken import e164

StyleName: TypeAlias = Literal["form", "json"]
Body: TypeAlias = "Mapping[str, object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A text as it was handed over: `number` is E.164 where it is one, `tag` what the client calls the text."""

    number: str = field(repr=False)
    body: str = field(repr=False)
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the provider knows of a text: its own `name` of it, and what became of it last (None: nothing yet)."""

    name: str
    tag: str
    stat: Stat | None


class FormStyle:
    """Forms with HTTP Basic, a result code in the answer; a text goes by the client's own tag. It tells by being asked.

    POST /send, GET /results?tags=one,another
    """

    name: StyleName = "form"
    send = "/send"
    find = "/results"
    by_name: str | None = None

    def credentials(self, user: str, secret: str) -> str:
        """Return what the header Authorization has to be."""
        return f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}"

    def handed(self, body: bytes) -> Handed:
        """Return the text of a request to send; ValueError where it is none."""
        form = dict(parse_qsl(body.decode(), strict_parsing=True, keep_blank_values=True))
        return _handed(e164(form.get("to", ""), 0), form, "text", "tag")

    def taken(self, one: Known) -> tuple[int, Body]:
        """Return the status and body that say that a text was taken."""
        return 200, {"result": "0"}

    def turned_down(self, status: Status) -> tuple[int, Body]:
        """Return what says that a text was not taken, and why."""
        match status:
            case Status.THROTTLED:
                return 429, {"result": "900"}
            case Status.NO_SUCH_NUMBER:
                return 200, {"result": "102"}
            case _:
                return 200, {"result": "201"}

    def asked(self, query: Mapping[str, str]) -> Sequence[str]:
        """Return the tags that a question is about."""
        return query.get("tags", "").split(",")

    def found(self, known: Sequence[Known]) -> Body:
        """Return what is told of texts."""
        return {"result": "0", "results": [self.told(one) for one in known]}

    def told(self, one: Known) -> Body:
        """Return what is told of one text."""
        status, cause = _FORM[one.stat]
        return {"tag": one.tag, "status": status, "cause": cause}

    def event(self, one: Known) -> Body:
        """Raise ValueError: this style tells nothing by itself."""
        raise ValueError("the form style has no callbacks")


class JsonStyle:
    """JSON with a bearer key, an id in the answer. It tells by being asked, and by callbacks.

    POST /messages, GET /messages?client_reference=one, GET /messages/{id}
    """

    name: StyleName = "json"
    send = "/messages"
    find = "/messages"
    by_name: str | None = "/messages/{name}"

    def credentials(self, user: str, secret: str) -> str:
        """Return what the header Authorization has to be; `user` is of no use here."""
        return f"Bearer {secret}"

    def handed(self, body: bytes) -> Handed:
        """Return the text of a request to send; ValueError where it is none."""
        sent = json.loads(body)
        if not isinstance(sent, dict):
            raise ValueError("no object")
        return _handed(str(sent.get("to", "")), sent, "text", "client_reference")

    def taken(self, one: Known) -> tuple[int, Body]:
        """Return the status and body that say that a text was taken."""
        return 202, {"id": one.name, "status": "queued"}

    def turned_down(self, status: Status) -> tuple[int, Body]:
        """Return what says that a text was not taken, and why."""
        match status:
            case Status.THROTTLED:
                return 429, {"error": {"code": "too_many_requests"}}
            case Status.NO_SUCH_NUMBER:
                return 422, {"error": {"code": "unknown_number"}}
            case _:
                return 422, {"error": {"code": "rejected"}}

    def asked(self, query: Mapping[str, str]) -> Sequence[str]:
        """Return the tags that a question is about."""
        return [query.get("client_reference", "")]

    def found(self, known: Sequence[Known]) -> Body:
        """Return what is told of texts that were asked for by their tag."""
        return {"messages": [self.told(one) for one in known]}

    def told(self, one: Known) -> Body:
        """Return what is told of one text."""
        status, code = _JSON[one.stat]
        error = {"code": code} if code else None
        return {"id": one.name, "client_reference": one.tag, "status": status, "error": error}

    def event(self, one: Known) -> Body:
        """Return the body of a callback."""
        return {"events": [self.told(one)]}


Style: TypeAlias = FormStyle | JsonStyle
STYLES: Mapping[StyleName, Style] = {"form": FormStyle(), "json": JsonStyle()}

_FORM: Mapping[Stat | None, tuple[str, str]] = {
    None: ("0", ""),
    Stat.ENROUTE: ("0", ""),
    Stat.DELIVRD: ("1", ""),
    Stat.EXPIRED: ("2", ""),
    Stat.UNDELIV: ("3", "99"),
    Stat.REJECTD: ("3", "12"),
}
"""`status` and `cause`."""

_JSON: Mapping[Stat | None, tuple[str, str]] = {
    None: ("queued", ""),
    Stat.ENROUTE: ("sent", ""),
    Stat.DELIVRD: ("delivered", ""),
    Stat.EXPIRED: ("expired", "absent_subscriber"),
    Stat.UNDELIV: ("failed", "other"),
    Stat.REJECTD: ("rejected", "blocked"),
}
"""`status` and `error.code`."""


def _handed(number: str, fields: Mapping[str, object], text: str, tag: str) -> Handed:
    body, name = fields.get(text), fields.get(tag)
    if not number or not isinstance(body, str) or not isinstance(name, str) or not body or not name:
        raise ValueError("a field is missing")
    return Handed(number=number, body=body, tag=name)
