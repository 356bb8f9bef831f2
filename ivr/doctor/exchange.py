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
from ivr.errors import EngineRuns, IvrError, PbxUnavailable
from ivr.health import health
from ivr.metrics import Metrics
from ivr.parts.exchange import managed_or_external, manager
from ivr.settings import Settings

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
    if not checks.get("ami", True):
        return bad(name, "動いている ivr が、電話交換機に接続できません。", "ivr のログを見てください。")
    if not checks.get("trunk", True):
        return bad(
            "回線",
            "どの電話も同じ理由でつながらないので、発信を見合わせています。",
            "結果の SIP の番号を見て、回線の番号形式・パスワード・契約を確かめてください。",
        )
    if not checks.get("exclusions", True):
        return bad(
            "除外",
            "動いている ivr は、かけてはいけない人が分からないので、だれにもかけていません。",
            "上の「除外」に示されたとおりに直してください。一秒のうちに読み直します。",
        )
    if not checks.get("listening", True):
        return Finding(
            name="聞き取り",
            state=State.WARNING,
            message="相手の音声が ivr に届きません。留守番電話の聞き分けが粗くなり、質問は応答と同時に始まります。",
            remedy="電話交換機に chan_audiosocket と app_chanspy があるか、電話交換機のログを見てください。",
        )
    if not checks.get("audit", True):
        return bad(
            "監査証跡への記録",
            "動いている ivr が、監査証跡に記録できません。",
            "データベースと鍵の置き場の空きと権限を確かめてください。理由は ivr のログにあります。",
        )
    return good(name, "ivr が動いていて、電話交換機につながっています。")


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
