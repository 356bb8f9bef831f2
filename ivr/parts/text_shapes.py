"""Shape files: YAML -> Shape, with every mistake at its line. What each part means is in docs/operations.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, PlainValidator, ValidationError, model_validator

from ivr import yaml_source
from ivr.domain.text import TextState
from ivr.errors import Problem, Problems
from ivr.messaging.http_shape import Ask, Auth, Call, Callback, Meaning, Report, Rule, Send, Shape, Status
from ivr.settings.mistakes import echo, message
from ivr.settings.notation import Duration, Section, limited, wrong

ABOUT_US = frozenset({"user", "secret", "sender"})
OURS_ALONE = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
    }
)
"""Headers that no shape gives."""

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)

State: TypeAlias = Literal["sent", "unknown", "out_of_range", "failed", "refused", "no_number", "delivered"]


def _place(text: str) -> str:
    if not re.fullmatch(r"([^\s.]+(\.[^\s.]+)*)?", text):
        raise wrong("場所は results.*.id のように、名前を「.」でつないで書いてください。")
    return text


def _path(text: str) -> str:
    if not re.fullmatch(r"/[!-~]*", text) or re.search(r"[?#]", text):
        raise wrong("path は /messages のように、「/」から書いてください。「?」の後は fields に書きます。")
    return text


def _word(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | str():
            return str(value)
        case _:
            raise wrong("値は、文字か整数で書いてください。")


def _auth(value: object) -> Auth:
    match value:
        case "none" | "basic" | "bearer" | "path":
            return Auth(kind=value)
        case {"header": str() as name, **rest} if not rest and _TOKEN.fullmatch(name):
            if name.lower() not in OURS_ALONE:
                return Auth(kind="header", header=name)
    raise wrong("auth は basic、bearer、{header: X-Api-Key} のどれかの形で書いてください。")


def _header(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise wrong("ヘッダーの値は、半角の英数字と記号で書いてください。")
    return value


Place = Annotated[str, AfterValidator(_place)]
CallPath = Annotated[str, AfterValidator(_path)]
Word = Annotated[str, PlainValidator(_word)]
AnyAuth = Annotated[Auth, PlainValidator(_auth)]
HttpStatus = Annotated[int, Field(ge=200, le=599)]
States: TypeAlias = dict[str, State]


class _Rule(Section):
    http: Annotated[tuple[HttpStatus, ...], Field(min_length=1)]
    field: Place | None = None
    values: Annotated[tuple[Word, ...], Field(min_length=1)] | None = None
    means: Literal["accepted", "later", "no_credit", "not_taken", "no_number", "refused", "failed"]

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if self.field is not None and self.values is None:
            raise wrong("field を書いたときは、values も書いてください。", "field")
        return self

    def rule(self) -> Rule:
        return Rule(
            statuses=frozenset(self.http),
            means=Meaning(self.means),
            field=_where(self.field or ""),
            values=None if self.values is None else frozenset(self.values),
        )


class _Call(Section):
    """One kind of request. What it may mean, and which variables it has, is the class's."""

    method: Literal["GET", "POST"]
    path: CallPath
    encoding: Literal["form", "json", "query"]
    fields_: Annotated[dict[str, Any], Field(alias="fields", default_factory=dict)]
    answers: Annotated[tuple[_Rule, ...], Field(min_length=1)]

    def call(self, reads: Literal["json", "text"] = "json") -> Call:
        return Call(
            method=self.method,
            path=self.path,
            encoding=self.encoding,
            fields=self.fields_,
            answers=tuple(one.rule() for one in self.answers),
            reads=reads,
        )

    def variables(self) -> frozenset[str]:
        """Return the variables that are sent."""
        return frozenset(name for text in (self.path, *_texts(self.fields_)) for name in _VARIABLE.findall(text))

    def see(self, own: frozenset[str], meanings: Sequence[str], reads: str = "json") -> None:
        """Raise what is wrong with a request that has the variables `own`, and whose answers have these meanings."""
        if self.method == "GET" and self.encoding != "query":
            raise wrong("method: GET では、encoding: query だけが使えます。", "encoding")
        for name, value in self.fields_.items():
            if self.encoding != "json" and (isinstance(value, bool) or not isinstance(value, str | int)):
                raise wrong("encoding: json でなければ、値は文字か整数だけです。", "fields", name)
        secret = {"secret"} if self.encoding == "query" else set()
        for at, text, hidden in (
            (("path",), self.path, {"secret", "text", "to"}),
            *((("fields", name), one, secret) for name, value in self.fields_.items() for one in _texts(value)),
        ):
            for name in _VARIABLE.findall(text):
                if name not in own | ABOUT_US:
                    known = "、".join(f"{{{one}}}" for one in sorted(own | ABOUT_US))
                    raise wrong(f"「{{{name}}}」に入れるものがありません。使えるのは {known} です。", *at)
                if name in hidden:
                    raise wrong(f"{{{name}}} は、URL には書けません。記録に残るからです。", *at)
        for index, rule in enumerate(self.answers):
            if rule.means not in meanings:
                raise wrong(f"ここで選べるのは {'、'.join(meanings)} です。", "answers", index, "means")
            if rule.values is not None and (not rule.field) == (reads == "json"):
                said = "field も書いてください" if reads == "json" else "reads: text のときは、field は書けません"
                raise wrong(f"{said}。", "answers", index, "values")
        if not any(rule.means == "accepted" for rule in self.answers):
            raise wrong("means: accepted の行が要ります。", "answers")


