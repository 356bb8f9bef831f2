"""Callees with a bad line, and recorders with little patience, on the real pair of PBXs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np
import pytest

from ivr.rehearsal.callee_file import load_callees
from ivr.rehearsal.network import TelephoneNetwork
from ivr.rehearsal.records import CallRecord, EndedBy
from tests.asterisk.pbx_pair import LAYOUT
from tests.rehearsal.small_engine import small_engine

pytestmark = pytest.mark.timeout(120)

SLACK = 0.25
TEXT = """
kinds:
  memo:
    expect: hung_up
    do:
      - wait: 300ms
      - tone: {hz: 1000, for: 400ms}
      - record: {most: 4s}
  impatient:
    expect: hung_up
    sparse: true
    do:
      - hear_out: 300ms
      - record: {most: 60s, until_silence: 2s}
  bad_line:
    expect: hung_up
    level: -30
    loss: 0.2
    background: {noise: babble, level: -45}
    do:
      - wait: 500ms
      - say: はい、山田でございます。
      - ringback: {bursts: 1}
      - special
      - music: {for: 1s}
      - busy_tone: {times: 1}
      - hang_up
callees:
  "0312220001": memo
  "0312220002": impatient
  "0312220003": bad_line
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, CallRecord]:
    directory = tmp_path_factory.mktemp("far_end")

    async def run() -> Mapping[str, CallRecord]:
        async with (
            TelephoneNetwork(load_callees(TEXT), directory / "network", asterisk=LAYOUT) as network,
            small_engine(directory, network.sip_port) as engine,
        ):
            await asyncio.gather(*(engine.call(f"+81312220{index:03d}") for index in (1, 2, 3)))
            await network.quiet(within=10)
            return {record.kind: record for record in network.records}

    return asyncio.run(run())


def test_a_recorder_that_is_full_hangs_up(records: Mapping[str, CallRecord]) -> None:
    memo = records["memo"]
    [(begun, ended)] = memo.recorded
    assert ended - begun == pytest.approx(4.0, abs=SLACK)
    assert memo.ended_by is EndedBy.CALLEE
    assert memo.talked - ended < SLACK


def test_a_recorder_to_which_nobody_speaks_hangs_up(records: Mapping[str, CallRecord]) -> None:
    impatient = records["impatient"]
    [(begun, ended)] = impatient.recorded
    assert ended - begun == pytest.approx(2.0, abs=SLACK)
    assert impatient.ended_by is EndedBy.CALLEE


def test_a_callee_on_a_bad_line_is_carried_and_what_it_said_is_noted(records: Mapping[str, CallRecord]) -> None:
    bad = records["bad_line"]
    assert bad.fault is None
    assert bad.ended_by is EndedBy.CALLEE
    [(begun, ended)] = bad.spoken
    assert begun == pytest.approx(0.5, abs=SLACK)
    assert ended - begun == pytest.approx(12 * 0.14, abs=SLACK)
    assert bad.talked == pytest.approx(ended + 1.0 + 3 * 0.33 + 1.0 + 1.0, abs=2 * SLACK)
    assert np.abs(bad.heard.samples).max() > 1000
