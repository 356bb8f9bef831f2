"""The scenarios there are to choose from: those that come with us, and the office's own in `data_dir`/scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ivr import scenario_files
from ivr.domain.scenario import Scenario
from ivr.errors import InputError, NotFound, Problems
from ivr.settings import Settings

SHIPPED = Path(__file__).resolve().parents[2] / "scenarios"
MOST = 200
LARGEST = 512 * 1024
"""Bytes of a file; a scenario is a hundredth of that."""

OURS, THEIRS = "shipped", "office"
ORIGINS = {OURS: "付属", THEIRS: "この役所"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A scenario to choose; `key` names it, `wrong` says how many mistakes are in it where it can't be chosen."""

    key: str
    origin: str
    file: str
    title: str
    calls: bool
    texts: bool
    wrong: str


def own_folder(chosen: Settings) -> Path:
    """Return where the office keeps scenarios of its own."""
    return chosen.data_dir / "scenarios"


def offers(chosen: Settings) -> tuple[Offer, ...]:
    """Return every scenario there is, the office's own first. Reads files: for a thread."""
    return tuple(_offer(key, path) for key, path in _files(chosen))


def text_of(chosen: Settings, key: str) -> tuple[str, str]:
    """Return the name and the text of a scenario's file; NotFound, Problems."""
    for known, path in _files(chosen):
        if known == key:
            return path.name, scenario_files.text_of(path)
    raise NotFound("そのシナリオはありません。選び直してください。")


def _files(chosen: Settings) -> Iterator[tuple[str, Path]]:
    for origin, folder in ((THEIRS, own_folder(chosen)), (OURS, SHIPPED)):
        try:
            files = sorted(one for one in folder.iterdir() if one.suffix in (".yaml", ".yml"))[:MOST]
        except OSError:
            continue
        for path in files:
            if path.is_file() and path.stat().st_size <= LARGEST:
                yield f"{origin}/{path.name}", path


def _offer(key: str, path: Path) -> Offer:
    scenario: Scenario | None = None
    wrong = ""
    try:
        scenario = scenario_files.read(path)
    except Problems as problems:
        wrong = "\n".join(
            f"{one.line} 行目：{one.message}" if one.line else one.message for one in problems.problems[:10]
        )
    except InputError as error:
        wrong = str(error)
    return Offer(
        key=key,
        origin=key.partition("/")[0],
        file=path.name,
        title=scenario.title if scenario is not None else path.name,
        calls=scenario is not None and scenario.calls,
        texts=scenario is not None and scenario.text is not None,
        wrong=wrong,
    )
