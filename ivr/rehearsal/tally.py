"""All verdicts of one part of the corpus in numbers, whether they hold the targets, and tables of them.

Pure but for printing. Staff read the tables, so they are in Japanese.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.box import ASCII
from rich.table import Table

from ivr.domain.outcome import Outcome
from ivr.rehearsal.corpus import Part, Truth
from ivr.rehearsal.judging import Verdict

WHOLE_RATE = 0.99
"""Of the recording machines: how many must hold the whole message."""

QUESTION_AFTER = 1.5
"""Seconds: the most for the median, from the first words' end to the question."""

SILENCE = 2.5
"""Seconds: the longest silence that a plain answer may be met with."""

PARTS: Mapping[Part, str] = {Part.TUNED: "調整に使った相手", Part.HELD_OUT: "取り置いた相手"}
TRUTHS: Mapping[Truth, str] = {
    Truth.PERSON: "人",
    Truth.RECORDER: "留守番電話",
    Truth.SCREENING: "用件をたずねる装置",
    Truth.ANNOUNCEMENT: "電話網の案内",
    Truth.FAX: "ファクシミリ",
}
NONE = "―"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many of so many; None of `share` where there are none at all."""

    good: int
    all: int

    @property
    def share(self) -> float | None:
        """Return the share, from 0 to 1."""
        return self.good / self.all if self.all else None

    def __str__(self) -> str:
        """Return `98 / 100（98.0 %）`."""
        return NONE if self.share is None else f"{self.good} / {self.all}（{100 * self.share:.1f} %）"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The verdicts of one part. `matrix` counts calls by what the callee was and how the engine took it.

    `question_after` are the median and the maximum, in seconds; `silence` is the longest that a person with a plain
    answer was met with, `any_silence` that of all persons; None where nobody was asked.
    """

    part: Part
    matrix: Mapping[tuple[Truth, Outcome | None], int]
    whole: Rate
    question: Rate
    heard_unjustly: int
    lost_presses: int
    dishonest: int
    overclaimed: int
    screening_said: int
    question_after: tuple[float, float] | None
    silence: float | None
    any_silence: float | None
    faults: int

    @classmethod
    def of(cls, part: Part, verdicts: Sequence[Verdict]) -> Summary:
        """Sum up those of `verdicts` that are of `part`."""
        own = [one for one in verdicts if one.part is part]
        machines = [one.whole_message for one in own if one.whole_message is not None]
        persons = [one for one in own if one.question_whole is not None]
        after = [one.question_after_s for one in persons if one.question_after_s is not None]
        silences = [(one.longest_silence_s, one.plain) for one in persons if one.longest_silence_s is not None]
        return cls(
            part=part,
            matrix=Counter((one.truth, one.outcome) for one in own),
            whole=Rate(good=sum(machines), all=len(machines)),
            question=Rate(good=sum(one.question_whole is True for one in persons), all=len(persons)),
            heard_unjustly=sum(one.heard_confirmed_part for one in own),
            lost_presses=sum(one.lost_press for one in own),
            dishonest=sum(not one.honest for one in own),
            overclaimed=sum(one.overclaimed for one in own),
            screening_said=sum(one.screening_said for one in persons),
            question_after=(median(after), max(after)) if after else None,
            silence=max((seconds for seconds, plain in silences if plain), default=None),
            any_silence=max((seconds for seconds, _ in silences), default=None),
            faults=sum(one.fault is not None for one in own),
        )

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return sum(self.matrix.values())

    def shortfalls(self) -> tuple[str, ...]:
        """Return a sentence for each target that is missed; none where all hold."""
        after = self.question_after[0] if self.question_after else 0.0
        checks = (
            (self.calls > 0, "一件もかけていません。"),
            ((self.whole.share or 0.0) >= WHOLE_RATE or not self.whole.all, f"伝言が丸ごと残ったのは {self.whole}。"),
            (not self.heard_unjustly, f"本人だけの内容を、確認の前に聞いた相手が {self.heard_unjustly} 件。"),
            (not self.lost_presses, f"「#」を押したのに本人確認にならなかった相手が {self.lost_presses} 件。"),
            (not self.dishonest, f"事実より多くを名乗る結果が {self.dishonest} 件。"),
            (self.question.good == self.question.all, f"質問を初めから聞けた人は {self.question}。"),
            (after <= QUESTION_AFTER, f"質問までの時間の中央値が {after:.2f} 秒。"),
            ((self.silence or 0.0) <= SILENCE, f"ふつうに出た人を、{self.silence or 0.0:.2f} 秒待たせました。"),
            (not self.faults, f"模擬の電話網の側の故障が {self.faults} 件。"),
        )
        return tuple(f"{PARTS[self.part]}：{what}" for holds, what in checks if not holds)

    def measures(self) -> tuple[tuple[str, str, str], ...]:
        """Return what was measured: its name, the target, what was found."""
        middle, most = self.question_after or (None, None)
        return (
            ("留守番電話に伝言が丸ごと残った", "99 % 以上", str(self.whole)),
            ("確認の前に、本人だけの内容を聞いた", "0 件", f"{self.heard_unjustly} 件"),
            ("「#」を押したのに、本人確認にならない", "0 件", f"{self.lost_presses} 件"),
            ("結果が、事実より多くを名乗る", "0 件", f"{self.dishonest} 件"),
            ("「留守録」としたのに、丸ごとは残っていない", "", f"{self.overclaimed} 件"),
            ("人が、質問を初めから聞けた", "全員", str(self.question)),
            ("初めの言葉の終わりから質問まで（中央値）", f"{QUESTION_AFTER} 秒以下", _seconds(middle)),
            ("同（最長）", "", _seconds(most)),
            ("ふつうに出た人が黙って待たされた（最長）", f"{SILENCE} 秒以下", _seconds(self.silence)),
            ("人が黙って待たされた（最長）", "", _seconds(self.any_silence)),
            ("人に、装置あての一言を言った", "", f"{self.screening_said} 件"),
        )


