"""Strict YAML with line numbers: what people write for us, read without surprises.

Narrower than YAML on purpose. Keys are text (`on:` is no truth value), times and dates stay text (`09:00` is
no number), `0312345678` keeps its zero, and what can hide a mistake or a bomb is an error: a duplicate key, a
second document, a tab in the indentation, anchors and aliases, tags, a file over 1 MiB.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from ivr.errors import NotFound, Problem, Problems, reason

LARGEST = 1 << 20
"""Bytes. A scenario or a settings file of this size is a mistake."""

DEEPEST = 20
"""Levels of nesting; more is a mistake or an attack on the recursion of whoever reads it."""

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Where: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file as read: its value, and at which line each part of it stands."""

    file: str
    value: Value
    lines: Mapping[Where, int]
    cut: frozenset[Where] = frozenset()
    """Texts without quotes that a `#` ends in mid-sentence: what follows was meant to be spoken, not a comment."""

    def line_of(self, path: Where) -> int:
        """Return the line (from 1) of the key or item at `path`, or of the nearest part around it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def problem(self, path: Where, message: str) -> Problem:
        """Return `message` with the file and line of `path`."""
        return Problem(file=self.file, line=self.line_of(path), message=message)


def read(path: Path, *, problems: list[Problem] | None = None) -> Document:
    """Read a file; raise NotFound or Problems. For `problems` see `load`."""
    return load(*read_text(path), problems=problems)


def read_text(path: Path) -> tuple[str, str]:
    """Return the text of a UTF-8 file and its name for messages; raise NotFound or Problems."""
    file = str(path)
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except FileNotFoundError:
        raise NotFound(f"{file}: ファイルがありません。") from None
    except OSError as error:
        raise NotFound(f"{file}: ファイルを開けません（{reason(error)}）。") from None
    return decode(data, file), file


def decode(data: bytes, file: str) -> str:
    """Return `data` as text; raise Problems if it is too large or not UTF-8."""
    if len(data) > LARGEST:
        raise _fatal(file, 0, f"ファイルが大きすぎます（上限 {LARGEST // 1024} KiB）。")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _fatal(file, 1, "文字コードが UTF-16 です。UTF-8 で保存し直してください。")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    try:
        data.decode("cp932")
    except UnicodeDecodeError:
        found = ""
    else:
        found = "Shift_JIS（CP932）のようです。"
    raise _fatal(
        file,
        line,
        f"UTF-8 として読めない文字があります。{found}エディターで UTF-8 を選んで保存し直してください。",
    )


def load(text: str, file: str, *, problems: list[Problem] | None = None) -> Document:
    """Return the one document in `text`; an empty one has the value None.

    Raises Problems. A caller that wants to report its own findings together with ours passes the list
    `problems`: what does not keep the rest from being read (a duplicate key, a key that is no text) is then
    added to it instead.
    """
    if len(text.encode("utf-8", "replace")) > LARGEST:
        raise _fatal(file, 0, f"ファイルが大きすぎます（上限 {LARGEST // 1024} KiB）。")
    if fatal := [Problem(file=file, line=line, message=message) for line, message in _unwanted(text)]:
        raise Problems(fatal)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
    except _Refused as refused:
        raise _fatal(file, refused.line, refused.message) from None
    except yaml.MarkedYAMLError as error:
        raise _fatal(file, *_explained(error, text)) from None
    except yaml.YAMLError:
        raise _fatal(file, 0, "YAML として読めません。") from None
    finally:
        loader.dispose()
    found: list[Problem] = [] if problems is None else problems
    lines: dict[Where, int] = {(): 1}
    walk = _Walk(file, lines, found, text.split("\n"), set())
    value = _value(root, (), walk) if root is not None else None
    if problems is None and found:
        raise Problems(found)
    return Document(file=file, value=value, lines=lines, cut=frozenset(walk.cut))


def seconds(text: str) -> float | None:
    """Return a duration written as `500ms`, `5s`, `5m`, `1h` or `1d` in seconds; None if not written so."""
    found = re.fullmatch(r"(\d{1,7}(?:\.\d{1,3})?)(ms|s|m|h|d)", text, re.ASCII)
    if found is None:
        return None
    return float(found[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return a sentence that proposes the known word nearest to `word`, or nothing if none is near."""
    by_case = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_case, n=1, cutoff=0.6)
    return f"「{by_case[near[0]]}」の間違いではありませんか。" if near else ""


