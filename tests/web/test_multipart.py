"""A form with a file is the same however it is cut into pieces, and what is none is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import InputError
from ivr.web.multipart import Taker, UploadedFile

FORM = (
    b"preamble\r\n"
    b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\ntoken\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="C:\\x\\\xe5\x90\x8d\xe7\xb0\xbf.csv"\r\n'
    b"Content-Type: text/csv\r\n\r\n1,\r\n--bb\r\n\r\n2\r\n"
    b'--b\r\nContent-Disposition: form-data; name="version"\r\n\r\n\r\n--b--\r\nepilogue'
)


@settings(max_examples=80)
@given(cuts=st.lists(st.integers(0, len(FORM)), max_size=12))
def test_a_form_in_pieces_is_what_it_is_whole(cuts: list[int]) -> None:
    taker = Taker(b"b")
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(FORM)], strict=True):
        taker.take(FORM[start:end])
    assert taker.fields() == {"csrf": ["token"], "version": [""]}
    assert taker.file() == UploadedFile("名簿.csv", b"1,\r\n--bb\r\n\r\n2"), "no folders, every byte"


@settings(max_examples=150)
@given(noise=st.binary(max_size=300))
def test_noise_is_refused_or_read_and_never_breaks(noise: bytes) -> None:
    taker = Taker(b"b")
    with contextlib.suppress(InputError):
        taker.take(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + noise)
        taker.fields()


def test_a_form_that_was_cut_off_is_none() -> None:
    taker = Taker(b"b")
    taker.take(FORM[:-20])
    with pytest.raises(InputError):
        taker.fields()
