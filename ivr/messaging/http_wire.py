"""Texts to HTTP requests by a shape, and bytes of answers and callbacks back to meanings. No socket, no clock.

`Untold` is all that reading raises, whatever the bytes.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import assert_never
from urllib.parse import parse_qsl, quote, urlencode

from ivr.campaign.texting import Accepted, NotNow, NotTaken, Receipt, Refused, Text
from ivr.domain import phone
from ivr.domain.text import TextState
from ivr.messaging.http_shape import (
    REFUSING,
    Auth,
    Call,
    Callback,
    Meaning,
    NumberForm,
    Report,
    Rule,
    Shape,
    Template,
    Where,
    select,
)

log = logging.getLogger(__name__)

LONGEST_NAME = 200
"""Characters of a provider's name of a text; more is none."""

MOST_FIELDS = 200
"""Fields of a form that is read."""

MOST_SHOWN = 5
"""Words of a provider in one line of the log."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_VARIABLE = re.compile(r"\{(\w+)\}", re.ASCII)
_CODE = re.compile(r"(?!(?:[^0-9]*[0-9]){8})[A-Za-z0-9_.-]{1,40}", re.ASCII)
"""A provider's code that may be shown: no telephone number, no sentence."""


class Untold(Exception):
    """What came back says nothing that the shape describes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the provider's interface is, and who we are to it. `sender` is from whom a text is, as it wants it."""

    url: str
    user: str = ""
    secret: str = field(default="", repr=False)
    sender: str = ""

    @property
    def known(self) -> Mapping[str, str]:
        """Return what every request may say."""
        return {"user": self.user, "secret": self.secret, "sender": self.sender}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it goes out. What may name a person or open a door is not in its `repr`."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as it came in; `wait` is after how many seconds the provider wants to be asked again."""

    status: int
    body: bytes = field(repr=False)
    wait: float | None = None


PAYMENT_REQUIRED = 402
"""The HTTP status of who has no credit (RFC 9110, 15.5.3)."""


def number_as(form: NumberForm, e164: str) -> str | None:
    """Return a number as a provider wants it, None where it has no such form."""
    if not _E164.fullmatch(e164):
        return None
    match form:
        case "e164":
            return e164
        case "digits":
            return e164[1:]
        case "national":
            national = phone.national(e164)
            return national if national.startswith("0") else None
        case _:
            assert_never(form)


def to_send(shape: Shape, account: Account, text: Text, to: str) -> Request:
    """Return the request that hands a text over; ValueError where a character of it has no bytes."""
    values = {**account.known, "to": to, "text": text.body, "id": text.id}
    return _request(shape, account, shape.send.call, values)


def to_ask(shape: Shape, account: Account, call: Call, id: str) -> Request:  # noqa: A002 - the word of the port
    """Return the request that asks what became of our text `id`."""
    return _request(shape, account, call, {**account.known, "id": id})


def to_poll(shape: Shape, account: Account, call: Call, references: Sequence[str]) -> Request:
    """Return the request for the states of texts, one at least; ValueError where a name of one has no bytes."""
    values = {**account.known, "reference": references[0], "references": ",".join(references)}
    return _request(shape, account, call, values, references)


def answer_to_send(shape: Shape, text: str, answer: Answer) -> Accepted | Refused | NotNow:
    """Return what an answer means for our text of that id; Untold."""
    rule, value, said = _meant(shape.send.call, answer)
    if state := REFUSING.get(rule.means):
        return Refused(state=state, reason=f"SMS の事業者が断りました（{said}）。")
    if rule.means is Meaning.NO_CREDIT or (rule.means is Meaning.LATER and answer.status == PAYMENT_REQUIRED):
        return NotNow(reason=f"SMS の事業者が、残高か利用枠が足りないと答えました（{said}）。", unpaid=True)
    if rule.means is Meaning.LATER:
        return NotNow(reason=f"SMS の事業者があとにするよう求めました（{said}）。")
    if shape.send.reference is None:
        return Accepted(references=(text,))
    return Accepted(references=_names(value, shape.send.reference))


def answer_to_ask(shape: Shape, text: str, answer: Answer) -> Accepted | NotTaken | NotNow | None:
    """Return what an answer says has become of our text of that id, None where there is no asking; Untold."""
    ask = shape.ask
    if ask is None:
        return None
    rule, value, said = _meant(ask.call, answer)
    if rule.means is Meaning.NOT_TAKEN:
        return NotTaken()
    if rule.means is Meaning.LATER:
        return NotNow(reason=f"SMS の事業者があとにするよう求めました（{said}）。")
    entries = _entries(value, ask.entries)
    if not entries:
        return NotTaken()
    ours = [entry for entry in entries if _one(entry, ask.tag) == text]
    if not ours:
        raise Untold("ほかの SMS のことを答えました")
    if ask.reference is None:
        return Accepted(references=(text,))
    names = (name for entry in ours for name in _names(entry, ask.reference))
    return Accepted(references=tuple(dict.fromkeys(names)))


def answer_to_poll(shape: Shape, references: Sequence[str], answer: Answer) -> tuple[Receipt, ...] | NotNow:
    """Return what an answer tells of texts; Untold."""
    status = shape.status
    if status is None:
        return ()
    rule, value, said = _meant(status.call, answer)
    if rule.means is not Meaning.ACCEPTED:
        return NotNow(reason=f"SMS の事業者があとにするよう求めました（{said}）。")
    return _told(status.report, value, asked=references[0] if len(references) == 1 else None)


def receipts_of_callback(callback: Callback, body: bytes) -> tuple[Receipt, ...]:
    """Return what a callback tells, of one text at least; Untold."""
    value = _form(body) if callback.encoding == "form" else _json(body)
    told = _told(callback.report, value)
    if not told:
        raise Untold("どの SMS のことか分かりません")
    return told


