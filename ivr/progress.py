"""What a terminal shows while a campaign is dialled: a bar and its outcomes; without a terminal, plain lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ivr.domain.outcome import Outcome

REASONS = {
    "window": "架電できる時間帯ではありません",
    "retry": "かけ直しの時刻を待っています",
    "store": "データベースに書き込めません。空きを待っています",
    "pbx": "電話交換機（Asterisk）の準備を待っています",
    "voice": "音声を作れない人がいます",
    "paused": "一時停止中です",
}


class CampaignProgress:
    """An `ivr.campaign.dial.Observer` that shows how far a campaign is."""

    def __init__(self, console: Console, total: int, settled: int) -> None:
        """`total` people, of whom `settled` are settled already."""
        self._console = console
        self._total = total
        self._settled = settled
        self._live = 0
        self._outcomes: Counter[Outcome] = Counter()
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
        self._task = self._progress.add_task("架電", total=total, completed=settled, note="")

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
        self._settled += settled
        self._outcomes[outcome] += 1
        self._refresh()
        if settled and not self._console.is_terminal and self._settled % max(1, self._total // 20) == 0:
            self._console.print(f"{self._settled}/{self._total} 人が済みました（通話中 {self._live}）")

    def held(self, campaign: str, reason: str, until: datetime | None) -> None:
        """Say once why nothing is dialled."""
        text = REASONS.get(reason, reason) + (f"（{until:%m-%d %H:%M} まで）" if until else "")
        if text != self._reason:
            self._reason = text
            if not self._console.is_terminal:
                self._console.print(text)
            self._refresh()

    def defect(self, campaign: str, attempt: str, error: Exception) -> None:
        """Nothing to show: the outcome says it."""

    def _refresh(self) -> None:
        confirmed = self._outcomes[Outcome.CONFIRMED]
        note = self._reason or f"通話中 {self._live}　本人確認済 {confirmed}"
        self._progress.update(self._task, completed=self._settled, note=note)
