"""Free ports: no two programs on a machine are given the same one, though neither has bound it yet."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress

import pytest

from ivr.errors import Busy
from ivr.rehearsal import ports
from ivr.rehearsal.ports import HOST, free_port

DRAW_ALL = """
from ivr.rehearsal import ports
ports.PORTS = ({low}, {high})
print(*(ports.free_port() for _ in range({count})), flush=True)
input()
"""


def give_up_claims() -> None:
    while ports._KEPT:
        ports._KEPT.pop().close()


def all_there_are(kind: socket.SocketKind) -> list[int]:
    found = []
    with suppress(Busy):
        while True:
            found.append(free_port(kind))
    return found


def test_no_port_is_given_twice() -> None:
    assert len({free_port() for _ in range(150)}) == 150


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_is_not_given(monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
    low = free_port()
    monkeypatch.setattr(ports, "PORTS", (low + 1, low + 11))
    with socket.socket(socket.AF_INET, kind) as other:
        taken = free_port(kind)
        other.bind((HOST, taken))
        give_up_claims()  # nothing but the bind itself keeps it
        assert taken not in all_there_are(kind)


def test_another_process_is_given_others_until_this_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    low = free_port()
    monkeypatch.setattr(ports, "PORTS", (low + 1, low + 61))
    ours = {free_port() for _ in range(20)}
    with subprocess.Popen(
        [sys.executable, "-c", DRAW_ALL.format(low=low + 1, high=low + 61, count=20)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        theirs = {int(word) for word in other.stdout.readline().split()}
        assert len(theirs) == 20
        assert not ours & theirs
        other.communicate("\n", timeout=10)
    give_up_claims()
    assert len({free_port() for _ in range(40)}) == 40, "what an ended process had is free again"
