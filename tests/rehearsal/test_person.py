"""A callee on a line: real sockets, with a caller in Asterisk's place on the other end of the AudioSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import numpy as np
import pytest

from ivr.asterisk.audiosocket_wire import HANG_UP, audio
from ivr.domain.outcome import Outcome
from ivr.rehearsal.callees import (
    Dtmf,
    HangUp,
    HearOut,
    Kind,
    Press,
    Record,
    Repeat,
    Say,
    Stay,
    Step,
    Tone,
    Wait,
    WaitSilence,
    WaitSpeech,
)
from ivr.rehearsal.comparing import heard_matches
from ivr.rehearsal.lines import Line, LineClosed, Lines
from ivr.rehearsal.mouth import Mouth
from ivr.rehearsal.person import Person
from ivr.rehearsal.records import CallRecord
from ivr.rehearsal.sounds import RATE, Samples, babble, key, silence, tone
from ivr.rehearsal.voices import Murmur, Repertoire

SLACK = 0.12
"""Seconds by which a busy machine may be late."""


class Caller:
    """The other end of an AudioSocket: plays to the callee in real time and keeps what it says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.heard: list[tuple[float, bytes]] = []
        self.hung_up = False

    async def play(self, samples: Samples) -> None:
        """Send `samples` at the pace of a telephone."""
        clock = asyncio.get_running_loop().time
        due = clock()
        for start in range(0, samples.size, 160):
            self._writer.write(audio(samples[start : start + 160].astype("<i2").tobytes()))
            due += 0.02
            await asyncio.sleep(max(0.0, due - clock()))

    async def listen(self) -> None:
        """Keep what the callee says until it hangs up or the connection ends."""
        clock = asyncio.get_running_loop().time
        try:
            while True:
                header = await self._reader.readexactly(3)
                payload = await self._reader.readexactly(int.from_bytes(header[1:]))
                if header == HANG_UP:
                    self.hung_up = True
                    return
                self.heard.append((clock(), payload))
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    def samples(self) -> Samples:
        """Return what the callee said, frame after frame."""
        return np.frombuffer(b"".join(payload for _, payload in self.heard), dtype="<i2")

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@asynccontextmanager
async def call(lines: Lines, mouth: Mouth | None = None) -> AsyncIterator[tuple[Line, Caller]]:
    line = lines.open(mouth)
    reader, writer = await asyncio.open_connection("127.0.0.1", lines.port)
    writer.write(b"\x01\x00\x10" + line.uuid.bytes)
    caller = Caller(reader, writer)
    try:
        await line.connected()
        yield line, caller
    finally:
        caller.close()
        lines.drop(line)


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    async with Lines("127.0.0.1") as opened:
        yield opened


class Callee:
    """A person with the record of the call; keys pressed out of band take 10 ms."""

    def __init__(self, line: Line, *, dtmf: Dtmf = Dtmf.RFC4733) -> None:
        kind = Kind(name="tested", expect=Outcome.CONFIRMED, dtmf=dtmf)
        self.record = CallRecord(number="0312345678", call=1, kind="tested", invited_at=datetime.now(UTC), answered=0.0)
        self._person = Person(kind, line, Repertoire(Murmur()), self.record, press=self._press)

    async def does(self, *steps: Step) -> bool:
        return await self._person.perform(steps)

    async def _press(self, _key: str) -> tuple[float, float]:
        down = asyncio.get_running_loop().time()
        await asyncio.sleep(0.01)
        return down, asyncio.get_running_loop().time()

    @property
    def keys(self) -> list[tuple[str, float]]:
        return [(pressed.key, pressed.at) for pressed in self.record.keys]


async def test_a_key_after_the_question_comes_once_the_line_has_been_silent(lines: Lines) -> None:
    async with call(lines) as (line, caller):
        callee = Callee(line)
        question = np.concatenate((silence(0.2), babble(0.8), silence(0.6)))
        begun = line.now
        await asyncio.gather(caller.play(question), callee.does(HearOut(0.3), Press("#")))
    [(pressed, at)] = callee.keys
    assert pressed == "#"
    assert at - begun == pytest.approx(1.3, abs=SLACK)


