"""Texts to requests, and bytes to meanings: whatever comes, nothing is claimed that the shape does not describe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.campaign.texting import Accepted, NotNow, NotTaken, Receipt, Refused, Text
from ivr.domain.text import TextState
from ivr.messaging.http_shape import Auth, Call, Meaning, NumberForm, Rule, Send, Shape, Template, Where, select
from ivr.messaging.http_wire import (
    Account,
    Answer,
    Untold,
    answer_to_ask,
    answer_to_poll,
    answer_to_send,
    credentials,
    number_as,
    receipts_of_callback,
    retry_after,
    to_ask,
    to_poll,
    to_send,
)
from ivr.parts.text_shapes import read_shape

SHAPES = {name: read_shape(name) for name in ("form", "json")}
ACCOUNT = Account(url="https://sms.example.jp/v1/", user="meguro", secret="himitsu", sender="0357220000")
TEXT = Text(id="t1", number="+819012345678", body="市役所 & {to}")


def shape(fields: Mapping[str, Template], *rules: Rule, reference: Where | None = None, **call: object) -> Shape:
    made = Call(
        **{"method": "POST", "path": "/send", "encoding": "json", "fields": fields, "answers": rules, **call}  # type: ignore[arg-type]
    )
    return Shape(auth=Auth(kind="none"), number="e164", send=Send(call=made, reference=reference))


def said(status: int, body: object = b"") -> Answer:
    return Answer(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("form", "number", "expected"),
    [
        ("e164", "+819012345678", "+819012345678"),
        ("digits", "+819012345678", "819012345678"),
        ("national", "+819012345678", "09012345678"),
        ("digits", "+12025550123", "12025550123"),
        ("national", "+12025550123", None),
        ("e164", "09012345678", None),
        ("digits", "+81 90", None),
        ("e164", "", None),
    ],
)
def test_a_number_goes_in_the_form_that_the_provider_wants(form: NumberForm, number: str, expected: str | None) -> None:
    assert number_as(form, number) == expected


def test_a_form_carries_the_text_as_it_is_and_who_we_are() -> None:
    made = to_send(SHAPES["form"], ACCOUNT, TEXT, "09012345678")
    assert (made.method, made.url) == ("POST", "https://sms.example.jp/v1/send")
    assert parse_qs(made.body.decode()) == {
        "to": ["09012345678"], "from": ["0357220000"], "text": ["市役所 & {to}"], "tag": ["t1"],
    }  # fmt: skip
    assert made.headers["Authorization"] == "Basic bWVndXJvOmhpbWl0c3U="
    assert made.headers["Accept-Encoding"] == "identity"


def test_json_may_be_nested_and_lists_references_where_they_stand_alone() -> None:
    fields: dict[str, Template] = {
        "to": ["{to}"], "message": {"text": "【区】{text}", "flash": False, "ttl": 3600}, "key": "{secret}",
    }  # fmt: skip
    made = to_send(shape(fields), ACCOUNT, TEXT, "+819012345678")
    assert json.loads(made.body) == {
        "to": ["+819012345678"],
        "message": {"text": "【区】市役所 & {to}", "flash": False, "ttl": 3600},
        "key": "himitsu",
    }
    poll = Call(
        method="POST", path="/p", encoding="json", fields={"a": ["{references}"], "b": "{references}"}, answers=()
    )
    assert json.loads(to_poll(shape({}), ACCOUNT, poll, ["m1", "m2"]).body) == {"a": ["m1", "m2"], "b": "m1,m2"}


def test_what_goes_into_a_path_or_query_can_not_leave_it() -> None:
    status, ask = SHAPES["json"].status, SHAPES["json"].ask
    assert status is not None
    assert ask is not None
    assert to_poll(SHAPES["json"], ACCOUNT, status.call, ["../a?b#c&d"]).url.endswith("/messages/..%2Fa%3Fb%23c%26d")
    asked = urlsplit(to_ask(SHAPES["json"], ACCOUNT, ask.call, "a&b=c #").url)
    assert parse_qs(asked.query) == {"client_reference": ["a&b=c #"]}


def test_neither_person_nor_secret_is_in_a_repr() -> None:
    made = to_send(SHAPES["form"], ACCOUNT, TEXT, "09012345678")
    for hidden in ("09012345678", "himitsu", "市役所", "bWVndXJv"):
        assert hidden not in f"{made!r}{ACCOUNT!r}{TEXT!r}{said(200, b'himitsu')!r}"


@pytest.mark.parametrize("body", ["\ud800", "a\udfff"])
@pytest.mark.parametrize("name", SHAPES)
def test_half_a_character_is_no_text(name: str, body: str) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        to_send(SHAPES[name], ACCOUNT, replace(TEXT, body=body), "1")


@pytest.mark.parametrize("kind", ["bearer", "header"])
def test_a_secret_that_no_header_carries_is_refused(kind: str) -> None:
    auth = Auth(kind=kind, header="X-Key")  # type: ignore[arg-type]
    assert credentials(auth, "", "abc") in ({"Authorization": "Bearer abc"}, {"X-Key": "abc"})
    for secret in ("秘密", "a\nb"):
        with pytest.raises(ValueError, match="送れません"):
            credentials(auth, "", secret)


def test_the_first_answer_that_fits_counts_and_values_compare_as_text() -> None:
    ok = Rule(statuses=frozenset({200}), means=Meaning.ACCEPTED, field=("code",), values=frozenset({"0", "true"}))
    no = Rule(statuses=frozenset({200, 400}), means=Meaning.FAILED)
    made = shape({}, ok, no, reference=("ids", "*"))
    assert answer_to_send(made, "t1", said(200, {"code": 0, "ids": [7, "m8", "m8"]})) == Accepted(
        references=("7", "m8")
    )
    assert answer_to_send(made, "t1", said(200, {"code": True, "ids": ["a"]})) == Accepted(references=("a",))
    for code in (0.0, "00", None, False, [], "０"):
        assert isinstance(answer_to_send(made, "t1", said(200, {"code": code, "ids": ["a"]})), Refused)
    assert isinstance(answer_to_send(made, "t1", said(400)), Refused)
    for ids in ([], "m1", None, [None], [""], ["a", {}], [1.5], [True, "a\tb"]):
        with pytest.raises(Untold):
            answer_to_send(made, "t1", said(200, {"code": 0, "ids": ids}))
    with pytest.raises(Untold):
        answer_to_send(made, "t1", said(500, {"code": 0, "ids": ["a"]}))


def test_an_answer_may_be_a_text() -> None:
    rules = (
        Rule(statuses=frozenset({200}), means=Meaning.LATER, values=frozenset({"BUSY"})),
        Rule(statuses=frozenset({200}), means=Meaning.ACCEPTED),
    )
    made = shape({}, *rules, reference=(), reads="text")
    assert answer_to_send(made, "t1", said(200, b" m1\r\n")) == Accepted(references=("m1",))
    assert isinstance(answer_to_send(made, "t1", said(200, b"BUSY\n")), NotNow)
    for body in (b"", b" ", b"a\nb", b"\xff"):
        with pytest.raises(Untold):
            answer_to_send(made, "t1", said(200, body))


@pytest.mark.parametrize("code", ["09012345678", "090-1234-5678", "No.90.1234.5678", "山田様", "a b", "x" * 41])
def test_a_reason_shows_a_code_but_nothing_that_may_name_a_person(code: str) -> None:
    rule = Rule(statuses=frozenset({200}), means=Meaning.FAILED, field=("code",), values=frozenset({code, "E-12"}))
    made = shape({}, rule)
    answer = answer_to_send(made, "t1", said(200, {"code": code}))
    assert isinstance(answer, Refused)
    assert code not in answer.reason
    shown = answer_to_send(made, "t1", said(200, {"code": "E-12"}))
    assert isinstance(shown, Refused)
    assert "E-12" in shown.reason


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ((), [{"a": [{"b": 1}, {"b": 2}], "c": {}}]),
        (("a", "*", "b"), [1, 2]),
        (("a", "1", "b"), [2]),
        (("a", "2", "b"), None),
        (("c", "*"), None),
        (("c", "d"), None),
        (("a", "*", "c"), None),
        (("a", "-1"), None),
        (("a", "²"), None),
    ],
)
def test_a_place_is_found_or_is_not(where: Where, found: list[object] | None) -> None:
    assert select({"a": [{"b": 1}, {"b": 2}], "c": {}}, where) == found
    assert select([], ("*",)) == []


NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        ("Sat, 28 Nov 2026 12:00:30 GMT", 30),
        ("Sat, 28 Nov 2026 12:00:30 -0000", 30),
        ("Sat, 28 Nov 2026 11:00:00 GMT", 0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 10, None),
        ("１２", None),
        ("", None),
    ],
)
def test_how_long_to_wait_is_read_in_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text(max_size=60))
def test_whatever_stands_for_how_long_to_wait_is_read_or_is_not(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "result", "results", "messages", "status", "tag", "error", "code", "events", "client_reference"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
bodies = st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode())
statuses = st.sampled_from([200, 201, 202, 204, 302, 400, 401, 402, 404, 422, 429, 500, 503])


@given(st.sampled_from(sorted(SHAPES)), statuses, bodies)
def test_whatever_a_provider_answers_is_described_or_is_not_told(name: str, status: int, body: bytes) -> None:
    made, answer = SHAPES[name], said(status, body)
    for read, kinds in (
        (lambda: answer_to_send(made, "t1", answer), (Accepted, Refused, NotNow)),
        (lambda: answer_to_ask(made, "t1", answer), (Accepted, NotTaken, NotNow)),
        (lambda: answer_to_poll(made, ["m1"], answer), (tuple, NotNow)),
    ):
        try:
            outcome = read()
        except Untold:
            continue
        assert isinstance(outcome, kinds)
        if isinstance(outcome, Accepted):
            assert all(name and name.isprintable() for name in outcome.references)
            assert outcome.references
        if isinstance(outcome, NotTaken):
            assert status == 200


@given(bodies)
def test_whatever_a_callback_says_is_receipts_or_is_not_told(body: bytes) -> None:
    callback = SHAPES["json"].callback
    assert callback is not None
    for one in (callback, replace(callback, encoding="form", report=replace(callback.report, entries=None))):
        try:
            told = receipts_of_callback(one, body)
        except Untold:
            continue
        assert told
        assert all(isinstance(receipt, Receipt) and receipt.reference for receipt in told)


def test_a_state_of_texts_is_the_provider_s_word_and_its_code_says_it_more_exactly() -> None:
    made = SHAPES["form"]
    results = [
        {"tag": "t1", "status": "1", "cause": "11"},
        {"tag": "t2", "status": 3, "cause": 12},
        {"tag": "t3", "status": "3", "cause": "山田"},
        {"tag": "t4", "status": "0"},
        {"tag": "t5", "status": None},
        {"status": "1"},
    ]
    told = answer_to_poll(made, ["t1", "t2"], said(200, {"result": "0", "results": results}))
    assert told == (
        Receipt(reference="t1", state=TextState.DELIVERED, err="11"),
        Receipt(reference="t2", state=TextState.REFUSED, err="12"),
        Receipt(reference="t3", state=TextState.FAILED),
        Receipt(reference="t4", state=TextState.SENT),
    )
