"""What a terminal shows while a campaign is dialled or keys are changed: a bar; without a terminal, plain lines."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TextIO, TypeVar, cast

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, track

from ivr.domain.exclusion import Source
from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState

T = TypeVar("T")

log = structlog.get_logger(__name__)

REASONS = {
    "window": "架電できる時間帯ではありません",
    "retry": "かけ直しの時刻を待っています",
    "store": "データベースに書き込めません。空きを待っています",
    "pbx": "電話交換機（Asterisk）の準備を待っています",
    "trunk": "どの電話も同じ理由でつながりません。回線の設定と契約を確かめてください。ときどき一件だけ試します",
    "voice": "音声を作れない人がいます",
    "paused": "一時停止中です",
    "sms": "SMS の事業者につながるのを待っています",
    "sms_credit": "SMS の事業者の残高か利用枠が足りません。足りるようになるのを待っています",
    "sms_later": "SMS の事業者が、あとにするよう求めています",
    "text_window": "SMS を送る時間帯ではありません",
    "text_cap": "SMS を一人に送れる回数に達した人がいます",
    "exclusions": "かけてはいけない人が分からないので、かけません。理由は ivr doctor で分かります",
}

REASONS_OF_TEXTS = {
    **REASONS,
    "exclusions": "SMS を送ってはいけない人が分からないので、送りません。理由は ivr doctor で分かります",
}
"""The same where nobody is called."""


class Lasting:
    """A text stream that goes nowhere once its reader has gone or its disk is full: no call ends because of that."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str) -> int:
        """Write while that works."""
        if not self._gone:
            try:
                return self._stream.write(text)
            except OSError:
                self._leave()
        return len(text)

    def flush(self) -> None:
        """Flush while that works."""
        if not self._gone:
            try:
                self._stream.flush()
            except OSError:
                self._leave()

    def _leave(self) -> None:
        """Point the stream elsewhere, so that the interpreter, too, finds nothing to complain of at its end."""
        self._gone = True
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        log.warning("output_gone")

    def __getattr__(self, name: str) -> Any:
        """Be the stream in everything else."""
        return getattr(self._stream, name)


def terminal() -> Console:
    """Return the terminal or the file that staff look at while calls are made."""
    return Console(file=cast(TextIO, Lasting(sys.stdout)))


def counted(rows: Iterable[T], what: str, total: int) -> Iterable[T]:
    """Yield `rows`, with a bar on the terminal that says how many of the `total` of `what` are done."""
    screen = Console(stderr=True)
    return track(rows, what, total=total, console=screen, transient=True, disable=not screen.is_terminal)


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield what is to be told how many more of the `total` are done; a bar on the terminal shows it."""
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda more: progress.advance(task, more)


class KeyProgress:
    """How far a change of keys is."""

    def __init__(self, *, campaigns: int, people: int, attempts: int) -> None:
        self._campaigns = campaigns
        self._people = people
        self._changed = 0
        self._sealed = 0
        self._screen = Console(stderr=True)
        self._progress = Progress(console=self._screen, transient=True, disable=not self._screen.is_terminal)
        self._task = self._progress.add_task(str(self), total=people + attempts)

    def __str__(self) -> str:
        """Return it in words."""
        return f"催告 {self._changed}/{self._campaigns} 件、{self._sealed}/{self._people} 人"

    @contextmanager
    def shown(self) -> Iterator[KeyProgress]:
        """Show while inside."""
        with self._progress:
            yield self

    def sealed(self, table: str, rows: int) -> None:
        """Move the bar on; without a terminal, write a line for every twentieth of the people."""
        before = self._sealed
        self._sealed += rows if table == "recipients" else 0
        self._progress.update(self._task, advance=rows, description=str(self))
        step = max(1, self._people // 20)
        if not self._screen.is_terminal and self._sealed // step > before // step:
            self._screen.print(str(self))

    def changed(self) -> None:
        """Count a campaign whose keys are changed."""
        self._changed += 1
        self._progress.update(self._task, description=str(self))


class CampaignProgress:
    """An `ivr.campaign.dial.Observer` that shows how far a campaign is."""

    def __init__(self, console: Console, total: int, settled: int, *, calls: bool = True) -> None:
        """`total` people, of whom `settled` are settled already; without `calls` they are sent texts alone."""
        self._calls = calls
        self._console = console
        self._total = total
        self._settled = settled
        self._live = 0
        self._outcomes: Counter[Outcome] = Counter()
        self._texts = 0
        self._reason = ""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("架電" if calls else "SMS 送信", total=total, completed=settled, note="")

    @contextmanager
    def shown(self) -> Iterator[CampaignProgress]:
        """Show while inside."""
        with self._progress:
            yield self

    def dial_began(self, campaign: str, attempt: str) -> None:
        """Count a line in use."""
        self._live += 1
        self._reason = ""
        self._refresh()

    def answered(self, campaign: str, attempt: str) -> None:
        """Nothing to show."""

    def dial_ended(self, campaign: str, attempt: str, outcome: Outcome, *, settled: bool) -> None:
        """Move the bar on; without a terminal, write a line for every twentieth person."""
        self._live -= 1
        self._outcomes[outcome] += 1
        self._move_on(settled)

    def excluded(self, campaign: str, source: Source, *, settled: bool) -> None:
        """Move the bar on."""
        self._settled += settled
        self._refresh()

    def texted(self, campaign: str, state: TextState, *, settled: bool) -> None:
        """Count the texts that went out; move the bar on where they are all there is."""
        self._texts += state is TextState.SENT
        if state is TextState.SENT and not self._calls:
            self._reason = ""
        self._move_on(settled)

    def held(self, campaign: str, reason: str, until: datetime | None) -> None:
        """Say once why nothing is dialled."""
        words = REASONS if self._calls else REASONS_OF_TEXTS
        text = words.get(reason, reason) + (f"（{until:%m-%d %H:%M} まで）" if until else "")
        if text != self._reason:
            self._reason = text
            if not self._console.is_terminal:
                self._console.print(text)
            self._refresh()

    def defect(self, campaign: str, attempt: str, error: Exception) -> None:
        """Nothing to show: the outcome says it."""

    def _move_on(self, settled: bool) -> None:
        self._settled += settled
        self._refresh()
        if settled and not self._console.is_terminal and self._settled % max(1, self._total // 20) == 0:
            under_way = f"通話中 {self._live}" if self._calls else f"SMS {self._texts} 人に送信"
            self._console.print(f"{self._settled}/{self._total} 人が済みました（{under_way}）")

    def _refresh(self) -> None:
        confirmed = self._outcomes[Outcome.CONFIRMED]
        note = self._reason or (f"通話中 {self._live}　本人確認済 {confirmed}" if self._calls else "")
        note += f"　SMS {self._texts}" if self._texts else ""
        self._progress.update(self._task, completed=self._settled, note=note)
