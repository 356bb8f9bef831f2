"""What is rendered from asterisk_conf/, read back by an independent parser (pyst2)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from asterisk.config import Config

from ivr.asterisk.pbx_config import Network, PbxConfig, Trunk, address
from ivr.asterisk.pbx_console import MOST_BYTES, Console, masked
from ivr.asterisk.pbx_files import TEMPLATES, PbxFiles
from ivr.errors import InputError
from tests.asterisk.pbx_pair import LAYOUT, engine_config

TRUNK = Trunk(
    host="sip.example.jp",
    port=5061,
    username="yobirin",
    password="p;a ss[x]",
    register=True,
    from_domain="example.jp",
    caller_id="0357220000",
    dtmf="info",
    codecs=("alaw",),
)


def render(config: PbxConfig) -> Path:
    PbxFiles(config.directory).render(config, LAYOUT, "s3cret")
    return config.directory / "etc"


def sections(file: Path, name: str) -> list[dict[str, str]]:
    """Every section of that name; `;` that is not escaped ends a value."""
    return [
        {item.name.strip(): item.value.strip() for item in category.items if hasattr(item, "value")}
        for category in Config(str(file)).categories
        if category.name == name
    ]


def test_the_trunk_is_what_the_settings_say(tmp_path: Path) -> None:
    etc = render(engine_config(tmp_path, TRUNK))
    by_type = {section["type"]: section for section in sections(etc / "pjsip.conf", "trunk")}
    assert by_type.keys() == {"endpoint", "aor", "identify", "auth", "registration"}
    endpoint = by_type["endpoint"]
    assert endpoint["allow"] == "alaw"
    assert endpoint["dtmf_mode"] == "info"
    assert endpoint["from_user"] == "0357220000"
    assert endpoint["from_domain"] == "example.jp"
    assert endpoint["direct_media"] == "no"
    assert endpoint["max_audio_streams"] == "1"
    assert by_type["identify"]["match"] == "sip.example.jp"


def test_without_a_username_there_is_neither_authentication_nor_registration(tmp_path: Path) -> None:
    etc = render(engine_config(tmp_path, Trunk(host="127.0.0.1", port=5080)))
    types = [section["type"] for section in sections(etc / "pjsip.conf", "trunk")]
    assert types == ["endpoint", "aor", "identify"]
    assert "auth" not in (etc / "pjsip.conf").read_text()


def test_a_semicolon_in_a_password_does_not_begin_a_comment(tmp_path: Path) -> None:
    text = (render(engine_config(tmp_path, TRUNK)) / "pjsip.conf").read_text()
    assert "\npassword = p\\;a ss[x]\n" in text


def test_the_dialplan_dials_nothing(tmp_path: Path) -> None:
    etc = render(engine_config(tmp_path, TRUNK))
    lines = re.sub(r"(?m)^\s*;.*$", "", (etc / "extensions.conf").read_text())
    assert set(re.findall(r"(?:=> [^,]+,\d+|=> n),(\w+)\(", lines)) == {"AGI", "Hangup"}
    modules = (etc / "modules.conf").read_text()
    assert "autoload = no" in modules
    for able in ("app_dial", "app_originate", "app_system", "func_shell", "res_pjsip_refer", "pbx_spool", "res_ari"):
        assert able not in modules


def test_ami_is_on_loopback_with_the_least_rights(tmp_path: Path) -> None:
    config = engine_config(tmp_path, TRUNK)
    (general,) = sections(render(config) / "manager.conf", "general")
    (user,) = sections(tmp_path / "etc" / "manager.conf", "ivr")
    assert (general["bindaddr"], general["port"], general["webenabled"]) == (
        "127.0.0.1",
        str(config.ami_port),
        "no",
    )
    assert set(user["write"].split(",")) == {"originate", "call", "reporting"}
    assert set(user["read"].split(",")) == {"system", "call", "dtmf"}
    assert user["permit"] == "127.0.0.1/255.255.255.255"
    assert user["secret"] == "s3cret"


def test_ipv6_addresses_are_in_brackets(tmp_path: Path) -> None:
    assert address("::1", 5060) == "[::1]:5060"
    text = (render(engine_config(tmp_path, Trunk(host="2001:db8::1", port=5060))) / "pjsip.conf").read_text()
    assert "contact = sip:[2001:db8::1]:5060\\;transport=udp" in text


EVIL = ("a\nb", "a\r\n[x]", "a]", "a b", "a;b", "a,b", "a)b", "a=>b", "", "${SHELL(id)}", "a\\")


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("field", ["host", "from_domain", "caller_id", "username"])
def test_no_value_can_begin_a_line_or_a_section_of_its_own(field: str, evil: str) -> None:
    fields: dict[str, object] = {"host": "127.0.0.1", "port": 5060, "username": "a", "password": "b"}
    with pytest.raises(InputError, match=field):
        Trunk(**{**fields, field: evil})  # type: ignore[arg-type]


@pytest.mark.parametrize("evil", ["a\nb", " a", "a ", "a\tb", "パスワード", "", "x" * 200])
def test_a_password_stays_within_its_line(evil: str) -> None:
    with pytest.raises(InputError, match="password"):
        Trunk(host="127.0.0.1", port=5060, username="a", password=evil)
    with pytest.raises(InputError, match="password"):
        Network(username="a", password=evil)


@pytest.mark.parametrize(
    "evil",
    [
        {"bind_host": "0.0.0.0\n"},
        {"ami_username": "general"},
        {"ami_username": "a]\n"},
        {"agi_host": "x/y"},
        {"sip_port": 0},
        {"ami_port": 65536},
        {"rtp_ports": (0, 5)},
        {"name": "a\nb"},
    ],
)
def test_a_setting_of_the_pbx_that_can_not_be_is_refused(tmp_path: Path, evil: dict[str, object]) -> None:
    fields: dict[str, object] = {
        "directory": tmp_path,
        "side": TRUNK,
        "ami_port": 5038,
        "sip_port": 5060,
        "rtp_ports": (10000, 10100),
        "agi_port": 4573,
    }
    PbxConfig(**fields)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        PbxConfig(**{**fields, **evil})  # type: ignore[arg-type]


def test_what_still_gets_to_the_templates_can_not_leave_its_line(tmp_path: Path) -> None:
    config = engine_config(tmp_path, TRUNK)
    with pytest.raises(InputError, match="改行"):
        PbxFiles(tmp_path).render(config, LAYOUT, "secret\nwrite=all")


def test_a_registration_wants_a_username() -> None:
    with pytest.raises(InputError, match="register"):
        Trunk(host="127.0.0.1", port=5060, register=True)
    with pytest.raises(InputError, match="両方"):
        Trunk(host="127.0.0.1", port=5060, username="a")


def test_every_template_is_explained() -> None:
    for template in TEMPLATES.rglob("*.j2"):
        assert template.read_text().startswith("; "), template
    readme = (TEMPLATES / "README.md").read_text()
    for template in TEMPLATES.glob("*.j2"):
        assert template.name.removesuffix(".j2") in readme


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "[2026-11-22 23:18:13] WARNING[26394]: to sip:0357220001@h",
            "[2026-11-22 23:18:13] WARNING[26394]: to sip:***@h",
        ),
        ("Unable to create PJSIP channel - endpoint '0357220001'", "Unable to create PJSIP channel - endpoint '***'"),
        ("call +81-3-5722-0001 from 090.1234.5678", "call *** from ***"),
        ("sips:alice@example.jp;x=1", "sips:***@example.jp;x=1"),
        ("Connecting to '127.0.0.1:9' failed", "Connecting to '127.0.0.1:9' failed"),
        ("res_agi.c:2203 error 12345", "res_agi.c:2203 error 12345"),
    ],
)
def test_numbers_are_taken_out_of_what_is_logged(line: str, shown: str) -> None:
    assert masked(line) == shown


async def test_a_line_that_comes_in_pieces_is_masked_whole(tmp_path: Path) -> None:
    console = Console(tmp_path / "log")
    console.pipe_data_received(1, b"to 0357")
    console.pipe_data_received(1, b"220001\nto 03")
    assert (tmp_path / "log").read_text() == "to ***\n"
    assert console.lines == ("to ***", "to 03")


async def test_the_log_does_not_grow_without_end_and_a_full_disk_does_no_harm(tmp_path: Path) -> None:
    console = Console(tmp_path / "log")
    for _ in range(600):
        console.pipe_data_received(1, b"x" * 3999 + b"\n")
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {"log", "log.1"}
    assert max(sizes.values()) < 2 * MOST_BYTES
    full = Console(Path("/dev/full"))
    full.pipe_data_received(1, b"ERROR: lost\n")
    assert full.tail() == "ERROR: lost"


async def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    console = Console(tmp_path / "log")
    console.pipe_data_received(1, b"y" * 100_000)
    assert len((tmp_path / "log").read_text()) < 5000
