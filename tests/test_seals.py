"""Sealed lists, as the clerk makes them and the engine opens them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from pyrage import x25519

from tests import traces
from tests.offices import LIST, PEOPLE, ROOT, Ivr

TRACES = traces.of_people(PEOPLE)


def test_a_sealed_list_is_opened_by_its_engine_and_leaves_nothing_open(ivr: Ivr, clerk: Path, tmp_path: Path) -> None:
    recipient = ivr("keys", "recipient").stdout.strip()
    sealed = clerk / "meibo.csv.age"
    assert ivr("seal", clerk / "meibo.csv", "-o", sealed, "--to", recipient).returncode == 0
    found = json.loads(ivr("list", "check", sealed, "--json").stdout)
    assert (found["rows"], found["accepted"], found["encoding"]) == (2, 2, "cp932")
    scenario = ROOT / "scenarios" / "reminder.yaml"
    assert ivr("campaign", "create", "催告", "--list", sealed, "--scenario", scenario).returncode == 0
    assert traces.found([tmp_path / "office"], TRACES) == []
    assert traces.found([tmp_path], TRACES), "the clerk's own list is found"


@pytest.mark.parametrize("form", ["json", "csv", "xlsx"])
def test_results_leave_sealed_for_who_asked(ivr: Ivr, clerk: Path, tmp_path: Path, form: str) -> None:
    reader = x25519.Identity.generate()
    scenario = ROOT / "scenarios" / "reminder.yaml"
    assert ivr("campaign", "create", "催告", "--list", clerk / "meibo.csv", "--scenario", scenario).returncode == 0
    out = tmp_path / "office" / f"results.{form}.age"
    said = ivr("results", "export", "催告", "--format", form, "-o", out, "--seal-to", str(reader.to_public()))
    assert said.returncode == 0, said.stderr
    content = pyrage.decrypt(out.read_bytes(), [reader])
    if form == "xlsx":
        assert content.startswith(b"PK")
    else:
        assert "ヤマダ タロウ" in content.decode("utf-8-sig")
    assert traces.found([tmp_path / "office"], TRACES) == []


def test_what_cannot_be_opened_is_told_in_one_sentence_each(ivr: Ivr, clerk: Path) -> None:
    stranger = x25519.Identity.generate()
    recipient = ivr("keys", "recipient").stdout.strip()
    ours = pyrage.encrypt(LIST.encode(), [x25519.Recipient.from_str(recipient)])
    cases = {
        "foreign.age": (pyrage.encrypt(LIST.encode(), [stranger.to_public()]), "あてに暗号化されたものではありません"),
        "cut.age": (ours[:-10], "途中で切れているか壊れています"),
        "head.age": (ours[:60], "途中で切れているか壊れています"),
        "open.age": (LIST.encode(), "暗号化されていません"),
    }
    for name, (data, sentence) in cases.items():
        (clerk / name).write_bytes(data)
        said = ivr("list", "check", clerk / name)
        assert said.returncode == 1
        assert sentence in said.stderr
        assert len(said.stderr.strip().splitlines()) == 1, said.stderr


@pytest.mark.parametrize("to", ["age1x", "tanaka", "secret"])
def test_a_recipient_that_is_none_is_refused_and_not_repeated(ivr: Ivr, clerk: Path, to: str) -> None:
    to = str(x25519.Identity.generate()) if to == "secret" else to
    said = ivr("seal", clerk / "meibo.csv", "--to", to)
    assert said.returncode == 1
    assert "age1…" in said.stderr
    assert to not in said.stderr
    assert [*clerk.iterdir()] == [clerk / "meibo.csv"]


def test_sealing_needs_no_settings_and_leaves_no_data(clerk: Path) -> None:
    to = str(x25519.Identity.generate().to_public())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ivr", "seal", "meibo.csv", "--to", to]
    subprocess.run(command, cwd=clerk, env=environment, check=True, capture_output=True)
    assert sorted(file.name for file in clerk.iterdir()) == ["meibo.csv", "meibo.csv.age"]


def test_a_master_key_in_the_environment_opens_the_keys(ivr: Ivr, tmp_path: Path) -> None:
    assert ivr("keys", "recipient").returncode == 0
    key = (tmp_path / "office" / "var" / "master.key").read_text()
    (tmp_path / "office" / "var" / "master.key").unlink()
    refused = ivr("keys", "recipient")
    assert refused.returncode == 1
    assert "マスター鍵" in refused.stderr
    wrong = base64.b64encode(os.urandom(32)).decode()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for value, status in ((key, 0), (wrong, 1)):
        said = subprocess.run(
            [sys.executable, "-m", "ivr", "keys", "recipient"],
            cwd=tmp_path / "office",
            env={**environment, "IVR_MASTER_KEY": value},
            capture_output=True,
            text=True,
        )
        assert said.returncode == status, said.stderr


def test_a_file_that_can_be_no_list_is_refused_before_it_is_read_whole(ivr: Ivr, tmp_path: Path) -> None:
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(1 << 34)
    for arguments in (("seal", huge, "--to", str(x25519.Identity.generate().to_public())), ("list", "check", huge)):
        said = ivr(*arguments)
        assert said.returncode == 1
        assert "大きすぎます（上限 201 MB）" in said.stderr
        assert "Traceback" not in said.stderr
