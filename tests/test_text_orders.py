"""Campaigns of texts (SMS) as staff order them: what is said of a list, of rules, and of a way to the provider."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from ivr import keeping, steering
from ivr.campaign.records import CampaignRow
from ivr.campaign.text_records import TextIntent
from ivr.desk import lists, orders, reports, texts
from ivr.desk.text_orders import show_pointless
from ivr.doctor import State
from ivr.doctor.looks import secrets, sms
from ivr.domain.text import TextState
from ivr.errors import InputError
from ivr.progress import CampaignProgress
from ivr.scenario_files import parse
from ivr.settings import Calling, calling_of, load, read_own
from ivr.settings.calling import TextsAfter
from ivr.ways import Ways
from tests.messaging.centres import real_centre
from tests.offices import care_of

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


CALLING = (
    ALONE
    + """start: a
steps:
  a: {say: お知らせです。, reached: true}
"""
)


@pytest.mark.parametrize(
    ("scenario", "rules", "said"),
    [
        (ALONE, "texts:\n  tries: 2\n", "kisoku.yaml:2: texts.tries は、SMS だけの催告では使いません。"),
        (CALLING, "texts:\n  windows: null\n  after: []\n", "kisoku.yaml:3: texts.after が空なので、だれにも SMS を"),
        (
            CALLING,
            "weight: 1\ntexts: {tries: 4}\n",
            "kisoku.yaml:2: texts.tries は 4 回ですが、電話をかけるのは全部で 3",
        ),
        (CALLING, "retries: {total: 1}\n", "設定 calling.texts.tries は 2 回ですが、電話をかけるのは全部で 1 回まで"),
    ],
)
def test_rules_of_texts_that_come_to_nothing_are_told_by_line(
    tmp_path: Path, capsys: Capture, scenario: str, rules: str, said: str
) -> None:
    file = tmp_path / "kisoku.yaml"
    file.write_text(rules, "utf-8")
    office = Calling(texts=TextsAfter(tries=2))
    own = read_own(file, office)
    show_pointless(parse(scenario, "s.yaml"), calling_of(office, own), own, file)
    told = capsys.readouterr().out
    assert said in told
    assert told.count("（注意）") == 1


def test_rules_of_texts_that_the_office_has_for_calls_are_not_held_against_a_campaign_of_texts_alone(
    capsys: Capture,
) -> None:
    show_pointless(parse(ALONE, "s.yaml"), Calling(texts=TextsAfter(tries=9, after=())), {}, None)
    show_pointless(parse(CALLING, "s.yaml"), Calling(texts=TextsAfter(tries=3)), {}, None)
    assert capsys.readouterr().out == ""


async def test_a_campaign_of_texts_alone_is_steered_without_a_word_of_calls(config: Path, capsys: Capture) -> None:
    assert await create(config) == 0
    capsys.readouterr()
    assert await steering.emergency_stop(config, "発送") == 0
    assert capsys.readouterr().out == "電話をかけている催告も、SMS を送っている催告もありません。\n"
    assert await steering.move(config, "発送", "start") == 0
    assert await steering.exclude(config, "発送", ["1"], "納付済") == 0
    assert "1 人には、SMS を送りません。" in capsys.readouterr().out
    assert await steering.exclude(config, "発送", ["1"], "納付済") == 0
    assert "1 人には、SMS をもう送ったか、送らないことに決まっていました。" in capsys.readouterr().out
    assert await steering.emergency_stop(config, None) == 0
    said = capsys.readouterr().out
    assert "緊急停止。SMS は、もう送りません。" in said
    assert "電話" not in said
    assert await keeping.what_goes(config, "発送") == (
        "催告「発送」（2 人）の鍵・宛先・SMS・結果を消去します。元に戻せません。"
    )


@pytest.mark.parametrize(
    ("ways", "words", "never"),
    [
        (Ways(), "これ以上はかけません。通話中の電話", "SMS"),
        (Ways(texts=True), "これ以上はかけず、SMS も送りません。", "「不明」"),
        (Ways(calls=False, texts=True), "これ以上は送りません。送っている途中の SMS", "電話"),
    ],
)
def test_who_breaks_off_a_campaign_is_told_what_is_waited_for(ways: Ways, words: str, never: str) -> None:
    assert words in ways.draining
    assert never not in ways.draining


def test_a_campaign_whose_scenario_cannot_be_read_any_more_is_stopped_all_the_same() -> None:
    campaign = CampaignRow(
        id="1", name="催告", state="running", scenario="[", scenario_file="", created_at=datetime.now(UTC), rules={}
    )
    assert Ways.of_stored(campaign) == Ways(calls=True, texts=True)


def test_the_bar_of_a_campaign_of_texts_alone_counts_texts() -> None:
    out = io.StringIO()
    progress = CampaignProgress(Console(file=out, width=100), 40, 0, calls=False)
    progress.held("発送", "exclusions", None)
    for state in (TextState.SENT, TextState.DELIVERED, TextState.CANCELLED):
        progress.texted("発送", state, settled=state is not TextState.DELIVERED)
    assert out.getvalue().splitlines() == [
        "SMS を送ってはいけない人が分からないので、送りません。理由は ivr doctor で分かります",
        "2/40 人が済みました（SMS 1 人に送信）",
    ]


async def test_what_is_told_of_campaigns_counts_who_was_sent_a_text_and_who_has_refused_more(
    config: Path, capsys: Capture
) -> None:
    assert await create(config) == 0
    await sent(config)
    await texts.refuse(config, "090-1234-5678")
    capsys.readouterr()
    assert await reports.list_all(config, json=False) == 0
    assert "2 人中 1 人済み、SMS 1 人（" in capsys.readouterr().out
    assert await reports.list_all(config, json=True) == 0
    assert json.loads(capsys.readouterr().out)[0]["texts"] == {"taken": 1}
    assert await reports.report(config, "発送", json=False) == 0
    assert "  そのあと SMS を断った人 1（停止の返信 0、職員への申し出 1）" in capsys.readouterr().out
    assert await reports.status(config, "発送", json=True) == 0
    assert json.loads(capsys.readouterr().out)["texts"]["opted_out"] == {"by_answer": 0, "by_staff": 1}


async def test_who_refuses_texts_for_a_landline_is_told_that_it_gets_none_anyway(config: Path, capsys: Capture) -> None:
    assert await texts.refuse(config, "03-5722-0000") == 0
    assert "携帯電話ではないので、もともと SMS を送りません" in capsys.readouterr().out
    assert await texts.accept(config, "03-5722-0000") == 1


async def sent(config: Path) -> None:
    """Let the network have the text of the first of the list."""
    async with care_of(config) as care:
        row = await care.results.campaign("発送")
        now = datetime.now(UTC)
        text = TextIntent(
            id="t1", campaign=row.id, recipient="1", at=now, number="+819012345678", body="お知らせ", alone=True
        )
        assert await care.results.texts.intend(text)
        await care.results.texts.taken("t1", ["r1"], now)


async def test_a_campaign_is_not_created_where_the_providers_password_is_not_there(config: Path) -> None:
    secret = config.with_name("smpp.secret")
    secret.unlink()
    with pytest.raises(InputError, match=r"texts\.smpp\.password_file のファイル .*smpp\.secret を読めません"):
        await create(config)
    async with care_of(config) as care:
        assert await care.results.campaigns() == ()
    with pytest.raises(InputError, match=r"texts\.smpp\.password_file"):
        await secrets(load(config))
    secret.write_text("himitsu\n", "ascii")
    assert (await secrets(load(config))).message == "読めます。"


@pytest.mark.parametrize(("password", "long"), [("himitsu1", False), ("himitsu12", True)])
async def test_a_password_that_is_longer_than_the_standard_allows_is_mentioned(
    config: Path, password: str, long: bool
) -> None:
    config.with_name("smpp.secret").write_text(password, "ascii")
    async with real_centre() as centre:
        config.write_text(SETTINGS.replace("host: 127.0.0.1,", f"host: 127.0.0.1, port: {centre.port},"), "utf-8")
        found = await sms(load(config))
    assert found.state is State.GOOD
    assert ("パスワードは 9 文字で" in found.message) is long
    assert load(config).texts.smpp.beyond_standard() == (9 if long else 0)  # type: ignore[union-attr]
