"""Which Asterisk to run: the one that is named, that of `make setup`, or one of the machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import PbxUnavailable

OLDEST = 20
"""The oldest major version that is known to have what the configuration uses."""

_REMEDY = "`make setup` を実行するか、コンテナを使ってください。"
_SECONDS = 10.0
_MODULES = (
    "/usr/lib/*-linux-*/asterisk/modules",
    "/usr/lib*/asterisk/modules",
    "/usr/local/lib*/asterisk/modules",
)
_DATA = ("/usr/share/asterisk", "/var/lib/asterisk", "/usr/local/share/asterisk")
_CONFIG = Path("/etc/asterisk/asterisk.conf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """An Asterisk: what to run, its modules, its data, its version (`22.10.1`)."""

    asterisk: Path
    moddir: Path
    datadir: Path
    version: str


def find_asterisk(explicit: Path | None, project_root: Path) -> Layout:
    """Return the Asterisk to run; PbxUnavailable, with what to do, if there is none.

    `explicit` is a program, or a folder with the `layout.json` of `make setup`.
    """
    if explicit is not None:
        found = _of_setup(explicit) if explicit.is_dir() else _of_machine(str(explicit))
        if found is None:
            raise PbxUnavailable(f"pbx.asterisk の {explicit} は、Asterisk {OLDEST} 以降として使えません。")
        return found
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    program = shutil.which("asterisk", path=search)
    found = _of_setup(project_root / ".asterisk") or (_of_machine(program) if program else None)
    if found is None:
        raise PbxUnavailable(f"Asterisk {OLDEST} 以降が見つかりません。{_REMEDY}")
    return found


def _of_setup(folder: Path) -> Layout | None:
    try:
        named = json.loads((folder / "layout.json").read_text(encoding="utf-8"))
        layout = Layout(
            asterisk=Path(named["asterisk"]),
            moddir=Path(named["moddir"]),
            datadir=Path(named["datadir"]),
            version=str(named["version"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    usable = os.access(layout.asterisk, os.X_OK) and layout.moddir.is_dir() and layout.datadir.is_dir()
    return layout if usable else None


def _of_machine(program: str) -> Layout | None:
    version = _version(program)
    if version is None or int(version.partition(".")[0]) < OLDEST:
        return None
    named = _directories()
    moddir = _first([named.get("astmoddir"), *_usual(_MODULES)], holding="chan_pjsip.so")
    datadir = _first([named.get("astdatadir"), *_usual(_DATA)], holding="")
    if moddir is None or datadir is None:
        return None
    return Layout(asterisk=Path(program), moddir=moddir, datadir=datadir, version=version)


def _version(program: str) -> str | None:
    try:
        told = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=_SECONDS, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"Asterisk (?:certified/)?(\d+(?:\.\d+)*)", told)
    return found and found[1]


def _directories() -> dict[str, str]:
    try:
        text = _CONFIG.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(re.findall(r"^\s*(ast\w+dir)\s*=>?\s*(\S+)", text, flags=re.MULTILINE))


def _usual(patterns: tuple[str, ...]) -> list[str]:
    return [str(folder) for pattern in patterns for folder in Path("/").glob(pattern.lstrip("/"))]


def _first(folders: list[str | None], *, holding: str) -> Path | None:
    return next((Path(folder) for folder in folders if folder and (Path(folder) / holding).exists()), None)
