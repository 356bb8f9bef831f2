"""The keys, on a real disk, by several processes at once."""

from __future__ import annotations

import multiprocessing
import secrets
from pathlib import Path

import pytest

from ivr.errors import KeyDestroyed, KeysFailed, KeysInUse, WrongMasterKey
from ivr.vault import KeyStore, durable

MASTER = bytes(range(32))
CAMPAIGN = "0123456789abcdef0123456789abcdef"


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def keys_of(store: KeyStore) -> list[bytes]:
    return [*store.data_keys(CAMPAIGN).values()]


def _secret(folder: Path) -> bytes:
    with KeyStore.open(folder, MASTER) as store:
        return store.secret("lookup")


def test_a_secret_is_made_once_and_the_same_for_every_process(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        found = set(pool.map(_secret, [tmp_path / "keys"] * 24))
    assert len(found) == 1
    assert len(found.pop()) == 32


def test_a_store_that_another_process_makes_in_between_is_no_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = Path.exists
    secrets: list[bytes] = []

    def not_yet(path: Path) -> bool:
        if path.name != "current":
            return exists(path)
        monkeypatch.undo()
        secrets.append(_secret(tmp_path / "keys"))
        return False

    monkeypatch.setattr(Path, "exists", not_yet)
    assert _secret(tmp_path / "keys") == secrets[0]


def test_a_campaign_has_the_keys_that_were_made_for_it_by_generation(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        assert store.data_keys(CAMPAIGN) == {}
        assert [store.new_data_key(CAMPAIGN), store.new_data_key(CAMPAIGN)] == [1, 2]
        keys = store.data_keys(CAMPAIGN)
        assert len({*keys.values(), *store.data_keys("other").values()}) == 2
    with KeyStore.open(tmp_path / "keys", MASTER) as again:
        assert again.data_keys(CAMPAIGN) == keys
        again.retire(CAMPAIGN, 1)
        assert again.data_keys(CAMPAIGN) == {2: keys[2]}
        assert again.new_data_key(CAMPAIGN) == 3


def test_no_key_lies_on_the_disk_as_it_is_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        store.new_data_key(CAMPAIGN)
        store.note("audit", b"the head of the trail")
        plain = [MASTER, store.secret("lookup"), *keys_of(store), b"the head"]
    assert not any(secret in everything(tmp_path) for secret in plain)
    modes = {path.stat().st_mode & 0o077 for path in [tmp_path / "keys", *(tmp_path / "keys").rglob("*")]}
    assert modes == {0}


def test_the_wrong_master_key_opens_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        secret = store.secret("lookup")
    before = everything(tmp_path)
    with pytest.raises(WrongMasterKey, match="マスター鍵が"):
        KeyStore.open(tmp_path / "keys", secrets.token_bytes(32))
    assert everything(tmp_path) == before
    assert _secret(tmp_path / "keys") == secret


def test_a_destroyed_key_is_gone_from_the_disk_and_no_other_takes_its_place(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        store.new_data_key(CAMPAIGN)
        wrapped = next((tmp_path / "keys").rglob("*.key"))
        copy = tmp_path / "copy"
        copy.hardlink_to(wrapped)
        before = copy.read_bytes()
        store.destroy(CAMPAIGN)
        store.destroy(CAMPAIGN)
        assert not [*(tmp_path / "keys").rglob("*.key")]
        assert copy.read_bytes() != before, "it was overwritten where it lay"
        assert store.destroyed(CAMPAIGN)
        for ask in (store.data_keys, store.new_data_key):
            with pytest.raises(KeyDestroyed, match="消去されています"):
                ask(CAMPAIGN)


def test_a_destruction_that_a_crash_cut_short_is_finished_when_the_store_is_next_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(file: Path) -> None:
        raise KeyboardInterrupt

    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        store.new_data_key(CAMPAIGN)
        with monkeypatch.context() as patched:
            patched.setattr(durable, "shred", crash)
            with pytest.raises(KeyboardInterrupt):
                store.destroy(CAMPAIGN)
    assert [*(tmp_path / "keys").rglob("*.key")]
    with KeyStore.open(tmp_path / "keys", MASTER):
        assert not [*(tmp_path / "keys").rglob("*.key")]


def test_a_file_that_was_changed_or_swapped_with_another_is_found_out(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        store.note("one", b"1")
        store.note("two", b"2")
        one, two = (next((tmp_path / "keys").rglob(f"{name}.note")) for name in ("one", "two"))
        one.write_bytes(two.read_bytes())
        with pytest.raises(KeysFailed, match="すり替えられて"):
            store.noted("one")
        two.write_bytes(b"short")
        with pytest.raises(KeysFailed):
            store.noted("two")


def test_a_note_is_what_was_noted_last(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        assert store.noted("audit") is None
        store.note("audit", b"one")
        store.note("audit", b"two")
        assert store.noted("audit") == b"two"


def test_after_a_new_master_key_the_same_keys_open_with_it_and_not_with_the_old_one(tmp_path: Path) -> None:
    other = secrets.token_bytes(32)
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        store.new_data_key(CAMPAIGN)
        store.note("audit", b"head")
        store.destroy("erased")
        secret, keys = store.secret("lookup"), keys_of(store)
        old = {file.read_bytes() for file in (tmp_path / "keys").glob("1/*")}
        store.rewrap(other)
        assert (store.secret("lookup"), keys_of(store)) == (secret, keys)
    assert not any(wrapped in everything(tmp_path) for wrapped in old)
    with KeyStore.open(tmp_path / "keys", other) as store:
        assert (store.secret("lookup"), keys_of(store), store.noted("audit")) == (secret, keys, b"head")
        assert store.destroyed("erased")
    with pytest.raises(WrongMasterKey):
        KeyStore.open(tmp_path / "keys", MASTER)


@pytest.mark.parametrize("crash_at", range(1, 8))
def test_a_crash_while_the_master_key_changes_leaves_one_of_the_two_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    other = secrets.token_bytes(32)
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        store.new_data_key(CAMPAIGN)
        secret, keys = store.secret("lookup"), keys_of(store)
        steps = 0

        def settle(folder: Path) -> None:
            nonlocal steps
            steps += 1
            if steps == crash_at:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(durable, "settle", settle)
            with pytest.raises(KeyboardInterrupt):
                store.rewrap(other)
    opened = []
    for master in (MASTER, other):
        try:
            with KeyStore.open(tmp_path / "keys", master) as store:
                opened.append((store.secret("lookup"), keys_of(store)))
        except WrongMasterKey:
            continue
    assert opened == [(secret, keys)]
    assert len([folder for folder in (tmp_path / "keys").iterdir() if folder.is_dir()]) == 1


def test_the_locks_are_changed_by_nobody_while_another_has_the_store_open(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        with KeyStore.open(tmp_path / "keys", MASTER), pytest.raises(KeysInUse), store.alone():
            pass
        with store.alone(), pytest.raises(KeysInUse):
            KeyStore.open(tmp_path / "keys", MASTER)
        with KeyStore.open(tmp_path / "keys", MASTER):
            pass


def test_a_store_that_lost_the_name_of_its_set_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    with KeyStore.open(tmp_path / "keys", MASTER) as store:
        store.secret("lookup")
    (tmp_path / "keys" / "current").unlink()
    with pytest.raises(KeysFailed, match="壊れています"):
        KeyStore.open(tmp_path / "keys", MASTER)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"a file")
    with pytest.raises(KeysFailed, match=r"keys\.dir"):
        KeyStore.open(tmp_path / "keys", MASTER)
