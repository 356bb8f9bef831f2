"""Passwords, names and waits, without anything around them."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.account import (
    FREE_TRIES,
    LONGEST_WAIT,
    Session,
    Stage,
    is_over,
    shut_for,
    unfit_name,
    unfit_password,
)
from ivr.domain.authority import Deed, Role, may, reach


@given(st.integers(0, 100_000))
def test_the_wait_only_ever_grows_and_ends_at_an_hour(failures: int) -> None:
    wait, next_ = shut_for(failures) or timedelta(0), shut_for(failures + 1) or timedelta(0)
    assert wait <= next_ <= LONGEST_WAIT
    assert (wait == timedelta(0)) == (failures < FREE_TRIES)


@given(st.text(max_size=140))
def test_a_password_that_will_do_is_long_enough_and_does_not_hold_the_name(password: str) -> None:
    if unfit_password(password, "hanako") is None:
        assert 12 <= len(password) <= 128
        assert "hanako" not in password


@given(st.text(max_size=40))
def test_a_name_that_will_do_is_one_plain_word(name: str) -> None:
    if unfit_name(name) is None:
        assert name.isascii()
        assert name == name.lower().strip()
        assert 2 <= len(name) <= 32


def test_a_session_is_over_when_it_was_not_used_or_has_lasted_too_long() -> None:
    begun = datetime(2026, 11, 28, 9, tzinfo=UTC)
    session = Session(
        id="s", person="p", stage=Stage.FULL, begun_at=begun, seen_at=begun, address="192.0.2.1", browser=""
    )
    limits = {"idle": timedelta(minutes=30), "longest": timedelta(hours=10)}
    assert not is_over(session, begun + timedelta(minutes=29), **limits)
    assert is_over(session, begun + timedelta(minutes=30), **limits)


@given(st.sets(st.sampled_from(Role)), st.sets(st.sampled_from(Role)), st.sampled_from(Deed), st.booleans())
def test_more_roles_never_mean_fewer_rights(some: set[Role], more: set[Role], deed: Deed, own: bool) -> None:
    assert reach(some | more, deed) >= reach(some, deed)
    assert may(some | more, deed, own=own) or not may(some, deed, own=own)


@given(st.sets(st.sampled_from(Role)), st.sampled_from(Deed))
def test_what_may_be_done_to_anothers_may_be_done_to_ones_own(roles: set[Role], deed: Deed) -> None:
    assert may(roles, deed, own=True) or not may(roles, deed, own=False)
