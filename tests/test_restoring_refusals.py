"""A restored backup calls and texts nobody who has refused since, on real databases and through the real commands."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from ivr import keeping
from ivr.domain.audit import Action
from ivr.domain.entered import EnteredExclusion
from ivr.settings import load
from ivr.storage import backups
from ivr.storage.refusals import BEGINNING, Refusals
from tests.offices import Crash, care_of
from tests.storage import filling
from tests.storage.conftest import postgres
from tests.storage.old_schema import fill_0001
from tests.storage.test_entered import entered
from tests.test_restoring import config, empty_instead, on_sqlite, url

__all__ = ["config", "on_sqlite", "postgres", "url"]

BEFORE, SINCE = "+81357220001", "+81357220002"
"""Numbers that refused texts before the backup, and after it."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a database tells of the three people, and whether the two numbers get texts."""

    people: tuple[EnteredExclusion, ...]
    texts: tuple[bool, bool]


NOW = (True, False, False)
"""Of each in `Held.people` after all that `backup_and_more` does: whether they may be called."""


async def backup_and_more(config: Path) -> Path:
    """Make a backup; then 00000001 is called again, 00000003 no more; BEFORE gets texts again, and SINCE no more."""
    backup = config.parent / "a.backup"
    async with care_of(config) as care:
        store = care.results
        first = await store.exclusions.add(entered(person="00000001"))
        await store.exclusions.add(entered(person="00000002", number="+81357220009", ends_at=filling.NOON + DAY))
        await store.texts.bar(BEFORE, "refused", filling.NOON)
    await keeping.back_up(config, backup)
    async with care_of(config) as care:
        await care.audit.record(Action.EXPORTED, "催告")
        assert await care.results.exclusions.lift(first.id, by="jiro", why="番号ちがい", now=filling.NOON)
        await care.results.exclusions.add(entered(person="00000003"))
        assert await care.results.texts.unbar(BEFORE)
        await care.results.texts.bar(SINCE, "refused", filling.NOON)
    return backup


async def held(config: Path) -> Held:
    async with care_of(config) as care:
        store = care.results.exclusions
        people = [await store.found(f"0000000{number}", "") for number in (1, 2, 3)]
        refused = [await store.refuses_texts(number) is None for number in (BEFORE, SINCE)]
        return Held(people=tuple(one for found in people for one in found), texts=(refused[0], refused[1]))


async def may_be_called(config: Path) -> tuple[bool, ...]:
    """Try to dial the three people of a campaign, in the very step that stores the intent."""
    async with care_of(config) as care:
        row = await filling.campaign(care.results, name="試し")
        dials = [filling.intent(row, f"0000000{number}") for number in (1, 2, 3)]
        return tuple([await care.results.intend(dial) for dial in dials])


async def restored_as(config: Path) -> str:
    async with care_of(config) as care:
        last = [entry async for entry in care.audit.entries()][-1]
        assert last.action == Action.RESTORED
        return last.details


