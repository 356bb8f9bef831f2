"""A list becomes a campaign: in the order of its columns, one call for a household."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.desk import orders
from ivr.domain.exclusion import Exclusion, Source
from ivr.errors import InputError
from tests.offices import SCENARIO, care_of, give_voice

LIST = """宛名番号,カナ氏名,電話番号,優先度
1,ヤマダ タロウ,03-5722-0000,3
2,ヤマダ ハナコ,03-5722-0000,1
3,サトウ ジロウ,03-5722-0001,至急
4,スズキ ケイコ,03-5722-0002,2
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    give_voice(tmp_path)
    (tmp_path / "meibo.csv").write_text(LIST, encoding="cp932")
    (tmp_path / "ivr.yaml").write_text(
        "data_dir: var\nspeech: {workers: 1}\ncalling:\n  order: [{column: 優先度}]\n", encoding="utf-8"
    )
    return tmp_path / "ivr.yaml"


async def test_a_campaign_calls_in_the_order_of_the_column(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await orders.create(config, "住民税", config.with_name("meibo.csv"), SCENARIO) == 0
    assert "meibo.csv:4: 「優先度」が数でも日付でもない人が 1 人います" in capsys.readouterr().out
    async with care_of(config) as care:
        campaign = await care.results.campaign("住民税")
        due = await care.results.due(campaign.id, campaign.created_at, 10)
    assert [one.recipient.line for one in due] == [3, 5, 2, 4]


async def test_a_list_without_the_column_is_refused(config: Path) -> None:
    file = config.with_name("meibo.csv")
    file.write_text(LIST.replace("優先度", "備考"), encoding="cp932")
    with pytest.raises(InputError, match=r"「優先度」の列がありません。かける順（設定 calling\.order か"):
        await orders.create(config, "住民税", file, SCENARIO)


async def test_a_household_is_called_once_where_the_rule_says_so(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = config.with_name("kisoku.yaml")
    rules.write_text("one_call_per_number: true\n", encoding="utf-8")
    file = config.with_name("meibo.csv")
    assert await orders.create(config, "合わせて", file, SCENARIO, rules) == 0
    assert "1 件は、同じ電話番号の人と合わせて一度だけかけます。" in capsys.readouterr().out
    assert await orders.create(config, "別々に", file, SCENARIO) == 0
    assert "合わせて一度" not in capsys.readouterr().out
    async with care_of(config) as care:
        once, each = [await care.results.campaign(name) for name in ("合わせて", "別々に")]
        father, *others = await care.results.records(once.id)
        assert {record.excluded for record in await care.results.records(each.id)} == {None}
    assert father.state == "settled", "the mother comes first in the order"
    assert father.excluded is not None
    assert (father.excluded.source, father.excluded.reason) == (
        Source.HOUSEHOLD,
        "同じ電話番号の 3 行目の人にかけます",
    )
    assert {record.state for record in others} == {"waiting"}


async def test_where_the_head_of_a_household_is_excluded_the_next_is_called(config: Path) -> None:
    rules = config.with_name("kisoku.yaml")
    rules.write_text("one_call_per_number: true\n", encoding="utf-8")
    assert await orders.create(config, "合わせて", config.with_name("meibo.csv"), SCENARIO, rules) == 0
    async with care_of(config) as care:
        row = await care.results.campaign("合わせて")
        why = Exclusion(reason="納付済", source=Source.STAFF)
        assert await care.results.exclude(row.id, "2", why) == "waiting"
        father, mother, *_ = await care.results.records(row.id)
    assert (father.state, father.excluded) == ("waiting", None)
    assert (mother.state, mother.excluded) == ("settled", why)


async def test_who_has_no_number_that_the_cascade_names_is_told_of_before_and_after(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = config.with_name("kisoku.yaml")
    rules.write_text("cascade: [{numbers: ip, tries: 1}]\n", encoding="utf-8")
    assert await orders.create(config, "電話なし", config.with_name("meibo.csv"), SCENARIO, rules) == 0
    assert "4 件は、かける種類の番号がないので、かけません（2 行目など" in capsys.readouterr().out
