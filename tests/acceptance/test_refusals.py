"""An engine that can't work says why in one sentence, names the setting, and dials nobody."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ivr.asterisk.pbx_config import Trunk
from tests.acceptance.far_end import CONFIRMS, FarEnd
from tests.acceptance.office import Office
from tests.asterisk.pbx_pair import engine_config, started


@contextmanager
def taken(port: int, kind: socket.SocketKind) -> Iterator[None]:
    """Hold a port."""
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", port))
        if kind is socket.SOCK_STREAM:
            holder.listen()
        yield


@pytest.fixture
def number(office: Office, far_end: FarEnd) -> str:
    number = far_end.number(CONFIRMS)
    office.people([number])
    return number


@pytest.mark.parametrize(
    ("port", "kind", "setting"),
    [
        ("sip", socket.SOCK_DGRAM, "pbx.sip_port"),
        ("ami", socket.SOCK_STREAM, "pbx.ami.port"),
        ("agi", socket.SOCK_STREAM, "pbx.agi.port"),
        ("metrics", socket.SOCK_STREAM, "metrics.port"),
    ],
)
def test_a_taken_port_is_named_with_its_setting(
    office: Office, number: str, port: str, kind: socket.SocketKind, setting: str
) -> None:
    taken_port = getattr(office.ports, port)
    with taken(taken_port, kind):
        sentence = office.run().ended(within=20).refused_in_one_sentence()
    assert setting in sentence
    assert str(taken_port) in sentence


def test_a_second_engine_in_one_data_directory_does_not_start(office: Office, number: str) -> None:
    first = office.begin("serve")
    first.says("ready", within=30)
    pbx = office.pbx_pid()
    sentence = office.run().ended(within=20).refused_in_one_sentence()
    assert str(office.data_dir) in sentence
    assert office.pbx_pid() == pbx, "the first one's PBX is left alone"
    assert first.process.poll() is None


def test_a_data_directory_that_can_not_be_made_is_named(office: Office, number: str) -> None:
    (office.folder / "file").touch()
    office.settings(data_dir=str(office.folder / "file" / "var"))
    for command in (office.run(), office.begin("serve"), office.begin("campaign", "status", "催告")):
        sentence = command.ended(within=20).refused_in_one_sentence()
        assert str(office.folder / "file" / "var") in sentence
        assert "data_dir" in sentence


def test_every_mistake_in_the_settings_is_shown_at_once_with_its_line(office: Office) -> None:
    office.config.write_text("trunk:\n  lines: -1\n  prot: 5060\ncalling:\n  ring_timeout: 十秒\n", "utf-8")
    said = office.ivr("serve")
    assert said.status == 1
    assert [line.partition(": ")[0] for line in said.err.splitlines()] == [f"{office.config}:{n}" for n in (2, 3, 5)]


def test_a_settings_file_that_is_not_there_is_named(office: Office) -> None:
    office.config.unlink()
    assert str(office.config) in office.ivr("serve").refused_in_one_sentence()


async def test_a_wrong_secret_for_an_external_pbx_is_said_and_nobody_is_dialled(
    office: Office, far_end: FarEnd, number: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not-the-secret\n")
    config = engine_config(tmp_path / "pbx", Trunk(host="127.0.0.1", port=far_end.port, caller_id="0357220000"))
    async with started(config):
        office.settings(
            pbx={"mode": "external", "ami": {"port": config.ami_port, "secret_file": str(secret)}},
        )
        began = time.monotonic()
        said = await asyncio.to_thread(office.run().ended, 60)
    sentence = said.refused_in_one_sentence()
    assert "secret" in sentence
    assert "not-the-secret" not in said.out + said.err
    assert time.monotonic() - began < 20
    assert far_end.dials([number]) == {number: 0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "check"), ("file", "ivr list check --help")),
        (("campaign", "status"), ("name",)),
        (("campaign", "frob"), ("frob",)),
        (("--frob",), ("--frob",)),
        (("results", "export", "x", "-o", "y", "--format", "pdf"), ("--format", "json、csv、xlsx")),
    ],
)
def test_a_command_that_is_written_wrong_is_told_in_one_japanese_sentence(
    office: Office, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    said = office.ivr(*arguments).refused_in_one_sentence()
    assert said.startswith("命令の書き方が違います")
    assert all(word in said for word in words)


def test_audio_that_can_not_be_written_is_told_in_one_sentence(office: Office) -> None:
    said = office.ivr("scenario", "say", office.scenario, "-o", office.folder / "nowhere" / "out.wav")
    assert "書き込めません" in said.refused_in_one_sentence()
