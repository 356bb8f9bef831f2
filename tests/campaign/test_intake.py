"""A list is taken in whole: every row is a person to call or a refusal with its line and the reason."""

from __future__ import annotations

import random
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.campaign.intake import COLUMNS, Intake, read_list
from ivr.campaign.list_file import LARGEST, MOST_LINES
from ivr.errors import Problems

HEADER = "宛名番号,カナ氏名,電話番号"
GOOD = "1,ヤマダタロウ,09012345678"


def taken(text: str | bytes, encoding: str = "utf-8") -> Intake:
    found = read_list(text if isinstance(text, bytes) else text.encode(encoding), file="list.csv")
    assert found.rows == len(found.accepted) + len(found.refused)
    return found


def refused(*rows: str, header: str = HEADER) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in taken("\r\n".join([header, *rows]) + "\r\n").refused]


def problem(data: bytes) -> str:
    with pytest.raises(Problems) as raised:
        read_list(data, file="list.csv")
    return str(raised.value)


@pytest.mark.parametrize(
    ("codec", "mark", "encoding"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8"),
        ("cp932", b"", "cp932"),
        ("utf-16-le", b"\xff\xfe", "utf-16-le"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("header", [HEADER, "id,kana,phone"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_the_encoding_is_found_out(codec: str, mark: bytes, encoding: str, header: str, end: str) -> None:
    found = taken(mark + end.join([header, GOOD, "2,ｽｽﾞｷﾊﾅｺ,03-5722-0000", ""]).encode(codec))
    assert found.encoding == encoding
    assert [(one.id, one.kana, one.numbers, one.line) for one in found.accepted] == [
        ("1", "ヤマダタロウ", ("+819012345678",), 2),
        ("2", "スズキハナコ", ("+81357220000",), 3),
    ]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_delimiter_is_found_out(delimiter: str) -> None:
    rows = [HEADER + ",備考", '1,"ヤマダ タロウ",09012345678,a']
    found = taken("\n".join(rows).replace(",", delimiter))
    assert found.accepted[0].columns["備考"] == "a"


def test_columns_may_stand_in_any_order_and_further_ones_are_kept_for_the_scenario() -> None:
    found = taken("期別,電話番号2,カナ氏名,電話番号,宛名番号\n第1期,03-5722-0000,ヤマダ,090-1234-5678,0007\n")
    assert found.columns == ("期別", "電話番号2", "カナ氏名", "電話番号", "宛名番号")
    (person,) = found.accepted
    assert person.id == "0007"
    assert person.numbers == ("+819012345678", "+81357220000")
    assert person.columns["期別"] == "第1期"
    assert person.values()["kana"] == "ヤマダ"
    assert person.values()["phone"] == "09012345678"


@pytest.mark.parametrize("role", COLUMNS)
def test_every_name_of_a_column_is_known_whatever_its_width_case_and_blanks(role: str) -> None:
    others = {"id": "id", "kana": "kana", "phone": "phone"}
    for name in COLUMNS[role]:
        for written in (
            name,
            name.upper(),
            f" {name[:1]} {name[1:]}　",
            name.translate({ord("1"): "１", ord("2"): "２"}),
        ):
            header = {**others, role: written}
            cells = {"id": "1", "kana": "ヤマダ", "phone": "0357220000", "phone2": "0357220001", "phone3": "0357220002"}
            found = taken(f"{','.join(header.values())}\n{','.join(cells[one] for one in header)}\n")
            assert len(found.accepted) == 1, written
            assert len(found.accepted[0].numbers) == (2 if role in ("phone2", "phone3") else 1)


def test_the_line_is_the_one_that_a_person_would_look_at() -> None:
    text = f'\n\n{HEADER},住所\n1,ヤマダ,09012345678,"目黒区\n上目黒\n2-19"\n\n2,スズキ,110,\n3,"サトウ\n",abc,"x"\n'
    found = taken(text)
    assert [one.line for one in found.accepted] == [4]
    assert found.accepted[0].columns["住所"] == "目黒区\n上目黒\n2-19"
    assert [one.line for one in found.refused] == [8, 9]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",ヤマダ,09012345678", "宛名番号がありません。"),
        ("1,,09012345678", "カナ氏名がありません。"),
        ("1,山田,09012345678", "カナ氏名に漢字があります"),
        ("1,ヤマダ,", "電話番号がありません。"),
        ("1,ヤマダ,110", "緊急通報"),
        ("1,ヤマダ,9.01235E+09", "指数表示"),
        ("1.23457E+11,ヤマダ,09012345678", "宛名番号が表計算ソフトの指数表示"),
        ("1,ヤマダ", "列の数が見出しと合いません（見出し 3 列、この行 2 列）"),
        ("1,ヤマダ,タロウ,09012345678", "列の数が見出しと合いません（見出し 3 列、この行 4 列）"),
        ("1", "列の数が見出しと合いません"),
        ("1,ヤマ\0ダ,09012345678", "NUL 文字"),
        ("1,ヤマ\x1bダ,09012345678", "U+001B"),
        ("1,ヤマ\ufffdダ,09012345678", "文字化け"),
        ('1,"ヤマダ,09012345678', "引用符"),
        ('1,"ヤマダ"x,09012345678', "引用符"),
        (f"{'1' * 65},ヤマダ,09012345678", "宛名番号が長すぎます"),
        (f"1,ヤマダ,{'0' * 100_001}", "行が長すぎます"),
        (f'1,ヤマダ,"{"0" * 140_000}"', "行が長すぎます"),
    ],
)
def test_a_row_that_cannot_be_called_safely_is_refused_and_the_others_go_on(row: str, reason: str) -> None:
    ((line, told),) = refused("8,サトウ,03-5722-0000", row, "9,スズキ,08012345678")
    assert line == 3
    assert reason in told


def test_all_that_is_wrong_with_a_row_is_told_at_once() -> None:
    ((_, told),) = refused(",山田,110")
    assert all(part in told for part in ("宛名番号がありません", "漢字", "緊急通報"))


def test_a_second_row_with_the_same_id_is_refused_naming_the_first() -> None:
    assert refused("7,ヤマダ,09012345678", "8,スズキ,09012345679", "７,サトウ,09012345670") == [
        (4, "宛名番号が 2 行目と同じです。その人には、その行で一度だけかけます。")
    ]


def test_an_id_is_free_again_if_its_row_was_refused() -> None:
    assert [line for line, _ in refused("7,ヤマダ,110", "7,ヤマダ,09012345678")] == [2]


def test_one_good_number_is_enough_and_the_others_are_told_without_showing_them() -> None:
    found = taken("id,kana,phone,phone2,phone3\n1,ヤマダ,0901234567,番号なし,03-5722-0000\n")
    assert found.accepted[0].numbers == ("+81357220000",)
    assert [one.line for one in found.warnings] == [2, 2]
    assert "phone（******4567）: 桁が足りません" in found.warnings[0].message
    assert "phone2: 電話番号ではない文字" in found.warnings[1].message


def test_no_reason_repeats_a_number_or_a_name() -> None:
    told = " ".join(reason for _, reason in refused("1,山田太郎,09012345678", "2,ヤマダ,0312345678901"))
    assert "09012345678" not in told
    assert "0312345678901" not in told
    assert "山田" not in told


def test_the_same_number_twice_in_a_row_is_dialled_once() -> None:
    found = taken("id,kana,phone,phone2\n1,ヤマダ,090-1234-5678,+819012345678\n")
    assert found.accepted[0].numbers == ("+819012345678",)


def test_people_who_share_a_number_are_pointed_out() -> None:
    found = taken(f"{HEADER}\n1,ヤマダ,0357220000\n2,ヤマダ,0357220000\n3,スズキ,0357220001\n")
    assert len(found.accepted) == 3
    assert [(one.line, one.message) for one in found.warnings] == [
        (0, "同じ電話番号が二人以上に書かれています（合わせて 2 人：2、3 行目）。")
    ]


def test_blank_lines_are_no_rows_and_lines_of_delimiters_are_counted_in_a_warning() -> None:
    found = taken(f'{HEADER}\n\n{GOOD}\n   \n　\n,,\n"","",""\n\x1a')
    assert found.rows == 1
    assert found.warnings[0].message.startswith("区切り文字だけの行が 2 行あります")


def test_the_end_mark_of_dos_ends_a_file_and_belongs_to_no_cell() -> None:
    found = taken(f"{HEADER},備考\n{GOOD},第1期\x1a")
    assert found.accepted[0].columns["備考"] == "第1期"
    assert refused("1,ヤマ\x1aダ,09012345678") == [(2, "使えない文字（U+001A）が混じっています。")]


def test_no_message_repeats_a_control_character_of_the_header() -> None:
    assert "U+001A" in problem("宛名番号,カナ,携帯\x1a番号\n".encode())


def test_a_list_of_a_header_alone_has_no_rows_and_says_so() -> None:
    found = taken(HEADER)
    assert (found.rows, found.warnings[0].message) == (0, "見出しの下に行がありません。")


def test_a_delimiter_too_many_at_the_end_harms_nothing() -> None:
    assert len(taken(f"{HEADER}\n{GOOD},\n").accepted) == 1


def test_a_column_without_a_name_is_left_out_and_told_if_it_holds_anything() -> None:
    assert taken(f"{HEADER},\n{GOOD},\n").warnings == ()
    found = taken(f"{HEADER},\n{GOOD},x\n")
    assert "見出しのない列" in found.warnings[0].message
    assert found.columns == ("宛名番号", "カナ氏名", "電話番号")


def test_a_line_in_another_encoding_is_refused_and_the_others_go_on() -> None:
    rows = ["2,スズキ,09012345679", "3,サトウ,09012345670", "4,タナカ,09012345671"]
    data = b"\r\n".join([HEADER.encode(), GOOD.encode(), *(row.encode("cp932") for row in rows[:1]), rows[1].encode()])
    found = taken(data)
    assert [one.id for one in found.accepted] == ["1", "3"]
    assert [(one.line, one.reason) for one in found.refused] == [
        (3, "UTF-8 として読めない文字があります（文字コードの混在）。")
    ]


def test_with_an_ascii_header_the_encoding_of_most_lines_wins() -> None:
    rows = [row.encode("cp932") for row in (GOOD, "2,スズキ,09012345679")]
    found = taken(b"\n".join([b"id,kana,phone", *rows, "3,サトウ,09012345670".encode()]))
    assert found.encoding == "cp932"
    assert [one.id for one in found.accepted] == ["1", "2"]


def test_an_unclosed_quote_refuses_its_own_row_only() -> None:
    rows = [f'{number},"ヤマダ",{9012345600 + number:011}' for number in range(10, 90)]
    rows[20] = '30,"ヤマダ,09012345630'
    found = taken("\n".join([HEADER, *rows]))
    assert [one.line for one in found.refused] == [22]
    assert len(found.accepted) == 79


def test_a_last_quote_left_open_refuses_its_own_row_only() -> None:
    rows = ['1,"ヤマダ,09012345678', *(f"{number},スズキ,{9012345600 + number:011}" for number in range(10, 90))]
    found = taken("\n".join([HEADER, *rows]))
    assert [one.line for one in found.refused] == [2]
    assert len(found.accepted) == 80


def test_a_cut_off_utf_16_file_loses_only_its_last_row() -> None:
    found = taken(f"{HEADER}\n{GOOD}\n2,スズキ,0901234567".encode("utf-16")[:-1])
    assert [one.id for one in found.accepted] == ["1"]
    assert [one.line for one in found.refused] == [3]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ファイルが空です"),
        (b"\r\n\r\n", "ファイルが空です"),
        (b"\xef\xbb\xbf", "ファイルが空です"),
        (b"PK\x03\x04rest", "xlsx"),
        (b"PK\x03\x04rest", "CSV で保存し直してください"),
        (b"\xd0\xcf\x11\xe0rest", "xls"),
        (b"%PDF-1.7", "PDF"),
        (
            "1,ヤマダ,09012345678\n2,スズキ,09012345679\n".encode(),
            "見出しがないか、列の名前が違います。最初の行に 宛名番号、カナ氏名、電話番号",
        ),
        (f"住民税 名簿\n{HEADER}\n{GOOD}\n".encode(), "2 行目が見出しのようです"),
        ("宛名番号,電話番号\n1,2\n".encode(), "見出しに「カナ氏名」（または kana）がありません"),
        ("氏名,備考,カナ氏名\n".encode(), "見出しに「宛名番号」（または id）がありません"),
        (f"{HEADER},備考,備考\n".encode(), "見出しに「備考」が二つあります"),
        (f"{HEADER},電話番号\n".encode(), "見出しに「電話番号」が二つあります"),
        (f"{HEADER},tel\n".encode(), "見出しの「電話番号」と「tel」は同じ意味です"),
        (f"{HEADER}\n{GOOD}\n".encode("euc_jp"), "EUC-JP のようです"),
        (f"{HEADER}\n{GOOD}\n".encode("iso2022_jp"), "JIS のようです"),
        (f"{HEADER}\0\n{GOOD}\n".encode(), "見出しの行を読めません。NUL 文字"),
        ('"宛名番号,カナ氏名,電話番号\n'.encode(), "見出しの行を読めません。引用符"),
    ],
)
def test_what_is_no_list_is_told_in_one_sentence(data: bytes, said: str) -> None:
    told = problem(data)
    assert said in told
    assert told.startswith("list.csv")
    assert "ヤマダ" not in told


