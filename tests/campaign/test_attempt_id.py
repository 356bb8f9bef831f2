"""Ids of attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from ivr.campaign.attempt_id import attempt_id

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_an_id_is_a_uuid_of_version_7_that_tells_its_time() -> None:
    found = UUID(hex=attempt_id(NOON))
    assert (found.version, found.variant) == (7, RFC_4122)
    assert found.int >> 80 == NOON.timestamp() * 1000


def test_ids_sort_as_their_times_do() -> None:
    times = [NOON + timedelta(milliseconds=number) for number in range(100)]
    ids = [attempt_id(time) for time in times]
    assert sorted(ids) == ids


def test_no_two_ids_of_one_moment_are_alike() -> None:
    assert len({attempt_id(NOON) for _ in range(10_000)}) == 10_000
