"""The office's own scenarios as they are worked on: store and files brought together, one change at a time.

    file edited by hand ── look ──► a version of unknown author          saved on another machine ── look ──► file
    saved here ── version in the store ──► file ──► what was left        a crash between two: the next look goes on

What is saved is a version before it is a file, so that no text is lost by whatever happens between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

from ivr.audit import Audit
from ivr.campaign.ports import Clock
from ivr.data_dir import made
from ivr.domain.audit import Action
from ivr.domain.edition import (
    OUTSIDE,
    SUFFIX,
    Course,
    Edition,
    Kept,
    alike,
    course,
    digest,
    normal,
    unfit_name,
    written,
)
from ivr.editions.folder import Folder, Found
from ivr.errors import InputError, NotFound
from ivr.settings import Settings
from ivr.storage import SqlResults

MOST = 500
"""Scenarios of an office, retired ones included."""


class Overtaken(InputError):
    """Somebody saved another version meanwhile."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        super().__init__("先にほかの人が保存しました。違いを確かめて、もう一度保存してください。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Every scenario of the office, and why files that lie among them can't be read."""

    kept: tuple[Kept, ...]
    unreadable: Mapping[str, str]


class Book:
    """The scenarios of an office. Every method may raise StoreFailed; one `audit` names whoever changes something."""

    def __init__(self, chosen: Settings, results: SqlResults, audit: Audit, clock: Clock) -> None:
        self._data_dir = chosen.data_dir
        self._folder = Folder(chosen.data_dir)
        self._store = results.editions
        self._audit = audit
        self._clock = clock
        self._changing = asyncio.Lock()

    async def look(self) -> Shelf:
        """Bring store and files together, and return what there is."""
        async with self._changing:
            return await self._look()

    async def one(self, scenario_id: str) -> Kept:
        """Return a scenario as it is now; NotFound."""
        return await self._store.one(scenario_id)

    async def of(self, scenario_id: str) -> tuple[Edition, ...]:
        """Return its versions, the newest first."""
        return await self._store.of(scenario_id)

    async def text(self, scenario_id: str, number: int) -> tuple[Edition, str]:
        """Return one of its versions with the text; NotFound."""
        return await self._store.text(scenario_id, number)

    async def begin(self, audit: Audit, name: str, text: str, *, by: str, department: str, why: str = "") -> Kept:
        """Make a scenario; InputError where it can't be called so, or one is."""
        name = written(name)
        if (unfit := unfit_name(name)) is not None:
            raise InputError(unfit)
        file = name + SUFFIX
        async with self._changing:
            shelf = await self._look()
            taken = {alike(one) for one in (*(kept.file for kept in shelf.kept), *shelf.unreadable)}
            if alike(file) in taken:
                raise InputError(f"「{name}」という名前のシナリオは、すでにあります。別の名前にしてください。")
            if len(shelf.kept) >= MOST:
                raise InputError(f"シナリオが {MOST} 件あります。これ以上は作れません。")
            edition = Edition(number=1, at=self._clock.now(), by=by, why=why)
            kept = Kept(id=uuid4().hex, file=file, department=department, newest=edition, text=normal(text))
            await audit.record(Action.SCENARIO_SAVED, file, version=1)
            if not await self._store.begin(kept):
                raise InputError(f"「{name}」という名前のシナリオは、すでにあります。別の名前にしてください。")
            await self._write(kept)
            return kept

    async def save(
        self, audit: Audit, scenario_id: str, text: str, *, over: int, by: str, department: str, why: str = ""
    ) -> Kept:
        """Store a version over number `over`; Overtaken where another is the newest. The same text makes none."""
        async with self._changing:
            kept = await self._current(scenario_id)
            if kept.retired:
                raise InputError("しまってあるシナリオは変えられません。先に「また使う」を押してください。")
            if kept.newest.number != over:
                raise Overtaken(kept)
            if normal(text) == kept.text:
                return kept
            edition = Edition(number=over + 1, at=self._clock.now(), by=by, why=why)
            await audit.record(Action.SCENARIO_SAVED, kept.file, version=edition.number)
            return await self._add(kept, edition, normal(text), department)

    async def restore(
        self, audit: Audit, scenario_id: str, number: int, *, over: int, by: str, department: str
    ) -> Kept:
        """Make an older version the newest again, as a new one; NotFound, Overtaken."""
        async with self._changing:
            kept = await self._current(scenario_id)
            _, text = await self._store.text(scenario_id, number)
            if kept.newest.number != over:
                raise Overtaken(kept)
            if text == kept.text:
                raise InputError("いまの版と同じ内容です。")
            edition = Edition(number=over + 1, at=self._clock.now(), by=by, again=number)
            await audit.record(Action.SCENARIO_RESTORED, kept.file, version=edition.number, again=number)
            return await self._add(kept, edition, text, department)

    async def retire(self, audit: Audit, scenario_id: str, *, by: str) -> Kept:
        """Offer a scenario to nobody any longer; its versions stay."""
        async with self._changing:
            kept = await self._current(scenario_id)
            if kept.retired:
                return kept
            await audit.record(Action.SCENARIO_RETIRED, kept.file, version=kept.newest.number)
            now = self._clock.now()
            await self._store.retire(kept.id, now, by)
            await self._look()
            return replace(kept, retired_at=now, retired_by=by)

    async def bring_back(self, audit: Audit, scenario_id: str) -> Kept:
        """Offer a scenario again."""
        async with self._changing:
            kept = await self._current(scenario_id)
            if not kept.retired:
                return kept
            await audit.record(Action.SCENARIO_BROUGHT_BACK, kept.file, version=kept.newest.number)
            await self._store.retire(kept.id, None, None)
            kept = replace(kept, retired_at=None, retired_by=None)
            await self._write(kept)
            return kept

    async def _current(self, scenario_id: str) -> Kept:
        """Return a scenario that may be changed, its file looked at."""
        shelf = await self._look()
        kept = next((one for one in shelf.kept if one.id == scenario_id), None)
        if kept is None:
            raise NotFound("そのシナリオはありません。")
        if (why := shelf.unreadable.get(kept.file)) is not None:
            raise InputError(
                f"ファイル {kept.file} が画面の外で変えられ、読めません（{why}）。直すまで保存できません。"
            )
        return kept

    async def _add(self, kept: Kept, edition: Edition, text: str, department: str | None) -> Kept:
        if not await self._store.add(kept.id, edition, text, department=department):
            raise Overtaken(await self._store.one(kept.id))
        new = await self._store.one(kept.id)
        await self._write(new)
        return new

    async def _write(self, kept: Kept) -> None:
        """Bring what was saved into its file."""
        found = await asyncio.to_thread(self._folder.found)
        await asyncio.to_thread(self._folder.write, kept.file, kept.text)
        await asyncio.to_thread(self._folder.leave, {**found.left, kept.file: digest(kept.text)})

    async def _look(self) -> Shelf:
        await asyncio.to_thread(made, self._data_dir)
        found = await asyncio.to_thread(self._folder.found)
        known = {one.file: one for one in await self._store.all()}
        left = dict(found.left)
        changed = False
        for file in sorted({*known, *found.texts}):
            if file not in found.unreadable:
                changed |= await self._settle(file, known.get(file), found, left)
        if left != found.left:
            await asyncio.to_thread(self._folder.leave, left)
        kept = await self._store.all() if changed else tuple(known.values())
        return Shelf(kept=kept, unreadable=found.unreadable)

    async def _settle(self, file: str, kept: Kept | None, found: Found, left: dict[str, str]) -> bool:
        """Do what is to be done about one file, note in `left` what it holds then, tell whether the store changed."""
        text = found.texts.get(file)
        todo = course(kept, text, left.get(file))
        if text is not None:
            left[file] = digest(text)
        if todo in (Course.WRITE, Course.REMOVE) and text is not None and kept is not None:
            # A store that was restored from a backup may not know what was saved since.
            todo = todo if await self._store.knows(kept.id, text) else Course.ADD
        match todo:
            case Course.BEGIN if text is not None:
                await self._found(file, 1)
                edition = Edition(number=1, at=self._clock.now(), by=None)
                new = Kept(id=uuid4().hex, file=file, department=None, newest=edition, text=text)
                return await self._store.begin(new)
            case Course.ADD if text is not None and kept is not None:
                number = kept.newest.number + 1
                await self._found(file, number)
                edition = Edition(number=number, at=self._clock.now(), by=None)
                return await self._store.add(kept.id, edition, text)
            case Course.WRITE if kept is not None:
                await asyncio.to_thread(self._folder.write, file, kept.text)
                left[file] = digest(kept.text)
            case Course.RETIRE if kept is not None:
                left.pop(file, None)
                await self._found(file, kept.newest.number, gone=1)
                await self._store.retire(kept.id, self._clock.now(), None)
                return True
            case Course.REMOVE:
                await asyncio.to_thread(self._folder.remove, file)
                left.pop(file, None)
            case _:
                if text is None:
                    left.pop(file, None)
        return False

    async def _found(self, file: str, version: int, **more: int) -> None:
        await self._audit.mention(Action.SCENARIO_FOUND, file, version=version, **more)


def author(edition: Edition, names: Mapping[str, str]) -> str:
    """Return who made a version, as staff read it; `names` are what people are called."""
    return names.get(edition.by, edition.by) if edition.by is not None else OUTSIDE