class _Refused(Exception):
    """A construct that we do not take."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Loader(yaml.SafeLoader):
    """SafeLoader up to the node tree, with fewer words that are not text, and without aliases."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  (PyYAML's own name)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(
                line,
                "「&名前」や「*名前」による使い回しは使えません。「*」や「&」を文字として書くときは、引用符で囲んでください。",
            )
        if getattr(event, "tag", None):
            raise _Refused(line, "「!」で始まるタグは使えません。文字として書くときは、引用符で囲んでください。")
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Refused(line, f"入れ子が深すぎます（上限 {DEEPEST} 段）。")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", list("-+0123456789")),
    ("float", r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


@dataclass(frozen=True, slots=True)
class _Walk:
    file: str
    lines: dict[Where, int]
    found: list[Problem]
    source: list[str]
    cut: set[Where]

    def report(self, line: int, message: str) -> None:
        self.found.append(Problem(file=self.file, line=line, message=message))


def _value(node: yaml.Node, path: Where, walk: _Walk) -> Value:
    walk.lines.setdefault(path, node.start_mark.line + 1)
    match node:
        case yaml.MappingNode():
            return _mapping(node, path, walk)
        case yaml.SequenceNode():
            return [_value(item, (*path, index), walk) for index, item in enumerate(node.value)]
        case _:
            value = _scalar(node)
            if isinstance(value, str):
                value = _printable(value, node, walk)
            plain = isinstance(node, yaml.ScalarNode) and node.style is None
            if isinstance(value, str) and plain and _cut(value, node.end_mark, walk.source):
                walk.cut.add(path)
            return value


def _printable(text: str, node: yaml.Node, walk: _Walk) -> str:
    """Return `text` fit to be shown in messages; what an escape such as "\\0" has put into it is reported."""
    if found := _CONTROL.search(text):
        walk.report(node.start_mark.line + 1, _unusable(found[0]))
        return _CONTROL.sub("\ufffd", text)
    return text


def _cut(text: str, end: yaml.Mark, source: list[str]) -> bool:
    """Tell whether what follows a text looks like its rest: a `#` with no blank after it, or after no full stop."""
    rest = source[end.line][end.column :] if end.line < len(source) else ""
    comment = re.match(r"\s+#(\s?)", rest)
    return comment is not None and (not comment[1] or not text.endswith(("。", "！", "？", ".", "!", "?")))


def _mapping(node: yaml.MappingNode, path: Where, walk: _Walk) -> dict[str, Value]:
    mapping: dict[str, Value] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            walk.report(line, "項目の名前は文字で書いてください。「{」で始まる文章は、引用符で囲んでください。")
            continue
        key = _printable(str(key_node.value), key_node, walk)
        if key_node.tag.endswith(":null"):
            walk.report(line, _NAMELESS)
            continue
        if key in mapping:
            first = walk.lines[(*path, key)]
            walk.report(line, f"「{key}」が二度書かれています（最初は {first} 行目）。どちらかを消してください。")
            continue
        walk.lines[(*path, key)] = line
        mapping[key] = _value(value_node, (*path, key), walk)
    return mapping


def _scalar(node: yaml.Node) -> Value:
    text = str(node.value)
    match node.tag.rpartition(":")[2]:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text)
        case "float":
            number = float(text)
            return number if math.isfinite(number) else text
        case _:
            return text


