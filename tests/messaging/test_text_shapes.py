"""Shape files: what is written is what is read, and every mistake is told at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.domain.text import TextState
from ivr.errors import NotFound, Problems
from ivr.messaging.http_shape import Auth, Meaning
from ivr.parts.text_shapes import read_shape
from ivr.settings.texts import SHAPES

ROOT = Path(__file__).parents[2]

SOUND = """auth: bearer
number: digits
send:
  path: /send
  encoding: json
  fields: {to: "{to}", text: "{text}"}
  answers:
    - {http: [200], means: accepted}
  reference: id
"""


def read(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    file = tmp_path / "ours.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(Problems) as raised:
        read_shape(file)
    assert {problem.file for problem in raised.value.problems} == {str(file)}
    return [(problem.line, problem.message) for problem in raised.value.problems]


def test_the_shipped_shapes_are_those_of_the_settings_and_are_read() -> None:
    shipped = {file.stem for file in (ROOT / "ivr/messaging/shapes").glob("*.yaml")}
    assert shipped == set(SHAPES)
    form, json = read_shape("form"), read_shape("json")
    assert (form.auth.kind, form.number, form.send.reference, form.callback) == ("basic", "national", None, None)
    assert (json.auth.kind, json.number, json.send.reference) == ("bearer", "e164", ("id",))
    assert json.callback is not None
    assert json.callback.report.states["delivered"] is TextState.DELIVERED
    assert all(one.ask is not None and one.status is not None for one in (form, json))


def test_a_copy_of_a_shipped_shape_is_a_shape(tmp_path: Path) -> None:
    for name in SHAPES:
        file = tmp_path / "ours.yaml"
        file.write_bytes((ROOT / f"ivr/messaging/shapes/{name}.yaml").read_bytes())
        assert read_shape(file) == read_shape(name)


def test_the_least_that_a_shape_says(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(SOUND.replace("auth: bearer", "auth: {header: X-Api-Key}"), "utf-8")
    found = read_shape(file)
    assert found.auth == Auth(kind="header", header="X-Api-Key")
    assert (found.send.call.method, found.send.call.reads) == ("POST", "json")
    assert found.send.call.answers[0].means is Meaning.ACCEPTED
    assert (found.ask, found.status, found.callback) == (None, None, None)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.yaml"):
        read_shape(tmp_path / "nowhere.yaml")


STATUS = (
    SOUND
    + """status:
  path: /state
  fields: {id: "{reference}"}
  answers:
    - {http: [200], means: accepted}
  state: state
  states: {D: delivered}
"""
)
ASK = (
    SOUND.replace('"{text}"}', '"{text}", tag: "{id}"}')
    + """ask:
  path: /find
  fields: {tag: "{id}"}
  answers:
    - {http: [200], means: accepted}
  entries: found.*
  tag: tag
  reference: id
"""
)
CALLBACK = (
    SOUND
    + """callback:
  auth: path
  encoding: json
  reference: id
  state: state
  states: {D: delivered}
