"""The console's port, over real sockets: taken, slow, and beside a terminal."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from ivr.app import meanwhile
from ivr.domain.authority import Role
from ivr.parts.serving import listening
from ivr.rehearsal.ports import free_port
from ivr.web import Opening, open_console, serving
from tests.web.browsers import Office, office


@asynccontextmanager
async def served(folder: Path, more: str = "") -> AsyncIterator[tuple[Office, int, Opening]]:
    """Serve the console of an office on a port of its own."""
    port, opening = free_port(), Opening()
    settings = f"web: {{port: {port}, second_factor: optional{more}}}\n"
    async with office(folder, settings) as at, meanwhile(open_console(at.console, opening)):
        yield at, port, opening


async def answered(port: int, path: str = "/sign-in") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(100):
            try:
                return await client.get(f"http://127.0.0.1:{port}{path}")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    raise AssertionError("no answer")


async def test_the_terminal_shows_a_link_that_opens_the_first_page_and_only_while_nobody_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(tmp_path) as (at, port, _):
        assert (await answered(port)).status_code == 200
        found = re.search(rf"http://127\.0\.0\.1:{port}(/first/\S+)", capsys.readouterr().out)
        assert found
        assert "最初の管理者を登録する" in (await answered(port, found[1])).text
        await at.person("kacho", Role.ADMINISTRATOR)
        assert (await answered(port, found[1])).status_code == 404
    async with meanwhile(open_console(at.console, Opening())):
        assert "/first/" not in capsys.readouterr().out


async def test_where_the_port_is_taken_the_console_waits_until_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "OPEN_AGAIN", 0.05)
    port, opening = free_port(), Opening()
    async with office(tmp_path, f"web: {{port: {port}}}\n") as at:
        with listening("127.0.0.1", port, "web.port"):
            async with meanwhile(open_console(at.console, opening)):
                await asyncio.sleep(0.15)
                assert not opening.sound
        async with meanwhile(open_console(at.console, opening)):
            assert (await answered(port)).status_code == 200
            assert opening.sound


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_connection_that_brings_no_request_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(serving, "HEADERS_S", 0.2)
    async with served(tmp_path) as (_, port, _):
        await answered(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        began = time.monotonic()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert time.monotonic() - began < 2
        writer.close()


async def test_an_address_is_believed_of_a_proxy_that_the_settings_name_and_of_nobody_else(tmp_path: Path) -> None:
    for number, (more, expected) in enumerate([("", "127.0.0.1"), (", proxies: [127.0.0.1]", "192.0.2.99")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with served(folder, more) as (at, port, _):
            first = await answered(port)
            token = re.search(r'name="csrf" value="(\w+)"', first.text)
            assert token
            async with httpx.AsyncClient(trust_env=False, cookies=first.cookies) as client:
                await client.post(
                    f"http://127.0.0.1:{port}/sign-in",
                    data={"csrf": token[1], "name": "x", "password": "y"},
                    headers={"x-forwarded-for": "192.0.2.99", "origin": f"http://127.0.0.1:{port}"},
                )
            (entry,) = [one for one in await at.entries() if one.action == "sign_in_refused"]
            assert entry.where.endswith(f" web {expected}")
