"""The demo's list and callees fit each other."""

from __future__ import annotations

import csv

import phonenumbers

from ivr.domain import phone
from ivr.rehearsal.callee_file import read_callees
from ivr.rehearsal.demo import DEMO_CALLEES, DEMO_LIST


def rows() -> list[dict[str, str]]:
    with DEMO_LIST.open(encoding="cp932", newline="") as file:
        return list(csv.DictReader(file))


def numbers() -> list[phone.Phone]:
    written = [row[column] for row in rows() for column in ("電話番号", "電話番号2")]
    return [phone.parse(number) for number in written if number]


def test_the_list_is_cp932_and_has_at_least_forty_four_people_with_ids_of_their_own() -> None:
    people = rows()
    assert len(people) >= 44
    assert len({row["宛名番号"] for row in people}) == len(people)
    assert len({row["カナ氏名"] for row in people}) == len(people)
    assert any("ﾊ" in row["カナ氏名"] for row in people)
    assert {"年度", "期別", "備考"} <= people[0].keys()


def test_every_number_is_valid_listed_once_and_has_a_callee() -> None:
    found = numbers()
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number.e164)) for number in found)
    assert len({number.e164 for number in found}) == len(found)
    callees = read_callees(DEMO_CALLEES)
    assert {number.national for number in found} == set(callees.listed)


def test_every_shipped_kind_but_the_one_for_load_is_called() -> None:
    callees = read_callees(DEMO_CALLEES)
    called = {kind.name for callee in callees.listed.values() for kind in callee.kinds}
    assert called == callees.kinds.keys() - {"load"}


def test_the_outcome_named_for_a_number_is_that_of_its_kind() -> None:
    callees = read_callees(DEMO_CALLEES)
    assert all(callee.expect is callee.kinds[-1].expect for callee in callees.listed.values())
