"""What staff write: lists, scenarios, settings, callee files."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from importlib.resources import files
from pathlib import Path

from ivr import scenario_files, settings, yaml_source
from ivr.campaign.intake import read_list
from ivr.domain.drawing import mermaid
from ivr.errors import InputError, Problems
from ivr.exclusions import parsed
from ivr.rehearsal.callee_file import load_callees
from tests.fuzz.target import _UNPRINTABLE, Run, Target, refusal, shape

ROOT = Path(__file__).parents[3]

LIST = """宛名番号,カナ氏名,電話番号,電話番号2,備考
0010012345,ヤマダ タロウ,03-1234-5678,,令和8年度
0010012346,ｽｽﾞｷ ﾊﾅｺ,09012345678,186-090-1234-5679,"第1期, 二
行目"
0010012347,さとう,=\"0312345679\",312345670,
0010012348,田中,117,,"
0010012349,タナカ,9.01E+09,,
"""


def rows() -> Run:
    """A list: any bytes, in any encoding, to rows accepted and refused."""

    def run(data: bytes) -> Hashable:
        try:
            intake = read_list(data, file="list.csv")
        except Problems as error:
            return refusal(error)
        assert len(intake.accepted) + len(intake.refused) == intake.rows
        lines = [one.line for one in intake.accepted] + [one.line for one in intake.refused]
        assert len(set(lines)) == len(lines), "two rows on one line"
        assert all(0 < line <= _lines(data) for line in lines)
        assert len({one.id for one in intake.accepted}) == len(intake.accepted)
        for one in intake.accepted:
            assert one.numbers
            assert all(re.fullmatch(r"\+81[1-9][0-9]{8,9}", number) for number in one.numbers)
            assert one.kana
            assert one.values()["id"] == one.id
        for message in (*(one.reason for one in intake.refused), *(one.message for one in intake.warnings)):
            assert message
            assert not _UNPRINTABLE.search(message), repr(message)
        reasons = frozenset(shape(one.reason) for one in intake.refused[:8])
        return intake.encoding, min(len(intake.accepted), 3), reasons, len(intake.warnings)

    return run


def exclusions() -> Run:
    """An exclusion file: any bytes, to people and numbers that are not called, or to nothing at all."""

    def run(data: bytes) -> Hashable:
        try:
            found = parsed(data, "jogai.csv")
        except InputError as error:
            return refusal(error)
        assert found.people or found.numbers, "a file that excludes nobody is believed"
        assert all(found.people)
        assert all(re.fullmatch(r"\+81[1-9][0-9]{8,9}", number) for number in found.numbers)
        return min(len(found.people), 3), min(len(found.numbers), 3)

    return run


def _lines(data: bytes) -> int:
    return 1 + data.count(b"\n") + data.count(b"\r")


def scenario() -> Run:
    """A scenario: YAML, its steps, its flaws, its drawing."""

    def run(data: bytes) -> Hashable:
        try:
            text = yaml_source.decode(data, "s.yaml")
        except Problems as error:
            return refusal(error)
        report = scenario_files.check(text, "s.yaml", columns=("備考",))
        assert (report.scenario is None) == bool(report.errors)
        for problem in (*report.errors, *report.warnings):
            assert 0 <= problem.line <= len(re.split("\r\n|\r|\n", text)) + 1
            assert not _UNPRINTABLE.search(problem.message), repr(problem.message)
        if report.scenario is not None:
            assert mermaid(report.scenario)
            return len(report.scenario.steps), len(report.warnings)
        return frozenset(shape(problem.message) for problem in report.errors[:8])

    return run


def configuration() -> Run:
    """The settings' file."""
    file = Path("ivr.yaml")

    def run(data: bytes) -> Hashable:
        file.write_bytes(data)
        try:
            read = settings.load(file)
        except InputError as error:
            return refusal(error)
        assert read.rules() is not None
        assert read.data_dir.is_absolute()
        return hash(read.model_dump_json()) % 64

    return run


def own_rules() -> Run:
    """A campaign's own rules."""
    file = Path("kisoku.yaml")
    office = settings.Settings()

    def run(data: bytes) -> Hashable:
        file.write_bytes(data)
        try:
            own = settings.read_own(file, office.calling)
        except InputError as error:
            return refusal(error)
        rules = office.rules(json.loads(json.dumps(own)))
        assert rules.caps == office.rules().caps, "the caps are the office's"
        assert rules.calendar.within is not None
        return tuple(sorted(own)), len(rules.cascade), rules.total

    return run


def callees() -> Run:
    """A callee file of the simulated network."""

    def run(data: bytes) -> Hashable:
        try:
            found = load_callees(yaml_source.decode(data, "c.yaml"), "c.yaml")
        except Problems as error:
            return refusal(error)
        return len(found.listed), len(found.kinds), found.default is None

    return run


YAML_TOKENS = tuple(
    token.encode()
    for token in (
        ": ", ":\n", "\n", "\n  ", "\n    ", "- ", "{", "}", "[", "]", ", ", '"', "'", "#", " # ", "|", "|2-\n", ">",
        "&a ", "*a", "!!str ",
        "!", "%YAML 1.1\n", "---\n", "...\n", "? ", "~", "null", "true", "on", "1e400", "0x7f", "1_000", "1:30", "-0",
        "9" * 19,
        "0.5", "5s", "1h", "\t", "\u3000", "\u2028", "\x85", "\ufeff", '"\\0"', '"\\ud800"', '"\\x07"', "<<: ", "=",
        "{{", "}}", "{kana}",
        "[" * 30, "{a: " * 30, "- " * 30,
    )
)  # fmt: skip


