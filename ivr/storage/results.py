"""The results store: the port `Results`, on SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Self, TypeVar
from uuid import uuid4

from sqlalchemy import Connection

from ivr.campaign.ports import NO_HOUSEHOLDS
from ivr.campaign.records import CampaignRow, Counts, Due, NewCampaign, OpenAttempt, RecipientRecord
from ivr.domain.attempt import AttemptState, Ending, Intent, Past
from ivr.domain.audit import Act, Action, Entry, Head
from ivr.domain.calling_rules import Ceiling
from ivr.domain.exclusion import Exclusion
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient
from ivr.errors import InputError
from ivr.storage import (
    audit,
    changes,
    commands,
    databases,
    engines,
    erasing,
    migrations,
    queries,
    refusals,
    resealing,
    ring_backs,
    settling,
    text_queries,
)
from ivr.storage.account_results import SqlAccounts
from ivr.storage.audit import EVERYTHING, AuditAsked
from ivr.storage.editions import SqlEditions
from ivr.storage.engines import Member
from ivr.storage.erasing import Statistics
from ivr.storage.exclusions import SqlExclusions
from ivr.storage.failures import translated
from ivr.storage.figure_results import SqlFigures
from ivr.storage.refusals import Carried, Refusals
from ivr.storage.sealing import ATTEMPTS, RECIPIENTS, TEXTS, Sealing
from ivr.storage.text_results import SqlTexts
from ivr.storage.tokens import SqlTokens
from ivr.storage.webhooks import SqlWebhooks
from ivr.storage.writer import Work, Writer
from ivr.vault import KeyStore
from ivr.vault.fields import Fields, Keys

T = TypeVar("T")

PATIENCE_S = 30.0
"""How long a write waits for another process that is writing: longer than the import of a very long list."""

LEISURE_S = 0.1
"""How long what is written of a call waits for another write to go to the disk with: a commit costs more CPU than what
it commits. The dial waits for its intent, and takes a line meanwhile, for a time that is nothing beside a call."""


def _untold(*_measured: object) -> None:
    """Nobody measures."""


class SqlResults:
    """`ivr.campaign.ports.Results` in a database. Writes are committed in groups, reads go beside them.

    Made by `open`; `close` it, or use it as an async context manager. Every method raises StoreFailed where
    the database refuses; a caller that is cancelled while it writes may find the write done.
    """

    def __init__(self, database: databases.Database, fields: Fields, on_write: Callable[[float], None]) -> None:
        self._database = database
        self.sealing = Sealing(fields)
        self._writer = Writer(database.write, on_write)
        self.member = Member()
        self.texts = SqlTexts(self)
        self.accounts = SqlAccounts(self)
        self.tokens = SqlTokens(self)
        self.editions = SqlEditions(self)
        self.webhooks = SqlWebhooks(self)
        self.exclusions = SqlExclusions(self)
        self.figures = SqlFigures(self)

    @classmethod
    async def open(
        cls, url: str, keys: Keys, *, on_write: Callable[[float], None] = _untold, patience: float = PATIENCE_S
    ) -> Self:
        """Open the database at `url`, made or brought to this engine's schema where need be.

        Who the people in it are is locked with `keys`, which the caller keeps open for as long as the store.
        `on_write` is told how many seconds each write took, waiting included. `patience` is how many seconds a
        write waits for another process. Raises InputError for a URL of an unknown kind, and StoreFailed for a
        database that is damaged, out of reach, or from a newer engine.
        """
        fields = Fields(keys)
        with translated():
            database = await databases.connect(url, patience)
        try:
            with translated():
                if await database.read(migrations.version) != migrations.HEAD:
                    await database.write(lambda connection: migrations.bring_up_to_date(connection, fields))
                await database.clean()
        except Exception:
            await database.close()
            raise
        return cls(database, fields, on_write)

    @classmethod
    async def in_memory(cls, keys: KeyStore) -> Self:
        """Make a store of which nothing stays, for a rehearsal in virtual time."""
        fields = Fields(keys)
        database = databases.SqliteMemory()
        await database.write(lambda connection: migrations.bring_up_to_date(connection, fields))
        return cls(database, fields, _untold)

    async def close(self) -> None:
        """Finish what is being written and let go of the database."""
        await self._writer.finish()
        await self._database.close()

    async def __aenter__(self) -> Self:
        """Return the store."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close the store."""
        await self.close()

    async def create_campaign(
        self,
        campaign: NewCampaign,
        recipients: Sequence[Recipient],
        households: Mapping[str, Sequence[Recipient]] = NO_HOUSEHOLDS,
    ) -> CampaignRow:
        """Store a campaign in state `created` with its people, in the order in which they are called; NameTaken.

        Of each of the `households`, by number, the first is called; another, where that one ends as `cancelled`.
        """
        row = CampaignRow(
            id=uuid4().hex,
            name=campaign.name,
            state="created",
            scenario=campaign.scenario,
            scenario_file=campaign.scenario_file,
            created_at=campaign.created_at,
            rules=campaign.rules,
            sources=campaign.sources,
            created_by=campaign.created_by,
            department=campaign.department,
        )
        fields = self.sealing.fields
        await asyncio.to_thread(fields.begin, row.id)
        try:
            await self.write(
                lambda connection: commands.create_campaign(connection, self.sealing, row, recipients, households)
            )
        except InputError:
            # Nothing was stored. After another error, or none, something may have been, and its key is kept.
            await asyncio.to_thread(fields.forget, row.id)
            raise
        return row

    async def campaign(self, name: str) -> CampaignRow:
        """Return a campaign by name; NotFound."""
        return await self.read(lambda connection: queries.campaign(connection, name))

    async def campaign_of(self, campaign_id: str) -> CampaignRow:
        """Return a campaign by id; NotFound."""
        return await self.read(lambda connection: queries.campaign_of(connection, campaign_id))

    async def campaigns(self, *, state: str | None = None) -> tuple[CampaignRow, ...]:
        """Return the campaigns, oldest first."""
        return await self.read(lambda connection: queries.all_campaigns(connection, state))

    async def move_campaign(self, campaign_id: str, *, expected: Sequence[str], state: str) -> bool:
        """Change the state of a campaign if it is one of `expected`; tell whether it was."""
        return await self.write(lambda connection: commands.move_campaign(connection, campaign_id, expected, state))

    async def approve(self, campaign_id: str, who: str) -> bool:
        """Note who has approved a campaign; False where somebody has before, or it is at work or over."""
        return await self.write(lambda connection: commands.approve(connection, campaign_id, who))

    async def due(
        self, campaign_id: str, now: datetime, limit: int, *, after: int = 0, counted: datetime | None = None
    ) -> tuple[Due, ...]:
        """Return waiting people due by `now` in their order, from the first rank after `after` on.

        With the dials elsewhere since `counted`; without it, none.
        """
        sealing, member = self.sealing, self.member
        asked = partial(
            queries.due, sealing=sealing, campaign_id=campaign_id, now=now, limit=limit, after=after, counted=counted
        )
        if not self._database.shared or not member.engine:
            return await self.read(asked)

        def work(connection: Connection) -> tuple[Due, ...]:
            commands.claim(connection, campaign_id, now, limit, after, member)
            return asked(connection, claimed_by=member.engine)

        return await self.write(work)

    async def intend(self, intent: Intent, ceilings: Sequence[Ceiling] = ()) -> bool:
        """Store the intent and move the person `waiting` -> `calling`.

        False, and nothing stored, if they do not wait, or one of `ceilings` is reached.
        """
        return await self.write(
            lambda connection: commands.intend(connection, self.sealing, intent, self.member, ceilings),
            leisure=LEISURE_S,
        )

    async def advance(self, attempt_id: str, *, expected: AttemptState, state: AttemptState, at: datetime) -> bool:
        """Move an attempt that has not ended; tell whether it was in `expected`. To `ENDED` leads `end`."""
        return await self.write(
            lambda connection: commands.advance(connection, attempt_id, expected, state, at), leisure=LEISURE_S
        )

    async def end(self, attempt_id: str, ending: Ending, *, settled: Outcome | None, due_at: datetime | None) -> bool:
        """Store the ending once, and settle the person (`settled`) or let them wait until `due_at`.

        False, and nothing stored, where the attempt has ended before. A time of answering that `ending` does not
        tell stays as `advance` stored it.
        """
        return await self.write(
            lambda connection: commands.end(connection, attempt_id, ending, settled, due_at, self.member),
            leisure=LEISURE_S,
        )

    async def postpone(self, campaign_id: str, recipient_id: str, due_at: datetime) -> None:
        """Let a waiting person wait until `due_at`."""
        await self.write(
            lambda connection: settling.postpone(connection, self.sealing, campaign_id, recipient_id, due_at)
        )

    async def settle(
        self,
        campaign_id: str,
        recipient_id: str,
        outcome: Outcome,
        *,
        excluded: Exclusion | None = None,
        at: datetime | None = None,
    ) -> None:
        """Settle a waiting person without a further attempt, `at` or now, and store why they are `excluded`."""
        settle = partial(settling.settle, excluded=excluded, at=at)
        await self.write(lambda connection: settle(connection, self.sealing, campaign_id, recipient_id, outcome))

    async def exclude(
        self, campaign_id: str, recipient_id: str, exclusion: Exclusion, *, at: datetime | None = None
    ) -> str:
        """Call a person no more, from now on; return the state in which they were. NotFound.

        Who was waiting is settled. A call under way goes on to its end, and is the last.
        """
        return await self.write(
            lambda connection: settling.exclude(connection, self.sealing, campaign_id, recipient_id, exclusion, at)
        )

    async def rang_back(self, number: str, *, since: datetime, wanted: bool, wait_until: datetime) -> bool:
        """Mark the last call to `number` since `since` as called back; who waits there waits until `wait_until`.

        False where there was no such call.
        """
        sealing = self.sealing
        return await self.write(
            lambda connection: ring_backs.mark(connection, sealing, number, since, wanted, wait_until)
        )

    async def add_caller(self, campaign_id: str, person: Recipient) -> None:
        """Keep somebody who is not dialled by itself, once."""
        await self.write(lambda connection: ring_backs.add_caller(connection, self.sealing, campaign_id, person))

    async def open_attempts(self) -> tuple[OpenAttempt, ...]:
        """Return every attempt that has not ended, oldest first."""
        return await self.read(lambda connection: queries.open_attempts(connection, self.sealing, None))

    async def join(self, engine: str, host: str, *, most: int = 0) -> None:
        """Dial from now on as `engine`, in a new life of it; what an earlier one still intends finds no place.

        With `most` no call is intended while so many are open, of all engines together.
        """
        self.member = await self.write(lambda connection: engines.join(connection, engine, host, most))

    async def renew(self) -> bool:
        """Say that this engine lives; False where another has buried it. Changes of long ago go with it."""

        def work(connection: Connection) -> bool:
            changes.prune(connection)
            return engines.renew(connection, self.member)

        return await self.write(work)

    async def left_open(self) -> tuple[OpenAttempt, ...]:
        """Return the attempts that earlier lives of this engine have not ended; those of no engine are anybody's."""
        mine = (self.member.engine, "")
        return await self.read(lambda connection: queries.open_attempts(connection, self.sealing, mine))

    async def bury(self, lease: timedelta) -> tuple[OpenAttempt, ...]:
        """Fence off every engine that has fallen silent for `lease`, and return what it has left open."""

        def work(connection: Connection) -> tuple[OpenAttempt, ...]:
            buried = engines.bury(connection, self.member, lease)
            return queries.open_attempts(connection, self.sealing, buried) if buried else ()

        return await self.write(work)

    async def past(self, campaign_id: str, recipient_id: str) -> tuple[Past, ...]:
        """Return the ended attempts of a person, oldest first."""
        return await self.read(lambda connection: queries.past(connection, self.sealing, campaign_id, recipient_id))

    async def counts(self, campaign_id: str) -> Counts:
        """Return the campaign in numbers."""
        return await self.read(lambda connection: queries.counts(connection, campaign_id))

    async def records(self, campaign_id: str) -> tuple[RecipientRecord, ...]:
        """Return every person, every attempt and text, in the order of the list."""

        def work(connection: Connection) -> tuple[RecipientRecord, ...]:
            texts = text_queries.records(connection, self.sealing, campaign_id)
            return queries.records(connection, self.sealing, campaign_id, texts)

        return await self.read(work)

    async def begin_erasing(
        self,
        campaign: CampaignRow,
        files: Mapping[str, int],
        ordered: Mapping[str, str],
        *,
        in_any_state: bool = False,
    ) -> Statistics:
        """Mark a campaign for good and keep its counts; InputError where it is being dialled."""
        begin = partial(erasing.begin, files=files, ordered=ordered, in_any_state=in_any_state)
        return await self.write(lambda connection: begin(connection, campaign))

    async def erase_rows(self, campaign_id: str) -> None:
        """Delete everybody of a campaign, whose key is gone, a few at a time."""
        self.sealing.fields.drop(campaign_id)
        while await self.write(lambda connection: erasing.some_rows(connection, campaign_id)):
            pass

    async def finish_erasing(self, campaign_id: str, now: datetime) -> None:
        """Delete a campaign of which nothing is left."""
        await self.write(lambda connection: erasing.finish(connection, campaign_id, now))

    async def last_days(self) -> Mapping[str, datetime]:
        """Return when each campaign was last at work, by its id."""
        return await self.read(erasing.last_days)

    async def reseal(self, campaign_id: str, watch: Callable[[str, int], None] = _untold) -> None:
        """Seal everybody of a campaign with its newest key; nobody else may have its keys open.

        `watch` is told of which table, `recipients`, `attempts` or `texts`, how many rows more are sealed.
        """
        fields = self.sealing.fields
        fields.refresh(campaign_id)
        for table in (RECIPIENTS, ATTEMPTS, TEXTS):
            after: str | None = ""
            while after is not None:
                after, rows = await self.write(partial(_reseal_some, fields, table, campaign_id, after))
                watch(table, rows)

    async def put_on_record(self, act: Act, key: bytes, head: Head) -> Entry:
        """Add the entry of `act` to the audit trail, behind its last one or `head`, whichever is further."""
        return await self.write(lambda connection: audit.append(connection, act, key, head))

    async def carry_over(self, kept: Sequence[Entry], refused: Refusals) -> tuple[int, Carried]:
        """Take over at once who `refused` calls, and the entries by which the trail `kept` goes on; how many?"""
        return await self.write(lambda connection: refusals.take_over(connection, self.sealing, kept, refused))

    async def audited(self, after: int, limit: int, asked: AuditAsked = EVERYTHING) -> tuple[Entry, ...]:
        """Return entries of the audit trail in order of numbers, from the one behind number `after` on."""
        return await self.read(lambda connection: audit.entries(connection, after, limit, asked))

    async def audited_before(self, before: int, limit: int, asked: AuditAsked = EVERYTHING) -> tuple[Entry, ...]:
        """Return entries of the audit trail, the newest first, from the one before number `before` on."""
        return await self.read(lambda connection: audit.newest(connection, before, limit, asked))

    async def last_audited(self) -> Entry | None:
        """Return the last entry of the audit trail."""
        return await self.read(audit.last)

    async def last_audited_of(self, action: Action, where: str) -> Entry | None:
        """Return the last entry of `action` from `where`."""
        return await self.read(lambda connection: audit.last_of(connection, action, where))

    async def read(self, work: Work[T]) -> T:
        """Return what `work` finds."""
        with translated():
            return await self._database.read(work)

    async def write(self, work: Work[T], *, leisure: float = 0.0) -> T:
        """Return what `work` did, once that is stored."""
        with translated():
            return await self._writer.write(work, leisure=leisure)


def _reseal_some(
    fields: Fields, table: str, campaign_id: str, after: str, connection: Connection
) -> tuple[str | None, int]:
    return resealing.some_rows(connection, fields, table, campaign_id, after)
