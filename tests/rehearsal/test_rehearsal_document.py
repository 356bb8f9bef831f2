"""docs/rehearsal.md names every kind, step, field and record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.rehearsal import callee_file
from ivr.rehearsal.callees import REFUSALS
from ivr.rehearsal.corpus import Part, Truth, specimens
from ivr.rehearsal.handset_file import HANDSET_FIELDS
from ivr.rehearsal.handsets import Manner, habit
from ivr.rehearsal.records import CallRecord

TEXT = (Path(__file__).parents[2] / "docs" / "rehearsal.md").read_text(encoding="utf-8")
RECORD = CallRecord(number="0312345678", call=1, kind="busy", invited_at=datetime.now(UTC))


@pytest.mark.parametrize("kind", callee_file.shipped_kinds().values(), ids=lambda kind: kind.name)
def test_every_shipped_kind_is_documented_with_its_outcome(kind: callee_file.Kind) -> None:
    assert f"| `{kind.name}` | {kind.about} | `{kind.expect.value}` |" in TEXT


@pytest.mark.parametrize("step", [*callee_file.ACTS, *callee_file.BARE_ACTS])
def test_every_step_is_documented(step: str) -> None:
    assert f"| `{step}" in TEXT


@pytest.mark.parametrize(
    "field",
    [*callee_file.KIND_FIELDS, *callee_file.CALLEE_FIELDS, *(name for name in RECORD.as_json() if name != "at")],
)
def test_every_field_is_documented(field: str) -> None:
    assert f"`{field}`" in TEXT


@pytest.mark.parametrize("manner", Manner)
def test_every_habit_of_a_handset_is_documented_with_what_comes_of_it(manner: Manner) -> None:
    row, *_http = [line for line in TEXT.splitlines() if line.startswith(f"| `{manner}` |")]
    assert [cell.strip() for cell in row.split("|")][-2] == " ".join(f"`{state}`" for state in habit(manner).expected)


@pytest.mark.parametrize("field", HANDSET_FIELDS)
def test_every_field_of_a_handset_is_documented(field: str) -> None:
    assert f"| `{field}` |" in TEXT.partition("## Handsets")[2]


def test_every_refusal_is_documented() -> None:
    assert " ".join(str(status) for status in REFUSALS) in TEXT


@pytest.mark.parametrize("truth", Truth)
def test_the_size_of_the_corpus_is_documented(truth: Truth) -> None:
    tuned, held_out = (sum(one.truth is truth and one.part is part for one in specimens()) for part in Part)
    assert f"| `{truth}` | {tuned} | {held_out} |" in TEXT
