"""`ivr doctor`: looks at everything that calls depend on, and says what to do about each.

Where no engine runs on the data directory, the PBX is started for the time of the examination.
"""

from __future__ import annotations

import asyncio
import json as jsonlib
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from ivr import logs, settings
from ivr.app import meanwhile
from ivr.asterisk.pbx import ManagedPbx, Pbx
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.data_dir import alone
from ivr.desk import recorded
from ivr.domain.audit import sentence
from ivr.erasing import overdue
from ivr.errors import EngineRuns, IvrError, PbxUnavailable, Problems
from ivr.metrics import Metrics
from ivr.parts import PROJECT, key_store, managed_or_external, manager, telephone_voice
from ivr.settings import Settings
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock

ROOM = 1 << 30
"""Bytes that should be free for voice, database and logs."""

MANAGER = 10.0
"""Seconds for the PBX's manager interface to let us in."""

FAR = timedelta(days=30)
"""A window that stays open for longer is as good as always open."""

NEWEST = 10_000
"""Entries of the audit trail that are judged: half a second's work, however long the trail is."""

HEALTH = 5.0
"""Seconds for a running engine to say how it is."""

REGISTRATION = 10.0
"""Seconds for the trunk to answer a registration."""


class State(StrEnum):
    """How one thing is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


MARKS = {State.GOOD: "○", State.WARNING: "△", State.BAD: "×"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at, how it is, and what to do about it."""

    name: str
    state: State
    message: str
    remedy: str = ""


async def examine(config: Path | None, *, json: bool) -> int:
    """Print a line for each thing looked at; return 1 if any is bad."""
    logs.configure(as_json=False, level="error")
    findings: list[Finding] = []
    async for finding in look(config):
        findings.append(finding)
        if not json:
            show(finding)
    if json:
        print(jsonlib.dumps([_as_json(finding) for finding in findings], ensure_ascii=False, indent=1))
    return 1 if any(finding.state is State.BAD for finding in findings) else 0


async def look(config: Path | None) -> AsyncIterator[Finding]:
    """Yield what there is to say about each thing that calls depend on; nothing more where the settings are wrong."""
    try:
        chosen = settings.load(config)
    except IvrError as error:
        lines = isinstance(error, Problems)
        yield _bad(
            "設定", str(error), "示された行を直してください。" if lines else "--config か環境変数を直してください。"
        )
        return
    yield _good("設定", str(chosen.source) if chosen.source else "設定ファイルなし（すべて初めの値）")
    for name, one in LOOKS.items():
        try:
            yield await one(chosen)
        except IvrError as error:
            yield _bad(name, str(error), REMEDIES[name])
    async for finding in exchange(chosen):
        yield finding


async def data_dir(chosen: Settings) -> Finding:
    """Can we write there, and is there room?"""
    name, folder = "データの置き場", chosen.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 4096)
            probe.flush()
    except OSError as error:
        return _bad(
            name, f"{folder} に書けません：{error.strerror}", "フォルダの権限か、設定 data_dir を直してください。"
        )
    free = shutil.disk_usage(folder).free
    text = f"{folder}（空き {free / (1 << 30):.1f} GiB）"
    if free < ROOM:
        return _bad(name, text, "ディスクの空きを 1 GiB 以上にしてください。")
    return _good(name, text)


async def secrets(chosen: Settings) -> Finding:
    """Can the files with passwords be read?"""
    chosen.trunk.password()
    chosen.pbx.ami.secret()
    return _good("パスワードのファイル", "読めます。" if chosen.trunk.password_file else "使わない設定です。")


async def keys(chosen: Settings) -> Finding:
    """Do the keys open, and does the master key lie apart from the data?"""
    key_store(chosen).close()
    file = chosen.keys.master_key_file or chosen.data_dir / "master.key"
    if file.exists() and file.is_relative_to(chosen.data_dir):
        return Finding(
            name="鍵",
            state=State.WARNING,
            message=f"開けます。マスター鍵（{file}）が、鍵で守られるデータと同じ場所にあります。",
            remedy="マスター鍵を別の場所に移し、keys.master_key_file か環境変数 IVR_MASTER_KEY で指定してください。",
        )
    return _good("鍵", "開けます。")


