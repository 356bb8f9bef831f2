"""The callees' side of calls: what the simulated network wrote down of each, and the network as a process."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import wave
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ivr.rehearsal.callee_file import shipped_kinds
from ivr.rehearsal.hearing import Heard, runs_from_json
from ivr.rehearsal.ports import free_port
from ivr.rehearsal.sounds import RATE
from tests.acceptance.command import Command, until
from tests.asterisk.pbx_pair import LAYOUT

MOST_OF_A_KIND = 250

QUICK = """
  confirms:
    about: 質問を聞いて「#」を押す
    expect: confirmed
    ring: 300ms
    do:
      - hear_out: 500ms
      - press: "#"
      - wait_silence: 6s
  confirms_by_info:
    about: SIP INFO で「#」を押す
    expect: confirmed
    ring: 300ms
    dtmf: info
    do:
      - hear_out: 500ms
      - press: "#"
      - wait_silence: 6s
  confirms_inband:
    about: 音で「#」を押す
    expect: confirmed
    ring: 300ms
    dtmf: inband
    do:
      - hear_out: 500ms
      - press: "#"
      - wait_silence: 6s
  presses_much:
    about: ちがうキーを押してから「#」を押す
    expect: confirmed
    ring: 300ms
    do:
      - wait_speech
      - press: "7"
      - hear_out: 500ms
      - press: "*"
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
"""
"""Callees who take no longer than a test has time for; beside them every shipped kind."""

CONFIRMS, BY_INFO, INBAND, PRESSES_MUCH, HANGS_UP, BUSY, SILENT = (
    "confirms",
    "confirms_by_info",
    "confirms_inband",
    "presses_much",
    "hangs_up",
    "busy",
    "silent",
)
_KINDS = (CONFIRMS, BY_INFO, INBAND, PRESSES_MUCH, HANGS_UP, BUSY, SILENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class FarCall:
    """One call as the callee's side saw it. Times are seconds since the answer; `answered` since the INVITE."""

    number: str
    call: int
    kind: str
    invited: datetime
    answered: float | None
    talked: float
    ended_by: str
    sip: int | None
    q850: int | None
    keys: Sequence[tuple[str, float]]
    recorded: Sequence[tuple[float, float]]
    spoken: Sequence[tuple[float, float]]
    first_sound: float | None
    wav: Path | None
    runs: tuple[tuple[int, int], ...]
    fault: str | None

    @property
    def heard(self) -> Heard:
        """Return everything the callee heard, from the answer on."""
        if self.wav is None:
            return Heard.nothing()
        with wave.open(str(self.wav)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
            return Heard(np.frombuffer(file.readframes(file.getnframes()), dtype="<i2"), self.runs)

    @property
    def recording(self) -> Heard:
        """Return what a recording machine kept."""
        return self.heard.between(*self.recorded[0])


def calls(folder: Path) -> tuple[FarCall, ...]:
    """Return every call that is over, out of the folder of a network."""
    file = folder / "calls.jsonl"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return tuple(_call(folder, json.loads(line)) for line in lines)


def _call(folder: Path, fields: Mapping[str, object]) -> FarCall:
    known: dict[str, object] = dict(fields)
    answered = known["answered"]
    start = float(answered) if isinstance(answered, int | float) else 0.0
    sound = known["first_sound"]
    return FarCall(
        number=str(known["number"]),
        call=int(str(known["call"])),
        kind=str(known["kind"]),
        invited=datetime.fromisoformat(known["at"]["invited"]),  # type: ignore[index]
        answered=start if answered is not None else None,
        talked=float(str(known["ended"])) - start if answered is not None else 0.0,
        ended_by=str(known["ended_by"]),
        sip=known["sip"],  # type: ignore[arg-type]
        q850=known["q850"],  # type: ignore[arg-type]
        keys=[(key["key"], key["at"] - start) for key in known["keys"]],  # type: ignore[attr-defined]
        recorded=[(begin, end) for begin, end in known["recorded"]],  # type: ignore[attr-defined]
        spoken=[(begin, end) for begin, end in known["spoken"]],  # type: ignore[attr-defined]
        first_sound=float(sound) - start if isinstance(sound, int | float) else None,
        wav=folder / str(known["wav"]) if known["wav"] else None,
        runs=runs_from_json(known["heard"]),  # type: ignore[arg-type]
        fault=known["fault"],  # type: ignore[arg-type]
    )


class Network:
    """`ivr network` in a process of its own."""

    def __init__(self, folder: Path, callees: Path, port: int) -> None:
        """Start it by entering `command`; its records go to `folder`/out."""
        self.folder = folder
        self.port = port
        self.command = Command(folder / "command", "network", callees, "--sip-port", str(port), "-o", folder / "out")

    def ready(self) -> None:
        """Return once it takes calls."""
        self.command.says(f"127.0.0.1:{self.port}", within=60)

    def calls(self, numbers: Sequence[str]) -> list[FarCall]:
        """Return the calls of `numbers` that are over."""
        wanted = set(numbers)
        return [call for call in calls(self.folder / "out") if call.number in wanted]

    def dials(self, numbers: Sequence[str]) -> dict[str, int]:
        """Return how many INVITEs came for each of `numbers`, those of calls under way included."""

        def counted() -> tuple[Counter[str]] | None:
            processed, active = self._seen_by_asterisk()
            seen = Counter([*active, *(call.number for call in calls(self.folder / "out"))])
            return (seen,) if seen.total() == processed else None

        (seen,) = until(counted, 10, "every call that is over is written down")
        return {number: seen[number] for number in numbers}

    def active(self, numbers: Sequence[str]) -> bool:
        """Tell whether somebody at `numbers` is being called."""
        return not set(numbers).isdisjoint(self._seen_by_asterisk()[1])

    def quiet(self, numbers: Sequence[str], within: float = 30) -> None:
        """Return once nobody at `numbers` is on a call."""
        until(lambda: not self.active(numbers), within, "every call is over")

    def hang_up_all(self) -> None:
        """End every call, as a telephone company does whose caller is gone without a word."""
        self._console("channel request hangup all")

    @property
    def pbx_pid(self) -> int:
        """The process of its Asterisk."""
        return int((self.folder / "out" / "pbx" / "pid").read_text())

    def _seen_by_asterisk(self) -> tuple[int, list[str]]:
        """Return how many calls the network's Asterisk has had since its start, and the numbers being called now."""
        processed = re.search(r"(\d+) calls? processed", self._console("core show calls"))
        assert processed
        channels = [line.split("!") for line in self._console("core show channels concise").splitlines()]
        return int(processed[1]), [fields[2] for fields in channels if fields[0].startswith("PJSIP/")]

    def _console(self, line: str) -> str:
        pbx = self.folder / "out" / "pbx"
        command = (LAYOUT.asterisk, "-C", pbx / "etc" / "asterisk.conf", "-rx", line)
        return subprocess.run(command, cwd=pbx, capture_output=True, text=True, timeout=10, check=True).stdout


class FarEnd(Network):
    """The network of the acceptance tests: every number of it exists, and none is dialled by two tests."""

    def __init__(self, folder: Path) -> None:
        self._given = dict.fromkeys(_KINDS, 0)
        kinds = shipped_kinds()
        listed = "\n".join(
            f'  "{_number(kind, index, mobile=mobile)}": {kind}'
            for kind in _KINDS
            for index in range(MOST_OF_A_KIND)
            for mobile in (False, True)
        )
        assert kinds.keys() >= {BUSY, SILENT}
        folder.mkdir(parents=True)
        callees = folder / "callees.yaml"
        callees.write_text(f"kinds:{QUICK}callees:\n{listed}\n", "utf-8")
        super().__init__(folder, callees, free_port(socket.SOCK_DGRAM))

    def number(self, kind: str, *, mobile: bool = False) -> str:
        """Return a national number of somebody of `kind` whom nobody has dialled yet."""
        index = self._given[kind]
        assert index < MOST_OF_A_KIND
        self._given[kind] += 1
        return _number(kind, index, mobile=mobile)


def _number(kind: str, index: int, *, mobile: bool = False) -> str:
    # Nobody's landlines: after 03 no local number begins with 1.
    return f"{'0701' if mobile else '031'}{_KINDS.index(kind):02d}{index:05d}"
