"""The files of the office's own scenarios: `data_dir`/scenarios, which the wizard, pushed lists and people read.

Beside them, in `.left`, what the console left in each file last, so that a file that was edited by hand is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr import scenario_files
from ivr.data_dir import made
from ivr.domain.edition import normal
from ivr.errors import InputError, Problems, StoreFailed, reason
from ivr.vault import durable

LEFT = ".left"
LARGEST = 512 * 1024
"""Bytes of a file that is looked at; a scenario is a hundredth of that."""

MOST = 200
"""Files that are looked at."""

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies in the folder: texts by the names of their files, why the others can't be read, and what was left."""

    texts: Mapping[str, str]
    unreadable: Mapping[str, str]
    left: Mapping[str, str]


class Folder:
    """Reads and writes files: for a thread, one at a time. StoreFailed where the disk refuses."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.path = data_dir / "scenarios"

    def found(self) -> Found:
        """Return what there is."""
        texts: dict[str, str] = {}
        unreadable: dict[str, str] = {}
        try:
            files = sorted(one for one in self.path.iterdir() if one.suffix in SUFFIXES and one.name[0] != ".")
        except FileNotFoundError:
            return Found(texts={}, unreadable={}, left={})
        except OSError as error:
            raise StoreFailed(f"シナリオの置き場 {self.path} を読めません：{reason(error)}。") from None
        for place, path in enumerate(files):
            if not path.name.isprintable():
                continue
            try:
                if place >= MOST:
                    raise InputError(f"ファイルが {MOST} より多くあります。要らないものを片づけてください。")
                if not path.is_file() or path.stat().st_size > LARGEST:
                    raise InputError("ファイルが大きすぎるか、ふつうのファイルではありません。")
                text = normal(scenario_files.text_of(path))
                if "\0" in text:
                    raise InputError("NUL 文字が混じっています。消してください。")
                texts[path.name] = text
            except Problems as problems:
                first = problems.problems[0]
                unreadable[path.name] = f"{first.line} 行目：{first.message}" if first.line else first.message
            except InputError as error:
                unreadable[path.name] = str(error).removeprefix(f"{path}: ")
            except OSError as error:
                unreadable[path.name] = f"{reason(error)}。"
        return Found(texts=texts, unreadable=unreadable, left=self._left())

    def write(self, file: str, text: str) -> None:
        """Let a file hold `text`, whole or not at all."""
        try:
            made(self._data_dir)
            self.path.mkdir(mode=0o700, exist_ok=True)
            durable.replace(self.path / file, text.encode())
        except OSError as error:
            raise StoreFailed(f"シナリオのファイル {file} を書けません：{reason(error)}。") from None

    def remove(self, file: str) -> None:
        """Take a file away, whose text the store has."""
        try:
            (self.path / file).unlink(missing_ok=True)
            durable.settle(self.path)
        except OSError as error:
            raise StoreFailed(f"シナリオのファイル {file} を片づけられません：{reason(error)}。") from None

    def leave(self, left: Mapping[str, str]) -> None:
        """Note what was left in each file."""
        try:
            made(self._data_dir)
            self.path.mkdir(mode=0o700, exist_ok=True)
            durable.replace(self.path / LEFT, json.dumps(dict(left), ensure_ascii=False, indent=0).encode())
        except OSError as error:
            raise StoreFailed(f"シナリオの控えを書けません：{reason(error)}。") from None

    def _left(self) -> dict[str, str]:
        try:
            held = json.loads((self.path / LEFT).read_bytes())
        except (OSError, ValueError):
            # Without it a file that differs counts as edited by hand: a version too many, none too few.
            return {}
        return {str(name): str(value) for name, value in held.items()} if isinstance(held, dict) else {}
