"""Where a message may go: an address that staff have typed, on a machine that the settings name.

Private addresses are what a closed network has. This machine itself (loopback) and its link are reached only where an
entry of `webhooks.hosts` names just them: behind them are services that trust whoever asks from there.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ivr.domain.webhook import LONGEST_URL
from ivr.errors import InputError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNNAMED = (
    "その機械へ送ることは、設定で許されていません。設定ファイル ivr.yaml の webhooks.hosts に、"
    "相手のホスト名か IP アドレスを書くよう、システムの担当者に頼んでください。"
)
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address, in its parts. `path` is what is asked for there, with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def literal(self) -> Address | None:
        """Return the IP address that the host is, None where it is a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """Return what the header Host names."""
        return _joined(self.host, self.port, plain=self.port == PORTS[self.scheme])

    def at(self, address: str) -> str:
        """Return the URL of the same at an IP address."""
        return f"{self.scheme}://{_joined(address, self.port)}{self.path}"


def place_of(url: str) -> Place:
    """Return the parts of what staff have typed; InputError says what is wrong with it."""
    if len(url) > LONGEST_URL:
        raise InputError(f"アドレスは {LONGEST_URL} 字までです。")
    if not re.fullmatch(r"[!-~]+", url) or re.search(r'[\\<>"^`{|}]', url):
        raise InputError("アドレスは、半角の英数字と記号で、空白を入れずに書いてください。")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError("アドレスを読めません。https://shuno.example.jp/yobirin のように書いてください。") from None
    if parts.scheme not in PORTS:
        raise InputError("アドレスは http:// か https:// で始めてください。")
    if "@" in parts.netloc:
        raise InputError("アドレスに、利用者名やパスワードは書けません。送り手は、署名で確かめられます。")
    if parts.fragment or url.endswith("#"):
        raise InputError("アドレスに「#」は書けません。")
    if not host or port == 0:
        raise InputError("アドレスに、相手の機械の名前を書いてください。")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(scheme=parts.scheme, host=host, port=port or PORTS[parts.scheme], path=path)


class Gate:
    """What the settings allow (`webhooks.hosts`)."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._names: list[str] = []
        self._networks: list[Network] = []
        for entry in hosts:
            try:
                self._networks.append(ipaddress.ip_network(entry))
            except ValueError:
                self._names.append(entry)

    def names(self, host: str) -> bool:
        """Tell whether an entry names `host`."""
        return any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in self._names)

    def allows(self, host: str, address: Address) -> bool:
        """Tell whether `host` may be told, where it is at `address`."""
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address.is_unspecified or address.is_multicast:
            return False
        networks = [one for one in self._networks if one.version == address.version and address in one]
        if address.is_loopback or address.is_link_local:
            return any(one.is_loopback or one.is_link_local for one in networks)
        return bool(networks) or self.names(host)


def _joined(host: str, port: int, *, plain: bool = False) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if plain else f"{shown}:{port}"
