"""A console to be measured, in a process of its own, and the bench that asks it."""

from __future__ import annotations

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

from ivr import logs
from ivr.domain.account import Department, Session, Stage
from ivr.domain.audit import Author
from ivr.domain.authority import Role
from ivr.parts.keys import audit_trail, key_store
from ivr.settings import load
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.web import Console

PROJECT = Path(__file__).parents[2]

BYE = "version: 1\ntitle: 案内\nstart: bye\nsteps:\n  bye: {say: 失礼いたします。, reached: true, then: end}\n"
"""A scenario of one sentence."""


@asynccontextmanager
async def running(module: str, folder: str, port: int) -> AsyncIterator[tuple[Process, StreamWriter, StreamReader]]:
    """Run `python -m module FOLDER PORT`, whose input ends with the context, and it with its input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, folder, str(port), stdin=PIPE, stdout=PIPE, cwd=PROJECT
    )
    into = cast(StreamWriter, process.stdin)
    try:
        yield process, into, cast(StreamReader, process.stdout)
    finally:
        into.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@asynccontextmanager
async def console_in(folder: Path, port: int, more: str = "") -> AsyncIterator[tuple[Console, Department]]:
    """Open a store in `folder`, and yield a console of it with a department; `more` are settings beside the port."""
    logs.configure(as_json=True, level="error")
    config = folder / "ivr.yaml"
    config.write_text(f"data_dir: var\nweb: {{port: {port}, second_factor: optional}}\n{more}", "utf-8")
    chosen = load(config)
    with key_store(chosen) as keys:
        async with await SqlResults.open(chosen.database_url(), keys) as results:
            console = Console(
                settings=chosen,
                results=results,
                audit=audit_trail(chosen, results, keys, Author(who="bench", where="bench")),
                clock=SystemClock(chosen.calling.timezone),
                health=dict,
            )
            department = Department(id="d" * 32, name="税務課")
            await results.accounts.add_department(department, console.clock.now())
            yield console, department


async def signed_in(console: Console, department: Department, number: int) -> str:
    """Register somebody and return the token of a session of theirs."""
    register, now = console.register(Author(who="bench", where="bench")), console.clock.now()
    person, _ = await register.add(f"clerk{number}", f"clerk{number}", department.id, [Role.CLERK])
    await register.change_password(person, "correct horse battery")
    token = f"{number:032}"
    accounts = console.results.accounts
    session = Session(
        id=accounts.hash("session", token),
        person=person.id,
        stage=Stage.FULL,
        begun_at=now,
        seen_at=now,
        address="127.0.0.1",
        browser="bench",
    )
    await accounts.begin_session(session, most=3, older=now - timedelta(days=1))
    return token
