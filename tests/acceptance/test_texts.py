"""Texts (SMS) by the commands that staff type: after calls on a real PBX, alone, and to nobody who has refused them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ivr.rehearsal.handsets import Habit, Manner, answers, habit
from ivr.rehearsal.sms_centre import SmsCentre
from tests.acceptance.centres import serving
from tests.acceptance.command import A_COMMAND, until
from tests.acceptance.far_end import BUSY, CONFIRMS, FarEnd
from tests.acceptance.office import SCENARIO, Office

pytestmark = pytest.mark.timeout(200)

TEXT = 'text: "{office}です。{kana}様、お知らせをご確認ください。{office_phone}"\n'
ALONE = f"version: 1\ntitle: 発送のお知らせ\n{TEXT}"


def centre(handsets: Mapping[str, Habit]) -> AbstractContextManager[SmsCentre]:
    """A simulated SMS centre that serves while inside."""
    return serving(lambda: SmsCentre(handsets, system_id="meguro", password="himitsu"))


def with_provider(office: Office, port: int, **calling: object) -> None:
    secret = office.folder / "smpp.secret"
    secret.write_text("himitsu\n", "ascii")
    smpp = {
        "host": "127.0.0.1",
        "port": port,
        "system_id": "meguro",
        "password_file": str(secret),
        "sender": "0357220000",
    }
    texts = {"office": "目黒区役所", "office_phone": "0357220000", "price": 12, "smpp": smpp}
    office.settings(texts=texts, calling=calling)


def bodies(sms: SmsCentre) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in sms.taken:
        found.setdefault("0" + text.number.removeprefix("+81"), []).append(text.body)
    return found


def test_who_was_not_reached_by_telephone_is_sent_a_text_and_who_refuses_no_more(
    office: Office, far_end: FarEnd
) -> None:
    busy, confirms, refuses = (far_end.number(kind, mobile=True) for kind in (BUSY, CONFIRMS, BUSY))
    landline = far_end.number(BUSY)
    with centre({refuses: answers("配信停止")}) as sms:
        with_provider(office, sms.port)
        office.scenario.write_text(SCENARIO.replace("start:", TEXT + "start:", 1), "utf-8")
        office.people([busy, confirms, refuses, landline])
        assert "○ SMS の事業者：つながります。" in office.ivr("doctor").out
        engine = office.begin("serve")
        engine.says("ready", within=30)
        made = office.ivr("campaign", "create", "催告", "--list", office.list, "--scenario", office.scenario)
        assert "SMS を送れる人：3 人（1 通の人 3）。携帯電話の番号がない人：1 人。" in made.out
        assert office.ivr("campaign", "start", "催告").status == 0

        def told() -> bool:
            states = office.json("campaign", "status", "催告")["texts"]["states"]
            return states == {"delivered": 2, "cancelled": 1}

        until(told, 60, "both are told to have it", look=A_COMMAND)
        until(lambda: office.json("campaign", "status", "催告")["state"] == "done", 20, "it is done", look=A_COMMAND)
        assert bodies(sms) == {
            busy: ["目黒区役所です。ヤマダ タロウ様、お知らせをご確認ください。0357220000"],
            refuses: ["目黒区役所です。スズキ イチロウ様、お知らせをご確認ください。0357220000"],
        }
        report = office.json("campaign", "report", "催告")["texts"]
        assert (report["parts"], report["cost"], report["reached"]) == (2, 24, {"by_call": 1, "by_text_alone": 2})
        said = office.ivr("campaign", "report", "催告").out
        assert "SMS：2 人に送信（2 通、24 円）" in said
        assert "届いた人：3（電話 1、SMS だけ 2）" in said
        people = office.results()
        assert [person["text"] and person["text"]["state"] for person in people] == [
            "delivered",
            None,
            "delivered",
            "cancelled",
        ]
        assert people[3]["text"]["why"] == "SMS を送れる携帯電話の番号がありません"
        assert metric(office, 'ivr_texts_total{status="delivered"}') == 2
        assert metric(office, "ivr_sms_connected") == 1

        # Another campaign, of texts alone: who wrote 停止, and who was refused at the counter, get none.
        office.scenario.write_text(ALONE, "utf-8")
        with_provider(office, sms.port)
        assert office.ivr("text", "refuse", confirms).status == 0
        made = office.ivr("campaign", "create", "発送", "--list", office.list, "--scenario", office.scenario)
        assert made.status == 0, made
        assert office.ivr("campaign", "start", "発送").status == 0
        until(lambda: "cap" in engine.out + engine.err, 20, "a number has had one today", look=A_COMMAND)
        why = office.json("campaign", "status", "発送")["reason"]
        assert "上限" in why
        assert [person["text"] and person["text"]["why"] for person in office.results("発送")] == [
            None,
            "SMS を断った人です",
            "SMS を断った人です",
            "SMS を送れる携帯電話の番号がありません",
        ]
        assert sorted(bodies(sms)) == sorted([busy, refuses]), "nobody has got another one"
        assert office.ivr("text", "accept", confirms).status == 0
        assert office.ivr("text", "accept", confirms).status == 1


def test_a_campaign_of_texts_alone_runs_to_its_end_and_tells_what_became_of_each(
    office: Office, far_end: FarEnd
) -> None:
    numbers = [far_end.number(CONFIRMS, mobile=True) for _ in range(6)]
    manners = (Manner.DELIVERED, Manner.REFUSED, Manner.OUT_OF_RANGE, Manner.NO_NUMBER, Manner.THROTTLED)
    with centre({number: habit(manner) for number, manner in zip(numbers, manners, strict=False)}) as sms:
        with_provider(office, sms.port)
        office.scenario.write_text(ALONE, "utf-8")
        office.people(numbers)
        said = office.run().ended(60)
        assert said.status == 0, said
        assert "SMS：5 人に送信（5 通、60 円）" in said.out
        states = [person["text"]["state"] for person in kept(office)]
        assert states == ["delivered", "refused", "out_of_range", "no_number", "delivered", "delivered"]
        assert [len(found) for found in bodies(sms).values()] == [1] * 5
        again = office.run().ended(60)
        assert again.status == 0, again
        assert len(sms.taken) == 5, "run again, nobody is sent another one"
        call = office.ivr("scenario", "draw", office.scenario)
        assert "電話のステップがありません" in call.err


def test_without_a_provider_a_campaign_of_texts_is_refused_and_one_of_calls_says_so(
    office: Office, far_end: FarEnd
) -> None:
    office.people([far_end.number(BUSY, mobile=True)])
    office.scenario.write_text(ALONE, "utf-8")
    said = office.run().ended(60)
    assert "SMS の事業者が決まっていません" in said.refused_in_one_sentence()
    office.scenario.write_text(SCENARIO.replace("start:", TEXT + "start:", 1), "utf-8")
    said = office.run().ended(60)
    assert said.status == 0, said
    assert "SMS は送りません" in said.out
    assert kept(office)[0]["text"] is None


def kept(office: Office) -> list[dict[str, dict[str, str]]]:
    people: list[dict[str, dict[str, str]]] = json.loads(Path(office.folder / "kekka.json").read_text("utf-8"))[
        "recipients"
    ]
    return people


def metric(office: Office, series: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{office.ports.metrics}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(series))
