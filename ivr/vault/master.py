"""Where the master key comes from: the environment, a file that the settings name, or a file made at the first start.

It is written as base64 of 32 bytes. There is never a new one for keys that another has locked.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from functools import cache
from pathlib import Path

from ivr.errors import InputError, reason
from ivr.vault import durable

VARIABLE = "IVR_MASTER_KEY"
SIZE = 32


def master_key(named: Path | None, default: Path, store: Path) -> bytes:
    """Return the master key of the key store in `store`.

    `named` is the file of the settings, if any; `default` is where one is made for a store that is not there yet.
    Raises InputError where there is none to be had, or it is none.
    """
    given = from_environment()
    if given is not None:
        return decoded(given, f"環境変数 {VARIABLE}")
    if named is not None:
        return read(named)
    if not default.exists() and (store / "current").exists():
        raise InputError(
            f"マスター鍵 {default} がありません。鍵の置き場 {store} のマスター鍵を元の場所に戻すか、"
            f"設定 keys.master_key_file か環境変数 {VARIABLE} で指定してください。"
        )
    return made(default)


def read(file: Path) -> bytes:
    """Return the master key in `file`; raise InputError."""
    try:
        text = file.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "鍵の形ではありません"
        raise InputError(f"マスター鍵のファイル {file} を読めません（{why}）。") from None
    return decoded(text, f"マスター鍵のファイル {file}")


def decoded(text: str, where: str) -> bytes:
    """Return the 32 bytes that `text` stands for; raise InputError, which never repeats it."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != SIZE:
        raise InputError(f"{where} には、32 バイトの鍵を Base64 で一行だけ書いてください。")
    return key


def made(file: Path) -> bytes:
    """Return the master key in `file`, which is made if it is not there; raise InputError."""
    if not file.exists():
        _make(file)
    return read(file)


def coming(file: Path) -> Path:
    """Return where the master key lies that is to take the place of the one in `file`."""
    return file.with_name(f"{file.name}.new")


def take_over(file: Path) -> None:
    """Put the coming master key in the place of the one in `file`; raise InputError."""
    try:
        durable.shred(file)
        coming(file).replace(file)
        durable.settle(file.parent)
    except OSError as error:
        raise InputError(f"マスター鍵 {file} を取り替えられません：{reason(error)}") from None


def encoded(key: bytes) -> bytes:
    """Return a master key as it is written in a file."""
    return base64.b64encode(key) + b"\n"


def _make(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        durable.add(file, encoded(secrets.token_bytes(SIZE)))
    except OSError as error:
        raise InputError(f"マスター鍵 {file} を作れません：{reason(error)}") from None


@cache
def from_environment() -> str | None:
    """Return the master key of the environment as it is written there, which our children are not to inherit."""
    return os.environ.pop(VARIABLE, None) or None
