"""The rules of a campaign as a form: what it shows is what the settings say, what it writes is what was changed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.drafts import rules_form
from ivr.settings import Calling
from ivr.settings.own_rules import calling_of

OFFICE = Calling.model_validate(
    {
        "windows": [
            {"days": ["mon", "tue", "fri", "holiday"], "from": "09:30", "to": "20:00"},
            {"days": ["sat"], "from": "10:00", "to": "12:00"},
        ]
    }
)
CELLS = sorted(rules_form.cells_of(OFFICE.windows))


def test_a_form_as_the_settings_fill_it_makes_no_rules_of_its_own() -> None:
    for calling in (Calling(), OFFICE, Calling.model_validate({"retries": {"total": 1}})):
        checked = rules_form.read(calling, rules_form.defaults(calling), texts=True)
        assert (checked.own, checked.wrong) == ({}, {})


@settings(max_examples=60)
@given(chosen=st.sets(st.sampled_from(CELLS), min_size=1))
def test_the_windows_written_are_just_the_hours_that_were_chosen(chosen: set[str]) -> None:
    own = rules_form.read(OFFICE, {**rules_form.defaults(OFFICE), "cells": sorted(chosen)}, texts=False).own
    assert rules_form.cells_of(calling_of(OFFICE, own).windows) == chosen


@settings(max_examples=60)
@given(
    raw=st.dictionaries(
        st.sampled_from(["cells", "text_after", "text_tries", *rules_form.NUMBERS]),
        st.lists(st.text(max_size=8), max_size=3),
    )
)
def test_whatever_is_written_is_read_or_said_to_be_wrong(raw: dict[str, list[str]]) -> None:
    for filled in (raw, {**rules_form.defaults(OFFICE), **raw}):
        checked = rules_form.read(OFFICE, filled, texts=True)
        if not checked.wrong:
            calling_of(OFFICE, checked.own)


def test_fewer_a_day_than_in_all_is_kept_where_the_settings_have_more_a_day_than_in_all() -> None:
    calling = Calling.model_validate({"retries": {"total": 1, "per_day": 2}})
    raw = rules_form.defaults(calling) | {"total": ["3"]}
    assert rules_form.read(calling, raw, texts=False).own == {"retries": {"total": 3, "per_day": 1}}
    assert rules_form.read(calling, raw | {"per_day": ["2"]}, texts=False).own == {"retries": {"total": 3}}


def test_no_more_calls_are_told_of_one_kind_than_there_are_in_all() -> None:
    told = dict(rules_form.told(OFFICE, {"retries": {"total": 1}}))
    assert told["一人にかける回数"] == "全部で 1 回まで、一日に 1 回まで"
    assert (told["応答なし"], told["話し中"]) == ("かけ直さない", "かけ直さない")


def test_what_is_changed_is_written_and_nothing_else() -> None:
    raw = rules_form.defaults(OFFICE) | {
        "text_after": ["busy"],
        "text_tries": ["2"],
        "one_call": ["true"],
        "busy_times": ["4"],
    }
    assert rules_form.read(OFFICE, raw, texts=True).own == {
        "one_call_per_number": True,
        "retries": {"busy": {"times": 4, "after": "5m"}},
        "texts": {"after": ["busy"], "tries": 2},
    }
    assert "texts" not in rules_form.read(OFFICE, raw, texts=False).own
