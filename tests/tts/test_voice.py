"""The voice as the rest uses it: real processes, real files, and trouble with both."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from tests.scarcity import no_more_files
from tts import (
    CacheFailed,
    Clip,
    EngineMissing,
    MissingValue,
    NoSuchVoice,
    RenderTimeout,
    TemplateError,
    Voice,
    VoiceClosed,
    WorkerLost,
    samples,
    telephone,
)
from tts import worker as rendering
from tts.job import Job
from tts.worker import NICENESS

GREETING = "こちらは税務課です。{kana}様でいらっしゃいますか。シャープを押してください。"
MANY = "".join(f"{number}番の方、お入りください。" for number in range(12))
VALUES = {"kana": "ヤマダ タロウ"}


class Counted:
    """A voice, and how often it rendered and found."""

    def __init__(self, cache_dir: Path, workers: int = 1, **settings: object) -> None:
        self.renders: list[float] = []
        self.hits = 0
        self.voice = Voice(
            cache_dir=cache_dir,
            workers=workers,
            on_render=self.renders.append,
            on_hit=self._hit,
            **settings,  # type: ignore[arg-type]
        )

    def _hit(self) -> None:
        self.hits += 1


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[Counted]:
    counted = Counted(tmp_path)
    yield counted
    await counted.voice.close()


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*")]


def children() -> set[int]:
    """Return the living processes that this one started."""
    stats = {int(folder.name): folder / "stat" for folder in Path("/proc").iterdir() if folder.name.isdigit()}
    found = set()
    for process, stat in stats.items():
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == os.getpid() and alive(process):
                found.add(process)
    return found


async def gone(process: int, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while alive(process):
            await asyncio.sleep(0.02)


async def test_a_template_becomes_clips_that_a_pbx_can_play(counted: Counted, tmp_path: Path) -> None:
    clips = await counted.voice.clips(GREETING, VALUES, scope="spring")
    assert len(clips) == len(counted.renders) == 3
    assert all(seconds > 0 for seconds in counted.renders)
    for clip in clips:
        assert clip.path.is_absolute()
        heard = samples(clip)
        assert len(heard) / 8000 == clip.seconds
        assert clip.path.with_suffix(".alaw").stat().st_size == len(heard)
        level = telephone.active_level((heard / 32768).astype(np.float32), 8000)
        assert level == pytest.approx(telephone.SPEECH_LEVEL, abs=0.5)
    folders = [clip.path.relative_to(tmp_path).parts[:2] for clip in clips]
    assert folders[1] == ("personal", "spring")
    assert [folder[0] for folder in folders] == ["shared", "personal", "shared"]


async def test_what_is_said_to_all_is_rendered_once(counted: Counted) -> None:
    first = await counted.voice.clips(GREETING, VALUES, scope="spring")
    second = await counted.voice.clips(GREETING, {"kana": "サトウ ハナコ"}, scope="spring")
    again = await counted.voice.clips(GREETING, VALUES, scope="spring")
    assert (len(counted.renders), counted.hits) == (4, 5)
    assert first == again
    assert [first[0], first[2]] == [second[0], second[2]]
    assert first[1] != second[1]


async def test_a_name_is_said_whole_with_its_sentence(counted: Counted) -> None:
    whole, _ = await counted.voice.clips("{kana}様でいらっしゃいますか。{kana}", VALUES, scope="spring")
    fixed = await counted.voice.clips("山田太郎様でいらっしゃいますか。", {}, scope="spring")
    assert np.array_equal(samples(whole), samples(fixed[0]))


async def test_many_who_want_the_same_wait_for_one_rendering(counted: Counted) -> None:
    await asyncio.gather(*(counted.voice.clips("おはようございます。", {}, scope="s") for _ in range(20)))
    assert (len(counted.renders), counted.hits) == (1, 19)


async def test_one_who_gives_up_does_not_disappoint_the_others(counted: Counted) -> None:
    await counted.voice.warm_up()
    first = asyncio.ensure_future(counted.voice.clips("こんばんは。", {}, scope="s"))
    second = asyncio.ensure_future(counted.voice.clips("こんばんは。", {}, scope="s"))
    await asyncio.sleep(0.005)
    first.cancel()
    assert len(await second) == 1
    assert await counted.voice.clips("さようなら。", {}, scope="s")
    assert len(counted.voice.worker_ids()) == 1


@pytest.mark.parametrize("suffix", [".ulaw", ".alaw", ".json"])
async def test_a_damaged_file_is_rendered_again(counted: Counted, suffix: str) -> None:
    (clip,) = await counted.voice.clips("はい。", {}, scope="s")
    file = clip.path.with_suffix(suffix)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert await counted.voice.clips("はい。", {}, scope="s") == (clip,)
    assert len(counted.renders) == 2
    assert file.read_bytes() == whole


async def test_a_scope_is_erased_with_what_names_its_people(counted: Counted) -> None:
    clips = await counted.voice.clips(GREETING, VALUES, scope="spring")
    assert counted.voice.erase("spring") == 1
    assert [clip.path.with_suffix(".ulaw").exists() for clip in clips] == [True, False, True]


async def test_another_voice_speed_or_language_is_another_clip(tmp_path: Path) -> None:
    found: set[Path] = set()
    for settings in ({}, {"voice": "mei-low"}, {"speed": 1.2}):
        counted = Counted(tmp_path, **settings)
        found |= {clip.path for clip in await counted.voice.clips("OK.", {}, scope="s")}
        found |= {clip.path for clip in await counted.voice.clips("OK.", {}, scope="s", language="en")}
        await counted.voice.close()
    assert len(found) == 5  # mei, mei-low, faster mei; espeak, faster espeak


async def test_a_worker_that_is_killed_is_replaced_and_its_phrase_said(counted: Counted) -> None:
    await counted.voice.warm_up()
    (victim,) = counted.voice.worker_ids()
    asked = asyncio.ensure_future(counted.voice.clips(MANY, {}, scope="s"))
    await asyncio.sleep(0.05)
    os.kill(victim, signal.SIGKILL)
    assert len(await asked) == 12
    assert victim not in counted.voice.worker_ids()
    assert len(counted.voice.worker_ids()) == 1


async def test_a_worker_gives_way_to_calls_though_it_is_in_a_session_of_its_own(counted: Counted) -> None:
    await counted.voice.warm_up()
    (worker,) = counted.voice.worker_ids()
    assert os.getpriority(os.PRIO_PROCESS, worker) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    group = Path(f"/proc/{worker}/autogroup")
    if not group.exists():
        pytest.skip("this kernel does not group processes by session")
    assert group.read_text().split()[-1] == str(NICENESS)


async def test_a_worker_killed_while_idle_is_not_missed(counted: Counted) -> None:
    await counted.voice.warm_up()
    for word in ("あ", "い"):
        os.kill(counted.voice.worker_ids()[0], signal.SIGKILL)
        assert await counted.voice.clips(word, {}, scope="s")


async def test_workers_that_cannot_start_are_a_clear_error(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(WorkerLost, match=r"twice \(exit status 1\)"):
        await counted.voice.clips("あ", {}, scope="s")
    monkeypatch.undo()
    assert await counted.voice.clips("あ", {}, scope="s")


async def test_a_system_that_starts_no_worker_now_is_a_clear_error_and_asked_again(counted: Counted) -> None:
    with no_more_files():
        for ask in (counted.voice.clips("あ", {}, scope="s"), counted.voice.warm_up()):
            with pytest.raises(WorkerLost, match="could be started"):
                await ask
    assert await counted.voice.clips("あ", {}, scope="s")


async def test_an_engine_that_can_not_be_loaded_any_more_does_not_blame_the_text(
    counted: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyopenjtalk.py").write_text("raise ImportError('failed to map segment from shared object')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineMissing, match="cannot be loaded"):
        await counted.voice.clips("あ", {}, scope="s")


def test_a_worker_without_memory_does_not_blame_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(_name: str) -> object:
        raise MemoryError

    monkeypatch.setattr(rendering, "engine", exhausted)
    with pytest.raises(MemoryError):
        rendering._answer({"do": "samples", "job": Job("openjtalk", "mei", "ja", 1.0, (), 0.0).to_json(), "rate": 8000})


async def test_a_worker_that_hangs_is_stopped_in_time(counted: Counted) -> None:
    await counted.voice.warm_up()
    (victim,) = counted.voice.worker_ids()
    os.kill(victim, signal.SIGSTOP)
    counted.voice._pool._time_limit = 0.3
    with pytest.raises(RenderTimeout):
        await counted.voice.clips("あ", {}, scope="s")
    await gone(victim)
    counted.voice._pool._time_limit = 30.0
    assert await counted.voice.clips("あ", {}, scope="s")


async def test_the_whole_wait_has_a_limit(counted: Counted) -> None:
    started = time.monotonic()
    with pytest.raises(RenderTimeout, match=r"0\.05 s"):
        await counted.voice.clips(MANY, {}, scope="s", timeout=0.05)
    assert time.monotonic() - started < 2


async def test_a_cache_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    counted = Counted(tmp_path / "file" / "cache")
    with pytest.raises(CacheFailed, match="files cannot be used"):
        await counted.voice.clips("あ", {}, scope="s")
    await counted.voice.close()


async def test_faults_of_the_text_and_the_settings_are_typed(counted: Counted, tmp_path: Path) -> None:
    with pytest.raises(TemplateError):
        await counted.voice.clips("{", {}, scope="s")
    with pytest.raises(MissingValue):
        await counted.voice.clips("{due}まで。", {}, scope="s")
    with pytest.raises(NoSuchVoice):
        await counted.voice.clips("nuqneH", {}, scope="s", language="tlh")
    for settings in ({"engine": "none"}, {"voice": "none"}, {"speed": 9.0}):
        with pytest.raises(NoSuchVoice):
            Counted(tmp_path, **settings)


async def test_no_error_tells_what_was_to_be_said(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(WorkerLost) as caught:
        await counted.voice.clips("{kana}様。", VALUES, scope="s")
    assert "ヤマダ" not in str(caught.value) + repr(caught.value)


async def test_close_leaves_no_process_and_refuses_what_comes_later(tmp_path: Path) -> None:
    counted = Counted(tmp_path, workers=2)
    await counted.voice.warm_up()
    await counted.voice.clips("あ", {}, scope="s")
    processes = counted.voice.worker_ids()
    assert len(processes) == 2
    await counted.voice.close()
    assert not any(alive(process) for process in processes)
    assert await counted.voice.clips("あ", {}, scope="s")
    with pytest.raises(VoiceClosed):
        await counted.voice.clips("い", {}, scope="s")


async def test_close_ends_what_is_under_way(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    await counted.voice.warm_up()
    asked = asyncio.ensure_future(counted.voice.clips(MANY, {}, scope="s"))
    await asyncio.sleep(0.05)
    await counted.voice.close()
    with pytest.raises(VoiceClosed):
        await asked


@pytest.mark.parametrize("turns", [1, 3, 20, 200])
async def test_close_while_a_worker_starts_leaves_none(tmp_path: Path, turns: int) -> None:
    counted = Counted(tmp_path)
    before = children()
    asked = asyncio.ensure_future(counted.voice.clips(MANY, {}, scope="s"))
    for _ in range(turns):
        await asyncio.sleep(0)
    await counted.voice.close()
    with pytest.raises(VoiceClosed):
        await asked
    assert children() <= before


PARENT = """
import asyncio, sys
from pathlib import Path
from tts import Voice

