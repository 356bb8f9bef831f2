"""Single values: telephone numbers, names in kana, and what the log hides."""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable

from ivr import logs
from ivr.asterisk.inbound import caller
from ivr.collection import LONGEST_REASON, UNTOLD, NoAnswer, understood
from ivr.domain import kana, phone
from ivr.errors import InputError
from tests.fuzz.target import Run, Target, refusal
from tts import kana as voice_kana
from tts import reading


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def number() -> Run:
    """A telephone number as somebody wrote it."""

    def run(data: bytes) -> Hashable:
        text = _text(data)
        hidden = phone.masked(text)
        assert len(re.sub(r"\D", "", hidden)) <= 4
        try:
            parsed = phone.parse(text)
        except InputError as error:
            return _reason(text, error)
        assert re.fullmatch(r"\+81[1-9][0-9]{8,9}", parsed.e164)
        assert phone.national(parsed.e164) == parsed.national
        assert phone.parse(parsed.national) == phone.parse(parsed.e164) == parsed
        return parsed.kind, parsed.national[:3]

    return run


def _reason(text: str, error: InputError) -> Hashable:
    digits = re.sub(r"[^0-9]", "", text)
    assert len(digits) < 6 or digits not in str(error), "a refusal repeats the number"
    return refusal(error)


def name() -> Run:
    """A name: as the list takes it, and as the voice says it."""

    def run(data: bytes) -> Hashable:
        text = _text(data)
        katakana = voice_kana.katakana(text[:2000])
        spellings = list(itertools.islice(voice_kana.with_small_kana(katakana), 40))
        assert len(spellings) <= 16
        assert all(isinstance(voice_kana.pronounced(one, family=True), str) for one in spellings)
        voice_kana.romaji(katakana)
        said = reading.read([reading.Variable("kana")], {"kana": text[:2000]})
        try:
            taken = kana.name(text)
        except InputError as error:
            return refusal(error)
        assert kana.name(taken) == taken
        assert len(taken) <= kana.LONGEST
        assert said, "a name that is taken has nothing to say"
        return len(taken.split()), len(said), type(said[0]).__name__

    return run


def masking() -> Run:
    """The log: whatever a message holds, it comes out, and a number and a name in it don't."""

    def run(data: bytes) -> Hashable:
        text = _text(data)
        said = logs.masked(text)
        logs.mask(
            None, "info", {"event": text, "error": ValueError(text), "map": {text: [text, 312345678, data]}, text: 1}
        )
        for secret, told in (
            ("090-1234-5678", "\n090-1234-5678\n"),
            ("0312345678", " 0312345678 "),
            ("ヤマダ タロウ", "\nヤマダ タロウ様\n"),
        ):
            # A name that stands in the text in a place that tells nobody that it is one is no leak of ours.
            assert secret in text or secret not in logs.masked(f"{text}{told}{text}")
        return said.count(logs.HIDDEN), len(said) == len(text)

    return run


def answer() -> Run:
    """What the collection system answers before a dial."""

    def run(data: bytes) -> Hashable:
        try:
            found = understood(data)
        except NoAnswer as error:
            return str(error)
        if found is not None:
            assert found.reason.strip()
            assert found.reason.isprintable()
            assert len(found.reason) <= LONGEST_REASON
        return found is None, found is not None and found.reason == UNTOLD

    return run


def caller_uri() -> Run:
    """The SIP URI of somebody who rings the office."""

    def run(data: bytes) -> Hashable:
        number = caller(_text(data))
        assert number is None or re.fullmatch(r"[+0-9][0-9]*", number)
        return number is None, len(number or "")

    return run


def _tokens(*words: str) -> tuple[bytes, ...]:
    return tuple(word.encode() for word in words)