def _fatal(file: str, line: int, message: str) -> Problems:
    return Problems([Problem(file=file, line=line, message=message)])


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""NEL, LS and PS among them: YAML ends a line there, editors do not, and line numbers after them would be wrong."""

_INDENT = re.compile(r"[ \t\u3000]*")


def _unwanted(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        indent = _INDENT.match(line)
        blank = indent is not None and indent.end() == len(line.rstrip("\r"))
        if indent and "\t" in indent[0] and not blank:
            yield number, "字下げにタブは使えません。半角の空白で字下げしてください。"
        if indent and "\u3000" in indent[0] and not blank:
            yield number, "字下げに全角の空白は使えません。半角の空白で字下げしてください。"
        if found := _CONTROL.search(line):
            yield number, _unusable(found[0])


def _unusable(character: str) -> str:
    name = "NUL 文字" if character == "\0" else f"使えない制御文字（U+{ord(character):04X}）"
    return f"{name}が混じっています。消してください。"


def _explained(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """Return the line and our words for a syntax error; the commonest slips are looked for around it."""
    lines = text.split("\n")
    mark = error.problem_mark or error.context_mark
    at = min(mark.line, len(lines) - 1) if mark else 0
    said = f"{error.problem or ''} {error.context or ''}"
    if "another document" in said:
        return at + 1, "「---」で区切られた二つ目の文書があります。一つのファイルには一つだけ書いてください。"
    first = min(error.context_mark.line if error.context_mark else at, at)
    for number in range(at, max(first - 2, 0) - 1, -1):
        for pattern, hint in _SLIPS:
            if re.search(pattern, lines[number]):
                return number + 1, hint
    for known, message in _SAID:
        if known in said:
            return (first if "閉じ" in message else at) + 1, message
    return at + 1, "YAML として読めません。字下げ、「:」の後の空白、引用符の閉じ忘れを確かめてください。"


_NAMELESS = '項目の名前がありません。「#」はコメントの印なので、キーとして書くときは "#" と引用符で囲んでください。'

_SLIPS = (
    (r"(?:[{,]|^)\s*:\s", _NAMELESS),
    (r"[{,]\s*#\s*:", '「#」はコメントの印です。キーとして書くときは "#" と引用符で囲んでください。'),
    (r"(?:[{,]|^)\s*\*\s*:", '「*」をキーとして書くときは "*" と引用符で囲んでください。'),
    (r":\s+\{[^{}:]*\}\s*[^\s,}#]", '「{」で始まる文章は、引用符（" "）で囲んでください。'),
    (r"^\s*(?:- )?[A-Za-z_]+：", "「：」が全角です。半角の「:」と空白に直してください。"),
    (r"^\s*(?:- )?[A-Za-z_]+:[^\s:]", "「:」の後に半角の空白を入れてください。"),
)

_SAID = (
    (
        "mapping values are not allowed",
        "「: 」を含む文章は引用符で囲んでください。そうでなければ、字下げを確かめてください。",
    ),
    ("while scanning a quoted scalar", "引用符が閉じていません。"),
    (
        "while parsing a flow mapping",
        "「{ }」の中の書き方が正しくありません。「}」の閉じ忘れと「,」を確かめてください。",
    ),
    (
        "while parsing a flow sequence",
        "「[ ]」の中の書き方が正しくありません。「]」の閉じ忘れと「,」を確かめてください。",
    ),
    ("could not find expected ':'", "項目の名前の後に「:」がありません。字下げも確かめてください。"),
    ("while parsing a block", "字下げがそろっていません。同じ段の項目は、同じ深さに書いてください。"),
    ("cannot start any token", "引用符で囲まなければならない記号で始まっています。"),
    ("while scanning an alias", "「*」を文字として書くときは、引用符で囲んでください。"),
    ("while scanning an anchor", "「&」を文字として書くときは、引用符で囲んでください。"),
)
