"""The texts (SMS) of a campaign in reports and exports."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from ivr.campaign.records import Counts
from ivr.campaign.text_records import TextCounts, TextRecord
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.reporting import (
    Course,
    results_json,
    texts_json,
    write_csv,
    write_xlsx,
)
from ivr.reporting.texts import text_lines
from tests.test_reporting import BUSY, CAMPAIGN, record

NOON = datetime(2026, 11, 24, 3, tzinfo=UTC)

TEXT = TextRecord(
    id="t1",
    state=TextState.DELIVERED,
    intended_at=NOON,
    sent_at=NOON,
    ended_at=NOON,
    parts=2,
    number="+819012345678",
    body="=市役所です。",
    why="",
)


class TestTexts:
    def test_who_was_reached_is_counted_once_either_way(self) -> None:
        counts = Counts(
            states={"settled": 9},
            outcomes={Outcome.CONFIRMED: 3, Outcome.VOICEMAIL: 2, Outcome.BUSY: 4},
            attempts=9,
            next_due=None,
            proven=1,
        )
        texts = TextCounts(
            by_outcome={
                Outcome.BUSY: {TextState.DELIVERED: 2, TextState.CANCELLED: 1, TextState.OUT_OF_RANGE: 1},
                Outcome.VOICEMAIL: {TextState.DELIVERED: 2},
            },
            taken=5,
            parts=7,
            unsure=1,
        )
        told = texts_json(counts, texts, 11.5)
        assert told["states"] == {"cancelled": 1, "out_of_range": 1, "delivered": 4}
        assert (told["parts"], told["cost"], told["reached"]) == (7, 81, {"by_call": 4, "by_text_alone": 2})
        assert texts_json(counts, texts, None)["cost"] is None
        lines = [*text_lines(counts, replace(texts, due=3), 11.5, over=True)]
        assert lines[:2] == [
            "SMS：5 人に送信（7 通、81 円）",
            "  ほかに、送れたかどうか分からない人が 1 人います（料金がかかっているかもしれません）",
        ]
        assert "  送らなかった人 3" in lines

    def test_the_text_of_a_person_is_in_every_export(self, tmp_path: Path) -> None:
        texted = replace(record(outcome=Outcome.BUSY, attempts=(BUSY,)), text=TEXT)
        (person,) = results_json(CAMPAIGN, [texted])["recipients"]
        assert (person["text"]["state"], person["text"]["state_label"], person["text"]["parts"]) == (
            "delivered",
            "到達",
            2,
        )
        write_csv(tmp_path / "o.csv", [texted])
        with (tmp_path / "o.csv").open(encoding="utf-8-sig", newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["SMS"], row["SMS 電話番号"], row["SMS 通数"]) == ("到達", "090-1234-5678", "2")
        write_xlsx(tmp_path / "o.xlsx", CAMPAIGN, [texted])
        summary = openpyxl.load_workbook(tmp_path / "o.xlsx")["集計"]
        rows = [[cell.value for cell in line] for line in summary.iter_rows()]
        assert ["SMS", "到達", 1, "100.0%"] in rows
        assert ["SMS 通数", "", 2, None] in rows or ["SMS 通数", None, 2, None] in rows

    def test_a_code_of_the_provider_is_said_to_be_one(self, tmp_path: Path) -> None:
        failed = replace(TEXT, state=TextState.FAILED, why="err 069")
        write_csv(tmp_path / "o.csv", [replace(record(), text=failed), replace(record(id="2"), text=TEXT)])
        with (tmp_path / "o.csv").open(encoding="utf-8-sig", newline="") as file:
            assert [row["SMS の理由"] for row in csv.DictReader(file)] == ["事業者の理由コード 069", ""]

    @pytest.mark.parametrize(
        ("calls", "state", "words"),
        [
            (True, "running", ["発信待ち", "完了"]),
            (True, "stopped", ["発信せず（打ち切り）", "完了"]),
            (False, "paused", ["送信待ち", "送信中"]),
            (False, "cut", ["送信せず（打ち切り）", "送信中"]),
        ],
    )
    def test_the_words_for_who_waits_are_those_of_what_the_campaign_is_and_whether_it_goes_on(
        self, tmp_path: Path, calls: bool, state: str, words: list[str]
    ) -> None:
        campaign = replace(CAMPAIGN, state=state)
        waiting = replace(record(state="waiting", outcome=None, attempts=()), due_at=NOON)
        second = (
            record(id="2") if calls else replace(waiting, text=replace(TEXT, state=TextState.QUEUED, ended_at=None))
        )
        course = Course.of(campaign, calls=calls)
        write_csv(tmp_path / "o.csv", [waiting, second], course=course)
        with (tmp_path / "o.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = [*csv.DictReader(file)]
        assert [row["状態"] for row in rows] == words
        assert bool(rows[0]["次回発信予定"]) is (calls and state == "running")
        write_xlsx(tmp_path / "o.xlsx", campaign, [waiting, second], course=course)
        summary = openpyxl.load_workbook(tmp_path / "o.xlsx")["集計"]
        told = [[cell.value for cell in line][:3] for line in summary.iter_rows()]
        assert ["結果なし" if calls else "未送信", words[0], 1] in told
        assert (["SMS", "送信中", 1] in told) is not calls
