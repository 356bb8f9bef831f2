"""What staff do to keep data safe and to be rid of it: erase, back up, restore, change keys.

Each function prints its answer and returns the exit status.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from ivr import identity
from ivr.audit import Rescue
from ivr.data_dir import alone, made
from ivr.domain.audit import LOST_FROM, LOST_TO, Action
from ivr.erasing import BY_ORDER, Care, backups_of, erase, finish, remember_backup, verified
from ivr.errors import InputError, IvrError, WrongMasterKey, reason
from ivr.parts.keys import audit_trail, key_store, master_key_file
from ivr.progress import KeyProgress
from ivr.reporting import replacing, see_writable
from ivr.settings import Settings, load
from ivr.storage import SqlResults, backups
from ivr.storage.erasing import ERASING
from ivr.storage.refusals import Carried
from ivr.system_clock import SystemClock
from ivr.vault import KeyStore, master
from ivr.ways import Ways


async def what_goes(config: Path | None, name: str) -> str:
    """Return what a person is to know before they have a campaign erased; NotFound."""
    chosen = load(config)
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            campaign = await results.campaign(name)
            counts = await results.counts(campaign.id)
    people = sum(counts.states.values())
    return f"催告「{name}」（{people} 人）の{Ways.of_stored(campaign).kept}を消去します。元に戻せません。"


async def erase_campaign(config: Path | None, name: str, certificate: Path | None) -> int:
    """Erase a campaign for good; write its certificate to `certificate` too."""
    chosen = load(config)
    if certificate is not None:
        see_writable(certificate)
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            care = _care(chosen, results, keys)
            text = await erase(care, await results.campaign(name), BY_ORDER)
            await finish(care)
    if certificate is not None:
        with replacing(certificate) as file:
            file.write(text.encode())
    kept = certificate or care.certificates
    print(f"催告「{name}」を消去しました。もう誰にも読めません。消去証明は {kept} にあります。")
    return 0


def verify(file: Path) -> int:
    """Print whether a certificate is as it was signed, and by whom."""
    print(verified(file))
    return 0


async def back_up(config: Path | None, target: Path | None) -> int:
    """Copy the database to `target`, among the engine's own backups if nothing else is said."""
    chosen = load(config)
    folder = made(backups_of(chosen))
    file = _absolute(target) if target else folder / f"{_now(chosen):%Y%m%d-%H%M%S}.backup"
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            await _care(chosen, results, keys).audit.record(Action.BACKED_UP, file=file.name)
    await backups.backup(chosen.database_url(), file)
    if target and folder not in file.parents:
        remember_backup(chosen, file)
    print(
        f"{file} にバックアップしました。鍵は入っていません：{chosen.keys.dir or chosen.data_dir / 'keys'} と"
        "マスター鍵は、別の場所に、別々に控えてください。"
    )
    return 0


def what_comes_back(config: Path | None, source: Path) -> str:
    """Return what a person is to know before they have a backup restored."""
    try:
        of = datetime.fromtimestamp(source.stat().st_mtime, load(config).calling.timezone)
    except OSError as error:
        raise InputError(f"{source} を読めません（{reason(error)}）。") from None
    file = f"{source}（{of:%Y-%m-%d %H:%M} の日付）"
    return (
        f"データベースを {file}に置き換えます。そのあとの電話と SMS の記録は失われます。"
        "架電除外と SMS を送らない番号は、今のデータベースから読める限り、今のまま残します。"
    )


async def restore(config: Path | None, source: Path) -> int:
    """Put a backup in the place of the database, which is kept among the backups.

    What was erased stays erased; nobody is called before a person says so; what was put on record stays on record, and
    who wanted no more calls or texts gets none.
    """
    chosen = load(config)
    url = chosen.database_url()
    with alone(chosen.data_dir), key_store(chosen, restoring=True) as keys, keys.alone():
        unknown = [
            campaign
            for campaign in backups.sealed_campaigns(source)
            if not keys.destroyed(campaign) and not keys.data_keys(campaign)
        ]
        if unknown:
            raise InputError(
                f"{source} には、鍵の置き場に鍵のない催告が {len(unknown)} 件あります。"
                "そのときの鍵の置き場も戻してください。"
            )
        before = made(backups_of(chosen)) / f"{_now(chosen):%Y%m%d-%H%M%S}-before-restore.backup"
        rescue = Rescue(keys.folder)
        await _replace(url, source, before, rescue)
        async with await SqlResults.open(url, keys) as results:
            care = _care(chosen, results, keys)
            added, lost, carried = await care.audit.go_on(*rescue.held())
            partly = {} if carried.whole else {"exclusions": "partly"}
            await care.audit.record(Action.RESTORED, "", file=source.name, entries=added, **lost, **partly)
            for campaign in await results.campaigns(state="running"):
                await results.move_campaign(campaign.id, expected=["running"], state="paused")
            # Who was signed in then may have been switched off since.
            await results.accounts.end_sessions(None)
            gone = await finish(care)
        rescue.end()
    _say_restored(source, added, lost, carried, gone)
    return 0


