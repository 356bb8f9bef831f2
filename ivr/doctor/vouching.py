"""A look at the identity provider that vouches for staff."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from ivr.doctor.finding import Finding, State, good
from ivr.domain.authority import Role
from ivr.openid.provider import Provider, skewed
from ivr.parts.keys import key_store
from ivr.parts.openid import identity_provider
from ivr.settings import Openid, Settings
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock

NAME = "庁内アカウント"


async def vouching(chosen: Settings) -> Finding:
    """Does the provider answer, as whom it should, by the same clock? And can somebody come in without it?"""
    provider = identity_provider(chosen, time.monotonic)
    openid = chosen.web.openid
    if provider is None or openid is None:
        return good(NAME, "使わない設定です。")
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            return await judged(openid, provider, results, SystemClock(chosen.calling.timezone).now)


async def judged(openid: Openid, provider: Provider, results: SqlResults, now: Callable[[], datetime]) -> Finding:
    """Return how it is with the provider; raise the IvrError with which it answers."""
    ahead = await provider.drift(now)
    if ahead is not None and skewed(ahead):
        way = "進んで" if ahead > 0 else "遅れて"
        return Finding(
            name=NAME,
            state=State.WARNING,
            message=f"プロバイダーの時計が、この機械より {abs(ahead):.0f} 秒{way}います。",
            remedy="両方の時計を NTP で合わせてください。1 分を超えると、サインインできません。",
        )
    if openid.only and not await _somebody_local(results):
        return Finding(
            name=NAME,
            state=State.WARNING,
            message="パスワードで入れる管理者がいません。プロバイダーが止まると、管理者が入れません。",
            remedy="ivr people add で、非常用の管理者を登録してください。",
        )
    return good(NAME, f"{openid.issuer} が答え、時計も合っています。")


async def _somebody_local(results: SqlResults) -> bool:
    everybody = await results.accounts.everybody()
    return any(one.active and one.link is None and Role.ADMINISTRATOR in one.roles for one in everybody)
