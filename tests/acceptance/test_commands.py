"""The command line as staff meet it, from the list to the results."""

from __future__ import annotations

import csv
import json
import os
import urllib.error
import urllib.request
import wave
from datetime import UTC, datetime
from pathlib import Path

import openpyxl

from tests.acceptance.command import until
from tests.acceptance.far_end import BUSY, CONFIRMS, HANGS_UP, FarEnd
from tests.acceptance.office import NAMES, Office


def test_a_list_is_checked_row_by_row_without_dialling(office: Office, far_end: FarEnd) -> None:
    good = far_end.number(CONFIRMS)
    rows = ["宛名番号,カナ氏名,電話番号", f"1,ヤマダ タロウ,{good}", "2,サトウ ハナコ,110", f"3,,{good}"]
    office.list.write_text("\r\n".join(rows), "cp932")
    found = office.json("list", "check", office.list)
    assert (found["rows"], found["accepted"], found["encoding"]) == (3, 1, "cp932")
    assert [refused["line"] for refused in found["refused"]] == [3, 4]
    assert all(refused["reason"] for refused in found["refused"])
    assert far_end.dials([good]) == {good: 0}


def test_a_scenario_is_checked_with_file_and_line(office: Office) -> None:
    assert office.json("scenario", "check", office.scenario) == {"errors": [], "warnings": []}
    text = office.scenario.read_text("utf-8").replace('{"#": notice}', '{"#": notise}').replace("wait:", "wiat:")
    office.scenario.write_text(text, "utf-8")
    said = office.ivr("scenario", "check", office.scenario, "--json")
    assert said.status == 1
    errors = json.loads(said.out)["errors"]
    assert {error["file"] for error in errors} == {str(office.scenario)}
    wrong = {line: word for line, row in enumerate(text.splitlines(), 1) for word in ("notise", "wiat") if word in row}
    assert len(wrong) == 2
    for line, word in wrong.items():
        assert any(error["line"] == line and word in error["message"] for error in errors)


def test_a_step_can_be_listened_to_and_the_flow_drawn(office: Office) -> None:
    out = office.folder / "out.wav"
    said = office.ivr("scenario", "say", office.scenario, "confirm", "--kana", "サトウ ハナコ", "-o", out)
    assert said.status == 0, said
    with wave.open(str(out)) as file:
        assert 2 < file.getnframes() / file.getframerate() < 10
    drawn = office.ivr("scenario", "draw", office.scenario)
    assert drawn.status == 0
    assert drawn.out.startswith(("flowchart", "stateDiagram")), drawn.out
    assert all(step in drawn.out for step in ("confirm", "notice", "machine"))


def test_a_campaign_runs_to_its_end_and_its_results_open_everywhere(office: Office, far_end: FarEnd) -> None:
    numbers = [far_end.number(kind) for kind in (CONFIRMS, HANGS_UP, BUSY)]
    office.people(numbers)
    said = office.run().ended(within=60)
    assert said.status == 0, said
    assert "本人確認済" in said.out
    assert "話中" in said.out
    expected = ["confirmed", "hung_up", "busy"]

    written = json.loads((office.folder / "kekka.json").read_text("utf-8"))
    assert written["recipients"] == office.results()
    assert [person["outcome"] for person in written["recipients"]] == expected
    assert [person["kana"] for person in written["recipients"]] == list(NAMES[:3])

    status = office.json("campaign", "status", "催告")
    assert status["state"] == "done"
    assert status["recipients"]["settled"] == 3
    assert status["outcomes"] == dict.fromkeys(expected, 1)

    labels = ["本人確認済", "切断（他人・拒否）", "話中"]
    for encoding, codec in (("utf-8", "utf-8-sig"), ("cp932", "cp932")):
        out = office.folder / f"{encoding}.csv"
        assert office.ivr("results", "export", "催告", "--format", "csv", "--encoding", encoding, "-o", out).status == 0
        assert out.read_bytes().startswith(b"\xef\xbb\xbf") is (encoding == "utf-8")
        rows = list(csv.reader(out.read_text(codec).splitlines()))
        assert [label for row in rows for label in row if label in labels] == labels
    book = office.folder / "kekka.xlsx"
    assert office.ivr("results", "export", "催告", "--format", "xlsx", "-o", book).status == 0
    assert labels_in(book, labels) == labels


def labels_in(book: Path, labels: list[str]) -> list[str]:
    """Return which of `labels` the first sheet with people shows, from top to bottom."""
    for sheet in openpyxl.load_workbook(book, read_only=True):
        rows = list(sheet.iter_rows(values_only=True))
        if any("カナ氏名" in row for row in rows):
            return [cell for row in rows for cell in row if isinstance(cell, str) and cell in labels]
    return []


