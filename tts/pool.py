"""A pool of rendering processes.

Processes of our own rather than `concurrent.futures`: there, one process that dies takes the phrases of all others with
it, one that hangs cannot be stopped, and those of a killed parent stay behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tts.errors import CacheFailed, EngineMissing, RenderFailed, RenderTimeout, VoiceClosed, WorkerLost

_LONGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; two minutes of wideband samples are 5 MB."""

_PATIENCE = 3.0
"""Seconds that a worker has to end by itself."""


class Pool:
    """Up to `workers` processes, started when they are first needed and again when they died."""

    def __init__(self, workers: int, *, time_limit: float = 30.0) -> None:
        """`time_limit` is the longest, in seconds, that a worker may take over one request before it is killed."""
        self._time_limit = time_limit
        self._workers: set[_Worker] = set()
        self._free: asyncio.LifoQueue[_Worker | None] = asyncio.LifoQueue()
        self._size = workers
        self._closed = False
        for _ in range(workers):
            self._free.put_nowait(None)

    async def ask(self, request: Mapping[str, Any]) -> Any:
        """Return a worker's answer. A request whose worker dies is given to another, once.

        Raises RenderFailed, EngineMissing, CacheFailed, RenderTimeout, WorkerLost or VoiceClosed. Waits for a free
        worker without a limit.
        """
        ended = ""
        for _ in range(2):
            free = await self._free.get()
            worker: _Worker | None = None
            try:
                self._refuse_if_closed()
                worker = free if free is not None and free.alive else await self._start()
                return await worker.ask(request, self._time_limit)
            except _Died as died:
                ended = str(died)
            finally:
                self._free.put_nowait(worker if worker is not None and worker.alive else None)
            self._refuse_if_closed()
        raise WorkerLost(f"the rendering process ended unexpectedly, twice ({ended})")

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise VoiceClosed("the voice is closed")

    async def warm_up(self, request: Mapping[str, Any]) -> None:
        """Start all workers and have each do `request`. Raises as `ask` does."""
        await asyncio.gather(*(self.ask(request) for _ in range(self._size)))

    async def close(self) -> None:
        """End all workers; those that do not within seconds are killed. Requests under way raise VoiceClosed."""
        self._closed = True
        await asyncio.gather(*(worker.end() for worker in self._workers))
        self._workers.clear()

    def process_ids(self) -> tuple[int, ...]:
        """Return the process ids of the living workers."""
        return tuple(worker.process.pid for worker in self._workers if worker.alive)

    async def _start(self) -> _Worker:
        # The package is found where this one is, whatever the working directory holds (-P).
        home = str(Path(__file__).parents[1])
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "tts.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
                limit=_LONGEST_ANSWER,
                start_new_session=True,  # a Ctrl-C on the terminal is for the parent
            )
        except OSError as error:  # no more processes, files or memory for us now
            why = error.strerror or type(error).__name__
            raise WorkerLost(f"no rendering process could be started ({why})") from error
        self._workers = {worker for worker in self._workers if worker.alive}
        worker = _Worker(process)
        self._workers.add(worker)
        if self._closed:  # while it was starting
            await worker.end()
        self._refuse_if_closed()
        return worker


class _Died(Exception):
    """The worker ended before it answered; the message says how."""


class _Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._number = 0
        self._broken = False

    @property
    def alive(self) -> bool:
        return self.process.returncode is None and not self._broken

    async def ask(self, request: Mapping[str, Any], time_limit: float) -> Any:
        """Return the answer. If cancelled, the answer is still to come and is passed over by the next request."""
        self._number += 1
        try:
            async with asyncio.timeout(time_limit):
                answer = await self._exchange({"id": self._number, **request})
        except TimeoutError:
            await self._stop(patience=0)
            raise RenderTimeout(f"no audio within {time_limit:g} s") from None
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            status = await self._stop(patience=_PATIENCE)
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            raise _Died(how) from error
        if "refused" in answer:
            raise RenderFailed(answer["refused"])
        if "missing" in answer:
            raise EngineMissing(answer["missing"])
        if "disk" in answer:
            raise CacheFailed(answer["disk"])
        return answer["done"]

    async def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise BrokenPipeError
        stdin.write(json.dumps(request).encode() + b"\n")
        await stdin.drain()
        while True:
            answer: dict[str, Any] = json.loads(await stdout.readuntil(b"\n"))
            if answer["id"] == request["id"]:
                return answer

    async def end(self) -> None:
        """Let the worker finish and go; kill it if it does not."""
        await self._stop(patience=_PATIENCE)

    async def _stop(self, *, patience: float) -> int:
        """End the process, after `patience` seconds by force, and return its exit status."""
        self._broken = True
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(patience):
                return await self.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            return await self.process.wait()
