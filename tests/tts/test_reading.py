"""What the voice says for what people and spreadsheets write; expected in katakana, as the engine pronounces it."""

from __future__ import annotations

import calendar
import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.engines.openjtalk import OpenJTalk
from tts.errors import MissingValue
from tts.reading import Digits, Name, Variable, as_text, read

VOICE = OpenJTalk()
DIGITS = ["ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー", "−"]

NAMES = {
    "ヤマダ タロウ": "ヤマダタロー",
    "ヤマダ　タロウ": "ヤマダタロー",
    "ヤマダタロウ": "ヤマダタロー",
    "  ヤマダ   タロウ ": "ヤマダタロー",
    "ﾔﾏﾀﾞ ﾀﾛｳ": "ヤマダタロー",
    "やまだ たろう": "ヤマダタロー",
    "ﾊﾟｸ ｼﾞﾕﾝ": "パクジュン",
    "サトウ ハナコ": "サトーハナコ",
    "スズキイチロウ": "スズキイチロー",
    "オオノ ユウコ": "オーノユーコ",
    "オノ ユウコ": "オノユーコ",
    "コバヤシユウイチ": "コバヤシユーイチ",
    "ワタナベ": "ワタナベ",
    "イノウエ ケイコ": "イノウエケーコ",
    "ヨコウチ ケンジ": "ヨコウチケンジ",
    "タケウチ ショウヘイ": "タケウチショーヘー",
    "シヨウジ シヨウヘイ": "ショージショーヘー",
    "ｲﾂﾎﾟﾝﾏﾂ ｼﾞﾕﾝｺ": "イッポンマツジュンコ",
    "ハツトリ リヨウコ": "ハットリリョーコ",
    "キヨシ ミヨ": "キヨシミヨ",
    "ミヨシ キヨミ": "ミヨシキヨミ",
    "タケイ ﾕ-ｺ": "タケイユーコ",
    "ヴァンサン ジュリー": "ヴァンサンジュリー",
    "ﾃｨﾅ ｳﾞｧﾝ": "ティナヴァン",
    "グエン ヴァン アン": "グエンヴァン・アン",
    "キム・ヨンス": "キムヨンス",
    "ヲガワ ヂロウ": "オガワジロー",
    "ヰノ ヱミ": "イノエミ",
    "シマヅ イヅミ": "シマズイズミ",
    "アヽキ": "アーキ",
    "カ)ヤマダショウテン": "カブシキガイシャヤマダショーテン",
    "ヤマダショウジ(カ": "ヤマダショージカブシキガイシャ",
    "（ユ）サトウ": "ユーゲンガイシャサトー",
    "カブシキガイシヤ ヤマダ": "カブシキガイシャヤマダ",
    "イ)ヤマダカイ": "イリョーホージンヤマダカイ",
    "ヤマダ タロウ様": "ヤマダタロー",
    "山田太郎": "ヤマダタロー",
    "髙橋一郎": "タカハシイチロー",
}

PHONES = {
    "0312345678": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "03-1234-5678": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "０３－１２３４－５６７８": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "03ー1234ー5678": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "(03)1234-5678": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "03(1234)5678": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "03 1234 5678": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "+81312345678": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "+81-3-1234-5678": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "+81 (0)3 1234 5678": "ゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "09012345678": "ゼロキューゼロ−イチニーサンヨン−ゴーロクナナハチ",
    "+819012345678": "ゼロキューゼロ−イチニーサンヨン−ゴーロクナナハチ",
    "0120-444-444": "ゼロイチニーゼロ−ヨンヨンヨン−ヨンヨンヨン",
    "0120444444": "ゼロイチニーゼロ−ヨンヨンヨン−ヨンヨンヨン",
    "0422451151": "ゼロヨンニーニー−ヨンゴー−イチイチゴーイチ",
    "0570-00-1234": "ゼロゴーナナゼロ−ゼロゼロ−イチニーサンヨン",
    "04992-2-1111": "ゼロヨンキューキューニー−ニー−イチイチイチイチ",
}

