"""`ivr doctor` on real things: it finds what is wrong, and says what to do."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr import doctor
from ivr.app import meanwhile, serve_metrics
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.data_dir import alone
from ivr.doctor import Finding, State
from ivr.doctor.looks import console
from ivr.drill import everybody
from ivr.metrics import Metrics
from ivr.parts import PROJECT
from ivr.parts.serving import listening
from ivr.rehearsal.network import TelephoneNetwork
from ivr.rehearsal.ports import free_port
from ivr.settings import load


def settings_file(folder: Path, trunk: str = "trunk: {}", **sections: str) -> Path:
    file = folder / "ivr.yaml"
    file.write_text(
        f"data_dir: {sections.get('data_dir', './var')}\n"
        f"pbx: {{sip_port: {free_port(socket.SOCK_DGRAM)}, ami: {{port: {free_port()}}},\n"
        f"      agi: {{port: {free_port()}}}}}\n"
        f"metrics: {{port: {sections.get('metrics_port', free_port())}}}\n"
        f"web: {{port: {sections.get('web_port', free_port())}}}\n"
        f"{trunk}\n",
        encoding="utf-8",
    )
    return file


async def findings(config: Path) -> dict[str, Finding]:
    return {finding.name: finding async for finding in doctor.look(config)}


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[TelephoneNetwork]:
    async with TelephoneNetwork(
        everybody("presses_after_question"),
        tmp_path / "network",
        asterisk=find_asterisk(None, PROJECT),
        username="customer",
        password="right",
    ) as started:
        yield started


async def test_a_sound_installation_has_nothing_bad(tmp_path: Path) -> None:
    found = await findings(settings_file(tmp_path))
    assert {finding.name for finding in found.values() if finding.state is State.BAD} == set()
    assert {"設定", "データの置き場", "時計", "データベース", "音声", "電話交換機", "電話交換機の動作", "回線"} <= set(
        found
    )
    assert "Asterisk" in found["電話交換機"].message


async def test_wrong_settings_end_the_examination_with_their_line(tmp_path: Path) -> None:
    config = tmp_path / "ivr.yaml"
    config.write_text("trunk:\n  lins: 3\n", encoding="utf-8")
    found = await findings(config)
    assert set(found) == {"設定"}
    assert found["設定"].state is State.BAD
    assert f"{config}:2:" in found["設定"].message


@pytest.mark.parametrize(("password", "state"), [("right", State.GOOD), ("wrong", State.BAD)])
async def test_the_trunks_registration_is_really_tried(
    network: TelephoneNetwork, tmp_path: Path, password: str, state: State
) -> None:
    (tmp_path / "secret").write_text(password)
    trunk = f"trunk: {{port: {network.sip_port}, username: customer, password_file: ./secret, caller_id: '0357220000'}}"
    found = await findings(settings_file(tmp_path, trunk))
    assert found["回線"].state is state, found["回線"]
    assert bool(found["回線"].remedy) is (state is State.BAD)


async def test_a_taken_port_is_named_with_its_setting(tmp_path: Path) -> None:
    config = settings_file(tmp_path)
    port = int(config.read_text().split("sip_port: ")[1].split(",")[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        found = await findings(config)
    assert found["電話交換機の動作"].state is State.BAD
    assert "pbx.sip_port" in found["電話交換機の動作"].message


@pytest.mark.parametrize(
    ("health", "name", "state"),
    [
        ({"ami": True, "trunk": True}, "電話交換機の動作", State.GOOD),
        ({"ami": False, "trunk": True}, "電話交換機の動作", State.BAD),
        ({"ami": True, "trunk": False}, "回線", State.BAD),
        ({"ami": True, "trunk": True, "listening": False}, "聞き取り", State.WARNING),
        ({"ami": True, "trunk": True, "audit": False}, "監査証跡への記録", State.BAD),
        (None, "電話交換機の動作", State.WARNING),
    ],
)
async def test_a_running_engine_is_left_alone_and_asked_how_it_is(
    tmp_path: Path, health: dict[str, bool] | None, name: str, state: State
) -> None:
    with listening("127.0.0.1", 0, "metrics.port") as listener, alone(tmp_path / "var"):
        port = listener.getsockname()[1]
        config = settings_file(tmp_path, metrics_port=str(port))
        if health is None:
            listener.close()
            found = await findings(config)
        else:
            async with meanwhile(serve_metrics(listener, Metrics(), lambda: health)):
                found = await findings(config)
    assert found[name].state is state
    assert bool(found[name].remedy) is (state is not State.GOOD)


@pytest.mark.parametrize(
    ("web", "state", "said"),
    [
        ("{port: %d}", State.GOOD, "http://127.0.0.1:"),
        ("{port: %d, url: 'https://ivr.example.jp', proxies: [127.0.0.1]}", State.GOOD, "https://ivr.example.jp"),
        ("{port: %d, url: 'https://ivr.example.jp'}", State.WARNING, "web.proxies"),
        ("{port: %d, host: 0.0.0.0}", State.WARNING, "TLS なしで"),
    ],
)
async def test_the_console_is_looked_at(tmp_path: Path, web: str, state: State, said: str) -> None:
    (tmp_path / "ivr.yaml").write_text(f"data_dir: var\nweb: {web % free_port()}\n", "utf-8")
    found = await console(load(tmp_path / "ivr.yaml"))
    assert found.state is state
    assert said in found.message + found.remedy


async def test_a_port_of_the_console_that_is_taken_is_a_warning(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0, "x") as taken:
        (tmp_path / "ivr.yaml").write_text(f"data_dir: var\nweb: {{port: {taken.getsockname()[1]}}}\n", "utf-8")
        found = await console(load(tmp_path / "ivr.yaml"))
    assert found.state is State.WARNING
    assert "web.port" in found.message


async def test_a_data_directory_that_cannot_be_written_is_said_once_and_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = await findings(settings_file(tmp_path, data_dir="./file/var"))
    assert found["データの置き場"].state is State.BAD
    assert found["データの置き場"].remedy


async def test_it_prints_a_line_for_each_and_fails_where_one_is_bad(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "ivr.yaml"
    config.write_text("trunk: {lines: many}\n", encoding="utf-8")
    assert await doctor.examine(config, json=False) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("× 設定：")
    assert "→" in printed


async def test_a_password_that_is_not_there_has_a_line_and_a_remedy_of_its_own(tmp_path: Path) -> None:
    trunk = "trunk: {username: a, password_file: ./no, caller_id: '0357220000'}"
    found = await findings(settings_file(tmp_path, trunk))
    assert found["パスワードのファイル"].state is State.BAD
    assert found["パスワードのファイル"].remedy
    assert all(finding.remedy for finding in found.values() if finding.state is State.BAD)


async def test_a_greeting_that_nobody_can_speak_is_bad(tmp_path: Path) -> None:
    for text, state in (("目黒区役所です。", State.GOOD), ("目黒区役所です。☃", State.BAD)):
        config = settings_file(tmp_path, f"inbound: {{say: {text}}}")
        assert (await findings(config))["折り返しの案内"].state is state