async def test_hearing_out_waits_for_something_to_be_said_first(lines: Lines) -> None:
    async with call(lines) as (line, _caller):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await Callee(line).does(HearOut(0.1))


async def test_the_second_asking_is_known_by_the_silence_before_it(lines: Lines) -> None:
    async with call(lines) as (line, caller):
        callee = Callee(line)
        asking = np.concatenate((babble(0.5), silence(0.3), babble(0.5), silence(1.0), babble(0.5), silence(0.5)))
        begun = line.now
        await asyncio.gather(caller.play(asking), callee.does(HearOut(0.2), WaitSpeech(0.8), Press("#")))
    [(_, at)] = callee.keys
    assert at - begun == pytest.approx(2.36, abs=SLACK)


async def test_waiting_for_speech_ends_at_once_while_somebody_speaks(lines: Lines) -> None:
    async with call(lines) as (line, caller):
        await caller.play(babble(0.3))
        begun = line.now
        await Callee(line).does(WaitSpeech())
        assert line.now - begun < SLACK


async def test_silence_is_counted_from_the_last_sound_without_a_word_said(lines: Lines) -> None:
    async with call(lines) as (line, _caller):
        await Callee(line).does(WaitSilence(0.4))
        assert line.now == pytest.approx(0.4, abs=SLACK)


async def test_what_the_callee_says_arrives_whole_and_in_its_own_time(lines: Lines) -> None:
    async with call(lines) as (line, caller):
        callee, text = Callee(line), "もしもし、どちら様ですか。"
        listening = caller.listen()

        async def speak() -> None:
            await callee.does(Wait(0.2), Say(text), Tone((1000.0,), 0.3), HangUp(), Wait(100))
            line.hang_up()

        await asyncio.gather(listening, speak())
    said = await Murmur().samples(text, "mei-low")
    assert caller.hung_up
    assert heard_matches(caller.samples(), said).correlation > 0.999
    assert heard_matches(caller.samples(), tone((1000.0,), 0.3)).correlation > 0.999
    seconds = caller.heard[-1][0] - caller.heard[0][0]
    assert len(caller.heard) * 0.02 == pytest.approx(seconds, abs=SLACK)
    assert seconds == pytest.approx(0.2 + said.size / RATE + 0.3, abs=2 * SLACK)


async def test_when_each_text_was_said_is_noted_without_the_silence_around_it(lines: Lines) -> None:
    async with call(lines) as (line, caller):
        callee = Callee(line)

        async def speak() -> None:
            await callee.does(Wait(0.3), Say("はい"), Wait(0.5), Tone((1000.0,), 0.2), Say("山田でございます。"))
            line.hang_up()

        await asyncio.gather(caller.listen(), speak())
    lengths = [(await Murmur().samples(text, "")).size / RATE for text in ("はい", "山田でございます。")]
    [first, second] = callee.record.spoken
    assert first[0] == pytest.approx(0.3, abs=SLACK)
    assert first[1] - first[0] == pytest.approx(lengths[0], abs=SLACK)
    assert second[0] - first[1] == pytest.approx(0.7, abs=2 * SLACK)
    assert second[1] - second[0] == pytest.approx(lengths[1], abs=SLACK)
    assert callee.record.as_json()["spoken"] == [[round(at, 3) for at in said] for said in callee.record.spoken]


async def test_what_was_cut_short_by_the_caller_was_said_until_then(lines: Lines) -> None:
    async with call(lines) as (line, caller):
        callee = Callee(line)

        async def leave() -> None:
            await asyncio.sleep(0.5)
            caller.close()

        with pytest.raises(LineClosed):
            await asyncio.gather(leave(), callee.does(Say("おかけになった電話番号は、現在使われておりません。")))
    [(begun, ended)] = callee.record.spoken
    assert (begun, ended) == (pytest.approx(0.0, abs=SLACK), pytest.approx(0.5, abs=SLACK))


