"""The people of the trial, on the simulated network: each number is called in one campaign only."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ivr.rehearsal.ports import free_port
from tests.acceptance.far_end import Network
from tests.faults.desk import frozen

KINDS = """
  confirms:
    about: 質問を聞いて「#」を押し、お知らせを聞く
    expect: confirmed
    ring: 300ms
    do:
      - hear_out: 500ms
      - press: "#"
      - wait_silence: 6s
  hangs_up:
    about: 出て、質問の途中で切る
    expect: hung_up
    ring: 300ms
    do:
      - wait_speech
      - wait: 1s
      - hang_up
  leaves:
    about: 「#」を押し、お知らせの途中で切る
    expect: confirmed_partial
    ring: 300ms
    do:
      - hear_out: 500ms
      - press: "#"
      - wait: 700ms
      - hang_up
  engaged:
    about: 話中
    expect: busy
    ring: 0s
    refuse: 486
  powered_off:
    about: 電源断
    expect: unreachable
    ring: 0s
    refuse: 480
  congested:
    about: 網が混んでいる
    expect: network_congestion
    ring: 0s
    refuse: 503
"""

SHARES = {"confirms": 52, "hangs_up": 14, "leaves": 10, "engaged": 8, "powered_off": 6, "late": 10}
"""Of a hundred. `late` are those whose first call meets a congested network, and who then confirm."""

BURST = 12
"""How many of those whose network is congested stand together on the list."""


class Town:
    """A network and its people, in the order in which they are called."""

    def __init__(self, folder: Path, people: int, rng: random.Random) -> None:
        """Draw `people`; the network is started by entering `network`."""
        kinds = rng.choices(list(SHARES), weights=list(SHARES.values()), k=people)
        late = sorted((index for index, kind in enumerate(kinds) if kind == "late"), key=lambda _: rng.random())
        for start, index in enumerate(late):
            place = min(people - 1, start // BURST * (people // 4) + start % BURST)
            kinds[index], kinds[place] = kinds[place], kinds[index]
        self.kinds = {f"031{index:07d}": kind for index, kind in enumerate(kinds)}
        self.numbers = list(self.kinds)
        listed = "\n".join(
            f'  "{number}": {"{calls: [congested, confirms]}" if kind == "late" else kind}'
            for number, kind in self.kinds.items()
        )
        folder.mkdir(parents=True, exist_ok=True)
        callees = folder / "callees.yaml"
        callees.write_text(f"kinds:{KINDS}callees:\n{listed}\n", "utf-8")
        self.network = Network(folder, callees, free_port(socket.SOCK_DGRAM))
        self._still: list[tuple[datetime, datetime]] = []

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Freeze the network, and with it all that the callees' side sees and hears, while inside."""
        since = datetime.now(UTC)
        with frozen(self.network.pbx_pid):
            yield
        self._still.append((since, datetime.now(UTC)))

    def stood_still(self, since: datetime, until: datetime) -> bool:
        """Tell whether the network stood still at some time between."""
        return any(begun < until and since < ended for begun, ended in self._still)
