"""The AudioSocket wire: the same messages however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.audiosocket_wire import (
    HANG_UP,
    Audio,
    AudioSocketWire,
    Ended,
    Hello,
    Key,
    Message,
    Violation,
    audio,
)

UUID_BYTES = bytes(range(16))
STREAM = b"\x01\x00\x10" + UUID_BYTES + audio(b"\x01\x02" * 160) + b"\x03\x00\x01#" + audio(b"") + HANG_UP
MESSAGES = [Hello(UUID(bytes=UUID_BYTES)), Audio(b"\x01\x02" * 160), Key("#"), Audio(b""), Ended()]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_messages_do_not_depend_on_how_the_bytes_were_cut(cuts: list[int]) -> None:
    wire = AudioSocketWire()
    edges = [0, *sorted(cuts), len(STREAM)]
    found: list[Message] = []
    for start, end in pairwise(edges):
        found.extend(wire.receive(STREAM[start:end]))
    assert found == MESSAGES


@given(st.binary(max_size=200))
def test_garbage_is_a_violation_at_most_once_and_nothing_follows_it(data: bytes) -> None:
    wire = AudioSocketWire()
    found = list(wire.receive(data))
    kinds = [type(message) for message in found]
    assert Violation not in kinds[:-1]
    if Violation in kinds:
        assert list(wire.receive(STREAM)) == []


def test_a_message_of_an_unknown_kind_is_a_violation() -> None:
    assert list(AudioSocketWire().receive(b"\x42\x00\x01x")) == [Violation()]


def test_after_a_violation_nothing_is_kept_however_much_comes() -> None:
    wire = AudioSocketWire()
    assert list(wire.receive(b"\x10\x00\x01x" + bytes(100_000))) == [Violation()]
    assert list(wire.receive(bytes(100_000))) == []
    assert not wire._buffer
