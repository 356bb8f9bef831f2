"""Excluding people, as the clerk does it: by the list, by the file, one by one."""

import json
from pathlib import Path

import pytest

from tests.offices import SCENARIO, Ivr, office

LIST = """宛名番号,カナ氏名,電話番号,支援措置
1,ヤマダ タロウ,090-1234-5678,
2,スズキ ハナコ,03-5722-0000,有
3,サトウ ジロウ,03-5722-0001,無
"""
SETTINGS = """exclusions:
  columns: [{column: 支援措置, harmless: ["", 無]}]
  file: jogai.csv
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "office"


@pytest.fixture
def ivr(folder: Path) -> Ivr:
    run = office(folder, SETTINGS)
    (folder / "meibo.csv").write_text(LIST, encoding="cp932")
    (folder / "jogai.csv").write_text("宛名番号,理由\n3,納付済\n", encoding="cp932")
    return run


def test_a_check_of_a_list_says_who_is_excluded_and_why(ivr: Ivr) -> None:
    said = ivr("list", "check", "meibo.csv")
    assert said.returncode == 0
    assert "そのうち 2 件は除外します（支援措置 1、納付済 1）。" in said.stdout
    found = json.loads(ivr("list", "check", "meibo.csv", "--json").stdout)
    assert found["excluded"] == [{"line": 3, "reason": "支援措置"}, {"line": 4, "reason": "納付済"}]
    assert found["accepted"] == found["rows"] == 3


@pytest.mark.parametrize("words", [("list", "check"), ("campaign", "create")])
def test_a_list_without_the_column_is_refused(ivr: Ivr, folder: Path, words: tuple[str, str]) -> None:
    (folder / "meibo.csv").write_text(LIST.replace(",支援措置", ",備考"), encoding="cp932")
    rest = ("meibo.csv",) if words[1] == "check" else ("住民税", "--list", "meibo.csv", "--scenario", SCENARIO)
    said = ivr(*words, *rest)
    assert said.returncode == 1
    assert "「支援措置」の列がありません" in said.stderr
    assert ivr("campaign", "status", "住民税").returncode == 1


def test_a_campaign_is_not_begun_without_the_file(ivr: Ivr, folder: Path) -> None:
    (folder / "jogai.csv").unlink()
    said = ivr("campaign", "create", "住民税", "--list", "meibo.csv", "--scenario", SCENARIO)
    assert said.returncode == 1
    assert "jogai.csv" in said.stderr
    doctor = ivr("doctor", "--json")
    (found,) = [one for one in json.loads(doctor.stdout) if one["name"] == "除外"]
    assert found["state"] == "bad"
    assert "jogai.csv" in found["message"]


def test_staff_exclude_one_by_one_and_the_results_say_why(ivr: Ivr, folder: Path) -> None:
    assert ivr("campaign", "create", "住民税", "--list", "meibo.csv", "--scenario", SCENARIO).returncode == 0
    said = ivr("campaign", "exclude", "住民税", "1", "9", "--reason", "窓口で納付")
    assert said.returncode == 1
    assert "1 人には、もうかけません" in said.stdout
    assert "「9」" in said.stderr
    again = ivr("campaign", "exclude", "住民税", "1", "--reason", "納付済")
    assert "1 人は、すでに済んでいました" in again.stdout
    assert ivr("results", "export", "住民税", "--format", "json", "-o", "out.json").returncode == 0
    person, *others = json.loads((folder / "out.json").read_text("utf-8"))["recipients"]
    assert (person["outcome"], person["excluded"]) == ("cancelled", {"reason": "窓口で納付", "source": "staff"})
    assert {other["excluded"] for other in others} == {None}
    assert ivr("results", "export", "住民税", "--format", "csv", "-o", "out.csv").returncode == 0
    assert "窓口で納付,職員" in (folder / "out.csv").read_text("utf-8-sig")
    acts = [one["action"] for one in json.loads(ivr("audit", "list", "--json").stdout)]
    assert acts.count("excluded") == 2


@pytest.mark.parametrize("reason", ["", "  ", "あ" * 101, "一\n二"])
def test_a_reason_is_one_line(ivr: Ivr, reason: str) -> None:
    said = ivr("campaign", "exclude", "住民税", "1", "--reason", reason)
    assert said.returncode == 1
    assert "--reason" in said.stderr
