"""An identity provider: found by its issuer, asked for its keys, given a code for a token.

    begin ──► browser ──► provider ──► browser ──► finish: code, verifier ──► ID token ──► claims

What it says of itself and its keys are kept for an hour; a key that is not known makes us ask again, not more often
than once a minute. Where it does not answer, nobody waits for it again for a few seconds.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from ivr.errors import ProviderAway
from ivr.openid.exchange import Exchange
from ivr.openid.id_tokens import LEEWAY, Expected, Key, KeyUnknown, NoProof, claims_of, keys_of

KEPT = 3600.0
"""Seconds for which what the provider says of itself is believed."""

KEYS_EVERY = 60.0
"""Seconds at least between two looks at its keys because of one that is not known."""

AWAY = 5.0
"""Seconds for which a provider that did not answer is not asked again."""

WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What we are to the provider. `plain`: it may be spoken to without TLS."""

    issuer: str
    client_id: str
    secret: Callable[[], str]
    redirect_uri: str
    after_logout: str
    scopes: tuple[str, ...] = ("openid", "profile")
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    ca_file: Path | None = None
    proxy: str | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a provider says of itself. OpenID Connect Discovery 1.0, 3."""

    authorization: str
    token: str
    keys: str
    logout: str | None
    names_itself: bool
    """Whether each answer names its issuer (RFC 9207)."""
    secret_in_form: bool


class Provider:
    """One provider, as one client of it sees it. `monotonic` is the time in seconds since whenever."""

    def __init__(self, client: Client, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._exchange = Exchange(client.ca_file, client.proxy)
        self._turn = asyncio.Lock()
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, tuple[Key, ...]] | None = None
        self._failed: tuple[float, str] | None = None

    async def begin(self, state: str, nonce: str, verifier: str, *, again: bool = False) -> str:
        """Return where the browser is to go; `again`: to be asked there who it is, in any case. ProviderAway."""
        client, found = self._client, await self._known()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "scope": " ".join(client.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **({"acr_values": " ".join(client.acr)} if client.acr else {}),
            **({"prompt": "login"} if again else {}),
        }
        return _with_query(found.authorization, asked)

    async def finish(
        self, code: str, issuer: str | None, *, nonce: str, verifier: str, now: datetime
    ) -> Mapping[str, Any]:
        """Return the claims of the token that the provider gives for a code; NoProof, ProviderAway.

        `issuer` is what the answer that brought the code says whose it is.
        """
        client, found = self._client, await self._known()
        if issuer != client.issuer and (issuer is not None or found.names_itself):
            raise NoProof("issuer of the answer")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        auth: tuple[str, str] | None = None
        secret = client.secret()
        if found.secret_in_form:
            form |= {"client_id": client.client_id, "client_secret": secret}
        else:
            # RFC 6749, 2.3.1: encoded as in a form, then as Basic.
            auth = quote_plus(client.client_id), quote_plus(secret)
        answer = await self._exchange.post(found.token, form, auth)
        if answer.status >= 500:
            raise ProviderAway(f"{found.token} が HTTP {answer.status} と答えます。")
        token = answer.held.get("id_token")
        if answer.status != 200 or not isinstance(token, str):
            told = answer.held.get("error")
            known = isinstance(told, str) and told.isascii() and told.replace("_", "").isalnum()
            raise NoProof(f"refused: {told[:40]}" if known and isinstance(told, str) else "no token")
        expected = Expected(
            issuer=client.issuer, client_id=client.client_id, nonce=nonce, acr=client.acr, amr=client.amr
        )
        at = int(now.timestamp())
        try:
            return claims_of(token, await self._signers(), expected, at)
        except KeyUnknown:
            return claims_of(token, await self._signers(unknown=True), expected, at)

    async def logout(self) -> str | None:
        """Return where a browser signs out of the provider, None where that is nowhere; ProviderAway.

        The provider asks whoever comes without a token of its own whether they mean it: we keep none.
        """
        found = await self._known()
        if found.logout is None:
            return None
        told = {"client_id": self._client.client_id, "post_logout_redirect_uri": self._client.after_logout}
        return _with_query(found.logout, told)

    async def drift(self, now: Callable[[], datetime]) -> float | None:
        """Look at the provider anew; return by how many seconds its clock is ahead, None where it does not say.

        ProviderAway where it is not as it should be.
        """
        answer = await self._exchange.get(self._client.issuer.rstrip("/") + WELL_KNOWN)
        at = now()
        found = self._understood(answer.held)
        if not keys_of((await self._exchange.get(found.keys)).held):
            raise ProviderAway(f"{found.keys} に、使える鍵（RS256、PS256、ES256）がありません。")
        return (answer.at - at).total_seconds() if answer.at is not None else None

    async def _known(self) -> Metadata:
        async with self._turn:
            now = self._monotonic()
            if self._metadata is None or now - self._metadata[0] >= KEPT:
                url = self._client.issuer.rstrip("/") + WELL_KNOWN
                self._metadata = now, self._understood(await self._fetched(url))
            return self._metadata[1]

    async def _signers(self, *, unknown: bool = False) -> tuple[Key, ...]:
        found = await self._known()
        async with self._turn:
            now = self._monotonic()
            age = now - self._keys[0] if self._keys is not None else KEPT
            if self._keys is None or age >= (KEYS_EVERY if unknown else KEPT):
                self._keys = now, keys_of(await self._fetched(found.keys))
            return self._keys[1]

    async def _fetched(self, url: str) -> Mapping[str, Any]:
        now = self._monotonic()
        if self._failed is not None and now - self._failed[0] < AWAY:
            raise ProviderAway(self._failed[1])
        try:
            held = (await self._exchange.get(url)).held
        except ProviderAway as error:
            self._failed = self._monotonic(), str(error)
            raise
        self._failed = None
        return held

    def _understood(self, held: Mapping[str, Any]) -> Metadata:
        issuer = self._client.issuer
        if held.get("issuer") != issuer:
            told = held.get("issuer")
            shown = f"「{told}」" if isinstance(told, str) and told.isprintable() and len(told) < 200 else "別のもの"
            raise ProviderAway(f"{issuer} の名乗る issuer は{shown}です。設定 web.openid.issuer と同じではありません。")
        methods = held.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        offered = methods if isinstance(methods, list) else []
        basic, form = "client_secret_basic" in offered, "client_secret_post" in offered
        if not basic and not form:
            raise ProviderAway(f"{issuer} は、client_secret で確かめる方法を受け付けません。")
        logout = held.get("end_session_endpoint")
        return Metadata(
            authorization=self._place(held, "authorization_endpoint"),
            token=self._place(held, "token_endpoint"),
            keys=self._place(held, "jwks_uri"),
            logout=self._place(held, "end_session_endpoint") if logout is not None else None,
            names_itself=held.get("authorization_response_iss_parameter_supported") is True,
            secret_in_form=not basic,
        )

    def _place(self, held: Mapping[str, Any], name: str) -> str:
        url = held.get(name)
        if isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url:
            try:
                told = urlsplit(url)
            except ValueError:
                told = urlsplit("")
            schemes = ("https", "http") if self._client.plain else ("https",)
            if told.scheme in schemes and told.hostname and told.username is None:
                return url
        raise ProviderAway(f"{self._client.issuer} の {name} が、使える URL ではありません。")


def skewed(seconds: float) -> bool:
    """Tell whether clocks are so far apart that tokens may be refused for it."""
    return abs(seconds) > LEEWAY / 2


def _with_query(url: str, more: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(more)}"
