"""Numbers are repaired where the meaning is sure, and refused with the reason where it is not."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from ivr.domain import phone
from ivr.domain.phone import Kind
from ivr.errors import InputError


@pytest.mark.parametrize(
    "written",
    [
        "09012345678",
        "090-1234-5678",
        "０９０－１２３４－５６７８",
        "090ー1234ー5678",
        "090ｰ1234ｰ5678",
        "090‐1234‑5678",
        "090‒1234–5678",
        "090—1234―5678",
        "090−1234─5678",
        "090〜1234～5678",
        "090.1234.5678",
        "090 1234　5678",
        "(090)1234-5678",
        "（０９０）１２３４－５６７８",
        "+81 90-1234-5678",
        "+81(0)90-1234-5678",
        "＋８１９０１２３４５６７８",
        "0081-90-1234-5678",
        "010 81 90 1234 5678",
        "819012345678",
        "8109012345678",
        "186-090-1234-5678",
        "18609012345678",
        "184 090 1234 5678",
        "186+819012345678",
        "9012345678",
        "90-1234-5678",
        "9012345678.0",
        "9012345678.00",
        "09012345678.0",
        "'09012345678",
        '="09012345678"',
        '"09012345678"',
        "TEL:090-1234-5678",
        "℡090-1234-5678",
        "携帯 090-1234-5678",
        "電話番号:090-1234-5678",
        "\u00a009012345678\u200a",
        "\t09012345678 ",
    ],
)
def test_every_usual_way_of_writing_a_mobile_number_is_repaired(written: str) -> None:
    found = phone.parse(written)
    assert (found.e164, found.national, found.kind) == ("+819012345678", "09012345678", Kind.MOBILE)


@pytest.mark.parametrize(
    ("written", "national", "kind"),
    [
        ("03-5722-0000", "0357220000", Kind.LANDLINE),
        ("357220000", "0357220000", Kind.LANDLINE),
        ("357220000.0", "0357220000", Kind.LANDLINE),
        ("81357220000", "0357220000", Kind.LANDLINE),
        ("810357220000", "0357220000", Kind.LANDLINE),
        ("0467-12-3456", "0467123456", Kind.LANDLINE),
        ("04992-2-1234", "0499221234", Kind.LANDLINE),
        ("011-812-3456", "0118123456", Kind.LANDLINE),
        ("118123456", "0118123456", Kind.LANDLINE),
        ("098-866-3456", "0988663456", Kind.LANDLINE),
        ("081-123-4567", "0811234567", None),
        ("070-1234-5678", "07012345678", Kind.MOBILE),
        ("080-1234-5678", "08012345678", Kind.MOBILE),
        ("8012345678", "08012345678", Kind.MOBILE),
        ("7012345678", "07012345678", Kind.MOBILE),
        ("060-1234-5678", "06012345678", Kind.MOBILE),
        ("6012345678", "06012345678", Kind.MOBILE),
        ("050-1234-5678", "05012345678", Kind.IP),
        ("5012345678", "05012345678", Kind.IP),
    ],
)
def test_landline_mobile_and_ip_numbers_are_told_apart(written: str, national: str, kind: Kind | None) -> None:
    if kind is None:
        with pytest.raises(InputError, match="使われていない番号帯"):
            phone.parse(written)
    else:
        found = phone.parse(written)
        assert (found.national, found.kind, found.e164) == (national, kind, f"+81{national[1:]}")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "電話番号がありません"),
        ("　 ", "電話番号がありません"),
        ("-", "電話番号がありません"),
        ("''", "電話番号ではない文字"),
        ('=""', "電話番号がありません"),
        ("番号なし", "電話番号ではない文字"),
        ("不明", "電話番号ではない文字"),
        ("090-1234-567O", "電話番号ではない文字"),
        ("٠٩٠١٢٣٤٥٦٧٨", "電話番号ではない文字"),
        ("09012345678様方", "電話番号ではない文字"),
        ("110", "緊急通報"),
        ("１１９", "緊急通報"),
        ("118", "緊急通報"),
        ("171", "特別なサービス"),
        ("117", "特別なサービス"),
        ("104", "特別なサービス"),
        ("186", "特別なサービス"),
        ("189", "特別なサービス"),
        ("#9110", "特別なサービス"),
        ("0990-123456", "0990"),
        ("990123456", "0990"),
        ("0570-123-456", "0570"),
        ("570123456", "0570"),
        ("0180-99-1234", "0180"),
        ("020-1234-5678", "020"),
        ("0200-1234-56789", "020"),
        ("0120-123-456", "0120"),
        ("120123456", "0120"),
        ("0800-123-4567", "0800"),
        ("8001234567", "0800"),
        ("186-0120-123-456", "0120"),
        ("+81120123456", "0120"),
        ("010-1-212-555-0100", "国際電話"),
        ("001-1-212-555-0100", "国際電話"),
        ("0037-123", "国際電話"),
        ("+1 212 555 0100", "海外の番号"),
        ("+82-2-123-4567", "海外の番号"),
        ("9.01235E+09", "指数表示"),
        ("9.01235e9", "指数表示"),
        ("9.012345678E+09", "指数表示"),
        ("5722-0000", "市外局番がありません"),
        ("03-1234", "桁が足りません（10 桁のところ 6 桁）"),
        ("090-1234-567", "桁が足りません（11 桁のところ 10 桁）"),
        ("0901234567890", "桁が多すぎます（11 桁のところ 13 桁）"),
        ("03-5722-00001", "桁が多すぎます（10 桁のところ 11 桁）"),
        ("1234567890", "先頭が 0 ではありません"),
        ("090-0000-0000", "使われていない番号帯"),
        ("0100000000", "国際電話"),
        ("03-0000-0000", "使われていない番号帯"),
        ("090-1234-5678 / 03-5722-0000", "二つ以上"),
        ("090-1234-5678、03-5722-0000", "二つ以上"),
        ("090-1234-5678\n03-5722-0000", "二つ以上"),
        ("03-5722-0000 内線12", "内線"),
        ("03-5722-0000 ext.12", "内線"),
        ("03-5722-0000#12", "内線"),
    ],
)
def test_what_is_not_surely_one_dialable_number_is_refused_with_the_reason(written: str, reason: str) -> None:
    with pytest.raises(InputError) as raised:
        phone.parse(written)
    assert reason in str(raised.value)


@given(st.text(max_size=30) | st.text(alphabet="0123456789+-() ０９#E.", max_size=20))
def test_any_text_is_a_dialable_number_or_a_reason_that_does_not_repeat_it(text: str) -> None:
    try:
        found = phone.parse(text)
    except InputError as error:
        reason = str(error)
        found = None
    if found is None:
        assert reason
        assert not any(run in reason for run in re.findall(r"\d{5,}", text))
    else:
        assert found.national.isascii()
        assert found.national.isdigit()
        assert found.national[:2] != "00"
        assert len(found.national) in (10, 11)
        assert phone.parse(found.e164) == found == phone.parse(found.national)
        assert phone.national(found.e164) == found.national


@given(st.text(max_size=30))
def test_a_name_in_the_column_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InputError) as raised:
        phone.parse(f"{text}山田太郎")
    assert "山田太郎" not in str(raised.value)


@given(st.from_regex(r"0[1-9][0-9]{8,9}", fullmatch=True))
@example("0108010000")  # 010 leads abroad
@example("01050020000")  # and reaches somebody there
def test_what_may_be_dialled_is_what_the_numbering_plan_calls_mobile_landline_or_ip(digits: str) -> None:
    kinds = {
        PhoneNumberType.MOBILE: Kind.MOBILE,
        PhoneNumberType.FIXED_LINE: Kind.LANDLINE,
        PhoneNumberType.VOIP: Kind.IP,
    }
    try:
        known = phonenumbers.parse(digits, "JP")
        expected = kinds.get(phonenumbers.number_type(known)) if known.country_code == 81 else None
    except phonenumbers.NumberParseException:
        expected = None
    if expected is None:
        with pytest.raises(InputError):
            phone.parse(digits)
    else:
        assert phone.parse(digits).kind is expected


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+819012345678", "*******5678"),
        ("+81357220000", "******0000"),
        ("090-1234-5678", "*******5678"),
        ("9012345678.0", "******5678"),
        ("０９０１２３４５６７８", "*******5678"),
        ("110", "***"),
        ("1234567", "*******"),
        ("番号なし", ""),
    ],
)
def test_a_masked_number_shows_no_more_than_its_last_four_digits(number: str, masked: str) -> None:
    assert phone.masked(number) == masked


@pytest.mark.parametrize("written", ["+81 (0)3-1222-8748", "+81-(0)3-1222-8748", "+81(0)312228748"])
def test_a_zero_in_brackets_after_the_country_is_left_out(written: str) -> None:
    assert phone.parse(written).national == "0312228748"


@pytest.mark.parametrize(
    "text", ["12/" * 30_000, "1" + "x1" * 40_000, "0" * 100_000, "電話" * 50_000, "\u2010" * 100_000]
)
def test_what_is_longer_than_any_number_is_refused_unread_and_shown_not_at_all(text: str) -> None:
    with pytest.raises(InputError, match=r"長すぎます（上限 100 字）"):
        phone.parse(text)
    assert phone.masked(text) == ""


def test_digits_within_a_number_are_not_taken_for_a_prefix_that_hides_or_shows_ours() -> None:
    assert phone.parse("+81860081101") == phone.parse("0860081101")
