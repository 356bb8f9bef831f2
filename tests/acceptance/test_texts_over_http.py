"""Texts (SMS) over HTTP by the commands that staff type: every habit of a handset, and an engine that is killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ivr import messaging
from ivr.rehearsal.handsets import Habit, Manner, habit
from ivr.rehearsal.http_centre import HttpCentre
from ivr.rehearsal.http_styles import StyleName
from ivr.rehearsal.ports import free_port
from tests.acceptance.centres import serving
from tests.acceptance.command import Command, until
from tests.acceptance.office import Office

pytestmark = pytest.mark.timeout(120)

STYLES: tuple[StyleName, ...] = ("json", "form")
SECRET, TOLD = "himitsu-0123", "himitsu-4567"
ALONE = 'version: 1\ntitle: 発送のお知らせ\ntext: "{office}です。{kana}様、ご確認ください。{office_phone}"\n'
SHAPES = Path(messaging.__file__).parent / "shapes"

COMES_TO = {
    Manner.DELIVERED: "delivered",
    Manner.LATE: "delivered",
    Manner.OUT_OF_RANGE_THEN_DELIVERED: "delivered",
    Manner.OUT_OF_RANGE: "out_of_range",
    Manner.REFUSED: "refused",
    Manner.NO_NUMBER: "no_number",
    Manner.FAILED: "failed",
    Manner.RECEIPT_TWICE: "delivered",
    Manner.RECEIPT_BEFORE_ANSWER: "delivered",
    Manner.THROTTLED: "delivered",
    Manner.SLOW: "delivered",
    Manner.DISCONNECTS: "delivered",
    Manner.DISCONNECTS_BEFORE: "delivered",
}
NEVER_TAKEN = {Manner.NO_NUMBER}
SHORT = {Manner.LATE: 1.0, Manner.OUT_OF_RANGE_THEN_DELIVERED: 0.5, Manner.SLOW: 1.0}


@contextmanager
def provider(office: Office, style: StyleName, handsets: dict[str, Habit]) -> Iterator[HttpCentre]:
    """A provider that the settings of `office` lead to: forms are polled, JSON has callbacks."""
    port = free_port()
    callback = f"http://127.0.0.1:{port}/texts" if style == "json" else ""
    with serving(
        lambda: HttpCentre(handsets, shape=style, user="meguro", secret=SECRET, callback=callback, callback_secret=TOLD)
    ) as centre:
        with_provider(office, style, centre.url, port)
        yield centre


def with_provider(office: Office, style: StyleName, url: str, port: int) -> None:
    shape = office.folder / "shape.yaml"
    shape.write_text((SHAPES / f"{style}.yaml").read_text("utf-8").replace("after: 60s", "after: 1s"), "utf-8")
    for name, secret in (("http.secret", SECRET), ("callback.secret", TOLD)):
        (office.folder / name).write_text(f"{secret}\n", "ascii")
    http: dict[str, object] = {"shape": str(shape), "url": url, "sender": "0357220000", "poll": "5s"}
    if style == "json":
        http["token_file"] = str(office.folder / "http.secret")
        http["callback"] = {"port": port, "secret_file": str(office.folder / "callback.secret")}
    else:
        http |= {"user": "meguro", "password_file": str(office.folder / "http.secret")}
    office.settings(texts={"office": "目黒区役所", "office_phone": "0357220000", "http": http})
    office.scenario.write_text(ALONE, "utf-8")


def numbers(count: int) -> list[str]:
    return [f"0901234{number:04d}" for number in range(count)]


def states(office: Office) -> list[str]:
    people = json.loads((office.folder / "kekka.json").read_text("utf-8"))["recipients"]
    return [person["text"]["state"] for person in people]


@pytest.mark.parametrize("style", STYLES)
def test_what_becomes_of_each_text_is_told_and_each_is_taken_once(office: Office, style: StyleName) -> None:
    habits = {manner: habit(manner, after=SHORT.get(manner)) for manner in COMES_TO}
    people = dict(zip(numbers(len(COMES_TO)), habits.values(), strict=True))
    with provider(office, style, people) as centre:
        office.people([*people])
        said = office.run().ended(60)
        assert said.status == 0, said
        assert dict(zip(COMES_TO, states(office), strict=True)) == COMES_TO
        once = {f"+81{number[1:]}": 1 for number, one in people.items() if one.manner not in NEVER_TAKEN}
        assert centre.count_by_number() == once
        again = office.run().ended(60)
        assert again.status == 0, again
        assert centre.count_by_number() == once, "run again, nobody is sent another one"


@pytest.mark.parametrize("style", STYLES)
def test_what_an_engine_left_behind_when_it_was_killed_is_asked_for_and_sent_once(
    office: Office, style: StyleName
) -> None:
    (number,) = numbers(1)
    with provider(office, style, {number: habit("slow", after=5.0)}) as centre:
        office.people([number])
        engine = office.run()
        until(lambda: bool(centre.taken), 40, "the provider has it, and says nothing yet")
        killed(engine)
        said = office.run().ended(60)
        assert said.status == 0, said
        assert states(office) == ["delivered"]
        assert centre.count_by_number() == {f"+81{number[1:]}": 1}


def test_what_the_provider_never_had_when_the_engine_was_killed_is_sent(office: Office) -> None:
    (number,) = numbers(1)
    with provider(office, "json", {}) as centre:
        office.people([number])
        centre.held = True
        engine = office.run()
        until(lambda: centre.answering, 40, "the text is on its way")
        killed(engine)
        centre.held = False
        until(lambda: not centre.answering, 10, "the provider has seen that nobody is there any more")
        assert centre.taken == ()
        said = office.run().ended(60)
        assert said.status == 0, said
        assert states(office) == ["delivered"]
        assert centre.count_by_number() == {f"+81{number[1:]}": 1}


def killed(engine: Command) -> None:
    assert engine.process.poll() is None
    engine.process.send_signal(signal.SIGKILL)
    assert engine.ended(10).status == -signal.SIGKILL