async def test_an_inband_key_is_heard_as_its_two_tones(lines: Lines) -> None:
    async with call(lines) as (line, caller):
        callee = Callee(line, dtmf=Dtmf.INBAND)
        listening = caller.listen()

        async def press() -> None:
            await callee.does(Wait(0.1), Press("#"), Wait(0.1))
            line.hang_up()

        await asyncio.gather(listening, press())
    assert heard_matches(caller.samples(), key("#")).correlation > 0.999
    assert heard_matches(caller.samples(), key("5")).correlation < 0.3
    assert callee.record.keys[0].by is Dtmf.INBAND


async def test_a_recording_ends_after_silence_and_holds_what_was_said(lines: Lines) -> None:
    message = babble(0.8)
    async with call(lines) as (line, caller):
        callee = Callee(line)
        await asyncio.gather(
            caller.play(np.concatenate((silence(0.3), message))), callee.does(Record(5.0, until_silence=0.5))
        )
        callee.record.heard = line.ear.heard()
    [(start, end)] = callee.record.recorded
    assert end - start == pytest.approx(1.6, abs=2 * SLACK)
    assert heard_matches(callee.record.recording(), message).correlation > 0.99


async def test_a_recording_is_cut_at_its_length_and_kept_when_the_caller_hangs_up(lines: Lines) -> None:
    async with call(lines) as (line, _caller):
        callee = Callee(line)
        await callee.does(Record(0.3))
        [(start, end)] = callee.record.recorded
        assert end - start == pytest.approx(0.3, abs=SLACK)
    async with call(lines) as (line, caller):
        callee = Callee(line)

        async def leave() -> None:
            await caller.play(babble(0.2))
            caller.close()

        with pytest.raises(LineClosed):
            await asyncio.gather(leave(), callee.does(Record(5.0)))
        assert callee.record.recorded


async def test_a_sparse_phone_sends_next_to_nothing_while_it_is_silent(lines: Lines) -> None:
    async with call(lines, Mouth(sparse=True)) as (line, caller):
        callee = Callee(line)

        async def live() -> None:
            await callee.does(Wait(1.2), Say("はい"))
            line.hang_up()

        await asyncio.gather(caller.listen(), live())
    said = await Murmur().samples("はい", "mei-low")
    assert len(caller.heard) - said.size / 160 < 5


async def test_repetitions_end_at_their_number_and_with_a_hang_up_inside(lines: Lines) -> None:
    async with call(lines) as (line, _caller):
        callee = Callee(line)
        assert await callee.does(Repeat((Press("1"), Wait(0.02)), 3))
        assert not await callee.does(Repeat((Press("2"), HangUp())))
    assert [pressed for pressed, _ in callee.keys] == ["1", "1", "1", "2"]


async def test_whoever_waits_learns_that_the_caller_hung_up(lines: Lines) -> None:
    async with call(lines) as (line, caller):

        async def leave() -> None:
            caller.close()

        with pytest.raises(LineClosed):
            await asyncio.gather(Callee(line).does(Stay()), leave())
        with pytest.raises(LineClosed):
            await Callee(line).does(Wait(0.1))


@pytest.mark.parametrize(
    "greeting", [b"\x01\x00\x10" + bytes(16), b"\x42\x00\x01x", b"GET / HTTP/1.1\r\n\r\n", HANG_UP]
)
async def test_a_connection_that_belongs_to_no_call_is_closed(lines: Lines, greeting: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", lines.port)
    writer.write(greeting)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_twenty_callees_are_paced_at_once(lines: Lines) -> None:
    async def one() -> tuple[int, float]:
        async with call(lines) as (line, caller):

            async def live() -> None:
                await Callee(line).does(Say("こちらは、同時に話す二十人のうちの一人です。"))
                line.hang_up()

            await asyncio.gather(caller.listen(), live())
            return len(caller.heard), caller.heard[-1][0] - caller.heard[0][0]

    for frames, took in await asyncio.gather(*(one() for _ in range(20))):
        assert frames * 0.02 == pytest.approx(took, abs=0.5)
    assert lines.peak == 20
