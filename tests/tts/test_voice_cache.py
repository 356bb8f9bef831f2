"""A cache that gives back what was stored, or nothing: damaged files, half-written ones, and many at once."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts.cache import Cache

KEY = "ab" + "0" * 62
ULAW, ALAW = bytes(range(200)) * 8, bytes(range(199, -1, -1)) * 8


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def store(cache: Cache, key: str = KEY, scope: str | None = None) -> Path:
    cache.store(key, scope, ulaw=ULAW, alaw=ALAW)
    found = cache.find(key, scope)
    assert found is not None
    return found.path


def test_what_was_stored_is_found_with_its_length(cache: Cache) -> None:
    assert cache.find(KEY, None) is None
    path = store(cache)
    assert path.is_absolute()
    assert path.name == KEY
    assert path.with_suffix(".ulaw").read_bytes() == ULAW
    assert path.with_suffix(".alaw").read_bytes() == ALAW
    found = cache.find(KEY, None)
    assert found is not None
    assert found.seconds == 0.2


def test_it_is_found_by_another_process(cache: Cache, tmp_path: Path) -> None:
    path = store(cache)
    found = Cache(tmp_path).find(KEY, None)
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize("suffix", [".ulaw", ".alaw", ".json"])
def test_a_file_cut_short_anywhere_is_not_found_and_can_be_stored_again(cache: Cache, suffix: str) -> None:
    file = store(cache).with_suffix(suffix)
    whole = file.read_bytes()
    for length in range(0, len(whole), 1 if suffix == ".json" else 53):
        file.write_bytes(whole[:length])
        assert cache.find(KEY, None) is None
        store(cache)
        assert file.read_bytes() == whole


@settings(max_examples=60)
@given(place=st.integers(0, len(ULAW) - 1), suffix=st.sampled_from([".ulaw", ".alaw"]))
def test_a_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, place: int, suffix: str) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache"))
    file = store(cache).with_suffix(suffix)
    damaged = bytearray(file.read_bytes())
    damaged[place] ^= 1
    file.write_bytes(damaged)
    assert cache.find(KEY, None) is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"{}", b'{"ulaw": 3}', b"\xff\xfe", b"{" * 5000, b"[" * 100_000]
)
def test_a_sidecar_of_nonsense_is_not_found(cache: Cache, content: bytes) -> None:
    store(cache).with_suffix(".json").write_bytes(content)
    assert cache.find(KEY, None) is None


@pytest.mark.parametrize("suffix", [".ulaw", ".alaw", ".json"])
def test_a_missing_file_or_a_folder_in_its_place_is_not_found(cache: Cache, suffix: str) -> None:
    file = store(cache).with_suffix(suffix)
    file.unlink()
    assert cache.find(KEY, None) is None
    file.mkdir()
    assert cache.find(KEY, None) is None


def test_what_a_dead_writer_left_is_cleared_away(cache: Cache) -> None:
    path = store(cache)
    path.with_suffix(".alaw").unlink()
    (path.parent / "tmpdead.tmp").write_bytes(b"half")
    store(cache)
    assert sorted(file.suffix for file in path.parent.iterdir()) == [".alaw", ".json", ".ulaw"]


def test_a_disk_that_refuses_leaves_nothing_behind(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        cache.store(KEY, None, ulaw=ULAW, alaw=ALAW)
    monkeypatch.undo()
    assert cache.find(KEY, None) is None
    assert not list(store(cache).parent.glob("*.tmp"))


def test_scopes_are_apart_and_erased_alone(cache: Cache) -> None:
    store(cache)
    store(cache, scope="spring")
    store(cache, scope="autumn")
    store(cache, "cd" + KEY[2:], scope="spring")
    assert cache.erase("spring") == 2
    assert cache.find(KEY, "spring") is None
    assert cache.find(KEY, "autumn") is not None
    assert cache.find(KEY, None) is not None
    assert cache.erase("spring") == 0


@pytest.mark.parametrize(
    "scope", ["", ".", "..", "../..", "/etc", "住民税 第1期", "a&b", "a/b", "x" * 300, "~", "\ud800"]
)
def test_any_scope_is_a_folder_of_its_own_in_the_cache(cache: Cache, tmp_path: Path, scope: str) -> None:
    path = store(cache, scope=scope)
    assert path.parent.parent.parent == tmp_path / "personal"
    assert path.as_posix().isascii()
    assert not set(path.as_posix()) & set(" &,")
    assert cache.erase(scope) == 1


def _store_often(root: Path, first: int) -> None:
    cache = Cache(root)
    for turn in range(40):
        key = f"{turn % 10:02x}" + "f" * 62
        law = bytes([first]) * 4000
        cache.store(key, None, ulaw=law, alaw=law)
        assert cache.find(key, None) is not None


def test_processes_that_store_the_same_at_once_do_not_hurt_each_other(cache: Cache, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_store_often, args=(tmp_path, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert all(cache.find(f"{turn:02x}" + "f" * 62, None) for turn in range(10))