def test_results_that_could_not_be_written_are_refused_before_any_call(office: Office, far_end: FarEnd) -> None:
    number = far_end.number(CONFIRMS)
    office.people([number])
    run = ("campaign", "run", "催告", "--list", office.list, "--scenario", office.scenario)
    said = office.ivr(*run, "--results", office.folder / "nowhere" / "kekka.json")
    assert "書き込めません" in said.refused_in_one_sentence()
    assert far_end.dials([number]) == {number: 0}


def test_a_campaign_goes_on_when_what_it_prints_goes_nowhere(office: Office, far_end: FarEnd) -> None:
    numbers = [far_end.number(CONFIRMS) for _ in range(2)]
    office.people(numbers)
    office.settings(trunk={"lines": 1})
    pipe = office.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    running = office.run(out=pipe)
    until(lambda: far_end.active(numbers), 60, "somebody is called")
    os.close(reader)
    said = running.ended(within=60)
    assert said.status == 0, said
    assert "Traceback" not in said.err
    assert "Exception ignored" not in said.err
    assert [person["outcome"] for person in office.results()] == ["confirmed"] * 2


def test_outside_the_window_nobody_is_dialled_and_the_reason_is_said(office: Office, far_end: FarEnd) -> None:
    number = far_end.number(CONFIRMS)
    office.people([number])
    closed = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"], "from": "00:00", "to": "00:01"}]
    office.settings(calling={"windows": closed, "timezone": zone_in_the_afternoon()})
    said = office.run().ended(within=30)
    assert said.status == 3
    assert "時間帯" in said.out
    status = office.json("campaign", "status", "催告")
    assert status["recipients"]["waiting"] == 1
    assert "時間帯" in status["reason"]
    assert far_end.dials([number]) == {number: 0}


def zone_in_the_afternoon() -> str:
    """Return a time zone in which it is far from midnight now."""
    hour = datetime.now(UTC).hour
    offset = 13 - hour if hour >= 1 else 12
    return "Etc/GMT" + f"{-offset:+d}" if offset else "Etc/GMT"


def test_a_running_engine_is_steered_from_another_terminal(office: Office, far_end: FarEnd) -> None:
    office.settings(trunk={"lines": 1})
    numbers = [far_end.number(CONFIRMS) for _ in range(6)]
    office.people(numbers)
    engine = office.begin("serve")
    engine.says("ready", within=30)
    until(lambda: get(office, "/healthz")[0] == 200, 10, "the engine is healthy")

    created = office.ivr("campaign", "create", "催告", "--list", office.list, "--scenario", office.scenario)
    assert created.status == 0, created
    status = office.json("campaign", "status", "催告")
    assert status["state"] == "created"
    assert "まだ始めていません" in status["reason"]

    assert office.ivr("campaign", "start", "催告").status == 0
    until(lambda: far_end.active(numbers), 10, "a call")
    metrics = get(office, "/metrics")[1]
    assert "ivr_calls_active 1.0" in metrics
    assert "ivr_ami_connected 1.0" in metrics
    assert "ivr_lines 1.0" in metrics

    assert office.ivr("campaign", "pause", "催告").status == 0
    pausing = office.json("campaign", "status", "催告")
    assert "一時停止" in pausing["reason"], "also while the last call goes on"
    far_end.quiet(numbers)
    office.all_stored()
    paused = office.json("campaign", "status", "催告")
    assert paused["state"] == "paused"
    assert "一時停止" in paused["reason"]
    done = paused["recipients"]["settled"]
    assert done < len(numbers)
    assert sum(far_end.dials(numbers).values()) == done == paused["attempts"], "a paused campaign dials nobody"

    assert office.ivr("campaign", "resume", "催告").status == 0
    until(lambda: len(far_end.calls(numbers)) > done, 20, "a call after the pause")
    assert office.ivr("campaign", "stop", "催告").status == 0
    far_end.quiet(numbers)
    office.all_stored()
    stopped = office.json("campaign", "status", "催告")
    assert stopped["state"] == "stopped"
    assert stopped["recipients"]["waiting"] >= 1
    assert 'outcome="confirmed"} ' + f"{stopped['outcomes']['confirmed']}.0" in get(office, "/metrics")[1]
    assert set(far_end.dials(numbers).values()) == {0, 1}

    engine.process.terminate()
    assert engine.ended(within=20).status == 0


def get(office: Office, path: str) -> tuple[int, str]:
    """Return the status and the body of a page of the engine's metrics server."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{office.ports.metrics}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_command_in_the_wrong_moment_says_why_not(office: Office, far_end: FarEnd) -> None:
    number = far_end.number(CONFIRMS)
    office.people([number])
    assert "催告" in office.ivr("campaign", "start", "催告").refused_in_one_sentence()
    create = ("campaign", "create", "催告", "--list", office.list, "--scenario", office.scenario)
    assert office.ivr(*create).status == 0
    assert "催告" in office.ivr(*create).refused_in_one_sentence()
    assert "resume" in office.ivr("campaign", "resume", "催告").refused_in_one_sentence()
    office.people([number, far_end.number(CONFIRMS)])
    assert "別の名簿" in office.run().ended(within=30).refused_in_one_sentence()
