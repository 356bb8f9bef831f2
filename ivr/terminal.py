"""How a command runs: with the settings that were chosen for all of them, asking where much goes, to an exit status."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

T = TypeVar("T")

Yes = Annotated[bool, typer.Option("--yes", help="確かめずに行う（スクリプト用）")]

AGREED = "はい"

_chosen: Path | None = None


def choose(file: Path | None) -> None:
    """Take the file of the settings, None for the usual one."""
    global _chosen
    _chosen = file


def config() -> Path | None:
    """Return the file of the settings."""
    return _chosen


def fail(message: str) -> NoReturn:
    """End with one sentence."""
    print(message, file=sys.stderr)
    sys.exit(1)


def confirm(question: str, *names: str) -> None:
    """Go on where the person at the terminal answers はい or one of `names`; otherwise end, with nothing done.

    A script, which has no terminal, means what it says. Not for an event loop: it would not hear of Ctrl-C meanwhile.
    """
    if not sys.stdin.isatty():
        return
    answers = [*names, AGREED]
    asked = "か".join(f"「{answer}」" for answer in answers)
    try:
        print(f"{question}\n続けるなら、{asked}と入力してください：", end="", file=sys.stderr, flush=True)
        # Whatever bytes the terminal sends: what is no text is no answer.
        typed = sys.stdin.buffer.readline().decode("utf-8", "replace").strip()
    except KeyboardInterrupt:
        typed = ""
    if typed not in answers:
        fail("取りやめました。何も変えていません。")


def result(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` comes to."""
    try:
        import uvloop

        return uvloop.run(work)
    except asyncio.CancelledError:
        fail("途中で打ち切りました。分かったところまでは保存してあります。")


def run(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a command to its end and exit with its status."""
    sys.exit(result(work))