"""
)


@pytest.mark.parametrize("text", [SOUND, STATUS, ASK, CALLBACK])
def test_what_the_mistakes_are_made_in_is_sound(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(text, "utf-8")
    read_shape(file)


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "said"),
    [
        (SOUND, "auth: bearer", "auth: oauth", 1, "auth は basic、bearer、"),
        (SOUND, "auth: bearer", "auth: path", 1, "callback でだけ"),
        (SOUND, "auth: bearer", "auth: {header: Host}", 1, "auth は basic"),
        (SOUND, "auth: bearer\n", "", 1, "「auth」がありません"),
        (SOUND, "number: digits", "number: digit", 2, "「digits」の間違い"),
        (SOUND, "number: digits", "number: digits\nheaders: {Host: a}", 3, "このヘッダーは書けません"),
        (SOUND, "number: digits", 'number: digits\nheaders: {X-A: "あ"}', 3, "半角の英数字"),
        (SOUND, "number: digits", "number: digits\nnubmer: a", 3, "「number」の間違い"),
        (SOUND, "path: /send", "path: send", 4, "「/」から"),
        (SOUND, "path: /send", "path: /send?a=1", 4, "「?」の後は fields"),
        (SOUND, "path: /send", 'path: "/send/{to}"', 4, "URL には書けません"),
        (SOUND, "path: /send", "path: /send\n  token: abc", 5, "秘密の文字列はファイルに入れ"),
        (SOUND, "encoding: json", "encoding: xml", 5, "form, json"),
        (SOUND, "encoding: json", "encoding: json\n  method: GET", 5, "encoding: query だけ"),
        (SOUND, "encoding: json", "encoding: json\n  method: PUT", 6, "GET, POST"),
        (SOUND, '{to: "{to}", text: "{text}"}', '{to: "{too}", text: "{text}"}', 6, "「{too}」に入れるもの"),
        (SOUND, '{to: "{to}", text: "{text}"}', '{to: ["{to}"], m: {t: "{reference}"}}', 6, "「{reference}」に"),
        (SOUND, '{to: "{to}", text: "{text}"}', '{to: "{to}"}', 6, "{text} が要ります"),
        (SOUND, 'json\n  fields: {to: "{to}"', 'form\n  fields: {to: ["{to}"]', 6, "文字か整数だけ"),
        (SOUND, 'json\n  fields: {to: "{to}"', 'query\n  fields: {k: "{secret}", to: "{to}"', 6, "URL には書けません"),
        (SOUND, "http: [200]", "http: []", 8, "1 つ以上"),
        (SOUND, "http: [200]", "http: [99]", 8, "200 以上"),
        (SOUND, "http: [200]", "http: ok", 8, "並べて"),
        (SOUND, "http: [200]", "http: [200], values: [a]", 8, "field も"),
        (SOUND, "http: [200]", "http: [200], field: a", 8, "values も"),
        (SOUND, "http: [200]", "http: [200], field: a..b, values: [a]", 8, "「.」でつないで"),
        (SOUND, "http: [200]", "http: [200], field: a, values: [[a]]", 8, "文字か整数で"),
        (SOUND, "means: accepted", "means: ok", 8, "選べません"),
        (SOUND, "means: accepted", "means: not_taken", 8, "ここで選べるのは accepted"),
        (SOUND, "means: accepted", "means: later", 7, "means: accepted の行が要ります"),
        (SOUND, "  reference: id\n", "", 6, "{id} が要ります"),
        (SOUND, "reference: id", "reads: text\n  reference: id", 10, "答えの全体"),
        (SOUND, "reference: id", 'reference: ""', 9, "場所を書いて"),
        (STATUS, "path: /state", "path: /state\n  most: 2", 13, "「{reference}」に入れるものがありません"),
        (STATUS, 'fields: {id: "{reference}"}', 'most: 2\n  fields: {id: "{references}"}', 12, "reference も"),
        (STATUS, 'fields: {id: "{reference}"}', "fields: {}", 11, "{reference} が要ります"),
        (STATUS, "states: {D: delivered}", "states: {D: delivred}", 16, "「delivered」の間違い"),
        (STATUS, "states: {D: delivered}", "states: {D: delivered}\n  errs: {a: failed}", 17, "err も"),
        (ASK, 'fields: {tag: "{id}"}', "fields: {}", 11, "{id} が要ります"),
        (ASK, "tag: tag\n", "tag: tag\n  after: 60\n", 17, "単位を付けて"),
        (ASK, ', tag: "{id}"}', "}", 10, "send の fields に {id}"),
        (ASK, "  tag: tag\n  reference: id\n", "  tag: tag\n", 10, "両方に書くか"),
        (ASK, "means: accepted}\n  entries", "means: failed}\n  entries", 14, "ここで選べるのは"),
        (CALLBACK, "auth: path", "auth: none", 11, "誰からの知らせか"),
        (CALLBACK, "encoding: json\n  reference", "encoding: form\n  entries: a\n  reference", 13, "entries は"),
        (CALLBACK, "  reference: id\n  state", "  state", 10, "「reference」がありません"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line(
    tmp_path: Path, text: str, old: str, new: str, line: int, said: str
) -> None:
    assert old in text
    ((told, message),) = read(tmp_path, text.replace(old, new))
    assert said in message
    assert told == line


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    found = read(tmp_path, SOUND.replace("bearer", "x").replace("digits", "x").replace("path: /send", "path: x"))
    assert [line for line, _ in found] == [1, 2, 4]


@pytest.mark.parametrize("text", ["", "- a\n", "auth: a\nauth: b\n"])
def test_what_is_no_description_is_told(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text)
