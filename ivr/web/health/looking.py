"""A look at each thing that the running engine depends on. What is `async` is as cheap as a page; others may block."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ivr.campaign.reconcile import LEASE
from ivr.doctor import Finding, State, looks, webhooks
from ivr.doctor import scenarios as written
from ivr.doctor.finding import bad, good
from ivr.domain.era import japanese_date
from ivr.erasing import backups_known, backups_of, overdue
from ivr.parts.keys import key_folder, master_key_file
from ivr.speech import TelephoneVoice
from ivr.storage import probing
from ivr.web.console import Console
from ivr.web.today import window_of

SLOW = 1.0
"""Seconds for the database to take something in; beyond that pages and calls wait noticeably."""

BACKED_UP = timedelta(days=8)
"""How old the newest backup may be: of who makes one a week, and a day."""

LATELY = timedelta(days=1)
"""An engine that was heard no more for longer was switched off on purpose."""

GIB = 1 << 30


async def exclusions(console: Console) -> Finding:
    """Can it be told who is not to be called?"""
    return looks.excluding(console.settings, await console.registers.known())


async def window(console: Console) -> Finding:
    """May calls be made now, and when next?"""
    sentence, is_open = window_of(console.settings, console.clock.now())
    if not is_open and console.settings.rules().calendar.next_open(console.clock.now()) is None:
        return bad("架電時間帯", sentence, "calling.windows と calling.closed_days を直してください。")
    return good("架電時間帯", sentence)


async def database(console: Console) -> Finding:
    """Does the database answer, soon, and take what is written?"""
    began = time.monotonic()
    schema = await probing.schema(console.results)
    took = time.monotonic() - began
    kind = console.settings.database_url().partition(":")[0].partition("+")[0]
    text = f"{kind}、版 {schema}（このエンジンは {probing.HEAD}）、読み書きに {took * 1000:.0f} ミリ秒。"
    if took >= SLOW:
        return Finding(
            name="データベース",
            state=State.WARNING,
            message=text,
            remedy="ディスクの速さ、ほかの処理、PostgreSQL ならサーバーとその間の網を確かめてください。",
        )
    return good("データベース", text)


async def engines(console: Console) -> Finding:
    """Does this engine keep its lease, and do the others that were there lately?"""
    joined = await probing.joined(console.results)
    zone = console.settings.calling.timezone

    def told(one: probing.EngineRow) -> str:
        here = "この機械" if one.here else "ほかの機械"
        return (
            f"{one.host}（{here}、{one.joined_at.astimezone(zone):%m月%d日 %H:%M} から、"
            f"最後の印は {max(0, int(one.silent.total_seconds()))} 秒前）"
        )

    lately = [one for one in joined if one.silent < LATELY]
    text = "、".join(map(told, lately)) or "印を残しているエンジンはありません。"
    if any(one.here and one.silent > LEASE for one in lately):
        return bad("エンジン", text, "データベースに書き込めるか、ivr のログの buried を確かめてください。")
    if any(not one.here and one.silent > LEASE for one in lately):
        remedy = "その機械で ivr serve が動いているか確かめてください。途中だった電話は、残りのエンジンが引き取ります。"
        return Finding(name="エンジン", state=State.WARNING, message=text, remedy=remedy)
    return good("エンジン", text)


def disk(console: Console) -> Finding:
    """Is there room, and can it be written to?"""
    chosen = console.settings
    found = asyncio.run(looks.data_dir(chosen))
    free = shutil.disk_usage(chosen.data_dir).free / GIB
    if found.state is State.GOOD and free < chosen.web.low_disk:
        return Finding(
            name=found.name,
            state=State.WARNING,
            message=found.message,
            remedy="古いバックアップや書き出した結果を別の場所に移すか、ディスクを大きくしてください。"
            "注意の境は設定 web.low_disk です。",
        )
    return found


def keys(console: Console) -> Finding:
    """Do the keys open, where is the master key, how old are they?"""
    chosen = console.settings
    found = asyncio.run(looks.keys(chosen))
    file = master_key_file(chosen)
    ages = [
        f"{name}は {japanese_date(_day(console, place))} から"
        for name, place in (("マスター鍵", file), ("鍵の置き場", key_folder(chosen)))
        if place is not None and place.exists()
    ]
    return Finding(
        name=found.name, state=found.state, message=f"{found.message}{'、'.join(ages)}。", remedy=found.remedy
    )


def secrets(console: Console) -> Finding:
    """Can the files with passwords be read?"""
    return asyncio.run(looks.secrets(console.settings))


def greeting(console: Console) -> Finding:
    """Can what callers hear be spoken?"""
    return asyncio.run(looks.greeting(console.settings))


async def clock(console: Console) -> Finding:
    """Is the clock kept right?"""
    return await looks.clock(console.settings)


def backup(console: Console) -> Finding:
    """How old is the newest backup?"""
    remedy = "ivr backup を、毎日か毎週、動かしてください（docs/operations.md）。"
    newest: tuple[float, Path] | None = None
    for one in map(Path, backups_known(backups_of(console.settings))):
        try:
            at = one.stat().st_mtime
        except OSError:
            continue  # put elsewhere, and gone or not mounted now
        if "before-restore" not in one.name and (newest is None or at > newest[0]):
            newest = at, one
    if newest is None:
        text = "この機械から見えるバックアップはありません。"
        return Finding(name="バックアップ", state=State.WARNING, message=text, remedy=remedy)
    made = datetime.fromtimestamp(newest[0], UTC)
    age = console.clock.now() - made
    text = f"最後は {japanese_date(made.astimezone(console.settings.calling.timezone).date())}（{newest[1].name}）。"
    if age > BACKED_UP:
        return Finding(name="バックアップ", state=State.WARNING, message=f"{text}{age.days} 日前です。", remedy=remedy)
    return good("バックアップ", text)


async def retention(console: Console) -> Finding:
    """Is there anybody who should have been erased?"""
    late = await overdue(console.results, console.settings)
    return looks.kept_too_long(late) if late else good("保存期間", "過ぎたものはありません。")


async def scenarios(console: Console) -> Finding:
    """Can the office's own scenarios be read, and are they as they were saved?"""
    shelf = await console.book.look()
    return written.judged(len(shelf.kept), shelf.unreadable, console.settings.data_dir / "scenarios")


async def told_systems(console: Console) -> Finding:
    """Do the systems that are told of results get it?"""
    return await webhooks.judged(console.results, console.clock.now())


async def console(console: Console) -> Finding:
    """Is what staff type safe on the way?"""
    return looks.safely_reached(console.settings)


async def voice(console: Console, speaker: TelephoneVoice) -> Finding:
    """Can the voice speak a sentence, beside what calls need?"""
    began = time.monotonic()
    async with console.sentences_at_once:
        folder = await asyncio.to_thread(tempfile.mkdtemp)
        try:
            file = Path(folder) / "voice.wav"
            seconds = await speaker.write_wav("こちらは呼鈴です。", {}, file, language="ja")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)
    speech = console.settings.speech
    return good(
        "音声", f"{speech.engine}（{speech.voice}）：{seconds:.1f} 秒の文に {time.monotonic() - began:.1f} 秒。"
    )


def _day(console: Console, place: Path) -> date:
    return datetime.fromtimestamp(place.stat().st_mtime, console.settings.calling.timezone).date()