async def main():
    voice = Voice(cache_dir=Path(sys.argv[1]), workers=2)
    await voice.warm_up()
    print(*voice.worker_ids(), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_workers_ignore_the_signals_of_their_parent_and_do_not_outlive_it(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    workers = [int(process) for process in (await parent.stdout.readline()).split()]
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker, signal.SIGINT)
        os.kill(worker, signal.SIGTERM)
    await asyncio.sleep(0.2)
    assert all(alive(worker) for worker in workers)
    parent.kill()
    await parent.wait()
    for worker in workers:
        await gone(worker)


@pytest.mark.parametrize(("wideband", "rate"), [(False, 8000), (True, 16000)])
async def test_a_wav_is_what_the_callee_hears_and_leaves_no_trace(
    counted: Counted, tmp_path: Path, wideband: bool, rate: int
) -> None:
    out = tmp_path / "out.wav"
    seconds = await counted.voice.render_wav(GREETING, VALUES, out, wideband=wideband)
    assert files(tmp_path) == ["out.wav"]
    with wave.open(str(out)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, rate)
        assert sound.getnframes() == pytest.approx(seconds * rate)
        heard = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
    if not wideband:
        clips = await counted.voice.clips(GREETING, VALUES, scope="s")
        assert np.array_equal(heard, np.concatenate([samples(clip) for clip in clips]))


async def test_the_workers_tell_what_cannot_be_read(counted: Counted) -> None:
    assert await counted.voice.unreadable("こんにちは😀。{kana}様、您好。") == ["😀", "您好"]
    assert await counted.voice.unreadable("Hello 税.", language="en") == ["税"]


def test_a_clip_is_a_path_and_its_seconds(tmp_path: Path) -> None:
    assert Clip(tmp_path, 1.5) == Clip(path=tmp_path, seconds=1.5)
