"""A recorded answer, as the listening takes it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ivr.domain.call import Words
from ivr.domain.line_rules import LineRules
from ivr.domain.signs import Sign
from ivr.errors import InputError
from ivr.rehearsal.records import write_wav
from ivr.rehearsal.sounds import RATE, babble, silence, tone
from ivr.replay import LABELS, LONGEST, WORDS, listen, replay


def test_a_greeting_and_its_beep_are_shown_with_their_times(tmp_path: Path) -> None:
    answer = np.concatenate((silence(0.5), babble(3.0), silence(1.0), tone((1000,), 0.4, -12.0), silence(2.0)))
    write_wav(tmp_path / "answer.wav", answer)
    out = io.StringIO()
    assert replay(None, tmp_path / "answer.wav", Console(file=out, width=140)) == 0
    shown = out.getvalue()
    assert "発信音（録音の始まり） 1000 Hz" in shown
    assert "PPPP" in shown
    heard = listen(answer, LineRules())
    assert [one.sign for one in heard.found] == [Sign.BEEP]
    assert heard.spells[0].start == pytest.approx(0.5, abs=0.2)
    assert heard.spells[-1].end == pytest.approx(4.9, abs=0.1)
    assert heard.speaks == pytest.approx(0.5 + 3.0 + 0.7, abs=0.2)
    assert "伝言を始められるのは" in shown
    assert heard.leaves[-1] == pytest.approx(4.9 + 0.5, abs=0.1)
    assert len(heard.levels) == round(answer.size / RATE / 0.02)


def test_what_is_no_telephone_recording_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_bytes(b"RIFF")
    for file, word in ((tmp_path / "no.wav", "読めません"), (tmp_path / "none.wav", "ありません")):
        with pytest.raises(InputError, match=word):
            replay(None, file)


def test_a_damaged_recording_is_refused_or_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = tmp_path / "whole.wav"
    write_wav(whole, silence(1.0))
    data = whole.read_bytes()
    odd = tmp_path / "odd.wav"
    odd.write_bytes(data[:-1])
    assert replay(None, odd, Console(file=io.StringIO())) == 0
    lost = tmp_path / "lost.wav"
    lost.write_bytes(data[:12] + b"LIST\xff\xff\xff\xff" + data[12:])
    with pytest.raises(InputError, match="読めません"):
        replay(None, lost)


def test_a_recording_longer_than_any_answer_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", silence(LONGEST + 1.0))
    with pytest.raises(InputError, match="上限 10 分"):
        replay(None, tmp_path / "long.wav")


def test_the_settings_of_the_office_are_used(tmp_path: Path) -> None:
    write_wav(tmp_path / "answer.wav", np.concatenate((silence(0.5), babble(1.0), silence(4.0))))
    config = tmp_path / "ivr.yaml"
    config.write_text("listening: {opening: {pause: 2s}}\n", "utf-8")
    out = io.StringIO()
    assert replay(config, tmp_path / "answer.wav", Console(file=out, width=140)) == 0
    assert "話し始めるのは 3.4" in out.getvalue() or "話し始めるのは 3.5" in out.getvalue()


def test_everything_that_can_be_found_has_a_name_for_staff() -> None:
    assert LABELS.keys() == set(Sign)
    assert WORDS.keys() == set(Words)
