"""How late the engine's loop comes while staff bring in a list of 200,000 rows, make a campaign of it, and export.

What waits for the loop is a call: its next clip, a key, a frame of what the callee says. The console runs in a process
of its own (`tests.bench.lag_engine`) that notes how late each of its sleeps of 5 ms ends; it is asked over sockets.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from ivr.rehearsal.ports import free_port
from tests.bench.console_engine import running
from tests.bench.lag_engine import PEOPLE
from tests.bench.table import Figure

ROWS = 200_000
READY_S, LONGEST_S = 120.0, 300.0
WORST_MS = 20


async def bench_lag() -> list[Figure]:
    """Return how late the loop was at worst, beside nothing, a list and an export."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        figures: list[Figure] = []
        here = f"http://127.0.0.1:{port}"
        async with running("tests.bench.lag_engine", folder, port) as (_process, into, told_by):
            async with asyncio.timeout(READY_S):
                ready = json.loads(await told_by.readline())

            async def told() -> dict[str, float]:
                into.write(b"\n")
                found: dict[str, float] = json.loads(await told_by.readline())
                return found

            async def beside(what: str, does: Callable[[], Awaitable[Any]], target: float | None = WORST_MS) -> Any:
                await told()
                began = time.monotonic()
                found = await does()
                late = await told()
                note = f"99 %: {late['p99']:.1f} ms; took {time.monotonic() - began:.1f} s"
                figures.append(
                    Figure(
                        bench="lag",
                        name=f"worst beside {what}",
                        value=late["worst"],
                        unit="ms",
                        target=target,
                        note=note,
                    )
                )
                return found

            async with httpx.AsyncClient(
                base_url=here, timeout=LONGEST_S, cookies={"yobirin": ready["cookie"]}, headers={"origin": here}
            ) as client:
                page = (await client.get("/campaigns/new")).text
                csrf = re.findall(r'name="csrf" value="([0-9a-f]+)"', page)[0]
                client.headers["x-csrf-token"] = csrf
                await beside("nothing", lambda: asyncio.sleep(5), None)
                listed = _listed()
                files = {"file": ("meibo.csv", listed, "text/csv")}
                draft = await beside(
                    f"a list of {ROWS:,} rows",
                    lambda: _asked(client, "/api/v1/drafts", data={"csrf": csrf}, files=files),
                )
                at = f"/api/v1/drafts/{draft.json()['id']}"
                await _asked(client, f"{at}/scenario", json={"version": 0, "key": "office/bye.yaml"})
                await beside("its overview", lambda: client.get(f"{at}/overview"))
                await beside(
                    "a campaign made of it", lambda: _asked(client, f"{at}/create", json={"version": 0, "name": "new"})
                )
                export = f"/api/v1/campaigns/{ready['campaign']}/export/personal"
                for form in ("xlsx", "csv"):
                    await beside(
                        f"an export of {PEOPLE:,} people, {form}",
                        lambda form=form: _asked(client, export, json={"format": form}),
                    )
    return figures


async def _asked(client: httpx.AsyncClient, path: str, **sent: Any) -> httpx.Response:
    answer = await client.post(path, **sent)
    if answer.status_code not in (200, 201):
        raise AssertionError(f"{path}: {answer.status_code} {answer.text[:300]}")
    return answer


def _listed() -> bytes:
    rows = (
        f"{at:08},ヤマダ タロウ,090-{1_000 + at // 10_000}-{at % 10_000:04},桜町{at}番地,令和8年度"
        for at in range(ROWS)
    )
    return "\n".join(("宛名番号,カナ氏名,電話番号,住所,年度", *rows)).encode("cp932")
