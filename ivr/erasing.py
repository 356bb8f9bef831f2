"""Erase a campaign for good, and prove it.

In this order: it is marked and its counts are kept; its key is destroyed, from which moment nobody can read its people
in any copy of the database; audio, exports and rows go; the certificate (消去証明) is signed; the campaign itself goes.
Wherever a crash cuts in, `finish` goes on from the mark.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from ivr.audit import Audit
from ivr.campaign.records import CampaignRow
from ivr.data_dir import exports_of, made
from ivr.domain.audit import Action
from ivr.domain.outcome import Outcome
from ivr.domain.retention import erased_from
from ivr.domain.text import TextState
from ivr.errors import IvrError, StoreFailed, reason
from ivr.metrics import Metrics
from ivr.settings import Settings
from ivr.speech import erase_voice, personal_voice
from ivr.storage import SqlResults
from ivr.storage.erasing import ERASING, Statistics
from ivr.system_clock import SystemClock
from ivr.vault import KeyStore, durable, signing

log = structlog.get_logger(__name__)

BY_ORDER, BY_RULE = "ivr erase による指示", "保存期間の満了"
BY_RESTORE = "消去したものがバックアップから戻ったため"

KINDS = {
    "keys": ("データ鍵", "本"),
    "recipients": ("宛先（カナ氏名・電話番号・名簿の各列）", "人分"),
    "attempts": ("発信の記録", "件"),
    "texts": ("SMS の記録", "件"),
    "key_presses": ("押されたキーの記録", "件"),
    "voice": ("氏名などを読み上げた音声ファイル", "個"),
    "exports": ("書き出した結果のファイル", "個"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """Everything of campaigns that is under the engine's care."""

    settings: Settings
    results: SqlResults
    keys: KeyStore
    audit: Audit

    @property
    def voice(self) -> Path:
        """Where audio is kept."""
        return self.settings.data_dir / "voice"

    @property
    def certificates(self) -> Path:
        """Where a copy of each certificate stays."""
        return self.settings.data_dir / "certificates"

    def exports(self, campaign: str) -> Path:
        """Where exports of a campaign are kept that were given no other place."""
        return exports_of(self.settings.data_dir, campaign)


async def erase(care: Care, campaign: CampaignRow, why: str, *, in_any_state: bool = False) -> str:
    """Erase a campaign and return its certificate.

    Raises InputError, with nothing done, while it is dialled, unless it is to go `in_any_state`.
    """
    ordered = {"why": why, "who": f"{_user()}（{socket.gethostname()}）"}
    await care.audit.record(Action.ERASED, campaign.name, why=why)
    files, keys = await asyncio.to_thread(lambda: (_files(care, campaign.id), _key_ids(care, campaign.id)))
    statistics = await care.results.begin_erasing(
        campaign, {**files, "keys": len(keys)}, {**ordered, "keys": "、".join(keys)}, in_any_state=in_any_state
    )
    await asyncio.to_thread(_remove, care, campaign.id)
    await care.results.erase_rows(campaign.id)
    now = SystemClock(care.settings.calling.timezone).now()
    certificate = await asyncio.to_thread(_certified, care, statistics, now)
    await care.results.finish_erasing(campaign.id, now)
    log.info("erased", campaign=campaign.id, why=why)
    return certificate


def _remove(care: Care, campaign: str) -> None:
    """Destroy the key of a campaign, then what is kept of it in files: seconds, where many names were spoken."""
    care.keys.destroy(campaign)
    erase_voice(care.voice, campaign)
    with _on_disk(care.exports(campaign)) as folder:
        if folder.is_dir():
            shutil.rmtree(folder)


def _certified(care: Care, statistics: Statistics, now: datetime) -> str:
    """Return the certificate, a copy of which is kept."""
    certificate = signing.signed(_certificate(care, statistics, now), care.keys)
    with _on_disk(made(care.certificates)) as folder:
        durable.replace(folder / f"{now:%Y%m%d}-{statistics.campaign}.txt", certificate.encode())
    return certificate


async def finish(care: Care) -> int:
    """Erase what a crash cut short, and what a restored backup brought back; return how many campaigns that were."""
    campaigns = await care.results.campaigns()
    left = [campaign for campaign in campaigns if campaign.state == ERASING or care.keys.destroyed(campaign.id)]
    for campaign in left:
        await erase(care, campaign, BY_RESTORE, in_any_state=True)
    return len(left)


async def overdue(results: SqlResults, settings: Settings) -> int:
    """Return how many campaigns should be gone by now, whether or not they are at rest."""
    zone, months = settings.calling.timezone, settings.retention.months
    today = SystemClock(zone).now().date()
    return sum(
        campaign.state == ERASING or (months is not None and today > erased_from(last.astimezone(zone).date(), months))
        for campaign, last in await _at_work_last(results)
    )


