"""The text of a scenario, shown and sent to a member of staff over a real SMS centre."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ivr import staff_text
from ivr.desk import texts
from ivr.domain.audit import Action
from ivr.errors import InputError, Problems
from ivr.rehearsal.ports import free_port
from ivr.settings import load
from tests.messaging.centres import RealCentre, real_centre

SCENARIO = """version: 1
title: 試し
text: "{office}です。{kana}様にお知らせを送付しました。{期別} お問い合わせ {office_phone}"
start: a
steps:
  a: {say: お知らせです。, reached: true}
"""
STAFF, NUMBER = "090-1234-5678", "819012345678"
"""As staff write it, and as it goes over the wire."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "annai.yaml").write_text(SCENARIO, "utf-8")
    (tmp_path / "smpp.secret").write_text("himitsu\n", "utf-8")
    return tmp_path / "ivr.yaml"


def settings(config: Path, port: int) -> Path:
    """Write the settings of an office with an account at the centre on `port`; return the scenario."""
    smpp = f'{{host: 127.0.0.1, port: {port}, system_id: meguro, password_file: smpp.secret, sender: "0357220000"}}'
    config.write_text(
        f'data_dir: var\ncalling: {{staff_numbers: ["{STAFF}", "0357221111"]}}\n'
        f'texts: {{office: 目黒区役所税務課, office_phone: "0357220000", smpp: {smpp}}}\n',
        "utf-8",
    )
    return config.with_name("annai.yaml")


async def send(config: Path, file: Path, to: str = STAFF) -> int:
    return await staff_text.send(config, file, to, "ヤマダ タロウ", ["期別=第1期"])


def test_a_text_is_shown_as_it_arrives(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = settings(config, 1)
    assert texts.show(config, file, "ヤマダ タロウ", ["期別=①期"], json=False) == 0
    said = capsys.readouterr().out
    assert "目黒区役所税務課です。ヤマダ タロウ様にお知らせを送付しました。①期 お問い合わせ 0357220000" in said
    assert "字、1 通）" in said
    assert "「①」は、携帯電話会社によって表示できません。「1」と書けます。" in said
    assert texts.show(config, file, "ヤマダ タロウ", ["期別=" + "あ" * 50], json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["parts"], told["characters"], told["odd"]) == (2, len(told["text"]), [])


def test_who_writes_and_what_is_filled_in_must_be_known(config: Path) -> None:
    file = settings(config, 1)
    with pytest.raises(InputError, match="に入れるものがありません"):
        texts.show(config, file, "ヤマダ", [], json=False)
    config.write_text("data_dir: var\n", "utf-8")
    with pytest.raises(InputError, match=r"texts\.office"):
        texts.show(config, file, "ヤマダ", ["期別=1"], json=False)
    file.write_text(SCENARIO.replace("{office}", "区役所"), "utf-8")
    with pytest.raises(Problems, match=r"annai\.yaml:3: SMS の文章に"):
        texts.show(config, file, "ヤマダ", ["期別=1"], json=False)
    file.write_text("\n".join(line for line in SCENARIO.splitlines() if "text:" not in line), "utf-8")
    with pytest.raises(InputError, match="SMS の文章）がありません"):
        texts.show(config, file, "ヤマダ", [], json=False)


async def test_a_member_of_staff_gets_the_text_and_the_receipt_is_told(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with real_centre() as centre:
        file = settings(config, centre.port)
        sending = asyncio.create_task(send(config, file))
        await delivered(centre, "DELIVRD")
        assert await sending == 0
    (text,) = centre.submitted
    assert text.destination_addr == NUMBER
    assert text.source_addr == "81357220000"
    assert bytes(text.short_message).decode("utf-16-be").startswith("目黒区役所税務課です。ヤマダ タロウ様に")
    assert "結果：到達" in capsys.readouterr().out
    trail = (config.parent / "var").glob("**/ivr.db")
    assert any(Action.STAFF_TEXTED.value.encode() in file.read_bytes() for file in trail)


@pytest.mark.parametrize(("stat", "label"), [("EXPIRED", "圏外"), ("REJECTD", "拒否"), ("UNDELIV", "失敗")])
async def test_what_did_not_arrive_is_told(
    config: Path, capsys: pytest.CaptureFixture[str], stat: str, label: str
) -> None:
    async with real_centre() as centre:
        sending = asyncio.create_task(send(config, settings(config, centre.port)))
        await delivered(centre, stat)
        assert await sending == 1
    assert f"結果：{label}" in capsys.readouterr().out


async def test_where_no_receipt_comes_nothing_is_claimed(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staff_text, "RECEIPTS", 0.5)
    async with real_centre() as centre:
        assert await send(config, settings(config, centre.port)) == 1
    assert "結果：送信済み（結果待ち）" in capsys.readouterr().out


async def test_a_text_that_is_refused_is_told_with_the_reason(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with real_centre() as centre:
        centre.answer = lambda event: event.reject(0x0B)
        assert await send(config, settings(config, centre.port)) == 1
    assert "送れませんでした（番号なし）" in capsys.readouterr().out


async def test_nobody_but_a_member_of_staff_with_a_mobile_is_written_to(config: Path) -> None:
    async with real_centre() as centre:
        file = settings(config, centre.port)
        with pytest.raises(InputError, match="職員の番号にだけ"):
            await send(config, file, "090-1234-5679")
        with pytest.raises(InputError, match="携帯電話の番号だけ"):
            await send(config, file, "0357221111")
    assert centre.submitted == []


async def test_a_provider_that_is_not_there_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_text, "BIND", 0.5)
    file = settings(config, free_port())
    with pytest.raises(InputError, match=r"SMS の事業者につながりません。.*接続を断られました"):
        await send(config, file)


def test_mistakes_in_the_account_are_told_by_line(config: Path) -> None:
    file = settings(config, 1)
    wrong = config.read_text("utf-8").replace('sender: "0357220000"', "sender: meguro")
    config.write_text(wrong, "utf-8")
    with pytest.raises(Problems, match="sender_ton"):
        texts.show(config, file, "ヤマダ", ["期別=1"], json=False)
    config.write_text("texts: {domains: [https://city.meguro.tokyo.jp/]}\n", "utf-8")
    with pytest.raises(Problems, match="ドメインは city"):
        load(config)


async def delivered(centre: RealCentre, stat: str) -> None:
    await centre.until(lambda: bool(centre.submitted))
    status = await centre.deliver(f"id:m1 sub:001 dlvrd:001 stat:{stat} err:000 text:".encode(), esm_class=4)
    assert status == 0
