"""The tasks of one engine, in its TaskGroup: in which order they end, and what becomes of the calls where one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ivr.errors import IvrError, OwnError, place

log = structlog.get_logger(__name__)

LAST_WORDS = 15.0
"""Seconds for calls that are cut off to store what is known of them."""


class Defect(OwnError):
    """Something of ours failed that nobody had thought of; `kind` is the type of what it raised."""

    def __init__(self, kind: str) -> None:
        """Tell so, without its text, which could name a person."""
        super().__init__(
            f"ivr に不具合があったので（{kind}）、通話中の電話を終えて止めました。"
            "ログの「defect」の行を、開発元に知らせてください。"
        )


class Tasks:
    """The tasks of one engine: services that run until the end, and calls that end by themselves.

    What one of them raises is a defect, and is kept: the engine can't go on without that task. `on_defect` begins the
    end, in which calls under way go on; until there is one, the group ends at once.
    """

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.on_defect: Callable[[], None] | None = None
        self.defect: IvrError | None = None
        self._group = group
        self._services: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Task[None]] = set()

    def serve(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a service; it is cancelled at the end."""
        self._keep(work, self._services)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a piece of a call; at the end it is given the chance to store what it knows."""
        self._keep(work, self._calls)

    def _keep(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = self._group.create_task(self._watched(work))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        # Where the task is cancelled before its first step, nobody has begun the work.
        task.add_done_callback(lambda _task: work.close())

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            if self.on_defect is None:
                raise
            log.critical("defect", error=type(error).__name__, place=place(error))
            self.defect = self.defect or (error if isinstance(error, IvrError) else Defect(type(error).__name__))
            self.on_defect()

    async def end(self) -> None:
        """Cancel the calls, wait until they have stored what they know, then cancel the services."""
        calls = set(self._calls)
        for task in calls:
            # Where a service has failed, the group has cancelled them already, and a second time means to give up.
            if not task.cancelling():
                task.cancel()
        if calls:
            _, late = await asyncio.wait(calls, timeout=LAST_WORDS)
            for task in late:
                task.cancel()
        for task in self._services:
            task.cancel()
