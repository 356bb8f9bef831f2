"""The settings of a provider over HTTP, the gateway made from them, and a text sent over it to a member of staff."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
import yaml

from ivr import messaging, staff_text
from ivr.campaign.texting import Accepted, Receipt
from ivr.data_dir import alone
from ivr.doctor import State
from ivr.doctor.looks import sms
from ivr.domain.text import TextState
from ivr.errors import Busy, InputError, Problems
from ivr.messaging import HttpGateway, SmppGateway
from ivr.parts.gateway import RunningGateway, text_gateway
from ivr.rehearsal.ports import free_port
from ivr.settings import load
from tests.messaging.centres import LIMIT, Heard, text
from tests.messaging.providers import SECRET, STYLES, Style, provider
from tests.settings_files import empty_place, loaded
from tests.test_texts import SCENARIO, STAFF

__all__ = ["empty_place"]

SHAPE = Path(messaging.__file__).parent / "shapes" / "json.yaml"
URL = "https://sms.example.jp/v1"
BOTH = """{shape: json, url: https://h, token_file: t}
  smpp: {host: h, system_id: a, password_file: p, sender: "0357220000"}"""


@pytest.fixture(autouse=True)
def secret_file(empty_place: None) -> None:
    Path("http.secret").write_text(f"{SECRET}\n", "utf-8")


def written(style: Style, url: str, extra: str = "") -> str:
    who = "user: meguro, password_file: http.secret" if style == "form" else "token_file: http.secret"
    return (
        f'data_dir: var\ncalling: {{staff_numbers: ["{STAFF}"]}}\n'
        'texts:\n  office: 目黒区役所税務課\n  office_phone: "0357220000"\n'
        f'  http: {{shape: {style}, url: "{url}", {who}, sender: "0357220000", poll: 5s{extra}}}\n'
    )


def made(settings: str, heard: Heard | None = None) -> RunningGateway:
    told = heard or Heard()
    return text_gateway(loaded(settings), on_receipt=told.receipt, on_message=told.message)


@pytest.mark.parametrize(
    ("http", "line", "said"),
    [
        ("{url: https://h, token_file: t}", 2, "「shape」がありません"),
        ("{shape: 3, url: https://h, token_file: t}", 2, "shape は form、json のどれかか"),
        ("{shape: json, token_file: t}", 2, "「url」がありません"),
        ("{shape: json, url: http://sms.example.jp, token_file: t}", 2, "このコンピュータの中だけ"),
        ("{shape: json, url: http://localhost.example.jp, token_file: t}", 2, "このコンピュータの中だけ"),
        ("{shape: json, url: https://a:b@h, token_file: t}", 2, "https:// で始まる"),
        ('{shape: json, url: "https://h?a=b", token_file: t}', 2, "https:// で始まる"),
        ("{shape: json, url: sms.example.jp, token_file: t}", 2, "https:// で始まる"),
        ("{shape: json, url: https://h}", 2, "どちらか一つ"),
        ("{shape: json, url: https://h, token_file: t, user: u, password_file: p}", 2, "どちらか一つ"),
        ("{shape: json, url: https://h, password_file: p}", 2, "user も"),
        ("{shape: json, url: https://h, token: abc}", 2, "ファイルに入れ"),
        ("{shape: json, url: http://127.0.0.1:1, token_file: t, ca_file: c}", 2, "ca_file は"),
        ("{shape: json, url: https://h, token_file: t, window: 0}", 2, "1 以上"),
        ("{shape: json, url: https://h, token_file: t, poll: 1s}", 2, "5s から 1h"),
        ("{shape: json, url: https://h, token_file: t, callback: {}}", 2, "「secret_file」がありません"),
        ("{shape: json, url: https://h, token_file: t, callback: {path: texts, secret_file: s}}", 2, "path は /texts"),
        ("{shape: json, url: https://h, token_file: t, callback: {port: 8080, secret_file: s}}", 2, "同じポート"),
        (BOTH, 2, "smpp と http のどちらか"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line(http: str, line: int, said: str) -> None:
    with pytest.raises(Problems) as raised:
        loaded(f"texts:\n  http: {http}\n")
    assert [problem.line for problem in raised.value.problems] == [line]
    assert said in str(raised.value)
    assert "abc" not in str(raised.value)


def test_the_settings_say_which_way_texts_go() -> None:
    assert isinstance(made(written("json", URL)), HttpGateway)
    assert isinstance(made(written("form", "http://127.0.0.1:1")), HttpGateway)
    Path("smpp.secret").write_text("himitsu\n", "utf-8")
    smpp = 'texts: {smpp: {host: h, system_id: a, password_file: smpp.secret, sender: "0357220000"}}\n'
    assert isinstance(made(smpp), SmppGateway)
    with pytest.raises(InputError, match=r"texts\.smpp か texts\.http"):
        made("")


def test_a_shape_of_one_s_own_is_beside_the_settings_and_its_mistakes_are_told_by_line(tmp_path: Path) -> None:
    settings = written("json", URL).replace("shape: json", "shape: ours.yaml")
    with pytest.raises(InputError, match=r"ours\.yaml: ファイルがありません"):
        made(settings)
    (tmp_path / "ours.yaml").write_text("auth: bearer\nnumber: local\n", "utf-8")
    with pytest.raises(Problems, match=r"ours\.yaml:2: 「local」は選べません") as raised:
        made(settings)
    assert "「send」がありません" in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (written("json", URL).replace("shape: json", "shape: form"), "user と password_file"),
        (written("json", URL).replace('sender: "0357220000"', 'sender: ""'), "sender が要ります"),
        (written("json", URL, ", ca_file: nowhere.pem"), "ca_file のファイル"),
        (written("json", URL, ", ca_file: http.secret"), "証明書ではありません"),
        (written("form", URL, ", callback: {secret_file: http.secret}"), "callback がありません"),
        (written("json", URL).replace("http.secret", "nowhere"), r"texts\.http\.token_file のファイル"),
        (written("json", URL, ", callback: {secret_file: nowhere}"), r"texts\.http\.callback\.secret_file"),
    ],
)
def test_what_does_not_go_together_is_told(settings: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        made(settings)


def test_a_token_that_no_header_carries_is_told() -> None:
    settings = written("json", URL)
    Path("http.secret").write_text("秘密\n", "utf-8")
    with pytest.raises(InputError, match="半角の英数字"):
        made(settings)


async def test_what_the_provider_tells_by_itself_comes_in_beside() -> None:
    heard, port = Heard(), free_port()
    async with provider("json") as there, httpx.AsyncClient(trust_env=False) as client:
        extra = f", callback: {{port: {port}, secret_file: http.secret}}"
        sending = made(written("json", there.url, extra), heard)
        running = asyncio.create_task(sending.run())
        assert await sending.ready(LIMIT)
        assert await sending.submit(text()) == Accepted(references=("m1",))
        told = {"events": [{"id": "m1", "status": "delivered"}]}
        bearer = {"Authorization": f"Bearer {SECRET}"}
        url = f"http://127.0.0.1:{port}/texts"
        assert (await client.post(url, json=told, headers=bearer)).status_code == 200
        assert heard.receipts == [Receipt(reference="m1", state=TextState.DELIVERED)]
        second = made(written("json", there.url, extra), heard)
        with pytest.raises(Busy, match=r"texts\.http\.callback\.port"):
            await second.run()
        running.cancel()
        await asyncio.wait([running])
        with pytest.raises(httpx.ConnectError):
            await client.post(url, json=told, headers=bearer)


async def send(config: Path) -> int:
    return await staff_text.send(config, config.with_name("annai.yaml"), STAFF, "ヤマダ タロウ", ["期別=第1期"])


@pytest.mark.parametrize("style", STYLES)
async def test_a_member_of_staff_gets_the_text_and_what_became_of_it_is_asked_for(
    style: Style, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "annai.yaml").write_text(SCENARIO, "utf-8")
    async with provider(style) as there:
        (tmp_path / "ivr.yaml").write_text(written(style, there.url), "utf-8")
        sending = asyncio.create_task(send(tmp_path / "ivr.yaml"))
        await there.until(lambda: bool(there.taken))
        there.states[there.taken[0].reference] = ("1", "") if style == "form" else ("delivered", "")
        assert await sending == 0
    (taken,) = there.taken
    assert taken.to == ("09012345678" if style == "form" else "+819012345678")
    assert taken.body.startswith("目黒区役所税務課です。ヤマダ タロウ様に")
    assert "結果：到達" in capsys.readouterr().out


async def test_beside_an_engine_the_port_of_callbacks_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "annai.yaml").write_text(SCENARIO, "utf-8")
    async with provider("json") as there:
        extra = f", callback: {{port: {there.port}, secret_file: http.secret}}"
        (tmp_path / "ivr.yaml").write_text(written("json", there.url, extra), "utf-8")
        with alone(load(tmp_path / "ivr.yaml").data_dir):
            sending = asyncio.create_task(send(tmp_path / "ivr.yaml"))
            await there.until(lambda: bool(there.taken))
            there.states[there.taken[0].reference] = ("delivered", "")
            assert await sending == 0
            assert (await sms(load(tmp_path / "ivr.yaml"))).state is State.GOOD


async def test_the_doctor_tells_whether_the_provider_and_the_port_of_callbacks_are_there() -> None:
    async with provider("json") as there:
        extra = f", callback: {{port: {free_port()}, secret_file: http.secret}}"
        assert (await sms(loaded(written("json", there.url, extra)))).message == "つながります。"
        extra = f", callback: {{port: {there.port}, secret_file: http.secret}}"
        with pytest.raises(Busy, match=r"texts\.http\.callback\.port"):
            await sms(loaded(written("json", there.url, extra)))


@pytest.mark.parametrize(
    ("without", "callback", "state"),
    [
        (("status", "callback"), False, State.WARNING),
        (("status",), False, State.WARNING),
        (("status",), True, State.GOOD),
        (("callback",), False, State.GOOD),
    ],
)
async def test_the_doctor_warns_of_a_provider_who_never_says_what_became_of_texts(
    tmp_path: Path, without: tuple[str, ...], callback: bool, state: State
) -> None:
    shape = yaml.safe_load(SHAPE.read_text("utf-8"))
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump({k: v for k, v in shape.items() if k not in without}), "utf-8")
    async with provider("json") as there:
        extra = f", callback: {{port: {free_port()}, secret_file: http.secret}}" if callback else ""
        settings = written("json", there.url, extra).replace("shape: json", "shape: ours.yaml")
        found = await sms(loaded(settings))
    assert found.state is state, found
    assert ("届いたかどうかを知る方法がありません" in found.message) is (state is State.WARNING)
    assert bool(found.remedy) is (state is State.WARNING)


async def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "annai.yaml").write_text(SCENARIO, "utf-8")
    async with provider("json") as there:
        extra = f", callback: {{port: {there.port}, secret_file: http.secret}}"
        (tmp_path / "ivr.yaml").write_text(written("json", there.url, extra), "utf-8")
        with pytest.raises(Busy, match=r"texts\.http\.callback\.port"):
            await send(tmp_path / "ivr.yaml")
    assert not there.taken
