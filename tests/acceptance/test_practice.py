"""What somebody new types first: the console with the simulated network behind it, in one command, without a file."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import httpx

from ivr.rehearsal.ports import free_port
from tests.acceptance.command import Command
from tests.acceptance.office import Office


def test_one_command_and_no_file_lead_to_a_console_on_a_simulated_network(tmp_path: Path) -> None:
    ports = {
        "WEB__PORT": free_port(),
        "METRICS__PORT": free_port(),
        "PBX__AMI__PORT": free_port(),
        "PBX__AGI__PORT": free_port(),
        "PBX__SIP_PORT": free_port(socket.SOCK_DGRAM),
        "TRUNK__PORT": free_port(socket.SOCK_DGRAM),
    }
    beside = [f"IVR_{name}={port}" for name, port in ports.items()]
    prefix = ("env", *beside, f"IVR_DATA_DIR={tmp_path / 'var'}")
    with Command(tmp_path / "said", "serve", "--practice", prefix=prefix) as practice:
        practice.says("/first/", within=60)
        assert "本物の電話にはかかりません" in practice.out
        (people,) = re.findall(r"練習用の名簿：(\S+)", practice.out)
        assert "ヤマダ" in Path(people).read_text("cp932")
        (link,) = re.findall(r"http://\S+/first/\S+", practice.out)
        page = httpx.get(link, trust_env=False, timeout=10).text
        assert "最初の管理者を登録する" in page
        assert "<strong>訓練</strong>" in page
        assert (tmp_path / "var/network").is_dir()
        practice.process.terminate()
        assert practice.ended(within=30).status == 0


def test_a_practice_has_settings_of_its_own(office: Office) -> None:
    assert "--config とは一緒に使えません" in office.ivr("serve", "--practice").refused_in_one_sentence()
