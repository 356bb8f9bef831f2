"""A municipality's desk in a folder of a test's own: settings, list, scenario, and the commands as staff type them."""

from __future__ import annotations

import csv
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.rehearsal.ports import free_port
from tests.acceptance.command import A_COMMAND, Command, Said, until

SCENARIO = """\
version: 1
title: 大切なお知らせ
start: confirm
steps:
  confirm:
    ask: 目黒区役所です。{kana}様なら、シャープを。
    wait: 3s
    keys: {"#": notice}
    silence: machine
  notice: {say: お知らせをお送りしました。, reached: true, then: end}
  machine: {leave: 目黒区役所です。お知らせをお送りしました。}
"""
"""Short, so that a test has time for many calls."""

NAMES = (
    "ヤマダ タロウ", "サトウ ハナコ", "スズキ イチロウ", "タカハシ ミサキ", "イトウ ケンジ", "ワタナベ ユミ",
    "ナカムラ シンイチ", "コバヤシ アキコ", "カトウ マサル", "ヨシダ サチコ", "キムラ トオル", "ハヤシ ヒロミ",
)  # fmt: skip

ALWAYS = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"], "from": "00:00", "to": "24:00"}]
ONCE = ("busy", "no_answer", "unreachable", "network_congestion", "failed")
NEVER_AGAIN = {"times": 0, "after": "1m"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports that were free a moment ago."""

    sip: int
    ami: int
    agi: int
    metrics: int
    web: int


class Office:
    """`ivr` used in `folder`, its trunk leading to `trunk_port`. Every command ends when the stack does."""

    def __init__(self, folder: Path, trunk_port: int, stack: ExitStack) -> None:
        self.folder = folder
        ami, agi, metrics, web = (free_port() for _ in range(4))
        self.ports = Ports(sip=free_port(socket.SOCK_DGRAM), ami=ami, agi=agi, metrics=metrics, web=web)
        self.data_dir = folder / "var"
        self.list = folder / "meibo.csv"
        self.scenario = folder / "annai.yaml"
        self.config = folder / "ivr.yaml"
        self.prefix: tuple[str, ...] = ()
        self.program: tuple[str, ...] = ()
        self._stack = stack
        self._trunk_port = trunk_port
        folder.mkdir(parents=True, exist_ok=True)
        self.scenario.write_text(SCENARIO, "utf-8")
        self.settings()

    def settings(self, **changes: Mapping[str, object] | object) -> None:
        """Write the settings; a section in `changes` overrides what is in it, and nothing else."""
        values: dict[str, Any] = {
            "data_dir": str(self.data_dir),
            "pbx": {
                "sip_port": self.ports.sip,
                "ami": {"port": self.ports.ami},
                "agi": {"port": self.ports.agi},
            },
            "trunk": {
                "port": self._trunk_port,
                "caller_id": "0357220000",
                "lines": 10,
                "calls_per_second": 10,
            },
            "speech": {"workers": 1},
            "calling": {
                "allow_late": True,
                "windows": ALWAYS,
                "ring_timeout": "8s",
                "retries": dict.fromkeys(ONCE, NEVER_AGAIN),
            },
            "metrics": {"port": self.ports.metrics},
            "web": {"port": self.ports.web},
            "log": {"level": "debug"},
        }
        self.config.write_text(json.dumps(_merged(values, changes), ensure_ascii=False, indent=1), "utf-8")

    def people(self, numbers: Sequence[str], *, encoding: str = "cp932") -> None:
        """Write a list with somebody at each of `numbers` (national)."""
        with self.list.open("w", encoding=encoding, newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("宛名番号", "カナ氏名", "電話番号"))
            rows.writerows(
                (f"{index + 1:08d}", NAMES[index % len(NAMES)], f"{number[:2]}-{number[2:6]}-{number[6:]}")
                for index, number in enumerate(numbers)
            )

    def begin(
        self,
        *arguments: str | Path,
        prefix: tuple[str, ...] = (),
        program: tuple[str, ...] = (),
        out: Path | None = None,
    ) -> Command:
        """Start a command with the settings; what it prints goes to `out`, by itself into a file of its own."""
        command = Command(
            self.folder / "said",
            *("--config", self.config, *arguments),
            prefix=(*self.prefix, *prefix),
            program=program or self.program,
            out=out,
        )
        return self._stack.enter_context(command)

    def ivr(self, *arguments: str | Path, within: float = 60) -> Said:
        """Run a command to its end."""
        return self.begin(*arguments).ended(within)

    def json(self, *arguments: str | Path) -> Any:
        """Run a command that succeeds and prints JSON, and return that."""
        said = self.ivr(*arguments, "--json")
        assert said.status == 0, said
        return json.loads(said.out)

    def run(self, name: str = "催告", *, prefix: tuple[str, ...] = (), out: Path | None = None) -> Command:
        """Start `campaign run`; its results go to kekka.json."""
        return self.begin(
            *("campaign", "run", name, "--list", self.list, "--scenario", self.scenario),
            *("--results", self.folder / "kekka.json"),
            prefix=prefix,
            out=out,
        )

    def all_stored(self, name: str = "催告", within: float = 30) -> None:
        """Return once nobody is on a call for all that the store knows: one is over before it is settled there."""
        until(
            lambda: not self.json("campaign", "status", name)["recipients"]["calling"],
            within,
            "what is known of the last call is stored",
            look=A_COMMAND,
        )

    def results(self, name: str = "催告") -> list[dict[str, Any]]:
        """Return everybody of a campaign with every attempt, as exported."""
        out = self.folder / "export.json"
        said = self.ivr("results", "export", name, "--format", "json", "-o", out)
        assert said.status == 0, said
        recipients: list[dict[str, Any]] = json.loads(out.read_text("utf-8"))["recipients"]
        return recipients

    def pbx_pid(self) -> int:
        """Return the process of the Asterisk that the engine started."""
        return int((self.data_dir / "asterisk" / "pid").read_text())

    def logs(self) -> dict[str, str]:
        """Return everything that was printed or logged, by file."""
        files = [*(self.folder / "said").glob("*"), *self.data_dir.rglob("*.log")]
        return {str(file.relative_to(self.folder)): file.read_text("utf-8", "replace") for file in files}


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for name, change in changes.items():
        old = merged.get(name)
        merged[name] = _merged(old, change) if isinstance(old, dict) and isinstance(change, Mapping) else change
    return merged