def test_everything_that_is_wrong_with_a_header_is_told_at_once() -> None:
    assert len(problem("カナ氏名,備考,備考\n".encode()).splitlines()) == 3


def test_every_name_of_a_column_is_documented_for_staff() -> None:
    text = (Path(__file__).parents[2] / "docs/ja/名簿.md").read_text(encoding="utf-8")
    for names in COLUMNS.values():
        assert f"| {'、'.join(names)} |" in text


def test_a_file_over_the_limit_is_refused_before_it_is_read() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return LARGEST + 1

    assert "上限 200 MB" in problem(Huge())


def test_a_quote_that_stays_open_over_more_lines_than_any_address_has_spoils_its_own_row_alone() -> None:
    long = '1,ヤマダ,"09012345678' + "\n" * MOST_LINES + '"'
    found = taken(f"{HEADER}\n{long}\n2,スズキ,09012345679\n")
    assert [one.id for one in found.accepted] == ["2"]
    assert found.refused[0].line == 2
    assert "引用符" in found.refused[0].reason


cells = st.sampled_from(
    ["1", "2", "ヤマダ", "山田", "09012345678", "110", "", '"', '"x', 'y"', '"a,b"', '"a\nb"', "\0", " "]
)
rows = st.lists(st.lists(cells, max_size=5).map(",".join), max_size=12).map("\n".join)


