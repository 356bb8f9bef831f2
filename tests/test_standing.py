"""Why nothing is dialled: a sentence for each situation, and the one that matters most where there are several."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.campaign.records import CampaignRow, Counts
from ivr.campaign.text_records import TextCounts
from ivr.settings import Settings
from ivr.standing import why_unsent, why_waiting

TOKYO = ZoneInfo("Asia/Tokyo")
FRIDAY = datetime(2026, 11, 20, 10, tzinfo=TOKYO)
NIGHT = FRIDAY.replace(hour=21)


def campaign(state: str = "running") -> CampaignRow:
    return CampaignRow(id="1", name="催告", state=state, scenario="", scenario_file="", created_at=FRIDAY, rules={})


def counts(waiting: int = 5, calling: int = 0, next_due: datetime | None = FRIDAY) -> Counts:
    states = {"waiting": waiting, "calling": calling, "settled": 5}
    return Counts(states=states, outcomes={}, attempts=7, next_due=next_due)


@pytest.mark.parametrize(
    ("words", "state", "now", "more"),
    [
        ("まだ始めていません", "created", FRIDAY, {}),
        ("一時停止中なので", "paused", FRIDAY, {}),
        ("打ち切りなので", "stopped", FRIDAY, {}),
        ("緊急停止なので", "halted", FRIDAY, {}),
        ("次は 11月24日 09:00 からです", "running", NIGHT, {}),
        ("次は 11月20日 10:30 です", "running", FRIDAY, {"counts": counts(next_due=FRIDAY + timedelta(minutes=30))}),
        ("全員が済みました", "running", FRIDAY, {"counts": counts(waiting=0)}),
        ("ivr が動いていないので", "running", FRIDAY, {"engine": False}),
        ("09:00 からです。なお、ivr が動いていないので", "running", NIGHT, {"engine": False}),
        (
            "10:30 です。なお、かけてはいけない人が分からない",
            "running",
            FRIDAY,
            {"counts": counts(next_due=FRIDAY + timedelta(minutes=30)), "unknown": "除外ファイルがありません。"},
        ),
        ("かけるには ivr campaign resume 催告", "halted", FRIDAY, {}),
        ("通話中のまま止まった", "running", FRIDAY, {"counts": counts(calling=1), "engine": False}),
        ("通話中の電話は最後まで続きます", "paused", FRIDAY, {"counts": counts(calling=1)}),
        (
            "除外ファイル jogai.csv を読めません",
            "running",
            FRIDAY,
            {"unknown": "除外ファイル jogai.csv を読めません。"},
        ),
        ("接続できないので", "running", FRIDAY, {"health": {"ami": False, "trunk": True}}),
        ("どの電話も同じ理由でつながらない", "running", FRIDAY, {"health": {"ami": True, "trunk": False}}),
        ("納付を確かめられない", "running", FRIDAY, {"health": {"ami": True, "trunk": True, "collection": False}}),
        ("まもなくかけます", "running", FRIDAY, {"health": {"ami": True, "trunk": True}}),
    ],
)
def test_each_situation_in_which_nothing_is_dialled_is_named(
    words: str, state: str, now: datetime, more: dict[str, object]
) -> None:
    how = dict(more)
    numbers = how.pop("counts", counts())
    assert isinstance(numbers, Counts)
    assert words in str(why_waiting(Settings(), campaign(state), numbers, now, **how))  # type: ignore[arg-type]


def test_a_campaign_that_waits_for_its_approval_says_so() -> None:
    asked = Settings.model_validate({"calling": {"approval": "second_person"}})
    why = str(why_waiting(asked, campaign("created"), counts(), FRIDAY))
    assert "まだ承認されていません。作った人とは別の人が ivr campaign approve 催告" in why
    approved = replace(campaign("created"), approved_by="suzuki")
    assert "まだ始めていません" in str(why_waiting(asked, approved, counts(), FRIDAY))


def test_a_calendar_without_any_time_is_told() -> None:
    days = [FRIDAY.date() + timedelta(days=n) for n in range(80)]
    closed = Settings.model_validate({"calling": {"closed_days": days}})
    assert "60日の間に架電できる時間帯がありません" in str(why_waiting(closed, campaign(), counts(), FRIDAY))


def test_an_hour_without_lines_is_told_with_its_end() -> None:
    hours = [{"from": "09:00", "to": "12:00", "lines": 0}, {"from": "12:00", "to": "13:30", "lines": 0}]
    lent = Settings.model_validate({"trunk": {"lines_by_hour": hours}})
    assert "使う回線が 0 です（設定 trunk.lines_by_hour）。次は 13:30" in str(
        why_waiting(lent, campaign(), counts(), FRIDAY)
    )
    assert "まもなくかけます" in str(why_waiting(lent, campaign(), counts(), FRIDAY.replace(hour=14)))


def test_while_calls_are_under_way_there_is_nothing_to_explain() -> None:
    assert why_waiting(Settings(), campaign(), counts(calling=1), FRIDAY) is None


def test_outside_the_window_the_trunk_is_nobodys_concern() -> None:
    why = why_waiting(Settings(), campaign(), counts(), NIGHT, health={"trunk": False})
    assert "時間帯ではありません" in str(why)


SMPP = {"host": "127.0.0.1", "system_id": "x", "password_file": "x", "sender": "0357220000"}
TEXTING = Settings.model_validate({"texts": {"smpp": SMPP}})


@pytest.mark.parametrize(
    ("words", "state", "now", "more"),
    [
        ("まだ始めていません", "created", FRIDAY, {}),
        ("送るには ivr campaign resume 催告", "paused", FRIDAY, {}),
        ("もう送りません", "stopped", FRIDAY, {}),
        ("次は 11月24日 09:00 からです", "running", NIGHT, {}),
        ("ivr が動いていないので", "running", FRIDAY, {"engine": False}),
        ("事業者につながらない", "running", FRIDAY, {"health": {"sms": False}}),
        ("残高か利用枠が足りない", "running", FRIDAY, {"health": {"sms": False, "sms_credit": False}}),
        ("まもなく送ります", "running", FRIDAY, {"health": {"sms": True}}),
    ],
)
def test_why_no_text_goes_out(words: str, state: str, now: datetime, more: dict[str, object]) -> None:
    assert words in str(why_unsent(TEXTING, campaign(state), TextCounts(due=3), now, **more))  # type: ignore[arg-type]


def test_who_is_put_off_by_a_cap_is_told_with_the_day_of_their_turn() -> None:
    some = str(why_unsent(TEXTING, campaign(), TextCounts(due=3, capped=2), FRIDAY))
    assert some.startswith("SMS を送る人がいます。まもなく送ります。")
    assert some.endswith(
        "2 人は、SMS を送れる回数の上限（設定 texts.caps）に達したので、11月24日 09:00 まで送りません。"
    )
    assert "まもなく" not in str(why_unsent(TEXTING, campaign(), TextCounts(due=2, capped=2), FRIDAY))
    assert "上限" not in str(why_unsent(TEXTING, campaign(), TextCounts(due=2), FRIDAY))


def test_without_a_provider_no_text_goes_out_and_without_anybody_due_nothing_is_said() -> None:
    assert "事業者が決まっていない" in str(why_unsent(Settings(), campaign(), TextCounts(due=3), FRIDAY))
    assert why_unsent(TEXTING, campaign(), TextCounts(due=0), NIGHT) is None
