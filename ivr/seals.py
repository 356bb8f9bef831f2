"""Lists that come in sealed and results that leave sealed: what is in them is in memory only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ivr.campaign import list_file
from ivr.errors import InputError, NotFound, reason
from ivr.parts.keys import key_store
from ivr.reporting import Seal, replacing
from ivr.settings import Settings, load
from ivr.vault import sealed_files, signing

SUFFIX = ".age"

LARGEST = list_file.LARGEST + (1 << 20)
"""Bytes of a file that is read at all. A list grows by 16 bytes in 64 KiB as it is sealed."""


def read_bytes(file: Path) -> bytes:
    """Return what `file` holds; raise InputError in the person's words."""
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except FileNotFoundError:
        raise NotFound(f"{file} がありません。ファイル名とフォルダを確かめてください。") from None
    except OSError as error:
        raise InputError(f"{file} を読めません：{reason(error)}") from None
    if len(data) > LARGEST:
        raise InputError(f"{file} は大きすぎます（上限 {LARGEST // 1024**2} MB）。")
    return data


def read_opened(file: Path, settings: Callable[[], Settings]) -> bytes:
    """Return what `file` holds, opened if it is sealed with the keys of `settings`, which are asked for only then."""
    data = read_bytes(file)
    if sealed_files.is_sealed(data):
        with key_store(settings()) as keys:
            return sealed_files.opened(data, keys, str(file))
    if file.suffix.lower() == SUFFIX:
        raise InputError(f"{file} は、名前は {SUFFIX} ですが、暗号化されていません。ivr seal で作り直してください。")
    return data


def sealer(recipients: Sequence[str]) -> Seal | None:
    """Return what seals for `recipients`, None where there are none; raise InputError for what is none."""
    if not recipients:
        return None
    sealed_files.seal(b"", recipients)
    return lambda content: sealed_files.seal(content, recipients)


def seal_file(file: Path, out: Path | None, recipients: Sequence[str]) -> int:
    """Write `file` sealed for `recipients`, beside it if nothing else is said; needs no settings and no data."""
    data = read_bytes(file)
    if sealed_files.is_sealed(data):
        raise InputError(f"{file} は、すでに暗号化されています。")
    target = out or file.with_name(f"{file.name}{SUFFIX}")
    if target.resolve() == file.resolve():
        raise InputError("-o には、元のファイルと別の名前を書いてください。")
    with replacing(target, sealer(recipients)) as sealed:
        sealed.write(data)
    print(f"{target} に暗号化しました。届けたあと、元の {file} は消してください。")
    return 0


def show_recipient(config: Path | None) -> int:
    """Print whom lists are sealed for, alone on standard output, and with what certificates are signed."""
    with key_store(load(config)) as keys:
        print(sealed_files.recipient(keys))
        print(f"消去証明と監査証跡の写しの公開鍵：{signing.public_key(keys)}", file=sys.stderr)
    return 0
