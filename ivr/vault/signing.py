"""Texts that prove who wrote them: Ed25519 (RFC 8032), the signature in the last line."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ivr.errors import InputError
from ivr.vault.key_store import KeyStore

LONGEST = 1 << 20
"""Characters of a signed text in a file."""

PUBLIC, SIGNATURE = "公開鍵：", "署名："


def public_key(keys: KeyStore) -> str:
    """Return the public key of what this engine signs, in Base64."""
    return base64.b64encode(_private(keys).public_key().public_bytes_raw()).decode()


def signed(text: str, keys: KeyStore) -> str:
    """Return `text`, which ends with a line feed, with the public key and the signature as its last lines."""
    body = f"{text}{PUBLIC}{public_key(keys)}\n"
    return f"{body}{SIGNATURE}{base64.b64encode(_private(keys).sign(body.encode())).decode()}\n"


def signer(text: str) -> str:
    """Return the public key that signed `text`; raise InputError where the text was changed or never signed.

    Line ends may have been changed on the way.
    """
    text = "\n".join(text.removeprefix("\ufeff").splitlines()) + "\n"
    body, mark, signature = text.rpartition(SIGNATURE)
    key = body.rpartition(PUBLIC)[2].strip()
    if not mark or not key:
        raise InputError("署名がありません。")
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        public.verify(base64.b64decode(signature.strip(), validate=True), body.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        raise InputError("署名が合いません。書き換えられたか、壊れています。") from None
    return key


def read(file: Path) -> tuple[str, str]:
    """Return the signed text in `file` and the public key that signed it; raise InputError where it is none."""
    try:
        with file.open(encoding="utf-8-sig") as opened:
            text = opened.read(LONGEST)
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{file} を読めません。") from None
    try:
        return text, signer(text)
    except InputError as error:
        raise InputError(f"{file}：{error}") from None


def _private(keys: KeyStore) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(keys.secret("signing"))
