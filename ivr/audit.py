"""Put on record who did what (`ivr.domain.audit`): the entry in the database, its head apart from it.

    Audit.record   database, committed ──► head, kept with the keys        a crash between them: the head is one behind

An entry is stored before the act that it tells of, so that an act that can't be put on record is not done. An act that
then fails leaves an entry all the same.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from ivr.campaign.ports import Clock
from ivr.data_dir import exclusively
from ivr.domain.audit import GENESIS, LOST_FROM, LOST_TO, Act, Action, Author, Entry, Head, beyond
from ivr.domain.examination import Examination, Fault
from ivr.errors import InputError, IvrError, StoreFailed, reason
from ivr.storage import EVERYTHING, AuditAsked, SqlResults
from ivr.storage.refusals import BEGINNING, Carried, Refusals
from ivr.vault import durable

NAME = "audit"
"""Of the key that seals the entries, and of the head."""

BATCH = 5_000
"""Entries read at a time."""

LONGEST = 200
"""Characters of a text in an entry."""

_NUMBER = re.compile(r"[0-9０-９](?:[-－ー‐ ]?[0-9０-９]){8,}")
_HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Numbers(str):
    """宛名番号 of people whose data somebody has seen: whole in an entry, like a telephone number or not."""

    __slots__ = ()


class Keys(Protocol):
    """Secrets and small notes, kept apart from the database. Each may raise IvrError."""

    def secret(self, name: str) -> bytes:
        """Return 32 secret bytes, made at the first use."""
        ...

    def note(self, name: str, value: bytes) -> None:
        """Keep `value` for good, in the place of what was kept before."""
        ...

    def noted(self, name: str) -> bytes | None:
        """Return what was kept last."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an examination found: how many entries were looked at, and what is wrong."""

    entries: int
    faults: tuple[Fault, ...]


class Audit:
    """The trail of one store, as `author` adds to it.

    `lock` is a file that whoever keeps the head holds meanwhile. `on_failure` is told when `mention` fails.
    """

    def __init__(
        self,
        results: SqlResults,
        keys: Keys,
        author: Author,
        clock: Clock,
        *,
        lock: Path,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._results = results
        self._keys = keys
        self._author = author
        self._clock = clock
        self._lock = lock
        self._on_failure = on_failure
        self.sound = True
        """Whether the last `mention` succeeded."""
        self._under_way: set[asyncio.Task[object]] = set()

    def by(self, author: Author) -> Audit:
        """Return the same trail, as `author` adds to it."""
        trail = Audit(self._results, self._keys, author, self._clock, lock=self._lock, on_failure=self._on_failure)
        trail._under_way = self._under_way
        return trail

    async def to_its_end(self, work: Coroutine[object, object, T]) -> T:
        """Do `work`, a deed that comes before its entry: both, even where whoever asked for it is cancelled."""
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._abandoned)
            raise

    async def finish(self) -> None:
        """Return once what was begun `to_its_end` is there: before the store is closed."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _abandoned(self, task: asyncio.Task[object]) -> None:
        """Tell of a failure that is raised at nobody any more."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, InputError):
            self._on_failure()
            log.error("audit_failed", reason=str(error))

    async def record(self, action: Action, subject: str = "", **details: str | int) -> None:
        """Put an act on record, now; raise IvrError where that fails, and then let the act be.

        `subject` is what it is done to, mostly a campaign's name. No name or number of a callee belongs into either.
        """
        head = await self._head()
        if head is None:
            head = await self._begin()
        await self._add(head, action, plain(subject), {name: _plain_value(value) for name, value in details.items()})

    async def mention(self, action: Action, subject: str = "", **details: str | int) -> None:
        """Put on record what happens anyway: a failure is told, and raised at nobody."""
        with self._told(action):
            await self.record(action, subject, **details)

    async def mention_settings(self, settings: str) -> None:
        """Put on record that the settings are others than at the last such entry from here, by a keyed hash."""
        with self._told(Action.SETTINGS_CHANGED):
            now = hmac.digest(await self._key(), settings.encode(), "sha256").hex()
            last = await self._results.last_audited_of(Action.SETTINGS_CHANGED, self._author.where)
            if last is None or now not in str(last.details):
                await self.record(Action.SETTINGS_CHANGED, settings=now)

    @contextmanager
    def _told(self, action: Action) -> Iterator[None]:
        try:
            yield
        except IvrError as error:
            self.sound = False
            self._on_failure()
            log.error("audit_failed", action=action.value, reason=str(error))
        else:
            self.sound = True

    async def entries(self, asked: AuditAsked = EVERYTHING, *, after: int = 0) -> AsyncIterator[Entry]:
        """Yield the entries that are asked for, in order of numbers, from the one behind number `after` on."""
        while batch := await self._results.audited(after, BATCH, asked):
            for entry in batch:
                yield entry
            after = batch[-1].number

    async def count(self) -> int:
        """Return the number of the last entry."""
        last = await self._results.last_audited()
        return last.number if last else 0

    async def examine(
        self, *, newest: int | None = None, watch: Callable[[int], None] = lambda _count: None
    ) -> Examined:
        """Judge the whole trail, or its `newest` entries; `watch` is told of each BATCH how many were looked at."""
        after = max(0, await self.count() - newest) if newest is not None else 0
        examination = await self.examination(after=after)
        seen = 0
        async for entry in self.entries(after=after):
            examination.see(entry)
            seen += 1
            if seen % BATCH == 0:
                watch(BATCH)
        return Examined(entries=seen, faults=examination.faults())

    async def go_on(self, kept: Sequence[Entry], refused: Refusals) -> tuple[int, Mapping[str, int], Carried]:
        """Add what the trail `kept` holds beyond the last entry here, nothing where it is another trail; how many?

        Returns also the numbers of the entries that are lost all the same, as the details of an entry that follows:
        those up to the head that was kept. Who has `refused` calls or texts is taken over in the same transaction.
        Nobody else may have the store open.
        """
        added, carried = await self._results.carry_over(kept, refused)
        head, reached = await self._head(), await self.count()
        lost = {LOST_FROM: reached + 1, LOST_TO: head.number} if head and head.number > reached else {}
        return added, lost, carried

    async def examination(self, *, after: int = 0) -> Examination:
        """Return what judges the entries behind number `after`, which are to be read only then."""
        # The head before the entries: what is added meanwhile comes behind it.
        return Examination(await self._key(), await self._head(), after=after)

    async def _begin(self) -> Head:
        """Return the head of a trail of which none is kept here."""
        if await self._results.last_audited() is None:
            await asyncio.to_thread(self._keep, GENESIS)
            return GENESIS
        # Whoever began it kept a head before the first entry: it may have come meanwhile.
        return await self._head() or await self._add(GENESIS, Action.HEAD_MADE, "", {})

    async def _add(self, head: Head, action: Action, subject: str, details: Mapping[str, str | int]) -> Head:
        act = Act(at=self._clock.now(), author=self._author, action=action, subject=subject, details=details)
        added = Head.of(await self._results.put_on_record(act, await self._key(), head))
        await asyncio.to_thread(self._keep, added)
        return added

    async def _key(self) -> bytes:
        return await asyncio.to_thread(self._keys.secret, NAME)

    async def _head(self) -> Head | None:
        return await asyncio.to_thread(self._kept)

    def _kept(self) -> Head | None:
        noted = self._keys.noted(NAME)
        try:
            return Head.read(noted) if noted is not None else None
        except ValueError:
            raise StoreFailed("監査証跡の控えが壊れています。鍵の置き場をバックアップから戻してください。") from None

    def _keep(self, head: Head) -> None:
        """Keep `head`, unless a later one is kept."""
        with exclusively(self._lock):
            kept = self._kept()
            if kept is None or kept.number < head.number:
                self._keys.note(NAME, head.written())


