"""Time that jumps, and what a rehearsal in it says."""

import asyncio
import csv
import io
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from ivr.rehearsal import virtual_time
from ivr.rehearsal.virtual_time import NothingWillHappen, VirtualClock
from tests.offices import SCENARIO, office

TOKYO = ZoneInfo("Asia/Tokyo")
BEGIN = datetime(2026, 11, 26, 9, tzinfo=TOKYO)


def test_a_year_is_slept_through_in_no_time_and_in_order() -> None:
    async def sleepers() -> list[datetime]:
        clock = VirtualClock(BEGIN, TOKYO)
        woken: list[datetime] = []

        async def sleeper(days: float) -> None:
            await clock.sleep(days * 86400)
            woken.append(clock.now())

        async with asyncio.TaskGroup() as tasks:
            for days in (365.0, 1.0, 0.5):
                tasks.create_task(sleeper(days))
        return woken

    began = time.monotonic()
    assert virtual_time.run(sleepers()) == [BEGIN + timedelta(days=days) for days in (0.5, 1.0, 365.0)]
    assert time.monotonic() - began < 5.0


def test_what_waits_for_ever_is_told() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingWillHappen):
        virtual_time.run(wait())


def test_a_limit_of_time_holds_in_virtual_time() -> None:
    async def limited() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.sleep(7200)
        return loop.time()

    assert virtual_time.run(limited()) == pytest.approx(3600)


def test_what_a_thread_would_do_is_done_at_once_and_its_errors_are_raised() -> None:
    async def both() -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 2)

    assert virtual_time.run(both()) == 2


def test_a_campaign_of_days_is_foretold_from_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "office"
    ivr = office(folder, "trunk: {lines: 2}\ncalling: {closed_days: [2026-11-27]}\n")
    rows = [f"{n:08d},ヤマダ タロウ,03-5722-{n:04d},{'有' if n == 7 else ''}" for n in range(80)]
    (folder / "meibo.csv").write_text("宛名番号,カナ氏名,電話番号,支援措置\n" + "\n".join(rows), encoding="cp932")
    (folder / "ivr.yaml").write_text(
        (folder / "ivr.yaml").read_text("utf-8") + "exclusions: {columns: [{column: 支援措置}]}\n", encoding="utf-8"
    )
    words = ("--virtual-time", "--list", "meibo.csv", "--scenario", SCENARIO, "--start", "2026-11-26", "-o", "out")
    said = ivr("rehearse", *words)
    assert said.returncode == 0, said.stderr
    assert "80 人" in said.stdout
    assert "終わる見込み：2026年11月" in said.stdout or "終わる見込み：2026年12月" in said.stdout
    assert "取消" in said.stdout
    assert ivr("rehearse", *words).stdout == said.stdout, "the same seed, the same callees"
    hours = list(csv.DictReader(io.StringIO((folder / "out" / "架電見込み.csv").read_text("utf-8-sig"))))
    book = load_workbook(folder / "out" / "架電見込み.xlsx")
    sheet = book["一時間ごと"]
    assert [[cell.value for cell in row[1:3]] for row in sheet.iter_rows(min_row=2)] == [
        [int(hour["発信"]), int(hour["応答"])] for hour in hours
    ]
    assert len(sheet._charts) == 1
    assert {row["日付"] for row in hours} >= {"2026-11-26"}
    assert not {row["日付"] for row in hours} & {"2026-11-27", "2026-11-28", "2026-11-29"}
    assert all(9 <= int(row["時"]) <= 20 and 0.0 <= float(row["回線の使用率"]) <= 1.0 for row in hours)
    assert int(hours[-1]["済んだ人（累計）"]) == 80


@pytest.mark.parametrize(
    "words",
    [
        ("--virtual-time", "--demo"),
        ("--virtual-time", "--machines"),
        ("--demo", "--seed", "2"),
        ("--start", "2026-11-26"),
    ],
)
def test_what_does_not_go_with_virtual_time_is_not_passed_over(tmp_path: Path, words: tuple[str, ...]) -> None:
    said = office(tmp_path / "office")("rehearse", *words)
    assert said.returncode == 1
    assert "--virtual-time" in said.stderr


def test_a_campaign_without_any_time_left_says_who_is_left_over(tmp_path: Path) -> None:
    folder = tmp_path / "office"
    ivr = office(folder, 'calling: {windows: [{days: [holiday], from: "09:00", to: "10:00"}]}\n')
    (folder / "meibo.csv").write_text("宛名番号,カナ氏名,電話番号\n1,ヤマダ タロウ,03-5722-0000\n", encoding="cp932")
    words = ("--list", "meibo.csv", "--scenario", SCENARIO, "--start", "2026-05-07", "-o", "out")
    said = ivr("rehearse", "--virtual-time", *words)
    assert said.returncode == 3
    assert "1 人が済みません" in said.stdout


def test_a_campaign_that_is_created_is_foretold_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "office"
    ivr = office(folder, "trunk: {lines: 2}\ncalling: {order: [{column: 優先度, first: largest}]}\n")
    rows = [f"{n:08d},ヤマダ タロウ,03-5722-{n:04d},{n}" for n in range(20)]
    (folder / "meibo.csv").write_text("宛名番号,カナ氏名,電話番号,優先度\n" + "\n".join(rows), encoding="cp932")
    files = ("--list", "meibo.csv", "--scenario", SCENARIO)
    assert ivr("campaign", "create", "住民税", *files).returncode == 0
    words = ("--virtual-time", "--start", "2026-11-26")
    by_name = ivr("rehearse", "住民税", *words, "-o", "by-name")
    by_files = ivr("rehearse", *files, *words, "-o", "by-files")
    assert by_name.returncode == by_files.returncode == 0, by_name.stderr
    read = [(folder / out / "架電見込み.csv").read_text("utf-8-sig") for out in ("by-name", "by-files")]
    assert read[0] == read[1]
    assert "書かないでください" in ivr("rehearse", "住民税", *files, *words).stderr
    assert "「国保」がありません" in ivr("rehearse", "国保", *words).stderr
