"""What a PBX that we start needs to know: the engine's own, and the simulated network's.

Everything here ends up in Asterisk's configuration files, so each value is checked for what could begin a line, a
section or a header of its own; InputError says which one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ivr.errors import InputError

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}|[0-9A-Fa-f:.]{2,45}", re.ASCII)
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}(?:/[0-9]{1,3})?", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9._+@-]{1,64}", re.ASCII)
_PASSWORD = re.compile(r"[!-~](?:[ -~]{0,126}[!-~])?")
_NUMBER = re.compile(r"\+?[0-9]{2,15}", re.ASCII)

Codec = Literal["ulaw", "alaw"]
Transport = Literal["udp", "tcp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """The engine's telephone line, as of design.md §4.2 `trunk`.

    `register` wants a username. `asserted_identity` adds P-Asserted-Identity (RFC 3325).
    """

    host: str
    port: int
    transport: Transport = "udp"
    username: str | None = None
    password: str | None = None
    register: bool = False
    from_domain: str | None = None
    caller_id: str | None = None
    asserted_identity: bool = False
    codecs: tuple[Codec, ...] = ("ulaw", "alaw")
    dtmf: Literal["auto", "rfc4733", "info", "inband"] = "auto"

    def __post_init__(self) -> None:
        _expect(_HOST, self.host, "trunk.host")
        _expect_port(self.port, "trunk.port")
        _expect_account(self.username, self.password, "trunk")
        _expect(_HOST, self.from_domain, "trunk.from_domain")
        _expect(_NUMBER, self.caller_id, "trunk.caller_id")
        if self.register and self.username is None:
            raise InputError("trunk.register には username と password_file が要ります。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The simulated telephone company. With a username, calls and registrations must prove its password.

    `customer_host` is where calls are taken from: an address, or a network as `127.0.0.0/8`. `load_seconds`: every
    call is answered at once, without asking anybody, and lasts so long (for measurements). Calls to `inband_numbers`
    (national) are answered without telephone-event, so that keys pass as sound only.
    """

    customer_host: str = "127.0.0.1"
    transport: Transport = "udp"
    username: str | None = None
    password: str | None = None
    codecs: tuple[Codec, ...] = ("ulaw", "alaw")
    load_seconds: int | None = None
    inband_numbers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _expect(_NETWORK, self.customer_host, "network.customer_host")
        _expect_account(self.username, self.password, "network")
        for number in self.inband_numbers:
            _expect(_NUMBER, number, "network.inband_numbers")


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxConfig:
    """An Asterisk of ours: `directory` is its alone; AMI listens on 127.0.0.1, SIP and RTP on `bind_host`.

    `agi_host`:`agi_port` is our FastAGI server; `answers` tells whether calls that come in go there. `name` tells the
    instances of a machine apart in the list of processes.
    """

    directory: Path
    side: Trunk | Network
    ami_port: int
    sip_port: int
    rtp_ports: tuple[int, int]
    agi_port: int
    agi_host: str = "127.0.0.1"
    bind_host: str = "127.0.0.1"
    ami_username: str = "ivr"
    name: str = "ivr"
    answers: bool = False

    def __post_init__(self) -> None:
        _expect(_HOST, self.bind_host, "pbx.bind_host")
        _expect(_HOST, self.agi_host, "pbx.agi.host")
        _expect(_ACCOUNT, self.ami_username, "pbx.ami.username")
        _expect(_ACCOUNT, self.name, "name")
        if self.ami_username == "general":
            raise InputError("pbx.ami.username に general は使えません。")
        _expect_port(self.ami_port, "pbx.ami.port")
        _expect_port(self.sip_port, "pbx.sip_port")
        _expect_port(self.agi_port, "pbx.agi.port")
        for port in self.rtp_ports:
            _expect_port(port, "pbx.rtp_ports")


def address(host: str, port: int) -> str:
    """Return `host:port`, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _expect(pattern: re.Pattern[str], value: str | None, setting: str) -> None:
    if value is not None and not pattern.fullmatch(value):
        raise InputError(f"{setting} の値は使えません。使える文字を確認してください。")


def _expect_port(port: int, setting: str) -> None:
    if not 1 <= port <= 65535:
        raise InputError(f"{setting} は 1 から 65535 までの数にしてください。")


def _expect_account(username: str | None, password: str | None, setting: str) -> None:
    _expect(_ACCOUNT, username, f"{setting}.username")
    _expect(_PASSWORD, password, f"{setting}.password_file の中身")
    if (username is None) != (password is None):
        raise InputError(f"{setting}.username と password_file は、両方を書くか、両方を省いてください。")
