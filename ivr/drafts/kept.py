"""Drafts on disk: a folder each in `data_dir`, sealed with a key that is destroyed with it.

    <data_dir>/drafts/<id>/draft    what the draft holds
    <data_dir>/drafts/<id>/list     the file as it was brought
    <data_dir>/drafts/<id>/refused  every row that was refused, with line and reason

One engine has `data_dir`, so one process changes drafts, one change of a draft at a time. A list is let go of by
destroying the key: what a disk or a backup may still hold of it can't be read.
"""

from __future__ import annotations

import asyncio
import shutil
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from ivr.data_dir import made
from ivr.drafts.draft import Draft
from ivr.errors import InputError, KeysFailed, NotFound, StoreFailed, reason
from ivr.vault import durable
from ivr.vault.fields import Fields

KEPT_FOR = timedelta(days=7)
"""How long a draft stays that nobody changes; what it became is remembered as long."""

MOST = 30
"""Drafts of a department at once."""

TABLE = "drafts"
DRAFT, LIST, REFUSED = "draft", "list", "refused"
PARTS = (LIST, REFUSED, DRAFT)

MISSING = "その作りかけの催告はありません。作り終えたか、期限が過ぎて消えています。"


class Drafts:
    """The drafts in a folder. Every method raises StoreFailed where the disk refuses, KeysFailed where a key does."""

    def __init__(self, data_dir: Path, fields: Fields) -> None:
        self._folder = data_dir / "drafts"
        self._data_dir = data_dir
        self._fields = fields
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def begin(self, department: str, by: str, now: datetime) -> Draft:
        """Make an empty draft; InputError where the department has too many."""
        if len(await self.of(department, now)) >= MOST:
            raise InputError(f"作りかけの催告が {MOST} 件あります。要らないものを消してから、作ってください。")
        draft = Draft(id=uuid4().hex, department=department, made_by=by, made_at=now, changed_by=by, changed_at=now)
        await asyncio.to_thread(self._begin, draft)
        return draft

    async def of(self, department: str, now: datetime) -> tuple[Draft, ...]:
        """Return the drafts of a department that are not used yet, those changed last first; old ones are erased."""
        found = await asyncio.to_thread(self._all, now)
        mine = [one for one in found if one.department == department and one.used is None]
        return tuple(sorted(mine, key=lambda one: one.changed_at, reverse=True))

    async def get(self, draft_id: str) -> Draft:
        """Return a draft; NotFound."""
        return await asyncio.to_thread(self._read, draft_id)

    @asynccontextmanager
    async def changing(self, draft_id: str) -> AsyncIterator[Draft]:
        """Yield a draft that nobody else changes meanwhile; NotFound."""
        async with self._changing[draft_id]:
            yield await self.get(draft_id)

    async def put(self, draft: Draft, by: str, now: datetime, *, basis: bool = True) -> Draft:
        """Store a changed draft, within `changing`; `basis` where a forecast of before says nothing any more."""
        version = draft.version + 1
        changed = draft.model_copy(
            update={
                "version": version,
                "basis": version if basis else draft.basis,
                "changed_by": by,
                "changed_at": now,
            }
        )
        await asyncio.to_thread(self._write, changed.id, DRAFT, changed.model_dump_json().encode())
        return changed

    async def put_files(self, draft_id: str, files: Mapping[str, bytes]) -> None:
        """Store parts of a draft that are too big for it."""
        for part, content in files.items():
            await asyncio.to_thread(self._write, draft_id, part, content)

    async def file(self, draft_id: str, part: str) -> bytes:
        """Return such a part; NotFound."""
        return await asyncio.to_thread(self._part, draft_id, part)

    async def use(self, draft: Draft, campaign: str, now: datetime) -> None:
        """Let go of everything of a draft that has become `campaign`, but for that it did."""
        spent = Draft(
            id=draft.id,
            department=draft.department,
            made_by=draft.made_by,
            made_at=draft.made_at,
            changed_by=draft.changed_by,
            changed_at=now,
            version=draft.version + 1,
            used=campaign,
        )
        await asyncio.to_thread(self._replace, spent)

    async def erase(self, draft_id: str) -> None:
        """Let go of a draft; harmless where it is gone."""
        async with self._changing[draft_id]:
            await asyncio.to_thread(self._erase, draft_id)
        self._changing.pop(draft_id, None)

    def _begin(self, draft: Draft) -> None:
        try:
            made(self._data_dir)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            (self._folder / draft.id).mkdir(mode=0o700)
        except OSError as error:
            raise _failed(error) from None
        self._fields.begin(draft.id)
        self._write(draft.id, DRAFT, draft.model_dump_json().encode())

    def _all(self, now: datetime) -> list[Draft]:
        found: list[Draft] = []
        if not self._folder.is_dir():
            return found
        for folder in sorted(self._folder.iterdir()):
            try:
                draft = self._read(folder.name)
            except (NotFound, KeysFailed):
                # Half begun or half erased: nobody can reach it any more.
                continue
            if now - draft.changed_at > KEPT_FOR:
                self._erase(draft.id)
            else:
                found.append(draft)
        return found

    def _read(self, draft_id: str) -> Draft:
        try:
            return Draft.model_validate_json(self._part(draft_id, DRAFT))
        except ValidationError:
            raise NotFound(MISSING) from None

    def _part(self, draft_id: str, part: str) -> bytes:
        try:
            sealed = (self._folder / draft_id / part).read_bytes()
        except FileNotFoundError:
            raise NotFound(MISSING) from None
        except OSError as error:
            raise _failed(error) from None
        return zlib.decompress(self._fields.open(TABLE, draft_id, part, sealed))

    def _write(self, draft_id: str, part: str, content: bytes) -> None:
        sealed = self._fields.seal(TABLE, draft_id, part, zlib.compress(content, 1))
        try:
            durable.replace(self._folder / draft_id / part, sealed)
        except OSError as error:
            raise _failed(error) from None

    def _replace(self, spent: Draft) -> None:
        self._write(spent.id, DRAFT, spent.model_dump_json().encode())
        for part in (LIST, REFUSED):
            with suppress(OSError):
                durable.shred(self._folder / spent.id / part)

    def _erase(self, draft_id: str) -> None:
        folder = self._folder / draft_id
        self._fields.forget(draft_id)
        for part in PARTS:
            with suppress(OSError):
                durable.shred(folder / part)
        shutil.rmtree(folder, ignore_errors=True)


def _failed(error: OSError) -> StoreFailed:
    return StoreFailed(f"作りかけの催告を保存できません：{reason(error)}。")