TEXTS = {
    # Dates
    "2026年11月30日": "ニセンニジューロクネンジューイチガツサンジューニチ",
    "2026/11/30": "ニセンニジューロクネンジューイチガツサンジューニチ",
    "2026-11-30": "ニセンニジューロクネンジューイチガツサンジューニチ",
    "2026.4.1": "ニセンニジューロクネンシガツツイタチ",
    "11/30": "ジューイチガツサンジューニチ",
    "１１／１": "ジューイチガツツイタチ",
    "11月1日": "ジューイチガツツイタチ",
    "04月08日": "シガツヨーカ",
    "9月20日": "クガツハツカ",
    "7月24日": "シチガツニジューヨッカ",
    "11月30日(月)": "ジューイチガツサンジューニチゲツヨービ",
    "11/3（火・祝）": "ジューイチガツミッカカヨービ、シュクジツ",
    "5月3日(日曜日)": "ゴガツミッカニチヨービ",
    "11月1日〜11月30日": "ジューイチガツツイタチカラジューイチガツサンジューニチ",
    # Era years
    "令和8年度": "レーワハチネンド",
    "令和８年１１月３０日": "レーワハチネンジューイチガツサンジューニチ",
    "R8.11.30": "レーワハチネンジューイチガツサンジューニチ",
    "R08/4/1": "レーワハチネンシガツツイタチ",
    "令和8.11.30": "レーワハチネンジューイチガツサンジューニチ",
    "R8年度": "レーワハチネンド",
    "H31.4.30": "ヘーセーサンジューイチネンシガツサンジューニチ",
    "S64年": "ショーワロクジューヨネン",
    "令和1年度": "レーワガンネンド",
    "令和元年5月1日": "レーワガンネンゴガツツイタチ",
    "令和４年": "レーワヨネン",
    "㋿7年": "レーワナナネン",
    # Amounts
    "12,345円": "イチマンニセンサンビャクヨンジューゴエン",
    "￥12,345": "イチマンニセンサンビャクヨンジューゴエン",
    "¥12,345-": "イチマンニセンサンビャクヨンジューゴエン",
    "\\300": "サンビャクエン",
    "１２，３４５円": "イチマンニセンサンビャクヨンジューゴエン",
    "12345678円": "センニヒャクサンジューヨンマンゴセンロッピャクナナジューハチエン",
    "1,000円": "センエン",
    "8600円": "ハッセンロッピャクエン",
    "4円": "ヨエン",
    "-500円": "マイナスゴヒャクエン",
    "△1,000円": "マイナスセンエン",
    "5万3千円": "ゴマンサンゼンエン",
    "14.6%": "ジューヨンテンロクパーセント",
    "10,000円〜20,000円": "イチマンエンカラニマンエン",
    # Times
    "17:15": "ジューシチジジューゴフン",
    "午後5時15分": "ゴゴゴジジューゴフン",
    "9:00〜17:00": "クジカラジューシチジ",
    "午前9時~午後4時": "ゴゼンクジカラゴゴヨジ",
    "8:30": "ハチジサンジュップン",
    "19時00分": "ジュークジ",
    "0:30": "レイジサンジュップン",
    "午前0時": "ゴゼンレイジ",
    "24時間": "ニジューヨジカン",
    "9:05": "クジゴフン",
    # Keys
    "#を": "シャープヲ",
    "＃を": "シャープヲ",
    "♯を": "シャープヲ",
    "シャープを": "シャープヲ",
    "*を": "コメジルシヲ",
    "＊を": "コメジルシヲ",
    "1を、2を": "イチヲ、ニヲ",
    "①を": "イチヲ",
    # Numbers
    "第2期": "ダイニキ",
    "第Ⅱ期": "ダイニキ",
    "第4期": "ダイヨンキ",
    "3件": "サンケン",
    "10分": "ジュップン",
    "1人": "ヒトリ",
    "3階": "サンガイ",
    "0.5": "レーテンゴ",
    "整理番号0012345": "セーリバンゴーゼロゼロイチニー−サンヨンゴー",
    "番号12345678です": "バンゴーイチニーサンヨン−ゴーロクナナハチデス",
    # Words and signs of the trade
    "目黒区役所滞納対策課": "メグロクヤクショタイノータイサクカ",
    "国民健康保険料": "コクミンケンコーホケンリョー",
    "督促状": "トクソクジョー",
    "㈱山田商店": "カブシキガイシャヤマダショーテン",
    "℡03-1234-5678": "デンワゼロサン−イチニーサンヨン−ゴーロクナナハチ",
    "ﾃﾞｰﾀ": "データ",
    "サ-ビス": "サービス",
}


