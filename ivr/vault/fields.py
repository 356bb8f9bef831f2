"""What is personal in a row: encrypted with the data key of its campaign, found again by a keyed hash.

A sealed field is the generation of the key (2 bytes), a nonce (12) and AES-256-GCM of the content. The associated data
are the table, the campaign and the row, so that a field says nothing in another row than its own.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.errors import KeysFailed
from ivr.vault.key_store import NONCE
from ivr.vault.lent import LentKeys

GENERATION = 2
"""Bytes."""

HASH = 16
"""Bytes of a keyed hash that are kept: no two of 2^32 values meet by chance."""


class Keys(Protocol):
    """What fields need of a `KeyStore`, or of `LentKeys`."""

    def secret(self, name: str) -> bytes:
        """Return a key that is of no campaign."""
        ...

    def data_keys(self, campaign: str) -> Mapping[int, bytes]:
        """Return the keys of a campaign by generation, the newest last."""
        ...

    def destroyed(self, campaign: str) -> bool:
        """Tell whether they were destroyed."""
        ...

    def new_data_key(self, campaign: str) -> int:
        """Make one more."""
        ...

    def retire(self, campaign: str, generation: int) -> None:
        """Destroy one."""
        ...


class Fields:
    """Seals and opens fields with the keys of a store, which it reads once for each campaign.

    May be used from several threads. Raises KeyDestroyed for a campaign that was erased, and KeysFailed.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._ciphers: dict[str, dict[int, AESGCM]] = {}
        self._lookup = keys.secret("lookup")
        self._own = AESGCM(keys.secret("own"))

    def seal(self, table: str, campaign: str, row: str, content: bytes) -> bytes:
        """Return `content` encrypted with the newest key of the campaign, for that row alone."""
        ciphers = self._ciphers.get(campaign) or self._read(campaign)
        generation = next(reversed(ciphers))
        nonce = secrets.token_bytes(NONCE)
        sealed = ciphers[generation].encrypt(nonce, content, _about(table, campaign, row))
        return generation.to_bytes(GENERATION) + nonce + sealed

    def open(self, table: str, campaign: str, row: str, sealed: bytes) -> bytes:
        """Return what was sealed for that row."""
        generation, body = int.from_bytes(sealed[:GENERATION]), sealed[GENERATION:]
        cipher = self._ciphers.get(campaign, {}).get(generation) or self._read(campaign).get(generation)
        if cipher is None:
            raise KeysFailed("データベースの行を読む鍵が、鍵の置き場にありません。設定 keys.dir を確かめてください。")
        try:
            return cipher.decrypt(body[:NONCE], body[NONCE:], _about(table, campaign, row))
        except (InvalidTag, ValueError):
            raise _damaged(table) from None

    def seal_own(self, table: str, row: str, content: bytes) -> bytes:
        """Return `content` encrypted for that row alone, with a key that is of no campaign and outlives them all."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._own.encrypt(nonce, content, _about(table, "", row))

    def open_own(self, table: str, row: str, sealed: bytes) -> bytes:
        """Return what `seal_own` sealed for that row."""
        try:
            return self._own.decrypt(sealed[:NONCE], sealed[NONCE:], _about(table, "", row))
        except (InvalidTag, ValueError):
            raise _damaged(table) from None

    def hash(self, *words: str) -> str:
        """Return what finds `words` again, in hexadecimal; nobody without the keys can tell what they were."""
        return hmac.digest(self._lookup, "\0".join(words).encode("utf-8", "surrogatepass"), "sha256")[:HASH].hex()

    def known(self, campaign: str) -> bool:
        """Tell whether a campaign has a key."""
        return bool(self._keys.data_keys(campaign))

    def erased(self, campaign: str) -> bool:
        """Tell whether a campaign was erased."""
        return self._keys.destroyed(campaign)

    def begin(self, campaign: str) -> None:
        """Make the key of a new campaign."""
        self._keys.new_data_key(campaign)

    def lent(self, campaign: str) -> LentKeys:
        """Return the keys of a campaign alone, for a process that reads its rows."""
        return LentKeys(campaign, self._keys.data_keys(campaign))

    def forget(self, campaign: str) -> None:
        """Take back `begin`, for a campaign that was not stored after all."""
        self._ciphers.pop(campaign, None)
        for generation in self._keys.data_keys(campaign):
            self._keys.retire(campaign, generation)

    def drop(self, campaign: str) -> None:
        """Keep the keys of a campaign in memory no longer."""
        self._ciphers.pop(campaign, None)

    def refresh(self, campaign: str) -> None:
        """Read the keys of a campaign again: there is a newer one."""
        self._read(campaign)

    def _read(self, campaign: str) -> dict[int, AESGCM]:
        keys = self._keys.data_keys(campaign)
        if not keys:
            raise KeysFailed("催告の鍵が、鍵の置き場にありません。設定 keys.dir を確かめてください。")
        ciphers = {generation: AESGCM(key) for generation, key in keys.items()}
        self._ciphers[campaign] = ciphers
        return ciphers


def _about(table: str, campaign: str, row: str) -> bytes:
    return f"{table}\0{campaign}\0{row}".encode()


def _damaged(table: str) -> KeysFailed:
    return KeysFailed(
        f"データベースの表 {table} に、書き換えられたか壊れた行があります。バックアップから戻してください。"
    )
