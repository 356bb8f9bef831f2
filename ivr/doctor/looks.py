"""A look at each thing that calls depend on while nothing runs: the machine, the keys, the database, the voice."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

from ivr.app import meanwhile
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.data_dir import engine_runs
from ivr.desk.records import recorded
from ivr.doctor import scenarios, webhooks
from ivr.doctor.finding import Finding, State, bad, good
from ivr.doctor.troubles import troubles
from ivr.doctor.vouching import NAME as VOUCHING
from ivr.doctor.vouching import vouching
from ivr.domain.examination import sentence
from ivr.domain.exclusion import Exclusions
from ivr.erasing import overdue
from ivr.errors import Busy, ExclusionsUnknown, StoreFailed, reason
from ivr.health import health
from ivr.parts import PROJECT
from ivr.parts.enquiry import collection
from ivr.parts.gateway import text_gateway
from ivr.parts.keys import key_store
from ivr.parts.rules import register, text_sender
from ivr.parts.serving import listening
from ivr.parts.text_shapes import read_shape
from ivr.parts.voice import telephone_voice
from ivr.settings import Http, Settings
from ivr.settings.texts import LONGEST_PASSWORD
from ivr.speech import unreadable
from ivr.standing import UNPAID
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock

ROOM = 1 << 30
"""Bytes that should be free for voice, database and logs."""

FAR = timedelta(days=30)
"""A window that stays open for longer is as good as always open."""

PROVIDER = 10.0
"""Seconds for the provider of texts to let us in."""

NEWEST = 10_000
"""Entries of the audit trail that are judged: half a second's work, however long the trail is."""


async def data_dir(chosen: Settings) -> Finding:
    """Can we write there, and is there room?"""
    name, folder = "データの置き場", chosen.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 4096)
            probe.flush()
    except OSError as error:
        return bad(
            name, f"{folder} に書けません：{reason(error)}", "フォルダの権限か、設定 data_dir を直してください。"
        )
    free = shutil.disk_usage(folder).free
    text = f"{folder}（空き {free / (1 << 30):.1f} GiB）"
    if free < ROOM:
        return bad(name, text, "ディスクの空きを 1 GiB 以上にしてください。")
    return good(name, text)


async def secrets(chosen: Settings) -> Finding:
    """Can the files with passwords be read?"""
    chosen.trunk.password()
    chosen.pbx.ami.secret()
    chosen.texts.see_secrets()
    if chosen.web.openid is not None:
        chosen.web.openid.client_secret()
    used = chosen.trunk.password_file or chosen.texts.provider or chosen.web.openid
    return good("パスワードのファイル", "読めます。" if used else "使わない設定です。")


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
    return good("鍵", "開けます。")


async def sms(chosen: Settings) -> Finding:
    """Does the provider of texts let us in? Not tried beside an engine: many providers allow one connection."""
    name = "SMS の事業者"
    if not chosen.texts.provider:
        return good(name, "使わない設定です。")
    text_sender(chosen)
    if chosen.texts.http is not None and not tells(chosen.texts.http):
        return Finding(
            name=name,
            state=State.WARNING,
            message="この事業者からは、SMS が届いたかどうかを知る方法がありません。届いても、そうと分かりません。",
            remedy="決まりのファイルに status か callback を（それと設定 texts.http.callback を）書いてください。",
        )
    if engine_runs(chosen.data_dir):
        checks = await asyncio.to_thread(health, chosen)
        if checks is not None and not checks.get("sms_credit", True):
            return bad(
                name, UNPAID, "事業者に、残高か利用枠（契約の通数）を確かめてください。足りれば、つづきから送ります。"
            )
        if checks is None or checks.get("sms", True):
            return good(name, "動いている ivr がつないでいます。")
        return bad(
            name,
            "動いている ivr が、SMS の事業者につながりません。SMS は送られずに待っています。",
            "回線と、設定 texts.smpp（か texts.http）を確かめてください。理由は ivr のログにあります。",
        )
    if chosen.texts.http is not None and (callback := chosen.texts.http.callback) is not None:
        with listening(callback.host, callback.port, "texts.http.callback.port"):
            pass

    async def ignore(*_told: object) -> None:
        """Leave what is told to who can store it."""
        raise StoreFailed("nobody stores")

    gateway = text_gateway(chosen, on_receipt=ignore, on_message=ignore, hears=False)
    async with meanwhile(gateway.run()):
        there, why = await gateway.ready(PROVIDER), gateway.state
    long = chosen.texts.smpp.beyond_standard() if chosen.texts.smpp is not None else 0
    beyond = f"パスワードは {long} 文字で、SMPP の決まりの {LONGEST_PASSWORD} 文字より長い" if long else ""
    if there:
        return good(name, f"つながります。{beyond}ですが、この事業者は受け付けました。" if long else "つながります。")
    hint = f"{beyond}ので、短くできるか事業者に聞いてください。" if long else ""
    return bad(name, why, f"回線、防火壁、設定 texts.smpp（か texts.http）を確かめてください。{hint}")


