"""A campaign's own rules: a file over the settings, within the office's hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.desk import orders
from ivr.domain.calling_rules import Retry
from ivr.domain.outcome import Outcome
from ivr.errors import InputError, Problems
from ivr.settings import Settings, load, read_own
from ivr.settings.own_rules import OWN
from tests.offices import SCENARIO, care_of, give_voice
from tests.settings_files import empty_place, loaded

__all__ = ["empty_place"]

TOKYO = ZoneInfo("Asia/Tokyo")


def file(text: str) -> Path:
    path = Path("kisoku.yaml")
    path.write_text(text, encoding="utf-8")
    return path


def problems(text: str, chosen: Settings | None = None) -> list[str]:
    with pytest.raises(Problems) as raised:
        read_own(file(text), (chosen or Settings()).calling)
    return [str(one) for one in raised.value.problems]


def november(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=TOKYO)


def test_a_campaign_calls_when_both_its_own_times_and_the_offices_are_open() -> None:
    office = loaded("calling: {closed_days: [2026-11-19]}\n")
    own = read_own(file('windows: [{days: [thu, fri, sat], from: "17:00", to: "21:00"}]\n'), office.calling)
    calendar = office.rules(own).calendar
    assert calendar.next_open(november(18, 12)) == november(20, 17), "Thursday is the office's day off"
    assert calendar.closes(november(20, 18)) == november(20, 20), "the office closes first"
    assert calendar.next_open(november(20, 20)) == november(26, 17), "nobody is there on Saturday"


def test_a_day_that_the_campaign_alone_is_closed_on() -> None:
    own = read_own(file("closed_days: [2026-11-20]\n"), Settings().calling)
    assert not Settings().rules(own).calendar.is_open(november(20, 10))
    assert Settings().rules(own).calendar.is_open(november(19, 10))
    assert Settings().rules().calendar.is_open(november(20, 10))


def test_what_the_campaign_says_of_retries_goes_over_what_the_office_says() -> None:
    office = loaded("calling: {retries: {busy: {times: 4}, total: 9}}\n")
    own = read_own(file("retries: {busy: {after: 30m}, per_day: 1}\n"), office.calling)
    rules = office.rules(own)
    assert rules.retries[Outcome.BUSY] == Retry(times=4, after=timedelta(minutes=30))
    assert (rules.total, rules.per_day) == (9, 1)
    assert office.rules().retries[Outcome.BUSY] == Retry(times=4, after=timedelta(minutes=5))


def test_every_mistake_is_told_with_its_line() -> None:
    text = 'retries: {total: 0}\nring_timeout: 10s\nwindows:\n  - {days: [mon], from: "9:00", to: "8:00"}\n'
    assert problems(text) == [
        "kisoku.yaml:1: 「total」は 1 以上にしてください。",
        f"kisoku.yaml:2: 「ring_timeout」は書けません。使えるのは {'、'.join(OWN)} です。",
        "kisoku.yaml:4: to は from より後の時刻にしてください。日付をまたぐときは、枠を二つに分けてください。",
    ]


@pytest.mark.parametrize("text", ["", "[]", "windows"])
def test_a_file_that_says_nothing_is_a_mistake(text: str) -> None:
    assert "「項目名: 値」の形で書いてください" in problems(text)[0]


def test_what_no_longer_goes_with_the_settings_is_told() -> None:
    early = {"windows": [{"days": ["mon"], "from": "07:00", "to": "09:00"}]}
    with pytest.raises(InputError, match="いまの設定と合いません。08:00 から 21:00"):
        Settings().rules(early)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    give_voice(tmp_path)
    (tmp_path / "meibo.csv").write_text("宛名番号,カナ氏名,電話番号\n1,ヤマダ タロウ,090-1234-5678\n", "cp932")
    (tmp_path / "ivr.yaml").write_text("data_dir: var\nspeech: {workers: 1}\n", encoding="utf-8")
    return tmp_path / "ivr.yaml"


async def test_a_campaign_keeps_its_rules(config: Path) -> None:
    own = file('windows: [{days: [fri], from: "17:00", to: "19:00"}]\n')
    assert await orders.create(config, "住民税", config.with_name("meibo.csv"), SCENARIO, own) == 0
    own.unlink()
    async with care_of(config) as care:
        campaign = await care.results.campaign("住民税")
    assert load(config).rules(campaign.rules).calendar.next_open(november(18, 12)) == november(20, 17)


async def test_a_campaign_that_could_never_dial_is_not_created(config: Path) -> None:
    own = file('windows: [{days: [sun], from: "09:00", to: "12:00"}]\n')
    with pytest.raises(
        InputError, match=r"kisoku\.yaml の規則と設定では、これから60日の間に架電できる時間帯がありません"
    ):
        await orders.create(config, "住民税", config.with_name("meibo.csv"), SCENARIO, own)
    async with care_of(config) as care:
        assert await care.results.campaigns() == ()
