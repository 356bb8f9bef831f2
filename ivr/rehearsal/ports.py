"""Free ports of loopback, each given to one process alone, however many rehearsals run on the machine."""

from __future__ import annotations

import random
import socket
from collections import deque
from contextlib import closing, suppress

from ivr.errors import Busy

HOST = "127.0.0.1"
PORTS = (15000, 20000)
"""Beside those for RTP, and below those of outgoing connections, one of which could take a port before its use."""
_KEPT: deque[socket.socket] = deque()
_MOST_KEPT = 200
"""A drawn port is in use, or done with, long before its process has drawn so many more."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of loopback that is free and that no other call of this function is given while it is needed.

    Between this and the bind of a program that is being started the port is free to anybody: a claim on it, a name of
    Linux's abstract socket namespace that ends with the process, keeps others who draw from taking it.
    Raises Busy where no port is left.
    """
    for port in random.sample(range(*PORTS), PORTS[1] - PORTS[0]):
        if _is_free(port, kind) and (claim := _claim(port)):
            _KEPT.append(claim)
            if len(_KEPT) > _MOST_KEPT:
                _KEPT.popleft().close()
            return port
    raise Busy("空いているポートがありません。")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with closing(socket.socket(socket.AF_INET, kind)) as probe, suppress(OSError):
        probe.bind((HOST, port))
        return True
    return False


def _claim(port: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0yobirin-port-{port}")
    except OSError:
        claim.close()
        return None
    return claim
