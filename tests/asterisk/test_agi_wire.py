"""The FastAGI codec, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.agi_wire import (
    MAX_COMMAND,
    MAX_HEADERS,
    MAX_LINE,
    MAX_USAGE_LINES,
    AgiWire,
    EndOfStream,
    Environment,
    Event,
    HungUpLine,
    Result,
    Violation,
    command,
)

GREETING = (
    b"agi_network: yes\nagi_request: agi://127.0.0.1/call\nagi_uniqueid: 17.1\nagi_callerid:\nagi_arg_1: a: b\n\n"
)


def events(*pieces: bytes) -> list[Event]:
    wire = AgiWire()
    return [event for piece in pieces for event in wire.receive(piece)]


def after_greeting(*pieces: bytes) -> list[Event]:
    return events(GREETING, *pieces)[1:]


def test_the_environment_is_the_lines_up_to_the_empty_one() -> None:
    (environment,) = events(GREETING)
    assert environment == Environment(
        {
            "agi_network": "yes",
            "agi_request": "agi://127.0.0.1/call",
            "agi_uniqueid": "17.1",
            "agi_callerid": "",
            "agi_arg_1": "a: b",
        }
    )


def test_a_repeated_header_cannot_replace_the_first() -> None:
    (environment,) = events(b"agi_uniqueid: real\nagi_uniqueid: forged\n\n")
    assert environment == Environment({"agi_uniqueid": "real"})


@pytest.mark.parametrize(
    ("line", "result"),
    [
        (b"200 result=0\n", Result(200, "0")),
        (b"200 result=-1\n", Result(200, "-1")),
        (b"200 result=35 endpos=4800\n", Result(200, "35", None, 4800)),
        (b"200 result=1 (some (odd) value)\n", Result(200, "1", "some (odd) value")),
        (b"200 result= (timeout)\n", Result(200, "", "timeout")),
        (b"200 result=12 (timeout) endpos=7\n", Result(200, "12", "timeout", 7)),
        (b"100 result=0 Trying...\n", Result(100, data="result=0 Trying...")),
        (b"510 Invalid or unknown command\n", Result(510, data="Invalid or unknown command")),
        (b"511 Command Not Permitted on a dead channel\n", Result(511, data="Command Not Permitted on a dead channel")),
        (b"520 Invalid command syntax.\n", Result(520, data="Invalid command syntax.")),
        (
            b"520-Invalid:\nUsage: WAIT\n  200 x\n520 End of proper usage.\n",
            Result(520, data="Invalid:\nUsage: WAIT\n  200 x"),
        ),
    ],
)
def test_each_kind_of_answer_is_one_result(line: bytes, result: Result) -> None:
    assert after_greeting(line) == [result]


def test_a_hangup_line_is_told_apart_from_the_result_it_precedes() -> None:
    assert after_greeting(b"HANGUP\n200 result=-1 endpos=80\n", b"") == [
        HungUpLine(),
        Result(200, "-1", None, 80),
        EndOfStream(),
    ]


@pytest.mark.parametrize(
    "piece",
    [
        b"GET / HTTP/1.1\r\n",
        b"\n",
        b"\x00\xff\xfe\n",
        b"a" * (MAX_LINE + 1),
        b"agi_x: " + b"a" * MAX_LINE + b"\n\n",
        b"agi_a: b\n" * (MAX_HEADERS + 1) + b"\n",
    ],
)
def test_garbage_instead_of_an_environment_is_one_violation_and_nothing_after_it(piece: bytes) -> None:
    (violation,) = events(piece, GREETING, b"")
    assert isinstance(violation, Violation)


@pytest.mark.parametrize("line", [b"\n", b"hello\n", b"200\n", b"200 nothing\n", b"999 result=0\n", b"20 result=0\n"])
def test_a_line_that_is_no_answer_is_a_violation(line: bytes) -> None:
    (violation,) = after_greeting(line, b"200 result=0\n")
    assert isinstance(violation, Violation)


def test_a_usage_text_without_an_end_is_a_violation() -> None:
    (violation,) = after_greeting(b"520-Invalid\n" + b"x\n" * MAX_USAGE_LINES)
    assert isinstance(violation, Violation)


@pytest.mark.parametrize("cut", [b"agi_net", b"agi_network: yes\n", GREETING + b"200 res", GREETING + b"520-Usage\n"])
def test_a_stream_that_ends_inside_a_message_is_a_violation(cut: bytes) -> None:
    assert isinstance(events(cut, b"")[-1], Violation)


def test_a_stream_that_ends_before_any_byte_is_just_over() -> None:
    assert events(b"", b"", b"agi_x: y\n\n") == [EndOfStream()]


ANSWERS = st.lists(
    st.sampled_from(
        [
            b"200 result=0\n",
            b"HANGUP\n",
            b"200 result=1 (\xe5\xb1\xb1)\n",
            b"520-Bad\nusage\n520 End\n",
            b"511 dead\n",
            b"rubbish\n",
        ]
    ),
    max_size=8,
).map(b"".join)


@given(st.one_of(st.binary(max_size=300), ANSWERS.map(lambda answers: GREETING + answers)), st.data())
def test_any_split_of_the_bytes_gives_the_same_events(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]
    assert events(*pieces, b"") == events(stream, b"")


@given(st.binary(max_size=2000))
def test_no_bytes_make_the_codec_raise_and_it_ends_once(stream: bytes) -> None:
    ends = [event for event in events(stream, b"", b"") if isinstance(event, Violation | EndOfStream)]
    assert len(ends) == 1


def test_arguments_are_quoted_as_asterisk_unquotes_them() -> None:
    assert command("STREAM FILE", "/a b/c", "#") == b'STREAM FILE "/a b/c" "#"\n'
    assert command("WAIT FOR DIGIT", 5000) == b'WAIT FOR DIGIT "5000"\n'
    assert command("ANSWER") == b"ANSWER\n"


def unquote(line: bytes) -> list[str]:
    """Split as `parse_args` of res_agi.c does."""
    words: list[str] = []
    word, quoted, escaped, started = "", False, False, False
    for char in line.decode().rstrip("\n"):
        if escaped:
            word, escaped = word + char, False
        elif char == "\\":
            escaped = started = True
        elif char == '"':
            quoted, started = not quoted, True
        elif char.isspace() and char in " \t" and not quoted:
            if started:
                words.append(word)
            word, started = "", False
        else:
            word, started = word + char, True
    return [*words, word] if started else words


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40), max_size=5))
def test_no_argument_becomes_another_one_or_another_command(arguments: list[str]) -> None:
    line = command("SET VARIABLE", *arguments)
    assert line.count(b"\n") == 1
    assert unquote(line) == ["SET", "VARIABLE", *arguments]


@pytest.mark.parametrize("argument", ["a\nHANGUP", "a\rb", "a\0b", "\x7f", "a" * MAX_COMMAND])
def test_an_argument_that_could_end_the_line_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match="AGI"):
        command("STREAM FILE", argument)


@pytest.mark.parametrize("verb", ["", "hangup", "HANGUP\n", "SET  VARIABLE", 'SAY "X"'])
def test_a_verb_is_only_words_of_capitals(verb: str) -> None:
    with pytest.raises(ValueError, match="verb"):
        command(verb)


@pytest.mark.parametrize(
    ("result", "key"),
    [("35", "#"), ("48", "0"), ("68", "D"), ("0", ""), ("-1", ""), ("1", ""), ("55296", ""), ("x", "")],
)
def test_a_result_is_a_key_only_where_it_is_the_code_of_one(result: str, key: str) -> None:
    assert Result(200, result).key == key
