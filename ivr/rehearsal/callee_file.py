"""Callee files: YAML -> Callees, with every error at its line.

kinds:                           # added to the shipped ones (kinds.yaml), or in their place
  hesitates:
    expect: confirmed
    ring: 2s
    do:
      - say: はい、もしもし。
      - hear_out: 1s
      - wait: 3s
      - press: "#"
      - stay
default: silent                  # who has every other number; without it they don't exist (404)
callees:
  "0312345678": hesitates
  "0312345679": {calls: [busy, hesitates], expect: confirmed}
handsets: {"09012345678": late}  # see handset_file
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

from ivr.domain import phone
from ivr.domain.outcome import Outcome
from ivr.domain.scenario import KEYS
from ivr.errors import InputError, Problem, Problems
from ivr.rehearsal.callees import (
    FOREVER,
    REFUSALS,
    Background,
    BackgroundNoise,
    BusyTone,
    Callee,
    Callees,
    Dtmf,
    Fax,
    HangUp,
    HearOut,
    Kind,
    Music,
    Noise,
    Press,
    Record,
    Repeat,
    Ringback,
    Say,
    Special,
    Stay,
    Step,
    Tone,
    Wait,
    WaitSilence,
    WaitSpeech,
    every_step,
)
from ivr.rehearsal.handset_file import HANDSETS, handsets
from ivr.yaml_source import Document, Value, Where, decode, load, read, seconds, suggestion

SHIPPED_KINDS = "kinds.yaml"
KIND_FIELDS = (
    "about", "expect", "ring", "refuse", "cause", "do", "voice", "dtmf", "sparse", "audio",
    "level", "loss", "background",
)  # fmt: skip
CALLEE_FIELDS = ("kind", "calls", "expect", "ring", "voice")
BARE_ACTS: Mapping[str, Step] = {
    "hang_up": HangUp(), "stay": Stay(), "wait_speech": WaitSpeech(), "special": Special(),
}  # fmt: skip
_FILE_FIELDS = ("kinds", "default", "callees", HANDSETS)
Fields: TypeAlias = Mapping[str, Value]


def read_callees(path: Path) -> Callees:
    """Read a callee file over the shipped kinds; raise NotFound, or Problems with every error at its line."""
    problems: list[Problem] = []
    return _callees(read(path, problems=problems), shipped_kinds(), problems)


def load_callees(text: str, file: str = "callees.yaml") -> Callees:
    """Read the text of a callee file, as `read_callees`."""
    problems: list[Problem] = []
    return _callees(load(text, file, problems=problems), shipped_kinds(), problems)


def shipped_kinds() -> Mapping[str, Kind]:
    """Return the kinds that come with ivr, by name."""
    data = files("ivr.rehearsal").joinpath(SHIPPED_KINDS).read_bytes()
    problems: list[Problem] = []
    document = load(decode(data, SHIPPED_KINDS), SHIPPED_KINDS, problems=problems)
    return _callees(document, {}, problems).kinds


def _callees(document: Document, shipped: Mapping[str, Kind], problems: list[Problem]) -> Callees:
    reader = _Reader(document, problems, dict(shipped))
    found = reader.callees()
    if problems:
        raise Problems(problems)
    return found


@dataclass(slots=True)
class _Reader:
    document: Document
    problems: list[Problem]
    kinds: dict[str, Kind] = field(default_factory=dict)

    def callees(self) -> Callees:
        top = self.mapping(self.document.value, (), _FILE_FIELDS)
        for name, value in self.mapping(top.get("kinds"), ("kinds",)).items():
            self.kinds[name] = self.kind(name, value)
        default = self.known(top["default"], ("default",)) if "default" in top else None
        listed: dict[str, Callee] = {}
        for number, value in self.mapping(top.get("callees"), ("callees",)).items():
            path = ("callees", number)
            try:
                digits = phone.parse(number).national
            except InputError as error:
                self.wrong(path, str(error))
                continue
            if digits in listed:
                self.wrong(path, f"「{number}」が別の書き方で二度書かれています。")
            callee = self.callee(digits, value, path)
            if callee is not None:
                listed[digits] = callee
        texts = handsets(self.document, self.problems)
        return Callees(listed=listed, kinds=self.kinds, default=default, handsets=texts)

    def callee(self, number: str, value: Value, path: Where) -> Callee | None:
        if isinstance(value, str):
            kind = self.known(value, path)
            return Callee(number=number, kinds=(kind,), expect=kind.expect) if kind is not None else None
        fields = self.mapping(value, path, CALLEE_FIELDS)
        if ("kind" in fields) == ("calls" in fields):
            self.wrong(path, "kind か calls のどちらか一つを書いてください。")
            return None
        if "kind" in fields:
            kinds = [self.known(fields["kind"], (*path, "kind"))]
        else:
            calls = self.items(fields["calls"], (*path, "calls"))
            kinds = [self.known(name, (*path, "calls", index)) for index, name in enumerate(calls)]
        found = [self.overridden(kind, fields, path) for kind in kinds if kind is not None]
        if not found:
            return None
        expect = self.outcome(fields["expect"], (*path, "expect")) if "expect" in fields else found[-1].expect
        return Callee(number=number, kinds=tuple(found), expect=expect)

    def overridden(self, kind: Kind, fields: Fields, path: Where) -> Kind:
        if "ring" in fields:
            kind = replace(kind, ring=self.ring(fields["ring"], (*path, "ring")))
        if "voice" in fields:
            kind = replace(kind, voice=self.text(fields["voice"], (*path, "voice")))
        return kind

    def kind(self, name: str, value: Value) -> Kind:
        path: Where = ("kinds", name)
        fields = self.mapping(value, path, KIND_FIELDS)
        given = {
            part: reader(fields[part], (*path, part))
            for part, reader in (
                ("about", self.text),
                ("voice", self.text),
                ("ring", self.ring),
                ("refuse", self.refusal),
                ("dtmf", self.dtmf),
                ("sparse", self.truth),
                ("audio", self.truth),
                ("level", lambda value, path: self.number(value, path, -45, -3)),
                ("loss", lambda value, path: self.number(value, path, 0, 0.2)),
                ("background", self.background),
            )
            if part in fields
        }
        if "expect" not in fields:
            self.wrong(path, "expect に、この相手にかけた結果（confirmed など）を書いてください。")
        kind = Kind(
            name=name,
            expect=self.outcome(fields.get("expect", "unknown"), (*path, "expect")),
            cause=self.cause(fields, path),
            steps=self.steps(fields.get("do", []), (*path, "do")),
            **given,  # type: ignore[arg-type]  # each reader above returns what its field takes
        )
        if kind.refuse is not None and kind.steps:
            self.wrong((*path, "do"), "refuse と do は一緒に書けません。応答しない相手は何もできません。")
        if not kind.audio and not all(isinstance(step, Wait | HangUp | Stay) for step in kind.steps):
            self.wrong((*path, "do"), "audio: false の相手ができるのは wait、hang_up、stay だけです。")
        return kind

    def steps(self, value: Value, path: Where) -> tuple[Step, ...]:
        found = (self.step(item, (*path, index)) for index, item in enumerate(self.items(value, path)))
        return tuple(step for step in found if step is not None)

    def step(self, value: Value, path: Where) -> Step | None:
        if isinstance(value, str):
            if value not in BARE_ACTS:
                self.wrong(path, f"「{value}」という動作はありません。{suggestion(value, (*BARE_ACTS, *ACTS))}")
            return BARE_ACTS.get(value)
        fields = self.mapping(value, path)
        name = next(iter(fields), "")
        if name not in ACTS:
            self.wrong(path, f"「{name}」という動作はありません。{suggestion(name, (*BARE_ACTS, *ACTS))}")
            return None
        reader, others = ACTS[name]
        for other in fields.keys() - {name, *others}:
            self.wrong((*path, other), f"「{other}」は {name} と一緒には書けません。")
        return reader(self, fields, path)

    # Values

    def wrong(self, path: Where, message: str) -> None:
        self.problems.append(self.document.problem(path, message))

    def mapping(self, value: Value, path: Where, known: tuple[str, ...] | None = None) -> Fields:
        if value is None and path != ():
            return {}
        if not isinstance(value, dict):
            self.wrong(path, "「項目: 値」の形で書いてください。")
            return {}
        for name in value if known is not None else ():
            if name not in (known or ()):
                self.wrong((*path, name), f"「{name}」という項目はありません。{suggestion(name, known or ())}")
        return value

    def items(self, value: Value, path: Where) -> list[Value]:
        if isinstance(value, list):
            return value
        self.wrong(path, "「- 」で始まる並びで書いてください。")
        return []

    def text(self, value: Value, path: Where) -> str:
        if isinstance(value, str) and value.strip():
            return value
        self.wrong(path, "文字で書いてください。")
        return ""

    def truth(self, value: Value, path: Where) -> bool:
        if not isinstance(value, bool):
            self.wrong(path, "true か false で書いてください。")
        return bool(value)

    def number(self, value: Value, path: Where, low: float, high: float) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self.wrong(path, f"{low:g} から {high:g} までの数で書いてください。")
        return low

    def duration(self, value: Value, path: Where) -> float:
        found = seconds(value) if isinstance(value, str) else None
        if found is None or found > FOREVER:
            self.wrong(path, f"時間は 500ms、5s のように、{FOREVER:g}s までで書いてください。")
        return min(found or 0.0, FOREVER)

    def level(self, parts: Fields, path: Where, default: float, name: str = "level") -> float:
        return self.number(parts.get(name, default), (*path, name), -60, 0)

    def count(self, parts: Fields, path: Where, name: str, default: int, *, most: int = 100) -> int:
        return int(self.number(parts.get(name, default), (*path, name), 1, most))

    def background(self, value: Value, path: Where) -> Background | None:
        parts = self.mapping(value, path, ("noise", "level"))
        level = self.number(parts.get("level", -40), (*path, "level"), -70, -15)
        if parts.get("noise") in list(BackgroundNoise):
            return Background(BackgroundNoise(str(parts["noise"])), level)
        self.wrong((*path, "noise"), f"noise は {'、'.join(BackgroundNoise)} のどれかです。")
        return None

    def ring(self, value: Value, path: Where) -> float:
        return FOREVER if value == "forever" else self.duration(value, path)

    def outcome(self, value: Value, path: Where) -> Outcome:
        codes = [outcome.value for outcome in Outcome]
        if value in codes:
            return Outcome(value)
        self.wrong(path, f"「{value}」という結果はありません。{suggestion(str(value), codes)}")
        return Outcome.UNKNOWN

    def dtmf(self, value: Value, path: Where) -> Dtmf:
        if value in list(Dtmf):
            return Dtmf(str(value))
        self.wrong(path, f"dtmf は {'、'.join(Dtmf)} のどれかです。")
        return Dtmf.RFC4733

    def refusal(self, value: Value, path: Where) -> int | None:
        if isinstance(value, int) and value in REFUSALS:
            return value
        self.wrong(path, f"refuse は SIP の {'、'.join(str(status) for status in REFUSALS)} のどれかです。")
        return None

    def cause(self, fields: Fields, path: Where) -> int:
        refuse = fields.get("refuse")
        causes = REFUSALS.get(refuse, ()) if isinstance(refuse, int) else ()
        value = fields.get("cause", causes[0] if causes else 0)
        if "cause" in fields and value not in causes:
            self.wrong((*path, "cause"), "その SIP の応答に付く Q.850 の理由ではありません。")
        return value if isinstance(value, int) else 0

    def known(self, value: Value, path: Where) -> Kind | None:
        if isinstance(value, str) and value in self.kinds:
            return self.kinds[value]
        self.wrong(path, f"「{value}」という種類（kinds）はありません。{suggestion(str(value), self.kinds)}")
        return None

    # Steps

    def say(self, fields: Fields, path: Where) -> Step:
        voice = self.text(fields["voice"], (*path, "voice")) if "voice" in fields else None
        music = self.level(fields, path, -35, "music") if "music" in fields else None
        return Say(self.text(fields["say"], (*path, "say")), voice, music)

    def press(self, fields: Fields, path: Where) -> Step:
        key = str(fields["press"])
        if len(key) != 1 or key not in KEYS:
            self.wrong((*path, "press"), f"キーは {KEYS} のどれか一つを、引用符で囲んで書いてください。")
        return Press(key)

    def music(self, fields: Fields, path: Where) -> Step:
        path = (*path, "music")
        parts = self.mapping(fields["music"], path, ("for", "level", "seed"))
        level = self.level(parts, path, -20)
        return Music(self.duration(parts.get("for"), (*path, "for")), level, self.count(parts, path, "seed", 1))

    def ringback(self, fields: Fields, path: Where) -> Step:
        path = (*path, "ringback")
        parts = self.mapping(fields["ringback"], path, ("bursts", "level", "modulation"))
        modulation = self.number(parts.get("modulation", 16), (*path, "modulation"), 15, 20)
        return Ringback(self.count(parts, path, "bursts", 1), self.level(parts, path, -20), modulation)

    def tone(self, fields: Fields, path: Where) -> Step:
        path = (*path, "tone")
        parts = self.mapping(fields["tone"], path, ("hz", "for", "level"))
        hertz = parts.get("hz")
        each = hertz if isinstance(hertz, list) else [hertz]
        return Tone(
            tuple(self.number(one, (*path, "hz"), 20, 3800) for one in each),
            self.duration(parts.get("for"), (*path, "for")),
            self.level(parts, path, -12),
        )

    def noise(self, fields: Fields, path: Where) -> Step:
        path = (*path, "noise")
        parts = self.mapping(fields["noise"], path, ("for", "level"))
        level = self.number(parts.get("level", -45), (*path, "level"), -70, -6)
        return Noise(self.duration(parts.get("for"), (*path, "for")), level)

    def record(self, fields: Fields, path: Where) -> Step:
        path = (*path, "record")
        parts = self.mapping(fields["record"], path, ("most", "until_silence"))
        quiet = parts.get("until_silence")
        return Record(
            self.duration(parts.get("most"), (*path, "most")),
            None if quiet is None else self.duration(quiet, (*path, "until_silence")),
        )

    def repeat(self, fields: Fields, path: Where) -> Step:
        path = (*path, "repeat")
        parts = self.mapping(fields["repeat"], path, ("times", "do"))
        steps = self.steps(parts.get("do", []), (*path, "do"))
        if not any(isinstance(step, _PASSES_TIME) for step in every_step(steps)):
            self.wrong(path, "repeat の do には、時間のかかる動作（say、wait など）を入れてください。")
        return Repeat(steps, self.count(parts, path, "times", 1, most=1000) if "times" in parts else None)


_PASSES_TIME = (Say, Wait, HearOut, Tone, Noise, Ringback, BusyTone, Special, Music, Fax, Record)

_Act: TypeAlias = Callable[[_Reader, Fields, Where], Step]


def _lasting(name: str, make: Callable[[float], Step]) -> _Act:
    return lambda reader, fields, path: make(reader.duration(fields[name], (*path, name)))


def _repeated(name: str, make: Callable[[int, float], Step], times: int, level: float) -> _Act:
    def read_step(reader: _Reader, fields: Fields, path: Where) -> Step:
        path = (*path, name)
        parts = reader.mapping(fields[name], path, ("times", "level"))
        return make(reader.count(parts, path, "times", times), reader.level(parts, path, level))

    return read_step


ACTS: Mapping[str, tuple[_Act, tuple[str, ...]]] = {
    "say": (_Reader.say, ("voice", "music")),
    "wait": (_lasting("wait", Wait), ()),
    "hear_out": (_lasting("hear_out", HearOut), ()),
    "wait_speech": (_lasting("wait_speech", WaitSpeech), ()),
    "wait_silence": (_lasting("wait_silence", WaitSilence), ()),
    "press": (_Reader.press, ()),
    "tone": (_Reader.tone, ()),
    "noise": (_Reader.noise, ()),
    "ringback": (_Reader.ringback, ()),
    "busy_tone": (_repeated("busy_tone", BusyTone, 5, -20.0), ()),
    "special": (_repeated("special", Special, 1, -18.0), ()),
    "music": (_Reader.music, ()),
    "record": (_Reader.record, ()),
    "fax": (_lasting("fax", Fax), ()),
    "repeat": (_Reader.repeat, ()),
}
"""How each step is read, and the other fields that may stand beside its name."""
