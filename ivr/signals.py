"""What SIGTERM, SIGINT and SIGHUP do to an engine."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def signals(stopping: asyncio.Event, drain: float) -> Iterator[Callable[[], None]]:
    """Set `stopping` at the first SIGTERM or SIGINT; cancel the caller `drain` seconds later, or at the second.

    A closed terminal (SIGHUP) counts as a first one, and so does a call of what is yielded.
    """
    loop = asyncio.get_running_loop()
    caller = asyncio.current_task()
    if caller is None:
        raise RuntimeError("signals() is for a task")
    deadline: list[asyncio.TimerHandle] = []

    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def stop() -> None:
        if stopping.is_set():
            caller.cancel()
            return
        stopping.set()
        deadline.append(loop.call_later(drain, caller.cancel))

    def stop_once() -> None:
        if not stopping.is_set():
            stop()

    def terminal_gone() -> None:
        # Nothing can be printed there any more. A shell passes the signal on, so that it may come twice.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in terminals:
            os.dup2(nowhere, number)
        os.close(nowhere)
        stop_once()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` leaves it
        handlers[signal.SIGHUP] = terminal_gone
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield stop_once
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
        for timer in deadline:
            timer.cancel()
