"""Where the master key comes from, and that none is made for keys which have one."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.errors import InputError
from ivr.vault import KeyStore, master

GIVEN = bytes(range(32))


@pytest.fixture(autouse=True)
def _no_variable() -> Iterator[None]:
    master.from_environment.cache_clear()
    yield
    master.from_environment.cache_clear()


def test_the_environment_comes_before_the_file_and_is_not_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(master.VARIABLE, base64.b64encode(GIVEN).decode())
    for _ in range(2):
        assert master.master_key(tmp_path / "named", tmp_path / "default", tmp_path / "keys") == GIVEN
    assert master.VARIABLE not in os.environ
    assert not [*tmp_path.iterdir()]


def test_a_file_that_the_settings_name_is_read_and_never_made(tmp_path: Path) -> None:
    named = tmp_path / "named"
    with pytest.raises(InputError, match="読めません"):
        master.master_key(named, tmp_path / "default", tmp_path / "keys")
    named.write_bytes(master.encoded(GIVEN))
    assert master.master_key(named, tmp_path / "default", tmp_path / "keys") == GIVEN


def test_where_nothing_is_said_one_is_made_for_its_owner_and_kept(tmp_path: Path) -> None:
    default = tmp_path / "var" / "master.key"
    made = master.master_key(None, default, tmp_path / "keys")
    assert len(made) == 32
    assert default.stat().st_mode & 0o777 == 0o600
    assert master.master_key(None, default, tmp_path / "keys") == made


def test_no_new_one_is_made_over_keys_that_another_has_locked(tmp_path: Path) -> None:
    KeyStore.open(tmp_path / "keys", GIVEN).close()
    with pytest.raises(InputError, match="元の場所に戻すか"):
        master.master_key(None, tmp_path / "master.key", tmp_path / "keys")
    assert not (tmp_path / "master.key").exists()


@pytest.mark.parametrize("text", ["", "himitsu", base64.b64encode(b"short").decode(), "秘密", "AAAA\nBBBB"])
def test_what_is_no_key_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    file = tmp_path / "master.key"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        master.read(file)
    assert not text or text not in str(caught.value)
