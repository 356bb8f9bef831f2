"""No name, number or key press in any log, whoever writes it."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ivr import logs
from ivr.domain.outcome import Outcome
from ivr.domain.recipient import Recipient

ATTEMPT = "9f3c2b7a1d4e4f6a8b0c5d6e7f809142"


@pytest.fixture
def written() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Return the lines logged since the last call, as JSON."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    logs.configure(as_json=True, level="debug", stream=stream)

    def lines() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in stream.getvalue().splitlines()]
        stream.seek(0)
        stream.truncate()
        return found

    yield lines
    logging.captureWarnings(False)
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "number",
    [
        "0357220000",
        "03-5722-0000",
        "090-1234-5678",
        "09012345678",
        "+819012345678",
        "+81-90-1234-5678",
        "８１９０１２３４５６７８",
        "０９０－１２３４－５６７８",
        "(03)5722-0000",
        "03（5722）0000",
        "090 1234 5678",
        "+81 90 1234 5678",
        "090.1234.5678",
        "5722000",
        "PJSIP/09012345678@trunk",
        "CallerIDNum: 0357220000",
        "tel-0357220000",
        "x0357220000y",
    ],
)
def test_a_telephone_number_is_hidden_however_it_is_written(number: str) -> None:
    text = logs.masked(f"before {number}, after")
    assert logs.HIDDEN in text
    assert sum(character.isdigit() for character in text) == 0
    assert text.startswith("before ")
    assert text.endswith(", after")


@given(digits=st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True), before=st.sampled_from(["", " ", "=", "/", "'", "番"]))
def test_no_run_of_seven_to_fifteen_digits_survives(digits: str, before: str) -> None:
    assert digits not in logs.masked(f"{before}{digits} ")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Recipient(id='1', kana='ヤマダ タロウ', line=2)", "ヤマダ"),
        ("name=ヤマダタロウ", "ヤマダ"),
        ("kana: ﾔﾏﾀﾞ ﾀﾛｳ", "ﾔﾏﾀﾞ"),
        ("氏名：山田 太郎", "山田"),
        ("ヤマダ タロウ様でいらっしゃいますか", "ヤマダ"),
        ("ヤマダ　タロウ さま", "タロウ"),
        ("{'kana': 'ヤマダ'}", "ヤマダ"),
        ('{"CallerIDName": "ヤマダ"}', "ヤマダ"),
        ("Digit: 5", "5"),
        ("key='#'", "#"),
        ("keys=12", "12"),
        ("dtmf: 9*", "9"),
    ],
)
def test_names_and_key_presses_are_hidden_where_their_field_is_named(text: str, hidden: str) -> None:
    assert hidden not in logs.masked(text)


@pytest.mark.parametrize(
    "text",
    [
        ATTEMPT,
        "12345678901234567890123456789012",
        "12345678-1234-4123-8123-123456789012",
        f"channel PJSIP/trunk-0000001f of {ATTEMPT} is gone",
        "2026-11-24T12:00:00.123456+09:00",
        "until 2026-11-24 12:00:00",
        "127.0.0.1:5038 in 0.123456789 s",
        "192.168.100.200",
        "データベースに接続できません。",
        "催告「住民税」がありません。",
        "dialled 120 of 3000, 12 % left, SIP 486, Q.850 17",
        "scenarios/reminder.yaml:12: 「more」",
        "Key error in step confirm",
    ],
)
def test_what_engineers_need_stays_readable(text: str) -> None:
    assert logs.masked(text) == text


def test_an_attempt_keeps_its_id_and_personal_fields_are_hidden(written: Callable[..., list[dict[str, Any]]]) -> None:
    for attempt in (ATTEMPT, "1" * 32):
        structlog.get_logger("ivr.test").info(
            "dial_ended",
            attempt=attempt,
            outcome=Outcome.BUSY,
            number="03",
            kana="山田",
            key="5",
            digits=5,
            at=datetime(2026, 11, 24, tzinfo=UTC),
            path=Path("x") / "y.db",
            sip=486,
            seconds=0.123456789,
        )
        (line,) = written()
        assert line.pop("timestamp")
        assert line == {
            "event": "dial_ended",
            "level": "info",
            "logger": "ivr.test",
            "attempt": attempt,
            "outcome": "busy",
            "number": "***",
            "kana": "***",
            "key": "***",
            "digits": "***",
            "at": "2026-11-24 00:00:00+00:00",
            "path": "x/y.db",
            "sip": 486,
            "seconds": 0.123456789,
        }


def test_an_attempt_that_is_no_id_is_not_trusted(written: Callable[..., list[dict[str, Any]]]) -> None:
    structlog.get_logger().info("x", attempt="09012345678")
    assert written()[0]["attempt"] == "***"


def test_values_are_hidden_at_every_depth(written: Callable[..., list[dict[str, Any]]]) -> None:
    structlog.get_logger().info(
        "x", state={"number": 1, "inner": [{"kana": "ヤ"}, ("0357220000", 357220000, 42)]}, other={"0357220000": 1}
    )
    (line,) = written()
    assert line["state"] == {"number": "***", "inner": [{"kana": "***"}, ["***", "***", 42]]}
    assert line["other"] == {"***": 1}


def test_an_object_shows_its_type_and_nothing_that_it_holds(written: Callable[..., list[dict[str, Any]]]) -> None:
    @dataclass
    class Anything:
        note: str

    person = Recipient(id="1", line=1, kana="ヤマダ", numbers=("+819012345678",), columns={"備考": "秘密"})
    structlog.get_logger().info("x", person=person, thing=Anything("秘密"))
    (line,) = written()
    assert (line["person"], line["thing"]) == ("<Recipient>", "<Anything>")


def test_an_exception_shows_where_but_not_who(written: Callable[..., list[dict[str, Any]]]) -> None:
    def fail(secret: str) -> None:
        raise ValueError(f"cannot dial {secret} for kana='ヤマダ'")

    try:
        fail("0357220000")
    except ValueError as error:
        structlog.get_logger().exception("defect", error=error)
        logging.getLogger("library").exception("failed for %s", "0357220000")
    for line in written():
        text = json.dumps(line, ensure_ascii=False)
        assert "0357220000" not in text
        assert "ヤマダ" not in text
        assert "in fail" in line["exception"]
        assert "ValueError: cannot dial ***" in line["exception"]


@pytest.mark.parametrize("name", ["panoramisk.manager", "sqlalchemy.engine", "uvicorn.error", "alembic.runtime", "x"])
def test_every_librarys_log_goes_through_the_same_door(name: str, written: Callable[..., list[dict[str, Any]]]) -> None:
    logging.getLogger(name).warning("lost %s", "0357220000", extra={"number": "1"})
    (line,) = written()
    assert (line["event"], line["logger"], line["level"]) == ("lost ***", name, "warning")


def test_talkative_libraries_say_nothing_below_a_warning(written: Callable[..., list[dict[str, Any]]]) -> None:
    for name in ("panoramisk", "sqlalchemy.engine", "aiosqlite", "uvicorn.access"):
        logging.getLogger(name).info("Digit: 5")
    assert written() == []


def test_pythons_warnings_come_too(written: Callable[..., list[dict[str, Any]]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("about 0357220000", UserWarning, stacklevel=1)
    (line,) = written()
    assert "UserWarning: about ***" in line["event"]


def test_people_get_one_plain_line(written: Callable[..., list[dict[str, Any]]]) -> None:
    stream = io.StringIO()
    logs.configure(as_json=False, stream=stream)
    structlog.get_logger("ivr.test").info("held", campaign="住民税", reason="window")
    structlog.get_logger("ivr.test").debug("not at this level")
    (line,) = stream.getvalue().splitlines()
    assert "held" in line
    assert "campaign=住民税" in line
    assert "reason=window" in line
    assert "\x1b" not in line


def test_a_traceback_for_people_shows_no_local_variables(written: Callable[..., list[dict[str, Any]]]) -> None:
    stream = io.StringIO()
    logs.configure(as_json=False, stream=stream)
    secret = "himitsu"
    try:
        raise LookupError(len(secret))
    except LookupError:
        structlog.get_logger().exception("defect")
    assert "LookupError: 7" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_a_log_line_has_its_time_with_the_offset(written: Callable[..., list[dict[str, Any]]]) -> None:
    structlog.get_logger("x").info("said")
    (line,) = written()
    told = datetime.fromisoformat(line["timestamp"])
    assert told.utcoffset() is not None
    assert abs((datetime.now(UTC) - told).total_seconds()) < 5


def test_a_line_that_cannot_be_written_stops_nobody(written: Callable[..., list[dict[str, Any]]]) -> None:
    stream = io.StringIO()
    logs.configure(as_json=False, stream=stream)
    stream.close()
    structlog.get_logger("ivr.test").info("said")
