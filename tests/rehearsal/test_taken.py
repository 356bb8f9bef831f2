"""Messages that a centre has taken, joined to texts."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.sms import parts
from ivr.rehearsal.taken import UDH, Part, Texts, e164, part

AT = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
NUMBER = "+819012345678"


def cut(body: str, joint: int) -> list[Part]:
    """A text as our own client would send it."""
    pieces = [piece.encode("utf-16-be") for piece in parts(body)]
    if len(pieces) == 1:
        return [part(pieces[0], esm_class=0, coding=8)]
    return [
        part(bytes((5, 0, 3, joint, len(pieces), place)) + piece, esm_class=UDH, coding=8)
        for place, piece in enumerate(pieces, 1)
    ]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_every_text_is_one_however_its_parts_are_mixed(bodies: list[str], rng: random.Random) -> None:
    texts, names = Texts(), iter(range(10_000))
    sent = [(f"+81901234567{index}", body) for index, body in enumerate(bodies)]
    messages = [(number, one) for index, (number, body) in enumerate(sent) for one in cut(body, index)]
    rng.shuffle(messages)
    for number, one in messages:
        texts.add(number, one, str(next(names)), AT)
    assert sorted((text.number, text.body) for text in texts.all()) == sorted(sent)
    assert all(text.whole for text in texts.all())
    assert len({name for text in texts.all() for name in text.ids}) == len(messages)


def test_a_text_that_lacks_a_part_is_there_and_not_whole() -> None:
    texts, (first, *_) = Texts(), cut("あ" * 200, 7)
    assert not texts.add(NUMBER, first, "a", AT).whole
    (text,) = texts.all()
    assert (text.body, text.parts, text.ids) == ("あ" * 67, 3, ("a",))


def test_a_part_that_comes_again_begins_another_text() -> None:
    texts, pieces = Texts(), cut("あ" * 100, 7)
    for name in ("a", "b"):
        for one in pieces:
            texts.add(NUMBER, one, name, AT)
    assert [(text.body, text.ids) for text in texts.all()] == [("あ" * 100, ("a", "a")), ("あ" * 100, ("b", "b"))]


def test_the_same_text_twice_is_two_texts() -> None:
    texts = Texts()
    for name in "ab":
        texts.add(NUMBER, part("市役所".encode("utf-16-be"), esm_class=0, coding=8), name, AT)
    assert [text.ids for text in texts.all()] == [("a",), ("b",)]


def test_a_reference_of_two_octets_joins_too() -> None:
    texts = Texts()
    for place, piece in ((2, b"city"), (1, b"the ")):
        texts.add(NUMBER, part(bytes((6, 8, 4, 1, 2, 2, place)) + piece, esm_class=UDH, coding=0), str(place), AT)
    assert [text.body for text in texts.all()] == ["the city"]


@pytest.mark.parametrize("octets", [b"", b"\x05", b"\x05\x00\x03", b"\x05\x00\x03\x01\x02\x00x", b"\x03\x00\xff\x01x"])
def test_a_header_that_cannot_be_read_leaves_a_text_that_stands_alone(octets: bytes) -> None:
    assert part(octets, esm_class=UDH, coding=0).joint is None


@pytest.mark.parametrize(
    ("number", "ton", "found"),
    [("819012345678", 1, NUMBER), ("+819012345678", 1, NUMBER), ("09012345678", 2, NUMBER), ("12345", 0, "12345")],
)
def test_a_destination_is_read_by_its_type(number: str, ton: int, found: str) -> None:
    assert e164(number, ton) == found
