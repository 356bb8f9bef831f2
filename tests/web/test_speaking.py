"""What the voice speaks for staff."""

from __future__ import annotations

import os
from pathlib import Path

from ivr.web.scenarios import speaking


def test_what_a_killed_process_left_of_a_name_goes_and_what_is_under_way_stays(tmp_path: Path) -> None:
    for name, age in (("old", speaking.LEFT_S + 1), ("new", 1.0)):
        place = tmp_path / f"{speaking.PLACE}{name}"
        place.mkdir()
        (place / "sentence.wav").write_bytes(b"RIFF")
        os.utime(place, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "drafts").mkdir()
    speaking.sweep(tmp_path, 1_000_000)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["drafts", f"{speaking.PLACE}new"]
