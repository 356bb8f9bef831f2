"""The exclusion file: what it says, and that whatever is wrong with it forbids every call."""

import asyncio
import os
from datetime import date
from pathlib import Path

import pytest

from ivr import exclusions
from ivr.domain.exclusion import Entry
from ivr.errors import ExclusionsUnknown, InputError, Problems
from ivr.exclusions import Register, read

GOOD = "宛名番号,電話番号,理由,期限\n00012345,,支援措置,\n,03-5722-0000,架電拒否,2027-03-31\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "jogai.csv"
    file.write_text(GOOD, encoding="cp932")
    return file


def replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig", "utf-16"])
def test_people_and_numbers_are_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "jogai.csv"
    file.write_text(GOOD, encoding=encoding)
    found = read(file)
    assert found.people == {"12345": [Entry(reason="支援措置")]}
    assert found.numbers == {"+81357220000": [Entry(reason="架電拒否", until=date(2027, 3, 31))]}


def test_the_columns_may_be_english_and_in_any_order(tmp_path: Path) -> None:
    file = tmp_path / "jogai.csv"
    file.write_text("until,Reason,note,ID\n2027/3/31,paid,x,Ａ1\n", encoding="utf-8")
    assert read(file).people == {"a1": [Entry(reason="paid", until=date(2027, 3, 31))]}


def test_the_columns_have_the_names_of_a_list_and_every_number_counts(tmp_path: Path) -> None:
    file = tmp_path / "jogai.csv"
    file.write_text("宛名コード,ＴＥＬ,電話番号2,理由\n1,03-5722-0000,090-1234-5678,架電拒否\n", encoding="utf-8")
    found = read(file)
    assert set(found.people) == {"1"}
    assert set(found.numbers) == {"+81357220000", "+819012345678"}


def test_two_columns_of_one_meaning_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "jogai.csv"
    file.write_text("電話番号,電話番号1,理由\n03-5722-0000,090-1234-5678,架電拒否\n", encoding="utf-8")
    with pytest.raises(Problems, match="同じ意味"):
        read(file)


def test_a_column_of_numbers_that_nobody_knows_is_not_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "jogai.csv"
    file.write_text("宛名番号,携帯,理由\n1,090-1234-5678,架電拒否\n", encoding="utf-8")
    with pytest.raises(Problems, match="「携帯」の列が分かりません"):
        read(file)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("00012345,,,", "理由"),
        (",,支援措置,", "宛名番号も電話番号もありません"),
        (",123,架電拒否,", "電話番号"),
        ("1,,猶予,2027-02-30", "期限"),
        ("1,,猶予,来年", "期限"),
        ("1,,猶予,,,x", "列の数"),
        ('1,,"猶予,', "引用符"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_spoils_the_file(file: Path, line: str, message: str) -> None:
    file.write_text(f"{GOOD}{line}\n", encoding="utf-8")
    with pytest.raises(Problems) as raised:
        read(file)
    assert [problem.line for problem in raised.value.problems] == [4]
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "宛名番号,電話番号,理由,期限\n",
        "宛名番号,理由\n,,\n",
        "00012345,支援措置\n",
        "理由\nx\n",
    ],
)
def test_a_file_that_says_nothing_is_not_believed(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        read(file)


def test_a_workbook_is_not_taken_for_a_file_without_lines(file: Path) -> None:
    file.write_bytes(b"PK\x03\x04\x00\x00")
    with pytest.raises(InputError, match="Excel"):
        read(file)


async def test_without_a_file_only_columns_exclude() -> None:
    assert (await Register().known()).people == {}


async def test_a_change_is_seen_within_a_second(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusions, "FRESH", 0.0)
    seen: list[bool] = []
    register = Register(file=file, on_look=seen.append)
    assert set((await register.known()).people) == {"12345"}
    replace(file, f"{GOOD}00099999,,納付済,\n")
    assert set((await register.known()).people) == {"12345", "99999"}
    assert seen == [True, True]


@pytest.mark.parametrize("harm", ["gone", "emptied", "spoilt"])
async def test_a_file_that_fails_overnight_forbids_every_call_until_it_is_back(
    file: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    monkeypatch.setattr(exclusions, "FRESH", 0.0)
    seen: list[bool] = []
    register = Register(file=file, on_look=seen.append)
    await register.known()
    match harm:
        case "gone":
            file.unlink()
        case "emptied":
            replace(file, "")
        case _:
            replace(file, f"{GOOD}00099999\n")
    for _ in range(2):
        with pytest.raises(ExclusionsUnknown, match=r"jogai\.csv"):
            await register.known()
    assert not register.sound
    replace(file, GOOD)
    assert set((await register.known()).people) == {"12345"}
    assert register.sound
    assert seen == [True, False, False, True]


async def test_a_file_that_is_being_written_is_not_believed_before_it_is_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusions, "FRESH", 0.0)
    register = Register(file=file)
    looking = asyncio.create_task(register.known())
    await asyncio.sleep(exclusions.SETTLED / 3)
    with file.open("a", encoding="cp932") as export:
        export.write("00099999,,納付済,\n")
    with pytest.raises(ExclusionsUnknown, match="途中"):
        await looking
    assert set((await register.known()).people) == {"12345", "99999"}


async def test_a_file_that_was_bad_from_the_start_is_read_once_it_is_mended(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusions, "FRESH", 0.0)
    register = Register(file=file.with_name("none.csv"))
    with pytest.raises(ExclusionsUnknown):
        await register.known()
    file.rename(file.with_name("none.csv"))
    assert (await register.known()).people


async def test_a_disk_that_does_not_answer_is_waited_for_no_longer_than_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusions, "PATIENCE", 0.2)
    pipe = tmp_path / "jogai.csv"
    os.mkfifo(pipe)
    register = Register(file=pipe)
    try:
        with pytest.raises(ExclusionsUnknown, match="秒のうちに"):
            await register.known()
    finally:
        # Lets the reader go that still waits for somebody to write.
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))


async def test_of_many_bad_lines_the_first_are_told(file: Path) -> None:
    file.write_text(GOOD + "x,,,\n" * 20, encoding="utf-8")
    with pytest.raises(ExclusionsUnknown) as raised:
        await Register(file=file).known()
    assert len(str(raised.value).splitlines()) == exclusions.SHOWN
    assert "ほか 15 行" in str(raised.value)