async def test_who_has_refused_since_the_backup_is_called_no_more_and_who_was_allowed_again_is(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = await backup_and_more(config)
    before = await held(config)
    assert "今のまま残します" in keeping.what_comes_back(config, backup)
    await keeping.restore(config, backup)
    assert await held(config) == before
    assert (len(before.people), before.texts) == (3, (True, False))
    assert await may_be_called(config) == NOW
    said = capsys.readouterr().out
    assert "架電除外の登録 3 件と、SMS を送らない番号 1 件は、置き換える前のまま引き継ぎました。" in said
    assert "もう一度登録" not in said
    assert "partly" not in await restored_as(config)
    assert not [*(config.parent / "var" / "keys").rglob("restoring.jsonl")]


async def test_a_change_of_keys_since_the_backup_opens_them_all_the_same(on_sqlite: Path) -> None:
    backup = await backup_and_more(on_sqlite)
    before = await held(on_sqlite)
    await keeping.rotate(on_sqlite, None)
    await keeping.restore(on_sqlite, backup)
    assert await held(on_sqlite) == before
    assert await may_be_called(on_sqlite) == NOW


async def test_what_was_forgotten_since_the_backup_does_not_come_back_in_force(on_sqlite: Path) -> None:
    backup = await backup_and_more(on_sqlite)
    async with care_of(on_sqlite) as care:
        assert await care.results.exclusions.forget(filling.NOON + DAY / 2) == 1
    await keeping.restore(on_sqlite, backup)
    assert len((await held(on_sqlite)).people) == 2
    assert await may_be_called(on_sqlite) == NOW


async def test_the_database_that_was_set_aside_takes_nothing_back_either(on_sqlite: Path) -> None:
    await keeping.restore(on_sqlite, await backup_and_more(on_sqlite))
    async with care_of(on_sqlite) as care:
        await care.results.texts.bar(BEFORE, "refused", filling.NOON)
    before = await held(on_sqlite)
    (aside,) = (on_sqlite.parent / "var" / "backups").glob("*-before-restore.backup")
    await keeping.restore(on_sqlite, aside)
    assert await held(on_sqlite) == before


async def test_a_backup_from_before_there_were_exclusions_gets_them_all(on_sqlite: Path) -> None:
    (on_sqlite.parent / "var").mkdir()
    url = load(on_sqlite).database_url()
    await fill_0001(url)
    await backups.backup(url, on_sqlite.parent / "old.backup")
    await backup_and_more(on_sqlite)
    before = await held(on_sqlite)
    await keeping.restore(on_sqlite, on_sqlite.parent / "old.backup")
    assert await held(on_sqlite) == before
    assert "partly" not in await restored_as(on_sqlite)


async def test_on_a_new_empty_database_the_backup_s_stay_and_the_loss_is_told(
    config: Path, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = await backup_and_more(config)
    await empty_instead(config, tmp_path, request)
    await keeping.restore(config, backup)
    assert await may_be_called(config) == (False, False, True)
    assert (await held(config)).texts == (False, True)
    said = capsys.readouterr().out
    assert "バックアップのときのものに戻りました。バックアップのあとに断った人を、もう一度登録してください。" in said
    assert said.index("もう一度登録") < said.index("再開の前に")
    assert '"exclusions":"partly"' in (await restored_as(config)).replace(" ", "")


async def test_in_the_database_of_another_trail_what_is_excluded_in_either_stays_excluded(on_sqlite: Path) -> None:
    backup = await backup_and_more(on_sqlite)
    async with care_of(on_sqlite) as care:
        await care.results.write(lambda connection: connection.execute(text("DROP TABLE audit")))
    await keeping.restore(on_sqlite, backup)
    assert await may_be_called(on_sqlite) == (True, False, False), "lifted is lifted"
    assert (await held(on_sqlite)).texts == (False, False)


async def test_what_a_damaged_table_still_tells_is_added_to_the_backup(
    on_sqlite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = await backup_and_more(on_sqlite)
    async with care_of(on_sqlite) as care:
        for number in range(100):
            await care.results.exclusions.add(entered(person=f"9{number:03}"))
        await care.results.exclusions.add(entered(person="最後", department="最後の課"))
    file = on_sqlite.parent / "var" / "ivr.db"
    whole = bytearray(file.read_bytes())
    page = whole.rindex("最後の課".encode()) // 4096 * 4096
    whole[page : page + 4096] = b"\xff" * 4096
    file.write_bytes(whole)
    await keeping.restore(on_sqlite, backup)
    assert "これで全部とは限りません" in capsys.readouterr().out
    assert await may_be_called(on_sqlite) == NOW
    assert (await held(on_sqlite)).texts == (False, False), "the other table is not hurt"
    async with care_of(on_sqlite) as care:
        assert await care.results.exclusions.found("9000", "")
        assert not await care.results.exclusions.found("最後", "")


async def test_an_older_copy_that_was_put_in_place_by_hand_takes_no_lifting_back(on_sqlite: Path) -> None:
    await backup_and_more(on_sqlite)
    var = on_sqlite.parent / "var"
    later = on_sqlite.parent / "later.backup"
    await keeping.back_up(on_sqlite, later)
    for file in var.glob("ivr.db*"):
        file.unlink()
    shutil.copyfile(on_sqlite.parent / "a.backup", var / "ivr.db")
    await keeping.restore(on_sqlite, later)
    assert await may_be_called(on_sqlite) == NOW
    assert (await held(on_sqlite)).texts == (False, False)


@pytest.mark.parametrize("sealed", ["X'00'", "'no blob'"])
async def test_a_row_that_does_not_open_is_not_taken_in_place_of_the_backup_s(on_sqlite: Path, sealed: str) -> None:
    backup = await backup_and_more(on_sqlite)
    async with care_of(on_sqlite) as care:
        await care.results.write(
            lambda connection: connection.execute(text(f"UPDATE exclusions SET sealed = {sealed}"))
        )
    await keeping.restore(on_sqlite, backup)
    assert "partly" in await restored_as(on_sqlite)
    assert [one.person for one in (await held(on_sqlite)).people] == ["00000001", "00000002"]


async def test_a_first_look_at_less_is_completed_by_the_next(on_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = await backup_and_more(on_sqlite)
    file = on_sqlite.parent / "var" / "ivr.db"
    file.rename(file.with_name("unmounted.db"))

    async def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(backups, "restore", crash)
        with pytest.raises(Crash):
            await keeping.restore(on_sqlite, backup)
    file.with_name("unmounted.db").rename(file)
    await keeping.restore(on_sqlite, backup)
    assert await may_be_called(on_sqlite) == NOW


async def test_what_an_earlier_engine_has_put_out_of_harm_s_way_is_still_taken(on_sqlite: Path) -> None:
    backup = await backup_and_more(on_sqlite)
    async with care_of(on_sqlite) as care:
        entries = [entry async for entry in care.audit.entries()]
        file = care.keys.folder / "restoring.jsonl"
    file.write_bytes(b"".join(entry.written() for entry in entries))
    await keeping.restore(on_sqlite, backup)
    assert await may_be_called(on_sqlite) == NOW


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"refusals":{}}', b'{"refusals":[1]}', b'{"refusals":1}', b"\xff"])
def test_what_are_no_refusals_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"refusals|utf"):
        Refusals.read(line)


def test_a_line_of_refusals_is_known_by_its_beginning() -> None:
    assert Refusals().written().startswith(BEGINNING)
    assert Refusals.read(Refusals(whole=True).written()) == Refusals(whole=True)
