"""Scenarios and their versions, on both databases: each follows the one before, and none is ever lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ivr.domain.account import Department
from ivr.domain.edition import Edition, Kept
from ivr.errors import NotFound
from ivr.storage import SqlResults
from tests.storage.filling import MINUTE, NOON

ID = "a" * 32


def edition(number: int, by: str | None = "hanako", **more: object) -> Edition:
    return replace(Edition(number=number, at=NOON + number * MINUTE, by=by), **more)  # type: ignore[arg-type]


def first(file: str = "案内.yaml", scenario_id: str = ID, department: str | None = None) -> Kept:
    return Kept(id=scenario_id, file=file, department=department, newest=edition(1), text="一\n")


async def test_a_scenario_is_its_newest_version_and_every_older_one_stays(store: SqlResults) -> None:
    editions = store.editions
    assert await editions.begin(first())
    assert await editions.add(ID, edition(2, None), "二\n")
    assert await editions.add(ID, edition(3, why="直した", again=1), "一\n")
    kept = await editions.one(ID)
    assert (kept.text, kept.newest, kept.retired) == ("一\n", edition(3, why="直した", again=1), False)
    assert await editions.of(ID) == (edition(3, why="直した", again=1), edition(2, None), edition(1))
    assert await editions.text(ID, 2) == (edition(2, None), "二\n")
    assert await editions.all() == (kept,)
    assert await editions.knows(ID, "二\n")
    assert not await editions.knows(ID, "三\n")


async def test_of_two_who_save_at_the_same_time_one_is_second(store: SqlResults) -> None:
    await store.editions.begin(first())
    won = await asyncio.gather(*(store.editions.add(ID, edition(2, who), f"{who}\n") for who in ("a", "b")))
    assert sorted(won) == [False, True]
    assert len(await store.editions.of(ID)) == 2


async def test_a_file_is_one_scenarios(store: SqlResults) -> None:
    assert await store.editions.begin(first())
    assert not await store.editions.begin(first(scenario_id="b" * 32))
    assert len(await store.editions.all()) == 1


async def test_nobodys_scenario_becomes_the_department_that_saves_it_and_no_other_after_it(store: SqlResults) -> None:
    parts = [Department(id=letter * 32, name=letter) for letter in "xy"]
    for part in parts:
        await store.accounts.add_department(part, NOON)
    await store.editions.begin(first())
    for number, part in enumerate(parts, 2):
        await store.editions.add(ID, edition(number), f"{number}\n", department=part.id)
    assert (await store.editions.one(ID)).department == parts[0].id


async def test_a_retired_scenario_is_live_again_by_a_new_version(store: SqlResults) -> None:
    await store.editions.begin(first())
    await store.editions.retire(ID, NOON, "hanako")
    kept = await store.editions.one(ID)
    assert (kept.retired_at, kept.retired_by) == (NOON, "hanako")
    await store.editions.add(ID, edition(2, None), "二\n")
    assert not (await store.editions.one(ID)).retired


async def test_what_is_not_there_is_not_found(store: SqlResults) -> None:
    await store.editions.begin(first())
    with pytest.raises(NotFound):
        await store.editions.one("-")
    with pytest.raises(NotFound):
        await store.editions.text(ID, 2)
