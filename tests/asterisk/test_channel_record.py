"""The PBX's own record of its channels: what its lines tell, and that a real Asterisk's are there when it is killed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.ami import Ami
from ivr.asterisk.channel_record import ChannelRecord, traces
from ivr.campaign.ports import Trace


def hung_up(cause: int, source: str) -> str:
    """Return the last cell of a HANGUP, as Asterisk writes it."""
    told = f'{{"hangupcause":{cause},"hangupsource":"{source}","dialstatus":""}}'
    return '"' + told.replace('"', '""') + '"'


BUSY, TALKED, OURS = "dd11cc46f5844608aba75a4a804b2722", "7fa7a986ec83456a82e538791c2bf090", "3" * 32
LINES = "\n".join(
    (
        f"CHAN_START,1795580985.250000,{BUSY},",
        f"HANGUP,1795580985.500000,{BUSY}," + hung_up(17, "PJSIP/trunk-00000001"),
        f"CHAN_START,1795580986.000000,{TALKED},",
        "CHAN_START,1795580986.500000,ivr-1795580985.4,",
        f"ANSWER,1795580987.000000,{TALKED},",
        "HANGUP,1795580988.000000,ivr-1795580985.4," + hung_up(0, ""),
        f"HANGUP,1795580989.000000,{TALKED}," + hung_up(16, "dialplan/builtin"),
        f"CHAN_START,1795580990.000000,{OURS},\n",
    )
)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(1795580985 + seconds, UTC)


def test_a_channel_is_told_by_when_it_began_was_answered_and_ended_and_by_the_far_ends_cause() -> None:
    assert traces(LINES.splitlines(keepends=True), {BUSY, TALKED, OURS, "unheard-of"}) == {
        BUSY: Trace(began=at(0.25), ended=at(0.5), q850=17),
        TALKED: Trace(began=at(1), answered=at(2), ended=at(4)),
        OURS: Trace(began=at(5)),
    }


def test_a_line_that_a_crash_cut_off_tells_nothing_and_hides_nothing() -> None:
    whole = traces(LINES.splitlines(keepends=True), {BUSY, TALKED, OURS})
    for cut in range(len(LINES)):
        for channel, trace in traces(LINES[:cut].splitlines(keepends=True), whole).items():
            assert trace.began == whole[channel].began or trace.began is None
            assert trace.q850 in (None, whole[channel].q850)


@pytest.mark.parametrize("cause", ["Infinity", "NaN", "1e999", '""', "[]", "9" * 5000, "128", "9" * 20])
def test_a_cause_that_is_none_of_q850_tells_nothing(cause: str) -> None:
    told = f"{{'hangupcause':{cause},'hangupsource':'PJSIP/trunk-1'}}".replace("'", '""')
    (trace,) = traces([f'HANGUP,1795580989.0,{OURS},"{told}"\n'], {OURS}).values()
    assert (trace.ended, trace.q850) == (at(4), None)


@given(st.lists(st.text()), st.sets(st.text()))
def test_whatever_the_file_holds_it_can_be_read(lines: list[str], ids: set[str]) -> None:
    assert set(traces(lines, ids)) <= ids


class NoChannels(Ami):
    """An AMI behind which no channel lives."""

    def __init__(self) -> None:
        super().__init__(host="127.0.0.1", port=1, username="", secret="")

    async def listing(self, name: str, within: float) -> list[dict[str, str]]:  # type: ignore[override]
        return []


async def test_a_record_that_is_accounted_for_is_emptied_in_place(tmp_path: Path) -> None:
    file = tmp_path / "channels.csv"
    file.write_text(LINES, encoding="utf-8")
    record = ChannelRecord(NoChannels(), file)
    assert (await record.ended([BUSY]))[BUSY].q850 == 17
    await record.forget()
    assert file.read_bytes() == b""
    assert await record.ended([BUSY]) == {}


async def test_a_record_that_can_not_be_emptied_stays_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "channels.csv").mkdir()  # refuses also the superuser, whom a file's mode does not keep out
    await ChannelRecord(NoChannels(), tmp_path / "channels.csv").forget()
    assert "channels.csv is not emptied, and grows" in caplog.text


async def test_a_record_that_is_not_there_is_forgotten_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await ChannelRecord(NoChannels(), tmp_path / "none.csv").forget()
    await ChannelRecord(NoChannels(), None).forget()
    assert caplog.text == ""


async def test_without_a_file_nothing_is_known_of_channels_that_are_gone(tmp_path: Path) -> None:
    assert await ChannelRecord(NoChannels(), None).ended([BUSY]) == {}
    assert await ChannelRecord(NoChannels(), tmp_path / "none.csv").ended([BUSY]) == {}