def _words(text: str) -> tuple[bytes, ...]:
    """Return the words and lines of a sample, for tokens."""
    words = set(re.findall(r"[A-Za-z_]+:?|\"[^\"]*\"", text)) | {line + "\n" for line in text.splitlines()}
    return tuple(sorted(word.encode() for word in words))


def _text(*path: str) -> str:
    return ROOT.joinpath(*path).read_text(encoding="utf-8")


EXCLUSIONS = (
    "宛名番号,電話番号,理由,期限\n00012345,,支援措置,\n,03-5722-0000,架電拒否,2027/3/31\nA1,090-1234-5678,猶予,\n"
)
SCENARIOS = [_text("scenarios", name) for name in ("short.yaml", "reminder.yaml", "multilingual.yaml")]
SETTINGS = [_text("deploy", name) for name in ("ivr.example.yaml", "ivr.try.yaml")] + [
    (
        "trunk: {host: a, lines: 1e3, calls_per_second: 0.5}\ncalling:\n  timezone: Asia/Tokyo\n  windows: [{"
        'days: [holiday], from: "09:00", to: "24:00"}]\n  retries: {busy: {times: 3, after: 5m}, total: 3}\n'
        "pbx: {rtp_ports: [10000, 14999], ami: {port: 5038}}\nlistening: {}\nlog: {level: debug}\n"
        "database: postgresql+asyncpg://a@b/c\n"
    )
]
RULES = [
    'windows: [{days: [mon, fri], from: "09:00", to: "12:00"}]\nclosed_days: [2026-12-28]\nweight: 2\n',
    "retries: {busy: {after: 30m}, total: 2, rotate: [busy]}\ncascade: [{numbers: landline, tries: 2}]\n",
    (
        "order: [{column: 納期限, first: largest}]\nbest_hour: true\none_call_per_number: true\n"
        'special_days: [{date: 2026-12-29, times: [{from: "9:00", to: "10:00"}]}]\n'
    ),
]
KINDS = files("ivr.rehearsal").joinpath("kinds.yaml").read_text(encoding="utf-8")
CALLEES = [
    ('kinds:\n  hesitates:\n    expect: confirmed\n    ring: 2s\n    do:\n      - say: はい。\n      - hear_out: 1s\n'
    '      - wait: 3s\n      - press: "#"\n      - stay\ndefault: silent\ncallees:\n  "0312345678": hesitates\n'
    '  "0312345679": {calls: [busy, hesitates], expect: confirmed}\n'),
    *(f"kinds:\n{kind}" for kind in re.split(r"\n(?=  \w+:\n)", KINDS.partition("kinds:\n")[2]) if kind.strip()),
]  # fmt: skip

TARGETS = (
    Target(
        name="list",
        start=rows,
        samples=(
            LIST.encode(), LIST.encode("cp932"), LIST.encode("utf-8-sig"), LIST.encode("utf-16"),
            LIST.encode("utf-16-be"),
            LIST.replace(",", "\t").encode(), files("ivr.rehearsal.demo").joinpath("list.csv").read_bytes()[:2000],
        ),
        tokens=tuple(
            token.encode(code)
            for code in ("utf-8", "cp932", "utf-16-le")
            for token in (
                ",", "\t", ";", '"', '""', "\n", "\r", "\r\n", "宛名番号", "カナ氏名", "電話番号", "電話番号2", "id",
                "kana", "phone",
                "ヤマダ", "ﾔﾏﾀﾞ", "0312345678", "+81", "186", "(0)", "1E+5", "'", "=", "#", "\u3000", "\x1a", "髙",
                "・", "ー",
            )
        ),
    ),
    Target(
        name="exclusions",
        start=exclusions,
        samples=(
            EXCLUSIONS.encode(), EXCLUSIONS.encode("cp932"), EXCLUSIONS.encode("utf-16"), b"until,reason,id\n,x,A1\n",
        ),
        tokens=tuple(
            token.encode(code)
            for code in ("utf-8", "cp932")
            for token in (
                ",", '"', "\n", "\r\n", "宛名番号", "電話番号", "理由", "期限", "id", "phone", "reason", "until",
                "0312345678", "2027-03-31", "2027/3/31", "\u3000", "\x00", "納付済",
            )
        ),
    ),
    Target(
        name="scenario",
        start=scenario,
        samples=tuple(text.encode() for text in SCENARIOS),
        tokens=YAML_TOKENS + tuple(token for text in SCENARIOS for token in _words(text)),
    ),
    Target(
        name="settings",
        start=configuration,
        samples=tuple(text.encode() for text in SETTINGS),
        tokens=YAML_TOKENS + tuple(token for text in SETTINGS for token in _words(text)),
    ),
    Target(
        name="rules",
        start=own_rules,
        samples=tuple(text.encode() for text in RULES),
        tokens=YAML_TOKENS + tuple(token for text in RULES for token in _words(text)),
    ),
    Target(
        name="callees",
        start=callees,
        samples=tuple(text.encode() for text in CALLEES),
        tokens=YAML_TOKENS + tuple(token for text in CALLEES[:12] for token in _words(text)),
    ),
)  # fmt: skip
