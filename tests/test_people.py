"""`ivr people`: what whoever runs the machine does where nobody can sign in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ivr.accounts import commands, passwords
from ivr.desk import orders, records
from ivr.domain.account import Link
from ivr.domain.authority import Role
from ivr.errors import InputError, NotFound
from ivr.settings import load
from tests.offices import LIST, SCENARIO


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "Passwords", lambda: passwords.Passwords(memory_kib=8, passes=1))


async def test_people_are_added_listed_and_reset_and_each_is_on_record(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await commands.add(config, "yamada", "山田 太郎", "税務課", [Role.CLERK]) == 0
    first = capsys.readouterr().out
    assert "yamada（山田 太郎、税務課）を登録しました。" in first
    assert await commands.add(config, "tanaka", "", "税務課", [Role.APPROVER, Role.AUDITOR]) == 0
    assert await commands.list_all(config, json=True) == 0
    told = json.loads(capsys.readouterr().out.partition("\n[")[2].join(("[", "")))
    assert [(one["name"], one["roles"], one["department"]) for one in told] == [
        ("tanaka", ["approver", "auditor"], "税務課"),
        ("yamada", ["clerk"], "税務課"),
    ]
    assert await commands.reset(config, "yamada") == 0
    second = capsys.readouterr().out
    made = [re.findall(r"仮のパスワード：(\S+)", text) for text in (first, second)]
    assert [len(one) for one in made] == [1, 1]
    assert made[0] != made[1]
    assert await commands.list_all(config, json=False) == 0
    assert "yamada：山田 太郎、税務課、担当者（確認コード未設定）" in capsys.readouterr().out
    async with records.recorded(load(config)) as (_, audit):
        found = [(entry.action, entry.subject) async for entry in audit.entries()]
    assert found == [
        ("department_added", "税務課"),
        ("person_added", "yamada"),
        ("person_added", "tanaka"),
        ("person_reset", "yamada"),
    ]


async def test_a_link_to_an_identity_provider_is_undone(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await commands.add(config, "yamada", "山田 太郎", "税務課", [Role.CLERK])
    with pytest.raises(InputError, match="結び付いていません"):
        await commands.unlink(config, "yamada")
    with pytest.raises(NotFound):
        await commands.unlink(config, "nobody")
    async with records.recorded(load(config)) as (results, _):
        person = await results.accounts.named("yamada")
        assert person is not None
        await results.accounts.put_link(person.id, Link(issuer="https://idp", subject="0c5f"), keep_local=False)
    await commands.list_all(config, json=False)
    assert "yamada：山田 太郎、税務課、担当者（庁内アカウント）" in capsys.readouterr().out
    assert await commands.unlink(config, "yamada") == 0
    async with records.recorded(load(config)) as (results, audit):
        assert (await results.accounts.named("yamada")).link is None  # type: ignore[union-attr]
        assert [entry.action async for entry in audit.entries()][-1] == "person_unlinked"


async def test_nobody_is_reset_who_is_not_there_or_added_twice(config: Path) -> None:
    with pytest.raises(NotFound, match="nobody"):
        await commands.reset(config, "nobody")
    await commands.add(config, "yamada", "", "税務課", [Role.CLERK])
    with pytest.raises(InputError, match="すでに"):
        await commands.add(config, "yamada", "", "税務課", [Role.CLERK])


async def test_a_new_campaign_is_the_departments_that_is_named_or_the_only_one(config: Path, tmp_path: Path) -> None:
    (tmp_path / "meibo.csv").write_text(LIST, "utf-8")

    async def made(name: str, department: str | None) -> str | None:
        await orders.create(config, name, tmp_path / "meibo.csv", SCENARIO, None, department)
        async with records.store(load(config)) as results:
            departments = {one.id: one.name for one in await results.accounts.departments()}
            return departments.get((await results.campaign(name)).department or "")

    assert await made("まだ部署がない", None) is None
    await commands.add(config, "yamada", "", "税務課", [Role.CLERK])
    assert await made("一つだけある", None) == "税務課"
    await commands.add(config, "tanaka", "", "国保年金課", [Role.CLERK])
    assert await made("二つある", None) is None
    assert await made("名指しした", "国保年金課") == "国保年金課"
    with pytest.raises(NotFound, match="登録されていません"):
        await made("ない部署", "水道局")