def said(text: str, **values: str) -> str:
    parts = [text] if not values else [Variable(next(iter(values))), text]
    return VOICE.pronunciation(read(parts, values))


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_a_kana_name_is_read_as_a_name(name: str, expected: str) -> None:
    assert said("様でいらっしゃいますか。", kana=name) == f"{expected}サマデイラッシャイマスカ。"


@pytest.mark.parametrize(("number", "expected"), PHONES.items())
def test_a_telephone_number_is_read_digit_by_digit(number: str, expected: str) -> None:
    assert said("までお願いします。", phone=number) == f"{expected}マデオネガイシマス。"
    assert said(f"お電話は、{number}です。") == f"オデンワワ、{expected}デス。"


@pytest.mark.parametrize(("text", "expected"), TEXTS.items())
def test_a_text_is_read_as_a_person_would(text: str, expected: str) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        # word, and the mora after which the pitch falls (0: it does not)
        ("ヤマダ タロウ", [("ヤマダ", 0), ("タロー", 1)]),
        ("タカハシ ハナコ", [("タカハシ", 2), ("ハナコ", 1)]),
        ("サトウ カズオ", [("サトー", 1), ("カズオ", 0)]),
        ("コバヤシユウイチ", [("コバヤシ", 0), ("ユーイチ", 0)]),
    ],
)
def test_a_name_has_the_accent_of_the_dictionary(name: str, words: list[tuple[str, int]]) -> None:
    names = VOICE._names.say(tuple(name.split()))
    assert [(word.pronunciation, word.accent) for word in names] == words


def test_family_and_given_name_are_said_without_a_pause_in_one_melody() -> None:
    labels = VOICE.labels(read([Variable("kana"), "様ですか。"], {"kana": "ヤマダ タロウ"}))
    assert not [label for label in labels[1:-1] if "-pau+" in label or "-sil+" in label]


def test_groups_of_a_telephone_number_are_parted_by_pauses() -> None:
    labels = VOICE.labels(read(["03-1234-5678"], {}))
    assert sum("-pau+" in label for label in labels) == 2


def test_every_day_of_the_year_has_its_japanese_name() -> None:
    months = ["イチ", "ニ", "サン", "シ", "ゴ", "ロク", "シチ", "ハチ", "ク", "ジュー", "ジューイチ", "ジューニ"]
    first = ["ツイタチ", "フツカ", "ミッカ", "ヨッカ", "イツカ", "ムイカ", "ナノカ", "ヨーカ", "ココノカ", "トーカ"]
    units = ["", "イチ", "ニ", "サン", "", "ゴ", "ロク", "シチ", "ハチ", "ク"]
    days = first + [f"ジュー{unit}ニチ" for unit in units[1:]] + ["ハツカ"]
    days += [f"ニジュー{unit}ニチ" for unit in units[1:]] + ["サンジューニチ", "サンジューイチニチ"]
    days[13], days[23] = "ジューヨッカ", "ニジューヨッカ"
    for month in range(1, 13):
        for day in range(1, calendar.monthrange(2028, month)[1] + 1):
            expected = f"{months[month - 1]}ガツ{days[day - 1]}"
            assert said(f"{month}/{day}") == expected
            assert said(f"{month}月{day}日まで") == f"{expected}マデ"