class _Send(_Call):
    method: Literal["GET", "POST"] = "POST"
    reads: Literal["json", "text"] = "json"
    reference: Place | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        meanings = ("accepted", "later", "no_credit", "no_number", "refused", "failed")
        self.see(frozenset({"to", "text", "id"}), meanings, self.reads)
        for needed in ("to", "text", *(("id",) if self.reference is None else ())):
            if needed not in self.variables():
                why = "（reference がないとき）" if needed == "id" else ""
                raise wrong(f"fields に {{{needed}}} が要ります{why}。", "fields")
        if self.reads == "text" and self.reference:
            raise wrong('reads: text のときの受付番号は、答えの全体（reference: ""）です。', "reference")
        if self.reads == "json" and self.reference == "":
            raise wrong("受付番号の場所を書いてください。", "reference")
        return self

    def send(self) -> Send:
        return Send(call=self.call(self.reads), reference=None if self.reference is None else _where(self.reference))


class _Report(Section):
    entries: Place | None = None
    reference: Place | None = None
    state: Place
    states: Annotated[States, Field(min_length=1)]
    err: Place | None = None
    errs: Annotated[States, Field(default_factory=dict)]

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if self.errs and self.err is None:
            raise wrong("errs を書いたときは、err も書いてください。", "errs")
        return self

    def report(self) -> Report:
        return Report(
            reference=_optional(self.reference),
            state=_where(self.state),
            states={word: TextState(state) for word, state in self.states.items()},
            entries=_optional(self.entries),
            err=_optional(self.err),
            errs={word: TextState(state) for word, state in self.errs.items()},
        )


class _Ask(_Call):
    method: Literal["GET", "POST"] = "GET"
    encoding: Literal["form", "json", "query"] = "query"
    entries: Place | None = None
    tag: Place
    reference: Place | None = None
    after: Annotated[Duration, limited("0s", "1h")] = timedelta(seconds=60)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        self.see(frozenset({"id"}), ("accepted", "not_taken", "later"))
        if "id" not in self.variables():
            raise wrong("path か fields に {id} が要ります。", "path")
        return self

    def ask(self) -> Ask:
        return Ask(
            call=self.call(),
            tag=_where(self.tag),
            reference=_optional(self.reference),
            entries=_optional(self.entries),
            after=self.after.total_seconds(),
        )


