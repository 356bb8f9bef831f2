"""Work that computes for long, in a process of its own: it gives way to calls, and ends with whoever waits for it.

    ours    (work, given)  ─ stdin ──►  child
            piece, piece …  ◄─ stdout ─

What goes in and comes out goes through pipes, none of it to a disk. A process takes half a second to begin.
Work that holds the interpreter would do so in a thread as well: a sort, a piece of JSON, a look of the collector.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import sys
import threading
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from ivr.errors import IvrError, OwnError

NICE = 10
"""How much it gives way."""

MORSEL = 128 * 1024
"""Bytes that are handed to a pipe at a time."""

SHORT = 100 * 1024
"""Bytes of a list that a thread has read before a process would have begun."""

SIZE = 8
"""Bytes before a piece that tell how long it is."""

BROKEN = "処理が途中で終わりました。もう一度お試しください。"

_CHILD = "from ivr.aside import child; child()"

T = TypeVar("T")

_lock = threading.Lock()
_inside = 0


async def pieces(work: Callable[..., AsyncGenerator[T, None]], *given: object) -> AsyncGenerator[T, None]:
    """Yield what `work` yields elsewhere; raise the IvrError that it raises, OwnError where it ends otherwise.

    `work` is found by its name, `given` and the pieces are pickled: a piece is to be small, since to unpickle it holds
    calls up.
    """
    order = await asyncio.to_thread(pickle.dumps, (work, given))
    # -P: nothing that lies where the engine was started passes for one of our modules.
    path = os.pathsep.join(one or str(Path.cwd()) for one in sys.path)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", _CHILD, stdin=PIPE, stdout=PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    try:
        await _order(cast(StreamWriter, process.stdin), memoryview(order))
        del order
        while (found := await _next(cast(StreamReader, process.stdout))) is not None:
            yield found[0]
    except (asyncio.IncompleteReadError, OSError):
        raise OwnError(BROKEN) from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def result(work: Callable[..., T], *given: object) -> T:
    """Return what `work` returns elsewhere; as `pieces`."""
    async with aclosing(pieces(_once, work, given)) as found:
        return cast(T, await anext(found))


async def over(data: bytes, work: Callable[..., T], *given: object) -> T:
    """Return what `work(data, *given)` returns; over a short list, which a thread has read before, not elsewhere."""
    return await (asyncio.to_thread(work, data, *given) if len(data) <= SHORT else result(work, data, *given))


async def _once(work: Callable[..., T], given: tuple[object, ...]) -> AsyncGenerator[T, None]:
    yield work(*given)


async def _order(into: StreamWriter, order: memoryview) -> None:
    for start in range(0, len(order), MORSEL):
        into.write(order[start : start + MORSEL])
        await into.drain()
    into.close()


async def _next(told: StreamReader) -> tuple[Any] | None:
    """Return the next piece, None where there is none."""
    size = int.from_bytes(await told.readexactly(SIZE))
    found = pickle.loads(await told.readexactly(size))  # noqa: S301  our own child
    if isinstance(found, BaseException):
        raise found
    return cast(tuple[Any] | None, found)


def child() -> None:
    """Do what stands in the standard input."""
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as out, suppress(BrokenPipeError):
        # What anything prints is no piece.
        os.dup2(2, 1)
        work, given = pickle.load(sys.stdin.buffer)  # noqa: S301  our own parent
        asyncio.run(_work(out, work, given))


async def _work(out: BinaryIO, work: Callable[..., AsyncGenerator[object, None]], given: tuple[object, ...]) -> None:
    try:
        async with aclosing(work(*given)) as found:
            async for one in found:
                _tell(out, (one,))
    except IvrError as error:
        _tell(out, error)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  its text may name somebody: only what it is goes on
        _tell(out, OwnError(f"{BROKEN}（{type(error).__name__}）"))
    else:
        _tell(out, None)


def _tell(out: BinaryIO, what: object) -> None:
    told = pickle.dumps(what)
    out.write(len(told).to_bytes(SIZE) + told)
    out.flush()


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away: a look at 200,000 people stops everything else for a quarter of a second.

    Lists have no circles, so that nothing is kept for longer by that. For seconds at a time.
    """
    global _inside
    with _lock:
        _inside += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                gc.enable()