def tables(summary: Summary, *, plain: bool = False) -> tuple[Table, Table]:
    """Return the confusion matrix and the measures for a terminal; `plain` draws them with ASCII."""
    style = {"box": ASCII} if plain else {}
    matrix = Table(title=f"{PARTS[summary.part]}（{summary.calls} 件）", **style)  # type: ignore[arg-type]
    head, rows = _matrix(summary)
    for index, name in enumerate(head):
        matrix.add_column(name, justify="right" if index else "left", overflow="fold")
    for row in rows:
        matrix.add_row(*row)
    measures = Table("測ったこと", "目標", "結果", **style)  # type: ignore[arg-type]
    for line in summary.measures():
        measures.add_row(*line)
    return matrix, measures


def recipe_table(rates: Mapping[str, Mapping[Part, Rate]], *, plain: bool = False) -> Table:
    """Return how many recordings held the whole message, by way (its name) and part."""
    parts = _parts(rates)
    table = Table("伝言の残し方", *(PARTS[part] for part in parts), **({"box": ASCII} if plain else {}))  # type: ignore[arg-type]
    for way, found in rates.items():
        table.add_row(way, *(str(found[part]) if part in found else NONE for part in parts))
    return table


def as_markdown(summaries: Sequence[Summary], rates: Mapping[str, Mapping[Part, Rate]]) -> str:
    """Return everything as Markdown tables, for docs/machines.md."""
    blocks: list[str] = []
    for summary in summaries:
        blocks.append(f"### {PARTS[summary.part]}（{summary.calls} 件）")
        blocks.append(_markdown(*_matrix(summary)))
        blocks.append(_markdown(("測ったこと", "目標", "結果"), summary.measures()))
    if rates:
        parts = _parts(rates)
        rows = [(way, *(str(found.get(part, NONE)) for part in parts)) for way, found in rates.items()]
        blocks += ["### 伝言が丸ごと残った割合", _markdown(("伝言の残し方", *(PARTS[part] for part in parts)), rows)]
    return "\n\n".join(blocks) + "\n"


def _matrix(summary: Summary) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    order = list(Outcome)
    outcomes = sorted(
        {outcome for _, outcome in summary.matrix},
        key=lambda outcome: len(order) if outcome is None else order.index(outcome),
    )
    head = ["相手", *(outcome.label if outcome else "結果なし" for outcome in outcomes), "計"]
    rows = []
    for truth in Truth:
        counts = [summary.matrix.get((truth, outcome), 0) for outcome in outcomes]
        if sum(counts):
            rows.append([TRUTHS[truth], *(str(count) if count else "" for count in counts), str(sum(counts))])
    return head, rows


def _parts(rates: Mapping[str, Mapping[Part, Rate]]) -> tuple[Part, ...]:
    return tuple(part for part in Part if any(part in found for found in rates.values()))


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _seconds(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f} 秒"
