"""After a campaign over real SIP and its export nobody of the list is found in any file of the engine."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pyrage
import pytest
from pyrage import x25519

from tests import traces
from tests.acceptance.far_end import BUSY, CONFIRMS, HANGS_UP, FarEnd
from tests.acceptance.office import NAMES, Office


@pytest.mark.timeout(200)
def test_nobody_of_a_sealed_list_is_found_in_any_file_and_erased_they_are_nowhere(
    office: Office, far_end: FarEnd, tmp_path: Path
) -> None:
    numbers = [far_end.number(kind) for kind in (CONFIRMS, CONFIRMS, HANGS_UP, BUSY)]
    office.people(numbers)
    everybody = traces.of_people(zip(NAMES, numbers, strict=False))
    temporary = office.folder / "temporary"
    temporary.mkdir()
    office.prefix = ("env", f"TMPDIR={temporary}")
    reader = x25519.Identity.generate()
    to = office.ivr("keys", "recipient").out.strip()
    sealed = office.folder / "meibo.age"
    assert office.ivr("seal", office.list, "-o", sealed, "--to", to).status == 0
    assert traces.found([office.folder], everybody), "the list itself is found"
    office.list.unlink()

    results = office.folder / "kekka.age"
    run = office.begin(
        *("campaign", "run", "催告", "--list", sealed, "--scenario", office.scenario),
        *("--results", results, "--seal-to", str(reader.to_public())),
    )
    assert run.ended(within=90).status == 0
    assert office.ivr("backup", office.folder / "before.backup").status == 0
    found = json.loads(pyrage.decrypt(results.read_bytes(), [reader]))["recipients"]
    assert [person["outcome"] for person in found] == ["confirmed", "confirmed", "hung_up", "busy"]
    assert (office.data_dir / "ivr.db").stat().st_size
    assert len(_scopes(office)) == 2, "the example's voice and the people's"
    assert traces.found([office.folder], everybody) == []

    stolen = tmp_path / "stolen"
    shutil.copytree(office.data_dir, stolen, ignore=shutil.ignore_patterns("keys"), symlinks=True)
    certificate = office.folder / "shoumei.txt"
    assert office.ivr("erase", "催告", "--certificate", certificate).status == 0
    assert office.ivr("erase", "--verify", certificate).status == 0
    assert _scopes(office) == ["check"]
    shutil.copytree(office.data_dir / "keys", stolen / "keys")
    office.settings(data_dir=str(stolen))
    refused = office.ivr("results", "export", "催告", "--format", "json", "-o", os.devnull)
    assert refused.status == 1
    assert "消去されています" in refused.err


def _scopes(office: Office) -> list[str]:
    return sorted(folder.name for folder in (office.data_dir / "voice" / "personal").iterdir())