async def clock(chosen: Settings) -> Finding:
    """Is the clock kept right?"""
    now = f"{SystemClock(chosen.calling.timezone).now():%Y-%m-%d %H:%M:%S %Z}"
    program = shutil.which("timedatectl")
    synchronised = ""
    if program is not None:
        process = await asyncio.create_subprocess_exec(
            program,
            *("show", "--property=NTPSynchronized", "--value"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(3):
                synchronised = (await process.communicate())[0].decode().strip()
        except TimeoutError:
            process.kill()
            await process.wait()
    if synchronised == "yes":
        return _good("時計", f"{now}、時刻合わせ済み")
    return Finding(
        name="時計",
        state=State.WARNING,
        message=f"{now}。時刻が自動で合わせられているか分かりません。",
        remedy="架電できる時間帯は、この時計で決まります。NTP で合わせてください。",
    )


async def window(chosen: Settings) -> Finding:
    """Is it open, and when is it next?"""
    now = SystemClock(chosen.calling.timezone).now()
    calendar = chosen.rules().calendar
    if calendar.is_open(now):
        closes = calendar.closes(now)
        if closes is not None and closes - now > FAR:
            closes = None
        return _good(
            "架電時間帯", f"いま架電できます（{closes:%m月%d日 %H:%M} まで）。" if closes else "いま架電できます。"
        )
    opens = calendar.next_open(now)
    if opens is None:
        return _bad(
            "架電時間帯", "これから60日の間、架電できる時間がありません。", "calling.windows を直してください。"
        )
    return _good("架電時間帯", f"いまは時間外です。次は {opens:%m月%d日 %H:%M} からです。")


async def database(chosen: Settings) -> Finding:
    """Does the database open, and what does it hold?"""
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            campaigns = await results.campaigns()
            running = [campaign for campaign in campaigns if campaign.state == "running"]
            left = len(await results.open_attempts())
    text = f"催告 {len(campaigns)} 件、うち実行中 {len(running)} 件。発信中の記録 {left} 件。"
    return _good("データベース", text)


async def retention(chosen: Settings) -> Finding:
    """Is there anybody who should have been erased?"""
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            late = await overdue(results, chosen)
    if late:
        return Finding(
            name="保存期間",
            state=State.WARNING,
            message=f"保存期間を過ぎても消えていない催告が {late} 件あります。",
            remedy="実行中なら ivr campaign stop で打ち切り、ivr erase で消去してください。",
        )
    months = chosen.retention.months
    return _good("保存期間", f"最後の架電の {months} か月後の月末まで。" if months is not None else "期限なし。")


async def trail(chosen: Settings) -> Finding:
    """Are the newest entries of the audit trail as they were put on record?"""
    name = "監査証跡"
    async with recorded(chosen) as (_, audit):
        found = await audit.examine(newest=NEWEST)
    if found.faults:
        more = f"（ほか {len(found.faults) - 1} 件）" if len(found.faults) > 1 else ""
        return _bad(name, f"{sentence(found.faults[0])}{more}", REMEDIES[name])
    return _good(
        name, f"新しいほうから {found.entries} 件に、変更も欠けもありません。全部を調べるのは ivr audit verify です。"
    )


async def voice(chosen: Settings) -> Finding:
    """Can the voice speak a sentence?"""
    speaker = telephone_voice(chosen)
    try:
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            seconds = await speaker.write_wav("こちらは呼鈴です。", {}, Path(folder) / "voice.wav", language="ja")
            took = time.monotonic() - began
    finally:
        await speaker.close()
    return _good(
        "音声", f"{chosen.speech.engine}（{chosen.speech.voice}）：{seconds:.1f} 秒の文を {took:.1f} 秒で作れました。"
    )


async def asterisk(chosen: Settings) -> Finding:
    """Which Asterisk is there?"""
    if chosen.pbx.mode == "external":
        return _good("電話交換機", "ほかで動いている Asterisk を使う設定です。")
    layout = await asyncio.to_thread(find_asterisk, chosen.pbx.asterisk, PROJECT)
    return _good("電話交換機", f"Asterisk {layout.version}（{layout.asterisk}）")


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
        yield _bad("電話交換機の動作", str(error), REMEDIES["電話交換機"])


def _running_engine(chosen: Settings) -> Finding:
    """Ask the engine that runs how it is."""
    name = "電話交換機の動作"
    # Not through a proxy of the environment: the engine is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{chosen.metrics.host}:{chosen.metrics.port}/healthz", timeout=HEALTH) as answer:
            checks = jsonlib.load(answer)["checks"]
    except urllib.error.HTTPError as error:
        checks = jsonlib.load(error)["checks"]
    except (OSError, ValueError):
        return Finding(
            name=name,
            state=State.WARNING,
            message="ivr が動いていますが、設定 metrics の場所で答えません。",
            remedy="動いている ivr と同じ設定ファイルを --config で指定してください。",
        )
    if not checks.get("ami", True):
        return _bad(name, "動いている ivr が、電話交換機に接続できません。", "ivr のログを見てください。")
    if not checks.get("trunk", True):
        return _bad(
            "回線",
            "どの電話も同じ理由でつながらないので、発信を見合わせています。",
            "結果の SIP の番号を見て、回線の番号形式・パスワード・契約を確かめてください。",
        )
    if not checks.get("listening", True):
        return Finding(
            name="聞き取り",
            state=State.WARNING,
            message="相手の音声が ivr に届きません。留守番電話の聞き分けが粗くなり、質問は応答と同時に始まります。",
            remedy="電話交換機に chan_audiosocket と app_chanspy があるか、電話交換機のログを見てください。",
        )
    if not checks.get("audit", True):
        return _bad(
            "監査証跡への記録",
            "動いている ivr が、監査証跡に記録できません。",
            "データベースと鍵の置き場の空きと権限を確かめてください。理由は ivr のログにあります。",
        )
    return _good(name, "ivr が動いていて、電話交換機につながっています。")


async def _manager(chosen: Settings, pbx: Pbx, metrics: Metrics) -> Finding:
    ami = manager(chosen, pbx, metrics)
    async with meanwhile(ami.run()):
        try:
            await ami.wait_connected(MANAGER)
        except PbxUnavailable as error:
            return _bad("電話交換機の動作", str(error), "設定 pbx.ami を確かめてください。")
    return _good("電話交換機の動作", "起動し、AMI に接続できました。")


async def trunk(chosen: Settings, pbx: Pbx) -> Finding:
    """Is the trunk registered, or at least reachable?"""
    line = chosen.trunk
    where = f"{line.host}:{line.port}（{line.transport}）"
    if not isinstance(pbx, ManagedPbx):
        return _good("回線", "ほかで動いている Asterisk の設定によります。")
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
            return _good("回線", f"{where} に登録できました。")
        if "Rejected" in said:
            return _bad(
                "回線", f"{where} に登録を断られました。", "trunk.username と password_file を見直してください。"
            )
        await asyncio.sleep(0.5)
    return _bad("回線", f"{where} から登録の返事がありません。", "trunk.host、port と防火壁を確かめてください。")


LOOKS: Mapping[str, Callable[[Settings], Awaitable[Finding]]] = {
    "データの置き場": data_dir,
    "パスワードのファイル": secrets,
    "鍵": keys,
    "時計": clock,
    "架電時間帯": window,
    "データベース": database,
    "保存期間": retention,
    "監査証跡": trail,
    "音声": voice,
    "電話交換機": asterisk,
}


REMEDIES: Mapping[str, str] = {
    "データの置き場": "設定 data_dir を直してください。",
    "パスワードのファイル": "パスワードだけを一行書いたファイルを作り、自分だけが読めるようにしてください。",
    "鍵": "設定 keys とマスター鍵を確かめてください。",
    "時計": "時刻の合わせ方を確かめてください。",
    "架電時間帯": "設定 calling を直してください。",
    "データベース": "設定 database と、データの置き場の権限を確かめてください。",
    "保存期間": "設定 database と keys を確かめてください。",
    "監査証跡": "ivr audit verify で全部を調べ、docs/ja/監査証跡.md の「見つかったとき」にしたがってください。",
    "音声": "設定 speech を確かめ、だめなら make setup をもう一度実行してください。",
    "電話交換機": "メッセージにある設定を直すか、make setup をもう一度実行してください。",
}
"""What to do where the error itself does not say it, by what was looked at."""


def show(finding: Finding) -> None:
    """Print a finding for a person."""
    print(f"{MARKS[finding.state]} {finding.name}：{finding.message}")
    if finding.remedy:
        print(f"　　→ {finding.remedy}")


def _good(name: str, message: str) -> Finding:
    return Finding(name=name, state=State.GOOD, message=message)


def _bad(name: str, message: str, remedy: str) -> Finding:
    return Finding(name=name, state=State.BAD, message=message, remedy=remedy)


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "name": finding.name,
        "state": finding.state.value,
        "message": finding.message,
        "remedy": finding.remedy,
    }
