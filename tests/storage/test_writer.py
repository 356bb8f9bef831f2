"""Group commit, with a transaction that the test holds in its hand."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from sqlalchemy import Connection

from ivr.storage.writer import LARGEST_BATCH, Work, Writer

NO_CONNECTION = cast(Connection, None)


class Disk:
    """Transactions that end when `door` is open; `commits` holds how many works each committed one had."""

    def __init__(self) -> None:
        self.door = asyncio.Event()
        self.door.set()
        self.commits = 0
        self.stored: list[object] = []
        self.fail_commit: Exception | None = None

    async def transact(self, work: Work[None]) -> None:
        before = list(self.stored)
        try:
            work(NO_CONNECTION)
            await self.door.wait()
            if self.fail_commit is not None:
                raise self.fail_commit
        except Exception:
            self.stored = before
            raise
        self.commits += 1

    def store(self, value: object) -> Work[object]:
        def work(_connection: Connection) -> object:
            self.stored.append(value)
            return value

        return work


def refuse(_connection: Connection) -> object:
    raise LookupError("refused")


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def writer(disk: Disk) -> Writer:
    return Writer(disk.transact, lambda _seconds: None)


async def test_a_lone_write_is_committed_at_once(writer: Writer, disk: Disk) -> None:
    assert await writer.write(disk.store(1)) == 1
    assert disk.commits == 1


async def test_what_comes_during_a_commit_is_committed_together(writer: Writer, disk: Disk) -> None:
    disk.door.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(writer.write(disk.store(0)))
        while not disk.stored:
            await asyncio.sleep(0)
        rest = [group.create_task(writer.write(disk.store(n))) for n in range(1, 11)]
        await asyncio.sleep(0)
        disk.door.set()
    assert [task.result() for task in (first, *rest)] == list(range(11))
    assert disk.stored == list(range(11))
    assert disk.commits == 2


async def test_a_write_that_has_time_goes_with_the_next_that_has_none_and_keeps_its_place(
    writer: Writer, disk: Disk
) -> None:
    async with asyncio.TaskGroup() as group:
        idle = [group.create_task(writer.write(disk.store(n), leisure=60)) for n in range(3)]
        await asyncio.sleep(0)
        assert await writer.write(disk.store(3)) == 3
    assert [task.result() for task in idle] == disk.stored[:3] == [0, 1, 2]
    assert disk.commits == 1


async def test_a_write_that_has_time_is_committed_alone_when_the_time_is_over(writer: Writer, disk: Disk) -> None:
    assert await writer.write(disk.store(1), leisure=0.01) == 1
    assert disk.commits == 1


async def test_the_time_that_a_write_has_is_not_counted(disk: Disk) -> None:
    told: list[float] = []
    await Writer(disk.transact, told.append).write(disk.store(1), leisure=0.3)
    assert told[0] < 0.3


async def test_what_has_time_is_written_before_the_end(writer: Writer, disk: Disk) -> None:
    async with asyncio.TaskGroup() as group:
        idle = group.create_task(writer.write(disk.store(1), leisure=60))
        await asyncio.sleep(0)
        await writer.finish()
        assert disk.stored == [1]
    assert idle.result() == 1


async def test_a_batch_has_an_upper_limit(writer: Writer, disk: Disk) -> None:
    await asyncio.gather(*(writer.write(disk.store(n)) for n in range(LARGEST_BATCH + 1)))
    assert disk.stored == list(range(LARGEST_BATCH + 1))
    assert disk.commits == 2


async def test_one_that_fails_fails_alone(writer: Writer, disk: Disk) -> None:
    results = await asyncio.gather(
        writer.write(disk.store(1)), writer.write(refuse), writer.write(disk.store(2)), return_exceptions=True
    )
    assert [results[0], results[2]] == [1, 2]
    assert isinstance(results[1], LookupError)
    assert disk.stored == [1, 2]


async def test_a_failed_commit_fails_all_and_none_is_tried_again(writer: Writer, disk: Disk) -> None:
    disk.fail_commit = OSError("no space")
    results = await asyncio.gather(*(writer.write(disk.store(n)) for n in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 3
    disk.fail_commit = None
    assert await writer.write(disk.store("later")) == "later"
    assert disk.stored == ["later"]


async def test_a_cancelled_caller_neither_stops_its_write_nor_the_others(writer: Writer, disk: Disk) -> None:
    disk.door.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(writer.write(disk.store(1)))
        second = group.create_task(writer.write(disk.store(2)))
        while not disk.stored:
            await asyncio.sleep(0)
        first.cancel()
        disk.door.set()
    assert first.cancelled()
    assert second.result() == 2
    assert disk.stored == [1, 2]


async def test_finishing_waits_for_every_write(writer: Writer, disk: Disk) -> None:
    disk.door.clear()
    async with asyncio.TaskGroup() as group:
        writes = [group.create_task(writer.write(disk.store(n))) for n in range(2)]
        while not disk.stored:
            await asyncio.sleep(0)
        for write in writes:
            write.cancel()
        finishing = group.create_task(writer.finish())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not finishing.done()
        disk.door.set()
    assert disk.stored == [0, 1]


async def test_finishing_writes_what_nobody_has_begun_to(writer: Writer, disk: Disk) -> None:
    task = asyncio.ensure_future(writer.write(disk.store(1)))
    await asyncio.sleep(0)
    task.cancel()
    await writer.finish()
    assert disk.stored == [1]
    assert disk.commits == 1
