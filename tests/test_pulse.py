"""How late the loop's timers ring."""

from __future__ import annotations

import asyncio
import time

import pytest

from ivr import pulse
from ivr.pulse import Pulse


async def test_a_standstill_is_told_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "EVERY", 0.02)
    monkeypatch.setattr(pulse, "STILL", 0.3)
    late = list[float]()
    beating = Pulse(late.append, calls=lambda: 1)
    nobody_waits = Pulse(lambda _late: None, calls=lambda: 0)
    assert beating.steady
    tasks = [asyncio.create_task(one.run()) for one in (beating, nobody_waits)]
    await asyncio.sleep(0.1)
    time.sleep(0.4)  # noqa: ASYNC251 - the defect that is to be found
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    assert max(late) >= 0.3
    assert not beating.steady
    assert nobody_waits.steady
    monkeypatch.setattr(pulse, "REMEMBERED", 0.0)
    await asyncio.sleep(0.01)
    assert beating.steady