def tells(http: Http) -> bool:
    """Tell whether it can be known what becomes of a text: the provider is asked, or tells by itself."""
    shape = read_shape(http.shape)
    return shape.status is not None or (shape.callback is not None and http.callback is not None)


async def clock(chosen: Settings) -> Finding:
    """Is the clock kept right?"""
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
    return kept_right(chosen, synchronised=synchronised == "yes")


def kept_right(chosen: Settings, *, synchronised: bool) -> Finding:
    """Return what there is to say about a clock that is `synchronised`, or of which nobody knows it."""
    now = f"{SystemClock(chosen.calling.timezone).now():%Y-%m-%d %H:%M:%S %Z}"
    if synchronised:
        return good("時計", f"{now}、時刻合わせ済み")
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
        return good(
            "架電時間帯", f"いま架電できます（{closes:%m月%d日 %H:%M} まで）。" if closes else "いま架電できます。"
        )
    opens = calendar.next_open(now)
    if opens is None:
        return bad("架電時間帯", "これから60日の間、架電できる時間がありません。", "calling.windows を直してください。")
    return good("架電時間帯", f"いまは時間外です。次は {opens:%m月%d日 %H:%M} からです。")


async def database(chosen: Settings) -> Finding:
    """Does the database open, and what does it hold?"""
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            campaigns = await results.campaigns()
            running = [campaign for campaign in campaigns if campaign.state == "running"]
            left = len(await results.open_attempts())
    text = f"催告 {len(campaigns)} 件、うち実行中 {len(running)} 件。発信中の記録 {left} 件。"
    return good("データベース", text)


async def exclusions(chosen: Settings) -> Finding:
    """Can it be told who is not to be called?"""
    try:
        known = await register(chosen).known()
    except ExclusionsUnknown as error:
        return bad("除外", str(error), REMEDIES["除外"])
    return excluding(chosen, known)


def excluding(chosen: Settings, known: Exclusions) -> Finding:
    """Return what there is to say of `known` exclusions."""
    if not known.columns and chosen.exclusions.file is None:
        return Finding(
            name="除外",
            state=State.WARNING,
            message="だれも除外しない設定です。",
            remedy="支援措置や督促停止の人がいるときは、設定 exclusions に名簿の列か除外ファイルを書いてください。",
        )
    columns = "".join(f"、名簿の「{rule.column}」" for rule in known.columns)
    return good("除外", f"除外ファイルに {len(known.people)} 人と {len(known.numbers)} 番号{columns}。")


async def collection_system(chosen: Settings) -> Finding:
    """Does the collection system answer?"""
    asked = collection(chosen)
    if asked is None:
        return good("収納システム", "確かめる設定（exclusions.check）はありません。")
    async with asked:
        trouble = await asked.trouble()
    if trouble is None:
        return good("収納システム", "答えます。")
    return bad("収納システム", f"確かめられません（{trouble}）。", REMEDIES["収納システム"])


async def retention(chosen: Settings) -> Finding:
    """Is there anybody who should have been erased?"""
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            late = await overdue(results, chosen)
    if late:
        return kept_too_long(late)
    months = chosen.retention.months
    return good("保存期間", f"最後の架電の {months} か月後の月末まで。" if months is not None else "期限なし。")


def kept_too_long(late: int) -> Finding:
    """Return what there is to say of so many campaigns that should have been erased."""
    return Finding(
        name="保存期間",
        state=State.WARNING,
        message=f"保存期間を過ぎても消えていない催告が {late} 件あります。",
        remedy="実行中なら ivr campaign stop で打ち切り、ivr erase で消去してください。",
    )


