"""A message goes where the settings allow it, and nowhere else."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import InputError
from ivr.hooks.place import Gate, place_of


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://shuno.example.jp", "shuno.example.jp", 443, "/", "shuno.example.jp"),
        ("http://10.1.2.3:8080/a/b?c=d", "10.1.2.3", 8080, "/a/b?c=d", "10.1.2.3:8080"),
        ("HTTPS://Shuno.Example.JP/A", "shuno.example.jp", 443, "/A", "shuno.example.jp"),
        ("http://[fd00::1]/x", "fd00::1", 80, "/x", "[fd00::1]"),
        ("https://shuno:443/?q", "shuno", 443, "/?q", "shuno"),
    ],
)
def test_an_address_has_parts(url: str, host: str, port: int, path: str, authority: str) -> None:
    place = place_of(url)
    assert (place.host, place.port, place.path, place.authority) == (host, port, path, authority)


def test_a_place_is_asked_at_the_address_that_was_allowed() -> None:
    assert place_of("https://shuno.example.jp/x?y=1").at("10.1.2.3") == "https://10.1.2.3:443/x?y=1"
    assert place_of("http://shuno:81/").at("fd00::1") == "http://[fd00::1]:81/"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shuno.example.jp",
        "ftp://shuno.example.jp/",
        "file:///etc/passwd",
        "//shuno.example.jp/",
        "http:///x",
        "http://:80/",
        "http://user:secret@shuno.example.jp/",
        "http://user@shuno.example.jp/",
        "http://@shuno.example.jp/",
        "http://shuno.example.jp/#part",
        "http://shuno.example.jp/#",
        "http://shuno.example.jp:0/",
        "http://shuno.example.jp:99999/",
        "http://shuno.example.jp:x/",
        "http://shuno.example.jp/a b",
        "http://shuno.example.jp/\r\nhost: x",
        "http://shuno.example.jp\\@evil/",
        "http://収納.example.jp/",
        "http://[::1/",
        "http://shuno.example.jp/" + "a" * 500,
    ],
)
def test_what_is_no_address_of_a_web_server_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        place_of(url)


@given(url=st.text(max_size=60) | st.from_regex(r"https?://[!-~]{0,40}", fullmatch=True))
def test_any_other_text_is_refused_or_is_a_place(url: str) -> None:
    try:
        place = place_of(url)
    except InputError:
        return
    assert place.scheme in ("http", "https")
    assert place.host
    assert 0 < place.port < 65536
    assert place.path.startswith(("/", "?"))
    assert "@" not in place.authority


def allowed(hosts: list[str], host: str, address: str) -> bool:
    return Gate(hosts).allows(host, ipaddress.ip_address(address))


def test_nowhere_is_allowed_without_an_entry() -> None:
    assert not allowed([], "shuno.example.jp", "10.1.2.3")


def test_a_machine_is_allowed_by_its_name_or_its_network() -> None:
    assert allowed(["shuno.example.jp"], "shuno.example.jp", "10.1.2.3")
    assert not allowed(["shuno.example.jp"], "other.example.jp", "10.1.2.3")
    assert not allowed(["shuno.example.jp"], "xshuno.example.jp", "10.1.2.3")
    assert allowed(["*.example.jp"], "a.b.example.jp", "10.1.2.3")
    assert not allowed(["*.example.jp"], "example.jp", "10.1.2.3")
    assert not allowed(["*.example.jp"], "evilexample.jp", "10.1.2.3")
    assert allowed(["10.1.0.0/16"], "whatever", "10.1.2.3")
    assert not allowed(["10.1.0.0/16"], "whatever", "10.2.2.3")
    assert allowed(["fd00::/8"], "whatever", "fd00::1")
    assert allowed(["10.1.2.3"], "10.1.2.3", "::ffff:10.1.2.3")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "169.254.169.254", "fe80::1", "::ffff:127.0.0.1"])
def test_this_machine_and_its_link_are_allowed_only_where_they_are_named(address: str) -> None:
    everywhere = ["shuno.example.jp", "*.jp", "0.0.0.0/0", "::/0"]
    assert not allowed(everywhere, "shuno.example.jp", address)
    plain = ipaddress.ip_address(address)
    named = getattr(plain, "ipv4_mapped", None) or plain
    assert allowed([*everywhere, str(named)], "shuno.example.jp", address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1"])
def test_what_is_no_machine_is_never_allowed(address: str) -> None:
    assert not allowed(["0.0.0.0/0", "::/0", address], "shuno.example.jp", address)
