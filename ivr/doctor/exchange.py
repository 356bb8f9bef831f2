"""A look at the running PBX and the trunk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from ivr.app import meanwhile
from ivr.asterisk.pbx import ManagedPbx, Pbx
from ivr.data_dir import alone
from ivr.doctor.finding import Finding, State, bad, good
from ivr.doctor.looks import REMEDIES
from ivr.doctor.troubles import troubles
from ivr.errors import EngineRuns, IvrError, PbxUnavailable
from ivr.health import health
from ivr.metrics import Metrics
from ivr.parts.exchange import managed_or_external, manager
from ivr.settings import Settings

ASKED = ("ami", "trunk", "exclusions", "listening", "audit")
"""What a running engine is asked here; of the rest other looks tell."""

MANAGER = 10.0
"""Seconds for the PBX's manager interface to let us in."""

REGISTRATION = 10.0
"""Seconds for the trunk to answer a registration."""


async def exchange(chosen: Settings) -> AsyncIterator[Finding]:
    """Look at the running PBX and the trunk; start the PBX for it unless an engine runs."""
    metrics = Metrics()
    try:
        with alone(chosen.data_dir):
            pbx = managed_or_external(chosen, metrics)
            try:
                await pbx.start()
                yield await _manager(chosen, pbx, metrics)
                yield await trunk(chosen, pbx)
            finally:
                await pbx.stop()
    except EngineRuns:
        yield await asyncio.to_thread(_running_engine, chosen)
    except IvrError as error:
        yield bad("電話交換機の動作", str(error), REMEDIES["電話交換機"])


def _running_engine(chosen: Settings) -> Finding:
    """Ask the engine that runs how it is."""
    name = "電話交換機の動作"
    checks = health(chosen)
    if checks is None:
        return Finding(
            name=name,
            state=State.WARNING,
            message="ivr が動いていますが、設定 metrics の場所で答えません。",
            remedy="動いている ivr と同じ設定ファイルを --config で指定してください。",
        )
    asked = {check: checks[check] for check in ASKED if check in checks}
    return next(troubles(asked), good(name, "ivr が動いていて、電話交換機につながっています。"))


async def _manager(chosen: Settings, pbx: Pbx, metrics: Metrics) -> Finding:
    ami = manager(chosen, pbx, metrics)
    async with meanwhile(ami.run()):
        try:
            await ami.wait_connected(MANAGER)
        except PbxUnavailable as error:
            return bad("電話交換機の動作", str(error), "設定 pbx.ami を確かめてください。")
    return good("電話交換機の動作", "起動し、AMI に接続できました。")


async def trunk(chosen: Settings, pbx: Pbx) -> Finding:
    """Is the trunk registered, or at least reachable?"""
    line = chosen.trunk
    where = f"{line.host}:{line.port}（{line.transport}）"
    if not isinstance(pbx, ManagedPbx):
        return good("回線", "ほかで動いている Asterisk の設定によります。")
    if not line.registers:
        return Finding(
            name="回線",
            state=State.WARNING,
            message=f"{where} に登録（REGISTER）しない設定です。つながるかは、試しにかけないと分かりません。",
            remedy="名簿を自分の電話番号 1 件だけにして、ivr campaign run で試してください。",
        )
    deadline = time.monotonic() + REGISTRATION
    said = ""
    while time.monotonic() < deadline:
        said = await pbx.command("pjsip show registrations")
        if "Registered" in said.replace("Unregistered", ""):
            return good("回線", f"{where} に登録できました。")
        if "Rejected" in said:
            return bad(
                "回線", f"{where} に登録を断られました。", "trunk.username と password_file を見直してください。"
            )
        await asyncio.sleep(0.5)
    return bad("回線", f"{where} から登録の返事がありません。", "trunk.host、port と防火壁を確かめてください。")