async def _replace(url: str, source: Path, before: Path, rescue: Rescue) -> None:
    """Put the backup in the database's place, which goes to `before`, with what outlives it out of harm's way."""
    again = rescue.begun()
    rescue.add(*await backups.outliving(url))
    try:
        await backups.restore(url, source, aside=before)
    except IvrError:
        if not again and rescue.held() == await backups.outliving(url):
            rescue.end()
        raise


def _say_restored(source: Path, added: int, lost: Mapping[str, int], carried: Carried, gone: int) -> None:
    print(f"{source} から戻しました。実行中だった催告は一時停止にしました。")
    print("バックアップのあとの電話と SMS の記録は失われています。")
    print(_of_refusals(carried))
    print("再開の前に、二重にかけたり送ったりすることにならないか確かめてください。")
    if added:
        print(f"監査証跡は、バックアップのあとの {added} 件も引き継ぎました。")
    if lost:
        first, last = lost[LOST_FROM], lost[LOST_TO]
        print(f"監査証跡のうち {last - first + 1} 件（{first} 件目から {last} 件目まで）は失われました。")
    if gone:
        print(f"消去済みの催告が {gone} 件含まれていたので、取り除きました。")


def _of_refusals(carried: Carried) -> str:
    found = f"架電除外の登録 {carried.excluded} 件と、SMS を送らない番号 {carried.barred} 件"
    if carried.whole:
        return f"{found}は、置き換える前のまま引き継ぎました。"
    again = "バックアップのあとに断った人を、もう一度登録してください。"
    if not carried.excluded and not carried.barred:
        return f"架電除外と SMS を送らない番号は、バックアップのときのものに戻りました。{again}"
    return (
        f"{found}を、置き換える前のデータベースから読み、バックアップのものに加えました。"
        f"これで全部とは限りません。架電除外を確かめ、{again}"
    )


async def rotate(config: Path | None, new_file: Path | None) -> int:
    """Change the master key, and the key of every campaign; nobody else may have the keys open.

    The new master key goes to `new_file`, made if it is not there; without it, in the place of the old one.
    """
    chosen = load(config)
    place = master_key_file(chosen)
    if place is None and new_file is None:
        raise InputError(
            f"マスター鍵は環境変数 {master.VARIABLE} にあるので、--to で新しい鍵を置くファイルを指定してください。"
        )
    with alone(chosen.data_dir), key_store(chosen) as keys:
        renewed = await _new_data_keys(chosen, keys)
        _new_master_key(keys, place, new_file)
    print(f"マスター鍵と、催告 {renewed} 件の鍵を取り替えました。")
    if new_file is not None:
        print(f"これからは {new_file} が要ります：設定 keys.master_key_file か環境変数を、それに変えてください。")
    print("古い鍵の控えと、それで読めるバックアップが残っていれば、消してください。", file=sys.stderr)
    return 0


async def _new_data_keys(chosen: Settings, keys: KeyStore) -> int:
    """Seal everybody with new keys; one that a crash left half-way is gone on with."""
    async with await SqlResults.open(chosen.database_url(), keys) as results:
        await _care(chosen, results, keys).audit.record(Action.KEY_ROTATED)
        campaigns = [campaign for campaign in await results.campaigns() if campaign.state != ERASING]
        counts = [await results.counts(campaign.id) for campaign in campaigns]
        progress = KeyProgress(
            campaigns=len(campaigns),
            people=sum(sum(one.states.values()) for one in counts),
            attempts=sum(one.attempts for one in counts),
        )
        try:
            with keys.alone(), progress.shown():
                for campaign in campaigns:
                    await _new_data_key(results, keys, campaign.id, progress)
        except asyncio.CancelledError:
            print(
                f"途中で止めました（{progress}）。失われたものはなく、マスター鍵は今のままです。"
                "取り替え終えるには、もう一度 ivr keys rotate を行ってください。",
                file=sys.stderr,
            )
            raise
    return len(campaigns)


async def _new_data_key(results: SqlResults, keys: KeyStore, campaign: str, progress: KeyProgress) -> None:
    if len(keys.data_keys(campaign)) == 1:
        keys.new_data_key(campaign)
    await results.reseal(campaign, progress.sealed)
    for generation in [*keys.data_keys(campaign)][:-1]:
        keys.retire(campaign, generation)
    progress.changed()


def _new_master_key(keys: KeyStore, place: Path | None, new_file: Path | None) -> None:
    """Lock the keys anew. The new key is on disk before they are, so that a crash leaves one that opens them."""
    if new_file is not None:
        keys.rewrap(master.made(new_file))
        return
    if place is None:
        raise WrongMasterKey("マスター鍵のファイルがありません。")
    coming = master.coming(place)
    coming.unlink(missing_ok=True)
    keys.rewrap(master.made(coming))
    master.take_over(place)


def _care(chosen: Settings, results: SqlResults, keys: KeyStore) -> Care:
    trail = audit_trail(chosen, results, keys, identity.person())
    return Care(settings=chosen, results=results, keys=keys, audit=trail)


def _now(chosen: Settings) -> datetime:
    return SystemClock(chosen.calling.timezone).now()


def _absolute(file: Path) -> Path:
    return file.resolve()