async def _at_work_last(results: SqlResults) -> Sequence[tuple[CampaignRow, datetime]]:
    """Return the campaigns with when each was last at work; without one that is made or goes while they are read."""
    campaigns = await results.campaigns()
    days = await results.last_days()
    return [(campaign, days[campaign.id]) for campaign in campaigns if campaign.id in days]


async def erase_due(care: Care, metrics: Metrics) -> None:
    """Erase every campaign that was kept for long enough and is at rest; what fails is counted and tried again."""
    months = care.settings.retention.months
    try:
        await finish(care)
        campaigns = await _at_work_last(care.results)
    except IvrError as error:
        _failed(metrics, "", error)
        return
    clock = SystemClock(care.settings.calling.timezone)
    today = clock.now().date()
    for campaign, last in campaigns:
        day = last.astimezone(care.settings.calling.timezone).date()
        if months is None or campaign.state == "running" or today < erased_from(day, months):
            continue
        try:
            await erase(care, campaign, BY_RULE)
            metrics.erased()
        except IvrError as error:
            _failed(metrics, campaign.id, error)


def verified(file: Path) -> str:
    """Return a sentence about the certificate in `file`; raise InputError where it was changed."""
    _, key = signing.read(file)
    return f"{file}：署名は正しく、書き換えられていません。署名した公開鍵は {key} です。"


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container's user need not have a name.
        return f"UID {os.getuid()}"


@contextmanager
def _on_disk(path: Path) -> Iterator[Path]:
    try:
        yield path
    except OSError as error:
        raise StoreFailed(f"{path} を読み書きできません：{reason(error)}") from None


def _failed(metrics: Metrics, campaign: str, error: Exception) -> None:
    metrics.erasure_failed()
    log.error("not_erased", campaign=campaign, reason=str(error))


def _files(care: Care, campaign: str) -> dict[str, int]:
    with _on_disk(care.settings.data_dir):
        exports = care.exports(campaign)
        return {
            "voice": len(personal_voice(care.voice, campaign)),
            "exports": len([*exports.iterdir()]) if exports.is_dir() else 0,
        }


def _key_ids(care: Care, campaign: str) -> list[str]:
    """Return names for the keys of a campaign, which tell nothing about them."""
    if care.keys.destroyed(campaign):
        return []
    keys = care.keys.data_keys(campaign).values()
    return [hashlib.sha256(b"yobirin key id" + key).hexdigest()[:16] for key in keys]


def _certificate(care: Care, statistics: Statistics, now: datetime) -> str:
    lines = [
        "消去証明書",
        "",
        f"催告：{statistics.name}",
        f"識別番号：{statistics.campaign}",
        f"作成：{statistics.created_at.astimezone(now.tzinfo):%Y-%m-%d %H:%M:%S %z}",
        f"消去：{now:%Y-%m-%d %H:%M:%S %z}",
        f"消去した人：{statistics.ordered.get('who', '')}",
        f"きっかけ：{statistics.ordered.get('why', '')}",
        f"破棄したデータ鍵の識別番号：{statistics.ordered.get('keys') or 'なし'}",
        "",
        "消去したもの",
        *(f"　{label}：{statistics.held.get(kind, 0)} {unit}" for kind, (label, unit) in KINDS.items()),
        "",
        "残したもの（人を特定しない集計）",
        *(f"　{Outcome(code).label}：{count} 人" for code, count in statistics.outcomes.items()),
        f"　発信：{statistics.held.get('attempts', 0)} 回",
        *(f"　SMS {TextState(code).label}：{count} 人" for code, count in statistics.texts.items()),
        "",
        "データ鍵を破棄したので、次のものを含め、消去より前に作られたデータベースの写しは、もう誰にも読めません。",
        *(f"　{name}" for name in backups_known(backups_of(care.settings))),
        "この ivr の外に書き出したファイル、印刷物、もとの名簿は、この証明に含みません。",
        "",
    ]
    return "\n".join(lines) + "\n"


ELSEWHERE = "elsewhere.txt"
"""In the folder of backups: the paths of those that were given another place, one a line."""


def backups_of(settings: Settings) -> Path:
    """Return where backups are kept that were given no other place."""
    return settings.data_dir / "backups"


def remember_backup(settings: Settings, file: Path) -> None:
    """Note a backup that was put elsewhere, for the certificates; raise StoreFailed."""
    with _on_disk(backups_of(settings) / ELSEWHERE) as known, known.open("a", encoding="utf-8") as list_:
        list_.write(f"{file}\n")


def backups_known(folder: Path) -> list[str]:
    """Return every backup that was made, wherever it was put."""
    if not folder.is_dir():
        return []
    here = sorted(str(file) for file in folder.iterdir() if file.name != ELSEWHERE)
    elsewhere = folder / ELSEWHERE
    return here + (elsewhere.read_text("utf-8").splitlines() if elsewhere.exists() else [])
