"""Approving a campaign before it is started, and the call to a member of staff before that."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr import identity, staff_call, steering
from ivr.desk import orders
from ivr.domain.audit import Action
from ivr.errors import InputError
from tests.offices import LIST, SCENARIO, care_of, give_voice

NAME = "住民税"


@pytest.fixture
def office(tmp_path: Path) -> Path:
    give_voice(tmp_path)
    (tmp_path / "meibo.csv").write_text(LIST, encoding="cp932")
    return tmp_path / "ivr.yaml"


def asks(config: Path, approval: str) -> None:
    config.write_text(
        f'data_dir: var\nspeech: {{workers: 1}}\ncalling:\n  approval: {approval}\n  staff_numbers: ["0357221111"]\n',
        encoding="utf-8",
    )


async def created(config: Path) -> None:
    assert await orders.create(config, NAME, config.with_name("meibo.csv"), SCENARIO) == 0


def become(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(identity, "human", lambda: name)


async def test_without_the_setting_a_campaign_is_started_as_it_is(office: Path) -> None:
    asks(office, "none")
    await created(office)
    assert await steering.move(office, NAME, "start") == 0


async def test_nobody_starts_a_campaign_that_is_not_approved(office: Path) -> None:
    asks(office, "anybody")
    await created(office)
    with pytest.raises(InputError, match="まだ承認されていません。ivr campaign approve 住民税"):
        await steering.move(office, NAME, "start")
    assert await steering.approve(office, NAME) == 0
    assert await steering.move(office, NAME, "start") == 0


async def test_the_second_person_is_another_than_the_creator(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asks(office, "second_person")
    become(monkeypatch, "tanaka")
    await created(office)
    with pytest.raises(InputError, match="作ったのは tanaka です。承認は、別の人がしてください。"):
        await steering.approve(office, NAME)
    become(monkeypatch, "suzuki")
    assert await steering.approve(office, NAME) == 0
    become(monkeypatch, "tanaka")
    assert await steering.move(office, NAME, "start") == 0
    async with care_of(office) as care:
        entries = [entry async for entry in care.audit.entries()]
        assert (await care.results.campaign(NAME)).approved_by == "suzuki"
    (approved,) = [entry for entry in entries if entry.action == Action.APPROVED]
    assert "tanaka" in approved.details


async def test_a_campaign_is_approved_once_and_before_it_is_started(office: Path) -> None:
    asks(office, "anybody")
    await created(office)
    await steering.approve(office, NAME)
    with pytest.raises(InputError, match="がすでに承認しています"):
        await steering.approve(office, NAME)
    await orders.create(office, "国保", office.with_name("meibo.csv"), SCENARIO)
    await steering.move(office, "国保", "stop")
    with pytest.raises(InputError, match="「打ち切り」なので、承認はできません"):
        await steering.approve(office, "国保")


@pytest.mark.parametrize("number", ["090-1234-5678", "0357221112"])
async def test_nobody_but_staff_gets_a_test_call(office: Path, number: str) -> None:
    asks(office, "none")
    await created(office)
    with pytest.raises(InputError, match="職員の番号にだけかけられます"):
        await staff_call.call_staff(office, NAME, number)
    async with care_of(office) as care:
        assert [campaign.name for campaign in await care.results.campaigns()] == [NAME]
