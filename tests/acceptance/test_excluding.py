"""Who must not be called does not ring, on a real PBX, whatever becomes of the exclusion file."""

from __future__ import annotations

import csv
import json
import urllib.request
from urllib.error import HTTPError

from tests.acceptance.command import A_COMMAND, until
from tests.acceptance.far_end import CONFIRMS, FarEnd
from tests.acceptance.office import NAMES, Office

SUPPORT, PAID = 2, 5
"""Places on the list of who is excluded by its column, and by a file that is written while others are called."""


def test_nobody_excluded_rings_and_without_the_file_nobody_at_all(office: Office, far_end: FarEnd) -> None:
    file = office.folder / "jogai.csv"
    office.settings(
        trunk={"lines": 1},
        exclusions={"columns": [{"column": "支援措置", "harmless": ["", "無"]}], "file": str(file)},
    )
    numbers = [far_end.number(CONFIRMS) for _ in range(7)]
    with office.list.open("w", encoding="cp932", newline="") as rows:
        writer = csv.writer(rows)
        writer.writerow(("宛名番号", "カナ氏名", "電話番号", "支援措置"))
        for place, number in enumerate(numbers):
            writer.writerow((f"{place:08d}", NAMES[place], number, "有" if place == SUPPORT else "無"))
    file.write_text("電話番号,理由\n0357229999,架電拒否\n", "cp932")
    engine = office.begin("serve")
    engine.says("ready", within=30)
    create = ("campaign", "create", "催告", "--list", office.list, "--scenario", office.scenario)
    assert "支援措置 1" in office.ivr(*create).out
    assert office.ivr("campaign", "start", "催告").status == 0
    until(lambda: far_end.calls(numbers), 20, "a first call")

    file.rename(office.folder / "gone.csv")
    until(lambda: not healthz(office)[1]["checks"]["exclusions"], 30, "the engine misses the file")
    far_end.quiet(numbers)
    dialled = sum(far_end.dials(numbers).values())
    assert dialled < len(numbers) - 2, "the test had time to take the file away"
    reason = office.json("campaign", "status", "催告")["reason"]
    assert "jogai.csv" in reason
    health, body = healthz(office)
    assert (health, body["checks"]["exclusions"]) == (503, False)
    assert sum(far_end.dials(numbers).values()) == dialled, "nobody is dialled meanwhile"

    (office.folder / "new.csv").write_text(f"宛名番号,電話番号,理由\n{PAID:08d},,納付済\n", "cp932")
    (office.folder / "new.csv").rename(file)
    until(lambda: sum(far_end.dials(numbers).values()) == len(numbers) - 2, 60, "everybody else is called")
    until(lambda: office.json("campaign", "status", "催告")["state"] == "done", 30, "everybody is done", look=A_COMMAND)
    rang = far_end.dials(numbers)
    assert [rang[number] for number in numbers] == [0 if place in (SUPPORT, PAID) else 1 for place in range(7)]
    people = office.results()
    assert [person["outcome"] for person in people].count("confirmed") == 5
    assert people[SUPPORT]["excluded"] == {"reason": "支援措置", "source": "list"}
    assert people[PAID]["excluded"] == {"reason": "納付済", "source": "file"}
    engine.process.terminate()
    said = engine.ended(within=20)
    assert said.status == 0
    assert "支援措置" not in said.err, "why somebody is not called is in no log"


def healthz(office: Office) -> tuple[int, dict[str, dict[str, bool]]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{office.ports.metrics}/healthz", timeout=5) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)
