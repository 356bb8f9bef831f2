"""Work in a process of its own: what it tells comes over, what goes wrong too, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from ivr.aside import BROKEN, over, pieces, result
from ivr.errors import NameTaken, OwnError, Problem, Problems


async def counted(to: int) -> AsyncIterator[tuple[int, int]]:
    """Yield numbers, and which process tells them."""
    print("no piece", file=sys.stderr if to < 0 else sys.stdout)
    for number in range(to):
        yield number, os.getpid()


async def endless() -> AsyncIterator[int]:
    while True:
        yield os.getpid()
        await asyncio.sleep(0.01)


def wrong(kind: str) -> None:
    match kind:
        case "problems":
            raise Problems([Problem(file="meibo.csv", line=2, message="番号がありません")])
        case "taken":
            raise NameTaken("催告")
        case "defect":
            raise ValueError("ヤマダ タロウ")
        case _:
            os._exit(3)


def size(data: bytes) -> tuple[int, int]:
    return len(data), os.nice(0)


def alive(process: int) -> bool:
    with suppress(FileNotFoundError):
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text("utf-8")
    return False


async def test_pieces_come_in_order_from_another_process_that_is_gone_afterwards() -> None:
    found = [one async for one in pieces(counted, 3)]
    assert [number for number, _ in found] == [0, 1, 2]
    (process,) = {process for _, process in found}
    assert process != os.getpid()
    assert not alive(process)


async def test_who_waits_no_longer_ends_the_work() -> None:
    async with aclosing(pieces(endless)) as found:
        process = await anext(found)
        assert alive(process)
    assert not alive(process)


async def test_what_is_wrong_is_told_as_it_is_and_a_defect_without_its_text() -> None:
    with pytest.raises(Problems) as problems:
        await result(wrong, "problems")
    assert [one.line for one in problems.value.problems] == [2]
    with pytest.raises(NameTaken, match=r"^催告「催告」は、すでにあります。別の名前にしてください。$"):
        await result(wrong, "taken")
    with pytest.raises(OwnError) as defect:
        await result(wrong, "defect")
    assert "ValueError" in str(defect.value)
    assert "ヤマダ" not in str(defect.value)
    with pytest.raises(OwnError, match=BROKEN):
        await result(wrong, "gone")


async def test_a_long_list_is_worked_on_elsewhere_and_gives_way_to_calls() -> None:
    nice = os.nice(0)
    assert await over(b"x", size) == (1, nice)
    began = time.monotonic()
    assert await over(bytes(3_000_000), size) == (3_000_000, min(19, nice + 10))
    assert time.monotonic() - began < 30


async def test_what_lies_where_the_engine_was_started_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ivr", "asyncio", "pickle"):
        (tmp_path / f"{name}.py").write_text("import os\nos._exit(7)\n", "utf-8")
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[1]), *filter(None, sys.path)])
    monkeypatch.chdir(tmp_path)
    assert (await result(size, b"1234"))[0] == 4