async def trail(chosen: Settings) -> Finding:
    """Are the newest entries of the audit trail as they were put on record?"""
    name = "監査証跡"
    async with recorded(chosen) as (_, audit):
        found = await audit.examine(newest=NEWEST)
    if found.faults:
        more = f"（ほか {len(found.faults) - 1} 件）" if len(found.faults) > 1 else ""
        return bad(name, f"{sentence(found.faults[0])}{more}", REMEDIES[name])
    return good(
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
    return good(
        "音声", f"{chosen.speech.engine}（{chosen.speech.voice}）：{seconds:.1f} 秒の文を {took:.1f} 秒で作れました。"
    )


async def greeting(chosen: Settings) -> Finding:
    """Can what callers hear be spoken?"""
    said = chosen.inbound
    if said.say is None:
        return good("折り返しの案内", "着信には応答しない設定です（話中音）。")
    strange = [one for text in (said.say, said.thanks) for one in unreadable(text, "ja", engine=chosen.speech.engine)]
    if strange:
        return bad("折り返しの案内", f"音声で読めない文字があります：{'、'.join(strange)}", REMEDIES["折り返しの案内"])
    return good("折り返しの案内", f"着信には、だれにでも同じ案内を流します（同時に {said.lines} 件まで）。")


async def console(chosen: Settings) -> Finding:
    """Can staff reach the console, and is what they type safe on the way?"""
    name, web = "職員の画面", chosen.web
    if engine_runs(chosen.data_dir):
        checks = await asyncio.to_thread(health, chosen)
        if checks is not None and not checks.get("console", True):
            return next(troubles({"console": False}))
    else:
        try:
            with listening(web.host, web.port, "web.port"):
                pass
        except Busy as error:
            return Finding(name=name, state=State.WARNING, message=f"{error}電話はかかります。")
    return safely_reached(chosen)


def safely_reached(chosen: Settings) -> Finding:
    """Return where staff reach the console, and whether what they type is safe on the way."""
    name, web = "職員の画面", chosen.web
    if not web.secure and not re.fullmatch(r"localhost|127\..*|::1", web.host):
        return Finding(
            name=name,
            state=State.WARNING,
            message=f"{web.host}:{web.port} で、TLS なしで開きます。パスワードが、途中の通信を読める人に見えます。",
            remedy="同じ機械に TLS の中継を置き、web.host を 127.0.0.1 に、web.url を https://… にしてください。",
        )
    if web.url is not None and not web.proxies:
        return Finding(
            name=name,
            state=State.WARNING,
            message=f"{web.url} で開きますが、中継の手前のアドレスが分からず、だれもが同じ場所からに見えます。",
            remedy="web.proxies に、中継のアドレス（同じ機械なら 127.0.0.1）を書いてください。",
        )
    return good(name, f"{web.url or f'http://{web.host}:{web.port}'} で開きます。")


async def asterisk(chosen: Settings) -> Finding:
    """Which Asterisk is there?"""
    if chosen.pbx.mode == "external":
        return good("電話交換機", "ほかで動いている Asterisk を使う設定です。")
    layout = await asyncio.to_thread(find_asterisk, chosen.pbx.asterisk, PROJECT)
    return good("電話交換機", f"Asterisk {layout.version}（{layout.asterisk}）")


LOOKS: Mapping[str, Callable[[Settings], Awaitable[Finding]]] = {
    "データの置き場": data_dir,
    "パスワードのファイル": secrets,
    "鍵": keys,
    "時計": clock,
    "架電時間帯": window,
    "除外": exclusions,
    "収納システム": collection_system,
    "SMS の事業者": sms,
    "データベース": database,
    "保存期間": retention,
    "監査証跡": trail,
    "音声": voice,
    "折り返しの案内": greeting,
    "職員の画面": console,
    scenarios.NAME: scenarios.look,
    webhooks.NAME: webhooks.look,
    VOUCHING: vouching,
    "電話交換機": asterisk,
}


REMEDIES: Mapping[str, str] = {
    "SMS の事業者": "設定 texts を直してください。",
    "データの置き場": "設定 data_dir を直してください。",
    "パスワードのファイル": "パスワードだけを一行書いたファイルを作り、自分だけが読めるようにしてください。",
    "鍵": "設定 keys とマスター鍵を確かめてください。",
    "時計": "時刻の合わせ方を確かめてください。",
    "架電時間帯": "設定 calling を直してください。",
    "除外": "示されたとおりに直してください。直るまで、だれにもかけません。",
    "収納システム": "設定 exclusions.check の url と token_file、相手のサーバーを確かめてください。",
    "データベース": "設定 database と、データの置き場の権限を確かめてください。",
    "保存期間": "設定 database と keys を確かめてください。",
    "監査証跡": "ivr audit verify で全部を調べ、docs/ja/監査証跡.md の「見つかったとき」にしたがってください。",
    "音声": "設定 speech を確かめ、だめなら make setup をもう一度実行してください。",
    "折り返しの案内": "設定 inbound の say と thanks を、かなに直すか、言い換えてください。",
    "職員の画面": "設定 web を直してください。",
    scenarios.NAME: "データの置き場の scenarios フォルダーの権限を確かめてください。",
    webhooks.NAME: "設定 database と keys を確かめてください。",
    VOUCHING: "設定 web.openid と、プロバイダーまでの通信を確かめてください。電話とパスワードには影響しません。",
    "電話交換機": "メッセージにある設定を直すか、make setup をもう一度実行してください。",
}
"""What to do where the error itself does not say it, by what was looked at."""