class Rescue:
    """What outlives a database that is being replaced, in a file beside the keys until the new one has it.

    The first line is of who wants no calls (`Refusals`), the others are the trail. As long as the file is there, the
    database is one half-way restored.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "restoring.jsonl"

    def begun(self) -> bool:
        """Tell whether a restore is under way, or was when the power went."""
        return self._file.exists()

    def add(self, found: Sequence[Entry], refused: Refusals) -> None:
        """Keep the entries `found` in the database that is about to go, behind those that are kept already.

        Of who has `refused` calls, what was found first stays: the database may be the backup by now.
        """
        kept: tuple[Entry, ...] = ()
        if self.begun():
            kept, earlier = self.held()
            refused = earlier.joined(refused)
        more = beyond(found, Head.of(kept[-1]) if kept else GENESIS)
        with self._on_disk():
            lines = (refused.written(), *(entry.written() for entry in (*kept, *more)))
            durable.replace(self._file, b"".join(lines))

    def held(self) -> tuple[tuple[Entry, ...], Refusals]:
        """Return what is kept."""
        with self._on_disk():
            lines = self._file.read_bytes().splitlines()
        try:
            # An earlier engine's holds the trail alone.
            refused = Refusals.read(lines.pop(0)) if lines and lines[0].startswith(BEGINNING) else Refusals()
            return tuple(Entry.read(line) for line in lines), refused
        except ValueError:
            raise StoreFailed(
                f"監査証跡と架電除外の写し {self._file} が壊れています。別の場所に移してください。"
            ) from None

    def end(self) -> None:
        """Forget what is kept: the database has it."""
        with self._on_disk():
            self._file.unlink()
            durable.settle(self._file.parent)

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreFailed(f"{self._file} を読み書きできません：{reason(error)}") from None


def plain(text: str) -> str:
    """Return a text that staff chose, fit for an entry: one short line without what looks like a telephone number."""
    shown = "".join(letter if letter.isprintable() else "�" for letter in text)
    return _NUMBER.sub("***", shown)[:LONGEST]


def _plain_value(value: str | int) -> str | int:
    if isinstance(value, Numbers):
        return "".join(letter if letter.isprintable() else "�" for letter in value)
    return value if isinstance(value, int) or _HASH.fullmatch(value) else plain(value)
