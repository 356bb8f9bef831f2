"""How late the loop's timers ring."""

from __future__ import annotations

import asyncio
import time

import pytest

from ivr import pulse
from ivr.pulse import Pulse


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beat quickly and forget soon."""
    monkeypatch.setattr(pulse, "EVERY", 0.02)
    monkeypatch.setattr(pulse, "REMEMBERED", 0.5)


@pytest.mark.usefixtures("quick")
async def test_a_standstill_is_told_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "STILL", 0.3)
    late = list[float]()
    beating = Pulse(late.append)
    task = asyncio.create_task(beating.run())
    assert beating.steady
    await asyncio.sleep(0.1)
    time.sleep(0.4)  # noqa: ASYNC251 - the defect that is to be found
    await asyncio.sleep(0.1)
    assert max(late) >= 0.3
    assert not beating.steady
    await asyncio.sleep(0.6)
    assert beating.steady
    task.cancel()