def credentials(auth: Auth, user: str, secret: str) -> Mapping[str, str]:
    """Return the headers that show who we are; ValueError for a secret that no header can carry."""
    match auth.kind:
        case "none" | "path":
            return {}
        case "basic":
            return {"Authorization": f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"}
        case "bearer":
            return {"Authorization": f"Bearer {_plain(secret)}"}
        case "header":
            return {auth.header: _plain(secret)}
        case _:
            assert_never(auth.kind)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return how many seconds a Retry-After (RFC 9110, 10.2.3) asks for, None where there is none to be read."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0.0, (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() - now.timestamp())


def _request(
    shape: Shape, account: Account, call: Call, values: Mapping[str, str], listed: Sequence[str] = ()
) -> Request:
    url = account.url.rstrip("/") + _filled(call.path, values, lambda value: quote(value, safe=""))
    headers = {"User-Agent": "yobirin", "Accept-Encoding": "identity", **shape.headers}
    headers |= credentials(shape.auth, account.user, account.secret)
    fields = {name: _written(template, values, listed) for name, template in call.fields.items()}
    body = b""
    match call.encoding:
        case "query":
            url += f"?{urlencode(fields)}" if fields else ""
        case "form":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(fields).encode("ascii")
        case "json":
            headers["Content-Type"] = "application/json"
            body = json.dumps(fields, ensure_ascii=False).encode()
        case _:
            assert_never(call.encoding)
    return Request(method=call.method, url=url, headers=headers, body=body)


def _written(template: Template, values: Mapping[str, str], listed: Sequence[str]) -> object:
    """Return what is sent for a template; `{references}` alone is a list in JSON where it stands in one by itself."""
    match template:
        case ["{references}"]:
            return [*listed]
        case str():
            return _filled(template, values)
        case Mapping():
            return {name: _written(one, values, listed) for name, one in template.items()}
        case Sequence():
            return [_written(one, values, listed) for one in template]
        case _:
            return template


def _filled(template: str, values: Mapping[str, str], as_: Callable[[str], str] = str) -> str:
    return _VARIABLE.sub(lambda found: as_(values[found[1]]), template)


def _plain(secret: str) -> str:
    if not (secret.isascii() and secret.isprintable()):
        raise ValueError("半角の英数字と記号のほかの文字は、送れません")
    return secret


def _meant(call: Call, answer: Answer) -> tuple[Rule, object, str]:
    """Return the first rule that fits, the body as a value (None where it is none), and both in words."""
    value: object = None
    try:
        value = _text(answer.body) if call.reads == "text" else _json(answer.body)
    except Untold:
        value = None
    for rule in call.answers:
        if answer.status not in rule.statuses:
            continue
        if rule.values is None:
            return rule, value, f"HTTP {answer.status}"
        code = _one(value, rule.field)
        if code in rule.values:
            return rule, value, f"HTTP {answer.status}{f'、{code}' if _CODE.fullmatch(code or '') else ''}"
    raise Untold(f"HTTP {answer.status} という答えの意味が分かりません")


def _told(report: Report, value: object, asked: str | None = None) -> tuple[Receipt, ...]:
    """Return what each entry tells; an entry that does not say of which text, or nothing of it, is left out."""
    told = []
    without, strange = 0, set()
    for entry in _entries(value, report.entries):
        reference = asked if report.reference is None else _one(entry, report.reference)
        word = _one(entry, report.state)
        if reference is None or not _is_name(reference) or word is None:
            without += 1
            continue
        if word not in report.states:
            strange.add(_shown(word))
        state = report.states.get(word, TextState.UNKNOWN)
        err = (_one(entry, report.err) if report.err is not None else None) or ""
        err = err if _CODE.fullmatch(err) else ""
        if state.final and state is not TextState.DELIVERED:
            state = report.errs.get(err, state)
        told.append(Receipt(reference=reference, state=state, err=err))
    if without:
        log.warning("The provider told %d things that do not say of which text, or what", without)
    if strange:
        log.warning("The provider has states that the shape does not know: %s", ", ".join(sorted(strange)[:MOST_SHOWN]))
    return tuple(told)


def _entries(value: object, where: Where | None) -> list[object]:
    if where is None:
        return [value]
    found = select(value, where)
    if found is None:
        raise Untold("答えに、結果の並びがありません")
    return found


def _names(value: object, where: Where) -> tuple[str, ...]:
    """Return the provider's names at a place, each once; Untold where one is none, or there is none."""
    names = [_word(one) or "" for one in select(value, where) or ()]
    if not names or not all(map(_is_name, names)):
        raise Untold("答えに受付番号がありません")
    return tuple(dict.fromkeys(names))


def _is_name(word: str) -> bool:
    return 0 < len(word) <= LONGEST_NAME and word.isprintable()


def _one(value: object, where: Where) -> str | None:
    """Return the one word at a place, None where there is none, or there are more."""
    found = select(value, where)
    return _word(found[0]) if found is not None and len(found) == 1 else None


def _word(value: object) -> str | None:
    """Return a single value as text: what a shape compares with."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value.strip()
        case int():
            return str(value) if abs(value) < 10**LONGEST_NAME else None
        case _:
            return None


def _shown(word: str) -> str:
    return word if _CODE.fullmatch(word) else "***"


def _json(body: bytes) -> object:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Untold("JSON ではありません") from None
    return value


def _text(body: bytes) -> str:
    try:
        return body.decode().strip()
    except UnicodeDecodeError:
        raise Untold("UTF-8 ではありません") from None


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(_text(body), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Untold("フォームではありません") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Untold("同じ項目が二度あります")
    return form
