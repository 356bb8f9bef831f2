"""What staff and scripts get at the end of a campaign."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from ivr.campaign.records import AttemptRecord, CampaignRow, Counts, KeyRecord, RecipientRecord
from ivr.domain.attempt import AttemptState
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.errors import InputError
from ivr.reporting import (
    Course,
    OutcomeClass,
    class_of,
    results_json,
    show_closing,
    write_csv,
    write_json,
    write_xlsx,
)
from ivr.reporting.classes import by_class

NOON = datetime(2026, 11, 24, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CAMPAIGN = CampaignRow(
    id="c", name="住民税 第3期", state="done", scenario="", scenario_file="", created_at=NOON, rules={}
)
BUSY = AttemptRecord(
    id="1" * 32,
    number="+81357220000",
    state=AttemptState.ENDED,
    intended_at=NOON,
    dialled_at=NOON,
    answered_at=None,
    ended_at=NOON + MINUTE,
    outcome=Outcome.BUSY,
    sip=486,
    q850=17,
    heard_s=0.0,
    restarts=0,
    keys=(),
    evidence={},
)
CONFIRMED = replace(
    BUSY,
    id="2" * 32,
    number="+819012345678",
    answered_at=NOON + MINUTE / 60,
    outcome=Outcome.CONFIRMED,
    sip=200,
    q850=16,
    heard_s=6.52,
    keys=(KeyRecord(step="confirm", key="#", at=NOON), KeyRecord(step="more", key="2", at=NOON)),
    evidence={"ended_by": "engine"},
)


def record(
    *,
    id: str = "00012345",  # noqa: A002
    kana: str = "ヤマダ タロウ",
    state: str = "settled",
    outcome: Outcome | None = Outcome.CONFIRMED,
    attempts: tuple[AttemptRecord, ...] = (BUSY, CONFIRMED),
    columns: dict[str, str] | None = None,
) -> RecipientRecord:
    return RecipientRecord(
        recipient=Recipient(id=id, line=2, kana=kana, numbers=("+819012345678",), columns=columns or {}),
        state=state,
        outcome=outcome,
        marks=("callback_requested",),
        due_at=None,
        attempts=attempts,
    )


class TestJson:
    def test_it_is_the_documented_contract(self) -> None:
        results = results_json(CAMPAIGN, [record(attempts=(CONFIRMED,))])
        assert results["campaign"] == "住民税 第3期"
        (person,) = results["recipients"]
        assert {key: person[key] for key in ("id", "kana", "state", "outcome", "marks")} == {
            "id": "00012345",
            "kana": "ヤマダ タロウ",
            "state": "settled",
            "outcome": "confirmed",
            "marks": ["callback_requested"],
        }
        (attempt,) = person["attempts"]
        assert attempt == {
            "id": "2" * 32,
            "number": "+819012345678",
            "intended_at": "2026-11-24T12:00:00.000+09:00",
            "dialled_at": "2026-11-24T12:00:00.000+09:00",
            "answered_at": "2026-11-24T12:00:01.000+09:00",
            "ended_at": "2026-11-24T12:01:00.000+09:00",
            "outcome": "confirmed",
            "sip": 200,
            "q850": 16,
            "heard_s": 6.52,
            "restarts": 0,
            "keys": [
                {"step": "confirm", "key": "#", "at": "2026-11-24T12:00:00.000+09:00"},
                {"step": "more", "key": "2", "at": "2026-11-24T12:00:00.000+09:00"},
            ],
            "evidence": {"ended_by": "engine"},
        }

    @pytest.mark.parametrize(("evidence", "group"), [({"proof": "beep"}, "machine"), ({"steps": []}, "unproven")])
    def test_a_message_counts_as_recorded_with_a_beep_only(self, evidence: dict[str, object], group: str) -> None:
        left = replace(CONFIRMED, outcome=Outcome.VOICEMAIL, evidence=evidence)
        (person,) = results_json(CAMPAIGN, [record(outcome=Outcome.VOICEMAIL, attempts=(left,))])["recipients"]
        assert (person["outcome"], person["class"]) == ("voicemail", group)

    def test_who_is_still_waiting_has_no_outcome(self) -> None:
        (person,) = results_json(CAMPAIGN, [record(state="waiting", outcome=None, attempts=())])["recipients"]
        assert (person["state"], person["outcome"], person["attempts"]) == ("waiting", None, [])
        assert person["class"] is None

    def test_times_take_the_offset_of_the_zone_asked_for(self) -> None:
        results = results_json(CAMPAIGN, [record()], zone=ZoneInfo("UTC"))
        assert results["recipients"][0]["attempts"][0]["dialled_at"] == "2026-11-24T03:00:00.000+00:00"

    def test_the_file_is_the_owners_alone_and_reads_back(self, tmp_path: Path) -> None:
        file = tmp_path / "out.json"
        file.write_text("older")
        file.chmod(0o644)
        write_json(file, CAMPAIGN, [record()])
        assert json.loads(file.read_text("utf-8")) == results_json(CAMPAIGN, [record()])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == ["out.json"]  # noqa: PTH208

    def test_a_folder_that_is_not_there_is_the_persons_error(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="書き込めません"):
            write_json(tmp_path / "no" / "out.json", CAMPAIGN, [])

    def test_a_link_is_followed_and_stays(self, tmp_path: Path) -> None:
        (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
        write_json(tmp_path / "link.json", CAMPAIGN, [])
        assert (tmp_path / "link.json").is_symlink()
        assert json.loads((tmp_path / "real.json").read_text())["recipients"] == []

    def test_a_pipe_is_written_to_and_not_replaced(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
        reader.start()
        write_json(pipe, CAMPAIGN, [])
        reader.join(10)
        assert json.loads(got[0])["recipients"] == []
        assert stat.S_ISFIFO(pipe.stat().st_mode)


def read_csv(file: Path, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_bytes().decode(encoding), newline="")))


class TestCsv:
    def test_a_person_is_a_row_with_japanese_headings(self, tmp_path: Path) -> None:
        columns = {"宛名番号": "00012345", "カナ氏名": "x", "電話番号2": "y", "期別": "第3期"}
        assert write_csv(tmp_path / "o.csv", [record(columns=columns)]) == ()
        (row,) = read_csv(tmp_path / "o.csv")
        assert row == {
            "宛名番号": "00012345",
            "カナ氏名": "ヤマダ タロウ",
            "状態": "完了",
            "結果": "本人確認済",
            "区分": "本人が確認（キー入力）",
            "印": "callback_requested",
            "発信回数": "2",
            "電話番号": "090-1234-5678",
            "発信日時": "2026-11-24 12:00:00",
            "応答日時": "2026-11-24 12:00:01",
            "終了日時": "2026-11-24 12:01:00",
            "聴取秒数": "6.5",
            "押されたキー": "confirm:#、more:2",
            "次回発信予定": "",
            "結果コード": "confirmed",
            "除外の理由": "",
            "除外の出どころ": "",
            "SMS": "",
            "SMS 電話番号": "",
            "SMS 送信日時": "",
            "SMS 結果日時": "",
            "SMS 通数": "",
            "SMS の理由": "",
            "期別": "第3期",
        }

    def test_excel_sees_the_byte_order_mark_and_its_own_line_ends(self, tmp_path: Path) -> None:
        write_csv(tmp_path / "o.csv", [record()])
        raw = (tmp_path / "o.csv").read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf")
        assert raw.count(b"\r\n") == raw.count(b"\n") == 2

    def test_the_attempt_that_decided_is_the_one_shown(self, tmp_path: Path) -> None:
        write_csv(tmp_path / "o.csv", [record(attempts=(CONFIRMED, BUSY))])
        assert read_csv(tmp_path / "o.csv")[0]["電話番号"] == "090-1234-5678"

    def test_who_waits_shows_the_last_attempt(self, tmp_path: Path) -> None:
        waiting = replace(record(state="waiting", outcome=None, attempts=(BUSY,)), due_at=NOON + 5 * MINUTE)
        write_csv(tmp_path / "o.csv", [waiting])
        (row,) = read_csv(tmp_path / "o.csv")
        assert (row["状態"], row["結果"], row["電話番号"]) == ("発信待ち", "", "03-5722-0000")
        assert row["次回発信予定"] == "2026-11-24 12:05:00"

    @pytest.mark.parametrize(
        "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "＠x", "－x"]
    )
    def test_no_cell_is_a_formula(self, tmp_path: Path, text: str) -> None:
        write_csv(tmp_path / "o.csv", [record(kana=text, columns={text: text, "備考": text})])
        raw = list(csv.reader(io.StringIO((tmp_path / "o.csv").read_bytes().decode("utf-8-sig"), newline="")))
        assert not [cell for row in raw for cell in row if cell and cell[0] in "=+-@＝＋－＠\t\r\n "]
        assert raw[1][1] == "'" + text.strip()

    @given(text=st.text(min_size=1))
    @example(text="+0")
    def test_no_text_at_all_makes_a_formula_or_breaks_a_row(
        self, tmp_path_factory: pytest.TempPathFactory, text: str
    ) -> None:
        file = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}.csv"
        write_csv(file, [record(kana=text)], encoding="cp932")
        head, row = csv.reader(io.StringIO(file.read_bytes().decode("cp932"), newline=""))
        assert len(head) == len(row)
        assert not row[1].startswith(tuple("=+@\t\r\n"))
        if row[1].startswith("-"):
            float(row[1])

    def test_a_negative_amount_stays_a_number(self, tmp_path: Path) -> None:
        write_csv(tmp_path / "o.csv", [record(columns={"還付": "-500"})])
        assert read_csv(tmp_path / "o.csv")[0]["還付"] == "-500"

    def test_cp932_shows_what_it_lacks_and_says_so(self, tmp_path: Path) -> None:
        people = [record(kana="𠮷田 タロウ", columns={"備考": "髙橋〜①−2 ♥"})]
        assert write_csv(tmp_path / "o.csv", people, encoding="cp932") == ("𠮷", "♥")
        (row,) = read_csv(tmp_path / "o.csv", "cp932")
        assert row["カナ氏名"] == "〓田 タロウ"
        assert row["備考"] == "髙橋～①－2 〓"

    def test_an_unknown_encoding_is_the_persons_error_and_leaves_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "o.csv").write_text("older")
        with pytest.raises(InputError, match="cp933x"):
            write_csv(tmp_path / "o.csv", [record()], encoding="cp933x")
        assert (tmp_path / "o.csv").read_text() == "older"

    def test_a_failure_half_way_leaves_the_older_file(self, tmp_path: Path) -> None:
        (tmp_path / "o.csv").write_text("older")
        broken = [record(), replace(record(), attempts=(replace(CONFIRMED, heard_s=None),))]  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            write_csv(tmp_path / "o.csv", broken)
        assert (tmp_path / "o.csv").read_text() == "older"
        assert os.listdir(tmp_path) == ["o.csv"]  # noqa: PTH208


class TestXlsx:
    @pytest.fixture
    def book(self, tmp_path: Path) -> openpyxl.Workbook:
        people = [
            record(columns={"期別": "=HYPERLINK(1)"}),
            record(id="0002", outcome=Outcome.NO_ANSWER, attempts=(replace(BUSY, outcome=Outcome.NO_ANSWER),)),
            record(id="0003", state="waiting", outcome=None, attempts=()),
            record(id="0004\x07", outcome=Outcome.VOICEMAIL, attempts=()),
        ]
        write_xlsx(tmp_path / "o.xlsx", CAMPAIGN, people)
        assert stat.S_IMODE((tmp_path / "o.xlsx").stat().st_mode) == 0o600
        return openpyxl.load_workbook(tmp_path / "o.xlsx")

    def rows(self, book: openpyxl.Workbook, sheet: str) -> list[Sequence[object]]:
        return list(book[sheet].iter_rows(values_only=True))

    def test_it_has_a_summary_the_people_and_the_attempts(self, book: openpyxl.Workbook) -> None:
        assert book.sheetnames == ["集計", "宛先", "発信"]
        assert [len(self.rows(book, sheet)) for sheet in ("宛先", "発信")] == [5, 4]

    def test_the_summary_counts_by_class_and_outcome(self, book: openpyxl.Workbook) -> None:
        rows = self.rows(book, "集計")
        assert ("本人が確認（キー入力）", "計", 1, "25.0%") in rows
        assert (None, "不在", 1, "25.0%") in [(row[0] or None, *row[1:]) for row in rows]
        assert ("結果なし", "発信待ち", 1, "25.0%") in rows
        assert [row[2] for row in rows if row[0] == "全体"] == [4]
        assert sum(int(str(row[2])) for row in rows[1:] if row[1] == "計" or row[0] == "結果なし") == 4

    def test_every_text_is_a_text(self, book: openpyxl.Workbook) -> None:
        cells = {cell.value: cell for row in book["宛先"].iter_rows() for cell in row if cell.value is not None}
        assert {cells[value].data_type for value in ("00012345", "090-1234-5678", "=HYPERLINK(1)")} == {"s"}
        assert cells["00012345"].number_format == "@"
        assert cells["=HYPERLINK(1)"].quotePrefix
        assert not [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]

    def test_the_heading_stays_in_sight_and_columns_are_wide_enough(self, book: openpyxl.Workbook) -> None:
        assert [sheet.freeze_panes for sheet in book] == ["A2"] * 3
        assert book["宛先"].column_dimensions["B"].width == 24


class TestClasses:
    def test_a_machine_is_not_a_person_and_a_voice_is_not_a_proof(self) -> None:
        assert class_of(Outcome.VOICEMAIL, proven=True) is OutcomeClass.MACHINE
        assert class_of(Outcome.VOICEMAIL, proven=False) is OutcomeClass.UNPROVEN
        for proven in (True, False):
            assert {one for one in Outcome if class_of(one, proven=proven) is OutcomeClass.CONFIRMED} == {
                Outcome.CONFIRMED,
                Outcome.CONFIRMED_PARTIAL,
            }
            assert class_of(Outcome.VOICEMAIL_PARTIAL, proven=proven) is OutcomeClass.UNPROVEN
            assert class_of(Outcome.SCREENED, proven=proven) is OutcomeClass.NOT_REACHED
            assert class_of(Outcome.NETWORK_CONGESTION, proven=proven) is OutcomeClass.OUR_FAULT

    def test_messages_with_a_beep_and_without_are_counted_apart(self) -> None:
        counted = by_class({Outcome.VOICEMAIL: 5, Outcome.BUSY: 1}, proven=3)
        assert counted == {
            OutcomeClass.MACHINE: {Outcome.VOICEMAIL: 3},
            OutcomeClass.UNPROVEN: {Outcome.VOICEMAIL: 2},
            OutcomeClass.NOT_REACHED: {Outcome.BUSY: 1},
        }
        assert OutcomeClass.UNPROVEN not in by_class({Outcome.VOICEMAIL: 5}, proven=5)
        assert OutcomeClass.MACHINE not in by_class({Outcome.VOICEMAIL: 5}, proven=0)


COUNTS = Counts(
    states={"waiting": 2, "calling": 1, "settled": 17},
    outcomes={Outcome.CONFIRMED: 10, Outcome.CONFIRMED_PARTIAL: 1, Outcome.BUSY: 3, Outcome.FAILED: 1},
    attempts=25,
    next_due=None,
)


class TestClosingTable:
    def printed(self, *, terminal: bool, counts: Counts = COUNTS) -> str:
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=100, color_system=None, legacy_windows=False)
        show_closing("住民税 [第3期]", counts, console)
        return out.getvalue()

    def test_plain_lines_are_aligned_by_the_width_of_japanese(self) -> None:
        assert self.printed(terminal=False).splitlines() == [
            "住民税 [第3期]: 20 人、発信 25 回",
            "本人が確認（キー入力）  11   55.0%",
            "  本人確認済            10   50.0%",
            "  本人（途中切断）       1    5.0%",
            "つながらず               3   15.0%",
            "  話中                   3   15.0%",
            "こちら側の事情           1    5.0%",
            "  障害                   1    5.0%",
            "発信せず終了             2   10.0%",
            "発信中                   1    5.0%",
            "発信待ち                 2   10.0%",
        ]

    def test_who_is_left_over_by_a_campaign_that_is_broken_off_does_not_wait(self) -> None:
        out = io.StringIO()
        show_closing("住民税", COUNTS, Console(file=out, width=100), Course(over=True))
        assert re.search("発信せず（打ち切り） +2", out.getvalue())

    def test_a_terminal_gets_bars_as_long_as_the_share(self) -> None:
        lines = self.printed(terminal=True).splitlines()
        bar = next(line for line in lines if line.startswith("本人が確認"))
        assert bar.count("█") == round(30 * 11 / 20)
        assert bar.count("░") == 30 - round(30 * 11 / 20)

    def test_everybody_is_counted_once(self) -> None:
        heads = [line for line in self.printed(terminal=False).splitlines()[1:] if not line.startswith(" ")]
        assert sum(int(line.split()[-2]) for line in heads) == 20

    def test_an_empty_campaign_has_a_table_too(self) -> None:
        empty = Counts(states={}, outcomes={}, attempts=0, next_due=None)
        assert self.printed(terminal=False, counts=empty) == "住民税 [第3期]: 0 人、発信 0 回\n"
        assert "0 人" in self.printed(terminal=True, counts=empty)
