"""How a command runs: with the settings that were chosen for all of them, and to an exit status."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

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


def see_meant(warning: str, name: str) -> None:
    """Go on where a person types `name` after the warning, or where nobody sits at a terminal; end otherwise."""
    if not sys.stdin.isatty():
        return
    try:
        print(warning, file=sys.stderr)
        print(f"よければ、もう一度「{name}」と入力してください：", end="", file=sys.stderr, flush=True)
        typed = input()
    except (EOFError, KeyboardInterrupt):
        typed = ""
    if typed.strip() != name:
        fail("取りやめました。何も変えていません。")


def run(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a command to its end and exit with its status."""
    try:
        import uvloop

        status = uvloop.run(work)
    except asyncio.CancelledError:
        fail("途中で打ち切りました。分かったところまでは保存してあります。")
    sys.exit(status)
