"""Files that only one reader opens: age (age-encryption.org/v1), X25519.

Sealing takes the reader's public recipient and nothing else, so that a clerk's machine needs no key of ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyrage
from pyrage import x25519

from ivr.errors import InputError
from ivr.vault.key_store import KeyStore

_HEADERS = (b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----")


def seal(content: bytes, recipients: Sequence[str]) -> bytes:
    """Return `content` sealed for `recipients` (`age1…`), any of whom opens it; raise InputError for what is none."""
    sealed: bytes = pyrage.encrypt(content, [_recipient(text.strip()) for text in recipients])
    return sealed


def is_sealed(data: bytes) -> bool:
    """Tell whether `data` is an age file, whole or not."""
    return data.startswith(_HEADERS)


def opened(data: bytes, keys: KeyStore, file: str) -> bytes:
    """Return what the sealed `data` holds; `file` is its name for messages. Raises InputError."""
    identity = _identity(keys)
    try:
        content: bytes = pyrage.decrypt(data, [identity])
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise InputError(
                f"{file} は、この ivr あてに暗号化されたものではありません。"
                f"ivr seal の --to に {identity.to_public()} を指定して、作り直してもらってください。"
            ) from None
        raise InputError(
            f"{file} は、暗号化されたファイルですが、途中で切れているか壊れています。もう一度受け取ってください。"
        ) from None
    return content


def recipient(keys: KeyStore) -> str:
    """Return whom lists for this engine are sealed to (`age1…`)."""
    return str(_identity(keys).to_public())


def _identity(keys: KeyStore) -> x25519.Identity:
    kept = keys.secret("age", lambda: str(x25519.Identity.generate()).encode())
    return x25519.Identity.from_str(kept.decode())


def _recipient(text: str) -> x25519.Recipient:
    try:
        return x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        shown = "秘密の鍵です。人に渡さず、" if text.upper().startswith("AGE-SECRET") else ""
        raise InputError(
            f"--to に書かれたものは、{shown}あて先として使えません。"
            "ivr keys recipient が表示する age1… を書いてください。"
        ) from None
