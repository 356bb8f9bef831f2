"""Campaigns of texts (SMS) as staff order them: what is said of a list, of rules, and of a way to the provider."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr.desk import lists, orders
from ivr.errors import InputError

LIST = """宛名番号,カナ氏名,電話番号
1,ヤマダ タロウ,090-1234-5678
2,スズキ ハナコ,03-5722-0000
3,サトウ ジロウ,999
"""
ALONE = """version: 1
title: 発送
text: "{office}です。お知らせを送付しました。{office_phone}"
"""
SETTINGS = """data_dir: var
texts:
  office: 目黒区役所
  office_phone: "0357220000"
  smpp: {host: 127.0.0.1, system_id: meguro, password_file: smpp.secret, sender: "0357220000"}
"""

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "meibo.csv").write_text(LIST, encoding="cp932")
    (tmp_path / "hassou.yaml").write_text(ALONE, "utf-8")
    (tmp_path / "smpp.secret").write_text("himitsu\n", "ascii")
    (tmp_path / "ivr.yaml").write_text(SETTINGS, "utf-8")
    return tmp_path / "ivr.yaml"


async def create(config: Path, name: str = "発送", rules: Path | None = None) -> int:
    return await orders.create(config, name, config.with_name("meibo.csv"), config.with_name("hassou.yaml"), rules)


def test_a_check_of_a_list_says_how_many_can_be_sent_texts(config: Path, capsys: Capture) -> None:
    file = config.with_name("meibo.csv")
    assert lists.check_list(config, file, json=False) == 0
    said = capsys.readouterr().out
    assert "3 件中 2 件にかけられます。1 件はかけられません（文字コード cp932）。" in said
    assert "SMS を送れる携帯電話の番号がある人：1 人。" in said
    assert lists.check_list(config, file, json=True) == 0
    assert json.loads(capsys.readouterr().out)["mobile"] == 1


async def test_a_campaign_of_texts_alone_promises_no_calls(config: Path, capsys: Capture) -> None:
    assert await create(config) == 0
    said = capsys.readouterr().out
    assert "3 件中 2 件を読み込みました。1 件は読み込めません（文字コード cp932）。" in said
    assert "SMS を送れる人：1 人" in said
    assert "かけ" not in said.replace("発信", "")
    config.with_name("meibo.csv").write_text(LIST.splitlines()[0] + "\n3,サトウ,999\n", encoding="cp932")
    with pytest.raises(InputError, match="SMS を送れる人が一人もいません"):
        await create(config, "だれも")