@given(rows, st.sampled_from(["utf-8", "cp932", "utf-16", "utf-16-le"]), st.binary(max_size=3), st.integers(0, 300))
def test_accepted_and_refused_are_all_rows_whatever_the_damage(text: str, codec: str, dirt: bytes, at: int) -> None:
    data = f"{HEADER}\n{text}".encode(codec)
    spoilt = data[:at] + dirt + data[at:]
    try:
        found = taken(spoilt)
    except Problems:
        return
    lines = [one.line for one in (*found.accepted, *found.refused)]
    assert len(set(lines)) == len(lines) == found.rows
    assert len({one.id for one in found.accepted}) == len(found.accepted)
    assert all(one.numbers and one.kana and one.id for one in found.accepted)
    assert all(one.reason for one in found.refused)


@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda data: b"id,kana,phone\n" + data))
def test_arbitrary_bytes_are_a_list_or_a_problem_and_nothing_else(data: bytes) -> None:
    try:
        taken(data)
    except Problems as error:
        told = error.problems
    else:
        told = ()
    assert all(one.file == "list.csv" for one in told)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.text(max_size=12)), max_size=8))
def test_no_row_of_a_well_formed_file_is_dropped(people: list[tuple[str, str, str]]) -> None:
    quoted = (",".join('"{}"'.format(cell.replace('"', '""')) for cell in row) for row in people)
    text = "\n".join([HEADER, *quoted])
    written = sum(any(cell.strip() for cell in row) for row in people)
    not_empty = sum(any(row) for row in people)
    rows = taken(text.encode("utf-8", "replace")).rows
    assert written <= rows <= not_empty, "control characters alone may be refused, or be none"


def test_two_hundred_thousand_rows_are_taken_in_quickly_and_without_copies() -> None:
    generator = random.Random(1)
    lines = (
        f"{number:010},ヤマダ タロウ,090-{generator.randint(1000, 9999)}-{generator.randint(0, 9999):04},第1期"
        for number in range(200_000)
    )
    data = "\r\n".join([f"{HEADER},期別", *lines]).encode("cp932")
    started = time.process_time()
    found = taken(data)
    assert time.process_time() - started < 8
    assert len(found.accepted) == 200_000
    del found
    small = data[: len(data) // 20]
    tracemalloc.start()
    kept = taken(small)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / kept.rows < 1500