def yen(amount: int) -> str:
    """Return an amount in katakana, by the grammar."""
    digits = ["", "イチ", "ニ", "サン", "ヨン", "ゴ", "ロク", "ナナ", "ハチ", "キュー"]
    thousands = [
        "",
        "セン",
        "ニセン",
        "サンゼン",
        "ヨンセン",
        "ゴセン",
        "ロクセン",
        "ナナセン",
        "ハッセン",
        "キューセン",
    ]
    hundreds = [
        "",
        "ヒャク",
        "ニヒャク",
        "サンビャク",
        "ヨンヒャク",
        "ゴヒャク",
        "ロッピャク",
        "ナナヒャク",
        "ハッピャク",
    ]
    hundreds.append("キューヒャク")
    tens = ["", "ジュー", *(f"{digit}ジュー" for digit in digits[2:])]

    def four(number: int) -> str:
        return thousands[number // 1000] + hundreds[number // 100 % 10] + tens[number // 10 % 10] + digits[number % 10]

    upper, lower = divmod(amount, 10000)
    text = (four(upper) + "マン" if upper else "") + four(lower)
    return (text[:-2] + "ヨ" if amount % 10 == 4 else text) + "エン"


@settings(max_examples=150)
@given(st.integers(1, 9_999_999))
def test_every_amount_is_read_by_the_grammar(amount: int) -> None:
    assert said(f"{amount:,}円") == yen(amount)
    assert said(f"￥{amount}") == yen(amount)


@settings(max_examples=100)
@given(st.from_regex(r"0[1-9]0-[0-9]{4}-[0-9]{4}|0[1-9]-[0-9]{4}-[0-9]{4}|0[1-9]{3}-[0-9]{2}-[0-9]{4}", fullmatch=True))
def test_every_telephone_number_is_read_digit_by_digit(number: str) -> None:
    digits = dict(
        zip(
            "0123456789-",
            ["ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー", "−"],
            strict=True,
        )
    )
    expected = "".join(digits[letter] for letter in number)
    assert said("へ", phone=number) == f"{expected}エ"
    assert said(f"{number}におかけください。") == f"{expected}ニオカケクダサイ。"


@settings(max_examples=60)
@given(st.times())
def test_a_clock_time_is_hour_and_minute(time: dt.time) -> None:
    spelt = f"{time.hour}時{time.minute}分" if time.minute else f"{time.hour}時"
    assert said(f"{time:%H:%M}") == said(spelt if time.hour else spelt.replace("0時", "レイ時", 1))


@settings(max_examples=300)
@given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=20), st.sampled_from(["ja", "en", "zh"]))
def test_reading_never_fails_on_any_text(text: str, kana: str, phone: str, language: str) -> None:
    parts = [text, Variable("kana"), text, Variable("phone"), Variable("備考")]
    reading = read(parts, {"kana": kana, "phone": phone, "備考": text}, language)
    plain = as_text(reading, name_space=" ", digit_space="", group_space="-")
    assert not any(letter in plain for letter in "\ue000\ue001\x00\n\ud800")
    if language == "ja":
        VOICE.labels(reading)


@settings(max_examples=200)
@given(st.text(st.sampled_from([chr(code) for code in range(0x30A1, 0x30FF)]), min_size=1, max_size=12))
def test_any_katakana_is_a_name_that_can_be_said(kana: str) -> None:
    assert VOICE.labels(read([Variable("kana"), "様"], {"kana": kana}))


def test_columns_tell_names_and_numbers_from_text() -> None:
    values = {
        "kana": "ヤマダ",
        "rep_kana": "サトウ",
        "phone2": "0312345678",
        "phone": "なし",
        "id": "0312345678",
        "n": "5",
    }
    assert read([Variable("kana")], values) == (Name(("ヤマダ",)),)
    assert read([Variable("rep_kana")], values) == (Name(("サトウ",)),)
    assert read([Variable("phone2")], values) == (Digits(("03", "1234", "5678")),)
    assert read([Variable("phone")], values) == ("なし",)
    assert read([Variable("id")], values) == (Digits(("03", "1234", "5678")),)
    assert read(["第", Variable("n"), "期"], values) == ("第5期",)


def test_a_value_is_read_together_with_the_text_around_it() -> None:
    assert VOICE.pronunciation(read([Variable("due"), "円"], {"due": "1,004"})) == "センヨエン"


def test_a_missing_value_is_named() -> None:
    with pytest.raises(MissingValue, match=r"\{due\}") as caught:
        read([Variable("due")], {"kana": "ヤマダ"})
    assert caught.value.name == "due"


def test_other_languages_get_their_digits_apart_and_the_rest_untouched() -> None:
    assert read(["Call 03-1234-5678. Pay 12,345 yen."], {}, "en") == (
        "Call ",
        Digits(("03", "1234", "5678")),
        ". Pay 12,345 yen.",
    )