TARGETS = (
    Target(
        name="phone",
        start=number,
        samples=_tokens(
            "03-1234-5678", "０９０ー１２３４ー５６７８", "+81 (0)3 1234 5678", "186090-1234-5678", '="0312345678"',
            "'0312345678",
            "312345678", "0081312345678", "TEL: 03(1234)5678", "9.01E+09", "0312345678 内線 12",
            "03-1234-5678/090-1234-5678",
            "312345678.0", "0120-123-456", "110", "0570-000-000", "#9110", "+1 212 555 0100",
        ),
        tokens=_tokens(
            "0", "81", "+81", "0081", "01081", "186", "184", "-", "ー", "−", "~", "(", ")", "(0)", " ", "\u3000", "/",
            ",", "、", "\n",
            "E+", ".0", '="', '"', "'", "内線", "ext", "x", "#", "TEL", "電話番号", "携帯", "٣", "３", "³", "①",
            "\u200e", "\u00ad", "[", "]",
        ),
        longest=100_000,
    ),
    Target(
        name="kana",
        start=name,
        samples=_tokens(
            "ヤマダ タロウ", "ﾔﾏﾀﾞ ﾀﾛｳ", "やまだ　たろう", "カ）ヤマダショウテン", "ジョン・スミス", "シヨウヘイ",
            "ヤマダ-タロウ", "山田",
            "いすヾ", "ヷヸヹヺ", "(株)ヤマダ", "ミヤケ ヴァイオレット",
        ),
        tokens=_tokens(
            *"アァカガサシチツッテトナパヒフミヤャユュヨョワヮヲンヴー・ヽヾヵヶ゛゜ﾞﾟｰ･ゝゞ々〆", "シヨ", "ツカ",
            "カ)", "(カ", "様", "殿", " ", "\u3000", "-",
            "~", "A", "1", "\u3099", "\u309a", "\u200d", "㈱", "㍿", "ㇰ", "\U0001b000",
        ),
        longest=100_000,
    ),
    Target(
        name="answer",
        start=answer,
        samples=_tokens('{"call": true}', '{"call": false, "reason": "納付済"}', '{"call": null}', '[{"call": true}]'),
        tokens=_tokens(
            "{", "}", "[", "[" * 2000, '{"a":' * 2000, '"call"', '"reason"', ":", ",", "true", "false", "null", "NaN",
            "1e999", "-", "9" * 5000, '"\\u0000"', '"\\ud800"', '"\\n"', "　", " ", '""', "\ufeff",
        ),
        longest=64 * 1024,
    ),
    Target(
        name="caller",
        start=caller_uri,
        samples=_tokens(
            "<sip:0312345678@10.0.0.1>", "sip:+81312345678@a;user=phone", "<sip:anonymous@anonymous.invalid>",
            '"山田" <sips:03-1234-5678@[::1]:5060>',
        ),
        tokens=_tokens("sip:", "sips:", "tel:", "@", "<", ">", ";", "+", "81", "0", "٣", "３", '"', "\r\n", ",", "%2B"),
    ),
    Target(
        name="masking",
        start=masking,
        samples=_tokens(
            "PJSIP/trunk-0000002a number=0312345678", "kana: ヤマダ タロウ様, key='#'",
            "2026-11-25T09:00:00+09:00 192.0.2.10",
            "attempt 0123456789abcdef0123456789abcdef ended", "Caller ID Num: 03 1234 5678",
            '{"digits": "1234", "name": "x"}',
            "took 0.123456 s, 12345.678", "電話番号：０３（１２３４）５６７８",
        ),
        tokens=_tokens(
            "=", ":", "：", '"', "'", "key", "number", "caller id num", "kana", "氏名", "カナ", "番号", "キー", "0",
            "03", "+81", "-", "(", ")", "（",
            "）", ".", " ", "\u3000", "ア", "ヤマダ", "様", "殿", "a", "f" * 8, "0" * 32, "-0000", "2026-11-25",
            "09:00", "1.2.3.4", "٣", "９",
        ),
        longest=30_000,
    ),
)  # fmt: skip
