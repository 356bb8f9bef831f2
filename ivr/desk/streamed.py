"""The results of a campaign as a file that is written while it goes out: some people at a time, and nothing kept.

For a process of its own (`ivr.aside`): it has the store open beside the engine's, with the keys of that campaign alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from zoneinfo import ZoneInfo

from ivr.campaign.figures import Figures
from ivr.campaign.records import CampaignRow, RecipientRecord
from ivr.reporting import Course
from ivr.reporting.classes import by_class
from ivr.reporting.columns import Value
from ivr.reporting.masking import masked_record
from ivr.reporting.percent import percent
from ivr.reporting.streams import CsvStream, PeopleBook
from ivr.storage import SqlResults
from ivr.vault.lent import LentKeys
from ivr.ways import Ways

Write = Callable[[Sequence[RecipientRecord]], bytes]


async def streamed(
    url: str, keys: LentKeys, campaign_id: str, form: str, zone: ZoneInfo, *, masked: bool, morsel: int
) -> AsyncGenerator[bytes, None]:
    """Yield everybody of a campaign as `xlsx`, `csv` or `csv-cp932`, from `morsel` people at a time."""
    async with await SqlResults.open(url, keys) as results:
        campaign = await results.campaign_of(campaign_id)
        course = Course.of(campaign, calls=Ways.of_stored(campaign).calls)

        async def of_all(write: Write) -> AsyncIterator[bytes]:
            after: str | None = None
            while True:
                records, after = await results.figures.batch(campaign_id, after=after, limit=morsel)
                yield write([masked_record(one) for one in records] if masked else records)
                if after is None:
                    return

        if form != "xlsx":
            lines = CsvStream(zone=zone, course=course, encoding="cp932" if form == "csv-cp932" else "utf-8-sig")
            async for piece in of_all(lines.people):
                yield piece
            return
        book = PeopleBook(zone=zone, course=course)
        yield book.summary(summary(campaign, await results.figures.figures(campaign_id), course))
        async for piece in of_all(book.people):
            yield piece
        yield book.begin_attempts()
        async for piece in of_all(book.attempts):
            yield piece
        yield book.end()


def summary(campaign: CampaignRow, figures: Figures, course: Course) -> list[tuple[Value, ...]]:
    """Return the rows of the first sheet: the classes and their outcomes, who has none, texts, all."""
    counts = figures.counts
    total = sum(counts.states.values())

    def line(group: str, label: str, number: int) -> tuple[Value, ...]:
        return group, label, number, percent(number / total) if total else None

    rows: list[tuple[Value, ...]] = []
    for group, found in by_class(counts.outcomes, counts.proven).items():
        rows.append(line(group.value, "計", sum(found.values())))
        rows += [line("", outcome.label, number) for outcome, number in found.items()]
    settled = counts.states.get("settled", 0) - sum(counts.outcomes.values())
    left = {**counts.states, "settled": settled}
    rows += [line("結果なし", course.words[state], number) for state, number in left.items() if number]
    rows += [line("SMS", state.label, number) for state, number in figures.texts.items()]
    rows += [line("全体", "", total), ("催告", campaign.name, None, None), ("発信回数", "", counts.attempts, None)]
    return rows
