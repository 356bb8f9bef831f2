"""A started engine PBX and network PBX on free ports, for tests.

async with pbx_pair(tmp_path, agi_port=..., network_agi_port=...) as pair:
    pair.engine.ami_secret, pair.engine.config.ami_port, ...
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk.pbx import ManagedPbx, OnState, PbxTiming
from ivr.asterisk.pbx_config import Network, PbxConfig, Trunk
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.rehearsal.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = find_asterisk(None, ROOT)
NUMBER = "0357220001"
OFFICE = "0357220000"
RTP_PORTS = (20000, 29999)
"""For both sides: Asterisk skips those that are taken."""


def engine_config(directory: Path, side: Trunk, *, agi_port: int = 9, sip_port: int | None = None) -> PbxConfig:
    return _config(directory, side, agi_port, sip_port or free_port(socket.SOCK_DGRAM), "engine")


def network_config(directory: Path, side: Network, *, agi_port: int = 9, sip_port: int | None = None) -> PbxConfig:
    return _config(directory, side, agi_port, sip_port or free_port(socket.SOCK_DGRAM), "network")


def _config(directory: Path, side: Trunk | Network, agi_port: int, sip_port: int, name: str) -> PbxConfig:
    return PbxConfig(
        directory=directory,
        side=side,
        ami_port=free_port(),
        sip_port=sip_port,
        rtp_ports=RTP_PORTS,
        agi_port=agi_port,
        name=name,
    )


@dataclass(frozen=True, slots=True)
class PbxPair:
    engine: ManagedPbx
    network: ManagedPbx


@asynccontextmanager
async def started(
    config: PbxConfig, *, on_state: OnState | None = None, timing: PbxTiming | None = None
) -> AsyncIterator[ManagedPbx]:
    """A started PBX; `async with asyncio.TaskGroup()` and `run()` are the test's affair."""
    pbx = ManagedPbx(config, LAYOUT, on_state=on_state, timing=timing)
    try:
        await pbx.start()
        yield pbx
    finally:
        await pbx.stop()


@asynccontextmanager
async def pbx_pair(
    tmp_path: Path,
    *,
    agi_port: int = 9,
    network_agi_port: int = 9,
    trunk: dict[str, object] | None = None,
    network: Network | None = None,
) -> AsyncIterator[PbxPair]:
    """Both PBXs, the engine's trunk leading to the network. `trunk` overrides fields of Trunk.

    Port 9 stands for no AGI server. `network=Network(load_seconds=2)` answers every call at once, without AGI.
    """
    far = network_config(tmp_path / "network", network or Network(), agi_port=network_agi_port)
    fields = {"host": "127.0.0.1", "port": far.sip_port, "caller_id": OFFICE, **(trunk or {})}
    near = engine_config(tmp_path / "engine", Trunk(**fields), agi_port=agi_port)  # type: ignore[arg-type]
    async with started(far) as network_pbx, started(near) as engine_pbx:
        yield PbxPair(engine_pbx, network_pbx)
