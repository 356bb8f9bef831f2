"""`.asterisk/`: the PBX, the host's own if it is Asterisk 20 or newer, else out of Debian's packages.

`.asterisk/layout.json` names what was found: `asterisk` (what to run), `moddir`, `datadir`, `version`.
Paths are absolute.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import debian
from work import CHECKOUT, SetupError, is_stamped, run, say, write_atomically

HOME = CHECKOUT / ".asterisk"
LAYOUT = HOME / "layout.json"
OLDEST = 20
_MODULE_FOLDERS = (
    "/usr/lib/*-linux-*/asterisk/modules",
    "/usr/lib*/asterisk/modules",
    "/usr/local/lib*/asterisk/modules",
)
_DATA_FOLDERS = ("/usr/share/asterisk", "/var/lib/asterisk", "/usr/local/share/asterisk")


@dataclass(frozen=True, slots=True)
class Layout:
    asterisk: str
    moddir: str
    datadir: str
    version: str


def prepare(*, runtime_only: bool) -> None:
    if installed := _installed():
        _record(installed, f"Asterisk {installed.version} of this machine is used.")
    elif not _unpacked_here():
        began = time.monotonic()
        layout = _unpack()
        _record(layout, f"Asterisk {layout.version} is ready in .asterisk ({time.monotonic() - began:.0f} s).")


def _record(layout: Layout, announcement: str) -> None:
    text = json.dumps(asdict(layout), indent=2) + "\n"
    if not is_stamped(LAYOUT, text):
        HOME.mkdir(exist_ok=True)
        write_atomically(LAYOUT, text)
        say(announcement)


def _unpacked_here() -> bool:
    try:
        layout = Layout(**json.loads(LAYOUT.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return False
    return layout.asterisk == str(HOME / "bin/asterisk") and all(
        Path(path).exists() for path in (layout.asterisk, layout.moddir, layout.datadir)
    )


def _unpack() -> Layout:
    source = debian.host()
    suite = "sid" if source.distribution == "debian" else source.codename
    HOME.mkdir(exist_ok=True)
    LAYOUT.unlink(missing_ok=True)
    root = HOME / "root"
    debian.unpack(["asterisk"], source=source, suite=suite, into=root, what="Asterisk")
    launcher = HOME / "bin/asterisk"
    debian.write_launcher(launcher, root=root, program="usr/sbin/asterisk")
    version = _version(str(launcher))
    if version is None or _major(version) < OLDEST:
        raise SetupError(
            f"{source.distribution} {suite} has Asterisk {version}; {OLDEST} or newer is needed. "
            f"{debian.CONTAINER_INSTEAD}"
        )
    moddir = next(root.glob("usr/lib/*-linux-*/asterisk/modules"), None)
    if moddir is None:
        raise SetupError("The Asterisk packages hold no modules.")
    return Layout(str(launcher), str(moddir), str(root / "usr/share/asterisk"), version)


def _installed() -> Layout | None:
    """An Asterisk of the host that will do. Debian puts it where an ordinary user's PATH does not lead."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    program = shutil.which("asterisk", path=search)
    if program is None or Path(program).is_relative_to(HOME):
        return None
    version = _version(program)
    if version is None or _major(version) < OLDEST:
        return None
    named = _directories(Path("/etc/asterisk/asterisk.conf"))
    moddir = _first(named.get("astmoddir"), _MODULE_FOLDERS, holding="chan_pjsip.so")
    datadir = _first(named.get("astdatadir"), _DATA_FOLDERS, holding="")
    return Layout(program, moddir, datadir, version) if moddir and datadir else None


def _version(program: str) -> str | None:
    try:
        found = re.search(r"Asterisk (\d+(?:\.\d+)*)", run([program, "-V"], what="asterisk -V", limit=20))
    except SetupError:
        return None
    return found and found[1]


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def _directories(config: Path) -> dict[str, str]:
    try:
        text = config.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(re.findall(r"^\s*(ast\w+dir)\s*=>?\s*(\S+)", text, flags=re.MULTILINE))


def _first(named: str | None, usual: tuple[str, ...], *, holding: str) -> str | None:
    folders = [Path(named)] if named else []
    folders += [folder for pattern in usual for folder in Path("/").glob(pattern.lstrip("/"))]
    return next((str(folder) for folder in folders if (folder / holding).exists()), None)
