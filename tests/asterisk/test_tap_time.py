"""The stream of a tap and the clock: late frames, missing ones, and a loop that was busy."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import numpy as np
import pytest

from ivr.asterisk.tap import Tap
from ivr.domain.signs import Sign, Thresholds
from ivr.rehearsal.sounds import Samples, babble, silence, tone


class _Sink:
    def write(self, _data: bytes) -> None: ...

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...


def plugged_in() -> Tap:
    tap = Tap(Thresholds(), on_close=lambda _tap: None)
    tap.plug_in(cast(asyncio.Transport, _Sink()))
    return tap


async def sent(tap: Tap, samples: Samples, *, late: tuple[float, float] = (0.0, 0.0)) -> None:
    """Send frames in time, but for `late` = (from, for): those that are due then come together after it."""
    began = asyncio.get_running_loop().time()
    held: list[bytes] = []
    for number, start in enumerate(range(0, samples.size - 159, 160)):
        due = number * 0.02
        await asyncio.sleep(max(0.0, began + due - asyncio.get_running_loop().time()))
        held.append(samples[start : start + 160].astype("<i2").tobytes())
        if not late[0] <= due < late[0] + late[1]:
            for frame in held:
                tap.hear([frame])
            held.clear()


ANSWER = np.concatenate((silence(0.4), babble(0.8), silence(0.4), tone((1000.0,), 0.4), silence(0.8)))


@pytest.mark.parametrize("late", [(0.0, 0.0), (0.5, 0.16), (1.3, 0.16), (1.7, 0.16)])
async def test_frames_that_come_late_move_nothing_for_long(late: tuple[float, float]) -> None:
    tap = plugged_in()
    await sent(tap, ANSWER, late=late)
    beeps = [one for one in tap.found if one.sign is Sign.BEEP]
    assert len(beeps) == 1
    assert beeps[0].end == pytest.approx(2.0, abs=0.25)
    ahead = tap.began + tap.sounds.now - asyncio.get_running_loop().time()
    assert abs(ahead) < 0.12
    tap.close()


async def test_a_busy_loop_is_no_silence() -> None:
    tap = plugged_in()
    tap.hear([babble(0.02).astype("<i2").tobytes()] * 10)
    await asyncio.sleep(0.05)
    heard = tap.sounds.now
    time.sleep(0.5)  # noqa: ASYNC251 - what the test is about
    assert tap.catch_up().now == heard
    await asyncio.sleep(0.3)
    assert tap.catch_up().now > heard + 0.5, "once the loop runs again, what has not come is silence"
    tap.close()
