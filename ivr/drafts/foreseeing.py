"""The forecast of a draft, in a process of its own: weeks of a campaign take its processor for a minute, calls go on.

One at a time; more wait. A process that takes too long is ended, and one whose forecast nobody wants any more.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

import structlog

from ivr.aside import uncollected
from ivr.errors import InputError, IvrError
from ivr.forecast import Outlook, Plan, foreseen

LONGEST_S = 300.0
"""Seconds of one forecast."""

NICE = 10
"""How much a forecast gives way to calls."""

TOO_LONG = f"{LONGEST_S / 60:.0f} 分では見込みを出せませんでした。人数が多いためです。見込みなしでも、催告は作れます。"
BROKEN = "見込みを出せませんでした。見込みなしでも、催告は作れます。"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a forecast is; `outlook` or `wrong` where it is over."""

    version: int
    people: int
    done: int = 0
    waits: bool = True
    outlook: Outlook | None = None
    wrong: str = ""

    @property
    def over(self) -> bool:
        """Tell whether there is nothing to wait for."""
        return self.outlook is not None or bool(self.wrong)


class _Unwanted(Exception):
    """The draft is another by now, or gone."""


class Foreseeing:
    """The forecasts under way in this process, by draft."""

    def __init__(self, *, longest: float = LONGEST_S) -> None:
        self._longest = longest
        self._known: dict[str, Progress] = {}
        self._one = threading.Lock()
        self._changing = threading.Lock()

    def of(self, draft_id: str) -> Progress | None:
        """Return how far the forecast of a draft is; None where none was begun."""
        return self._known.get(draft_id)

    def take(self, draft_id: str) -> Progress | None:
        """Return a forecast that is over, once."""
        found = self._known.get(draft_id)
        return self._known.pop(draft_id, None) if found is not None and found.over else None

    def forget(self, draft_id: str) -> None:
        """Want no forecast of a draft any more."""
        with self._changing:
            self._known.pop(draft_id, None)

    def begin(self, draft_id: str, version: int, people: int, plan: Callable[[], Plan]) -> None:
        """Begin the forecast of a draft, unless one of this version is under way. `plan`, pickled, is asked there."""
        with self._changing:
            known = self._known.get(draft_id)
            if known is not None and known.version == version and not known.over:
                return
            self._known[draft_id] = Progress(version=version, people=people)
        threading.Thread(
            target=self._work, args=(draft_id, version, plan), name=f"forecast-{draft_id[:8]}", daemon=True
        ).start()

    def _tell(self, draft_id: str, version: int, **changes: object) -> None:
        """Tell how far a forecast is; _Unwanted."""
        with self._changing:
            known = self._known.get(draft_id)
            if known is None or known.version != version or known.over:
                raise _Unwanted
            self._known[draft_id] = replace(known, **changes)  # type: ignore[arg-type]

    def _work(self, draft_id: str, version: int, plan: Callable[[], Plan]) -> None:
        with self._one, suppress(_Unwanted):
            self._tell(draft_id, version, waits=False)
            try:
                outlook = self._foreseen(plan, lambda done: self._tell(draft_id, version, done=done))
            except InputError as error:
                self._tell(draft_id, version, wrong=str(error))
            except _Unwanted:
                raise
            except Exception as error:  # noqa: BLE001  a thread has nobody else to tell
                log.error("forecast_defect", error=type(error).__name__)
                self._tell(draft_id, version, wrong=BROKEN)
            else:
                self._tell(draft_id, version, outlook=outlook)

    def _foreseen(self, plan: Callable[[], Plan], told: Callable[[int], None]) -> Outlook:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=child, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        deadline = time.monotonic() + self._longest
        try:
            ours.send(plan)
            while True:
                if not ours.poll(max(0.0, deadline - time.monotonic())):
                    raise InputError(TOO_LONG)
                match ours.recv():
                    case int(done):
                        told(done)
                    case Outlook() as outlook:
                        return outlook
                    case str(wrong):
                        raise InputError(wrong)
        except (EOFError, OSError):
            raise InputError(BROKEN) from None
        finally:
            process.kill()
            process.join()
            process.close()
            ours.close()


def child(told: Connection) -> None:
    """Foresee one campaign: a plan comes in, numbers and at last the outlook, or what is wrong, go out."""
    os.nice(NICE)
    with suppress(OSError, EOFError):
        plan: Callable[[], Plan] = told.recv()
        try:
            with uncollected():
                made = plan()
            told.send(foreseen(made, told.send))
        except IvrError as error:
            told.send(str(error))