class _Status(_Call, _Report):
    method: Literal["GET", "POST"] = "GET"
    encoding: Literal["form", "json", "query"] = "query"
    most: Annotated[int, Field(ge=1, le=1000)] = 1

    @model_validator(mode="after")
    def _sound(self) -> Self:
        self.see(frozenset({"reference"} if self.most == 1 else {"references"}), ("accepted", "later"))
        needed = "reference" if self.most == 1 else "references"
        if needed not in self.variables():
            raise wrong(f"path か fields に {{{needed}}} が要ります（most: {self.most} のとき）。", "path")
        if self.most > 1 and self.reference is None:
            raise wrong("most が 2 以上のときは、reference も書いてください。", "most")
        return self


class _Callback(_Report):
    auth: AnyAuth
    encoding: Literal["form", "json"]
    reference: Place

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.auth.kind == "none":
            raise wrong(
                "誰からの知らせか分かるように、path、basic、bearer、{header: …} のどれかにしてください。", "auth"
            )
        if self.encoding == "form" and self.entries is not None:
            raise wrong("encoding: form では、entries は書けません。", "entries")
        return self


class _Shape(Section):
    auth: AnyAuth
    number: Literal["e164", "digits", "national"]
    headers: Annotated[dict[str, Annotated[str, AfterValidator(_header)]], Field(default_factory=dict)]
    send: _Send
    ask: _Ask | None = None
    status: _Status | None = None
    callback: _Callback | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.auth.kind == "path":
            raise wrong("auth: path は、callback でだけ使えます。", "auth")
        for name in self.headers:
            if not _TOKEN.fullmatch(name) or name.lower() in OURS_ALONE:
                raise wrong("このヘッダーは書けません。", "headers", name)
        if self.ask is not None:
            if "id" not in self.send.variables():
                raise wrong("ask を書いたときは、send の fields に {id} が要ります。", "ask")
            if (self.ask.reference is None) != (self.send.reference is None):
                raise wrong("reference は、send と ask の両方に書くか、どちらにも書かないでください。", "ask")
        return self

    def shape(self) -> Shape:
        status, callback = self.status, self.callback
        return Shape(
            auth=self.auth,
            number=self.number,
            headers=self.headers,
            send=self.send.send(),
            ask=self.ask.ask() if self.ask else None,
            status=Status(call=status.call(), report=status.report(), most=status.most) if status else None,
            callback=Callback(auth=callback.auth, encoding=callback.encoding, report=callback.report())
            if callback
            else None,
        )


def read_shape(shape: str | Path) -> Shape:
    """Return the shape in a file, or the shipped one of that name; raise NotFound, and Problems with every mistake."""
    problems: list[Problem] = []
    if isinstance(shape, Path):
        document = yaml_source.read(shape, problems=problems)
    else:
        name = f"{shape}.yaml"
        data = files("ivr.messaging").joinpath("shapes", name).read_bytes()
        document = yaml_source.load(yaml_source.decode(data, name), name, problems=problems)
    if not isinstance(document.value, dict):
        raise Problems([*problems, document.problem((), "事業者の決まりは「項目名: 値」の形で書いてください。")])
    try:
        found = _Shape.model_validate(document.value)
    except ValidationError as error:
        problems += (
            document.problem((*one["loc"], *one.get("ctx", {}).get("at", ())), message(one, _Shape))
            for one in error.errors(include_url=False)
            if not echo(one)
        )
    if problems:
        raise Problems(set(problems))
    return found.shape()


def _where(place: str) -> tuple[str, ...]:
    return tuple(place.split(".")) if place else ()


def _optional(place: str | None) -> tuple[str, ...] | None:
    return None if place is None else _where(place)


def _texts(value: object) -> Iterator[str]:
    """Give every text within a template."""
    match value:
        case str():
            yield value
        case Mapping():
            for one in value.values():
                yield from _texts(one)
        case Sequence():
            for one in value:
                yield from _texts(one)
