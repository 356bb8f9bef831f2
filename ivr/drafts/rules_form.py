"""The rules of a campaign as a form with a week in it: what the settings say, what somebody said, what is wrong.

Pure. A cell of the week is an hour of a weekday; only hours that are the office's can be chosen, and a campaign's own
windows lie within the office's anyhow. What is as the settings have it is not written into the campaign's own rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import get_args

from ivr.domain.calendar import DAYS
from ivr.domain.outcome import LABELS, Outcome
from ivr.errors import InputError
from ivr.settings import Calling
from ivr.settings.calling import CallingWindow, TextedAfter
from ivr.settings.own_rules import calling_of

Raw = Mapping[str, Sequence[str]]
"""The form as it was sent: every value as it was written."""

DAY_LABELS: Mapping[str, str] = {
    "mon": "月",
    "tue": "火",
    "wed": "水",
    "thu": "木",
    "fri": "金",
    "sat": "土",
    "sun": "日",
    "holiday": "祝",
}
ALL_DAYS = (*DAYS, "holiday")

CELLS, ONE_CALL, TEXT_AFTER, TEXT_TRIES = "cells", "one_call", "text_after", "text_tries"

MOST = {
    "total": 50,
    "per_day": 20,
    "no_answer_times": 20,
    "busy_times": 20,
    "no_answer_after": 43_200,
    "busy_after": 43_200,
}
LEAST = {"total": 1, "per_day": 1}
NUMBERS: Mapping[str, str] = {
    "total": "一人にかける回数（全部で）",
    "per_day": "一人にかける回数（一日に）",
    "no_answer_times": "応答がなかったとき、あと何回かけるか",
    "no_answer_after": "応答がなかったとき、何分あけるか",
    "busy_times": "話し中だったとき、あと何回かけるか",
    "busy_after": "話し中だったとき、何分あけるか",
}

TEXT_CHOICES: Mapping[str, str] = {code: LABELS[Outcome(code)] for code in get_args(TextedAfter)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A form that was read: the campaign's `own` rules, and what is wrong by field; then `own` is not to be used."""

    own: Mapping[str, object]
    wrong: Mapping[str, str]


