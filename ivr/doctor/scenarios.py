"""A look at the files of the office's own scenarios."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from ivr.doctor.finding import Finding, State, good
from ivr.editions.folder import Folder
from ivr.settings import Settings

NAME = "シナリオ"


async def look(chosen: Settings) -> Finding:
    """Can they all be read?"""
    folder = Folder(chosen.data_dir)
    found = await asyncio.to_thread(folder.found)
    return judged(len(found.texts), found.unreadable, folder.path)


def judged(there: int, unreadable: Mapping[str, str], folder: Path) -> Finding:
    """Return how it is, by why some can't be read."""
    if not unreadable:
        return good(NAME, f"この役所のシナリオ {there} 件。")
    file, why = next(iter(unreadable.items()))
    more = f"（ほか {len(unreadable) - 1} 件）" if len(unreadable) > 1 else ""
    return Finding(
        name=NAME,
        state=State.WARNING,
        message=f"{file}：{why}{more}",
        remedy=f"{folder} のファイルを直すか、取り除いてください。",
    )