def hours_of(calling: Calling) -> range:
    """Return the hours of the day in which the office has windows at all."""
    return range(
        min(window.start for window in calling.windows) // 60,
        -(-max(window.until for window in calling.windows) // 60),
    )


def cells_of(windows: Sequence[CallingWindow]) -> frozenset[str]:
    """Return the cells of the week, as `mon-9`, that some window touches."""
    return frozenset(
        f"{day}-{hour}"
        for window in windows
        for day in window.days
        for hour in range(window.start // 60, -(-window.until // 60))
    )


def defaults(calling: Calling) -> dict[str, list[str]]:
    """Return the form as the settings fill it."""
    retries, texts = calling.retries, calling.texts
    return {
        CELLS: sorted(cells_of(calling.windows)),
        "total": [str(retries.total)],
        "per_day": [str(min(retries.per_day, retries.total))],
        "no_answer_times": [str(retries.no_answer.times)],
        "no_answer_after": [_minutes(retries.no_answer.after)],
        "busy_times": [str(retries.busy.times)],
        "busy_after": [_minutes(retries.busy.after)],
        ONE_CALL: ["true"] if calling.one_call_per_number else [],
        TEXT_AFTER: list(texts.after),
        TEXT_TRIES: [str(texts.tries) if texts.tries is not None else ""],
    }


def read(calling: Calling, raw: Raw, *, texts: bool) -> Checked:
    """Return what a form says; with `texts` where the scenario has one."""
    wrong: dict[str, str] = {}
    said = {field: _number(raw, field, wrong) for field in NUMBERS}
    cells = frozenset(raw.get(CELLS, ())) & cells_of(calling.windows)
    if not cells:
        wrong[CELLS] = "かける時間帯を、一つ以上選んでください。"
    tries = _tries(raw, wrong) if texts else None
    if not wrong.keys() & {"per_day", "total"} and said["per_day"] > said["total"]:
        wrong["per_day"] = f"全部で {said['total']} 回なので、一日に {said['per_day']} 回はかけられません。"
    if wrong:
        return Checked(own={}, wrong=wrong)
    own = _own(calling, said, cells, raw)
    if texts and (of_texts := _texts(calling, raw, tries)):
        own["texts"] = of_texts
    try:
        calling_of(calling, own)
    except InputError as error:
        return Checked(own={}, wrong={"": str(error)})
    return Checked(own=own, wrong={})


def windows_of(cells: frozenset[str]) -> list[dict[str, object]]:
    """Return the windows that cover just these cells, days with the same hours together."""
    spans: dict[tuple[tuple[int, int], ...], list[str]] = {}
    for day in ALL_DAYS:
        hours = sorted(int(cell.partition("-")[2]) for cell in cells if cell.partition("-")[0] == day)
        if hours:
            spans.setdefault(_runs(hours), []).append(day)
    return [
        {"days": days, "from": f"{start:02}:00", "to": f"{until:02}:00"}
        for runs, days in spans.items()
        for start, until in runs
    ]


def told(calling: Calling, own: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the rules that a campaign with its `own` has, in words."""
    merged = calling_of(calling, own)
    retries = merged.retries
    # What the settings allow of one kind is said as far as there are so many calls in all.
    again = max(0, retries.total - 1)
    return [
        ("かける時間帯", _windows(merged.windows)),
        ("一人にかける回数", f"全部で {retries.total} 回まで、一日に {min(retries.per_day, retries.total)} 回まで"),
        ("応答なし", _again(min(retries.no_answer.times, again), retries.no_answer.after)),
        ("話し中", _again(min(retries.busy.times, again), retries.busy.after)),
        ("同じ電話番号の人", "合わせて一度だけかける" if merged.one_call_per_number else "一人ずつかける"),
    ]


def told_of_texts(calling: Calling, own: Mapping[str, object]) -> str:
    """Return whom a campaign with its `own` rules sends texts, in words."""
    texts = calling_of(calling, own).texts
    if not texts.after:
        return "だれにも送らない"
    after = "・".join(TEXT_CHOICES[code] for code in texts.after)
    return f"{after} で終わった人" + (f"（{texts.tries} 回かけて会えない人には、途中でも）" if texts.tries else "")


def _own(calling: Calling, said: Mapping[str, int], cells: frozenset[str], raw: Raw) -> dict[str, object]:
    own: dict[str, object] = {}
    if cells != cells_of(calling.windows):
        own["windows"] = windows_of(cells)
    before = defaults(calling)
    changed = {field for field in NUMBERS if str(said[field]) != before[field][0]}
    # The settings may have more a day than there are in all, of which the form shows as many as there can be.
    if said["per_day"] == min(calling.retries.per_day, said["total"]):
        changed.discard("per_day")
    else:
        changed.add("per_day")
    retries: dict[str, object] = {field: said[field] for field in ("total", "per_day") if field in changed}
    for outcome in ("no_answer", "busy"):
        if changed & {f"{outcome}_times", f"{outcome}_after"}:
            retries[outcome] = {"times": said[f"{outcome}_times"], "after": f"{said[f'{outcome}_after']}m"}
    if retries:
        own["retries"] = retries
    one_call = bool(raw.get(ONE_CALL))
    if one_call != calling.one_call_per_number:
        own["one_call_per_number"] = one_call
    return own


def _texts(calling: Calling, raw: Raw, tries: int | None) -> dict[str, object]:
    after = [code for code in TEXT_CHOICES if code in raw.get(TEXT_AFTER, ())]
    found: dict[str, object] = {}
    if set(after) != set(calling.texts.after):
        found["after"] = after
    if tries != calling.texts.tries:
        found["tries"] = tries
    return found


def _number(raw: Raw, field: str, wrong: dict[str, str]) -> int:
    written = (raw.get(field) or [""])[-1].strip()
    least, most = LEAST.get(field, 0), MOST[field]
    if not (written.isdecimal() and len(written) <= 6 and least <= int(written) <= most):
        wrong[field] = f"{least} から {most:,} までの数で書いてください。"
        return least
    return int(written)


def _tries(raw: Raw, wrong: dict[str, str]) -> int | None:
    written = (raw.get(TEXT_TRIES) or [""])[-1].strip()
    if not written:
        return None
    if not (written.isdecimal() and len(written) <= 3 and 1 <= int(written) <= 20):
        wrong[TEXT_TRIES] = "1 から 20 までの数で書くか、空けておいてください。"
        return None
    return int(written)


def _runs(hours: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return spans of hours that follow each other, each with the hour after its last."""
    spans = []
    for _, group in groupby(enumerate(hours), lambda one: one[1] - one[0]):
        run = [hour for _, hour in group]
        spans.append((run[0], run[-1] + 1))
    return tuple(spans)


def _minutes(span: timedelta) -> str:
    return str(int(span.total_seconds() // 60))


def _windows(windows: Sequence[CallingWindow]) -> str:
    """Return windows in words, those of the same days together."""
    spans: dict[str, list[str]] = {}
    for window in sorted(windows, key=lambda one: one.start):
        days = "".join(DAY_LABELS[day] for day in ALL_DAYS if day in window.days)
        spans.setdefault(days, []).append(f"{_clock(window.start)}〜{_clock(window.until)}")
    return "、".join(f"{days} {'・'.join(several)}" for days, several in spans.items())


def _clock(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02}"


def _again(times: int, after: timedelta) -> str:
    return f"{_minutes(after)} 分あけて、あと {times} 回まで" if times else "かけ直さない"
