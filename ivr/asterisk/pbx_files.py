"""The directory of a PBX: its configuration out of asterisk_conf/, and what it leaves behind.

etc/    rendered configuration, mode 0600
run/    control socket and other things of one run; emptied before each
record/ what Asterisk wrote down of its channels, kept from run to run
secret  the AMI secret, for other programs of the same user
pid     the process, while there is one
asterisk.log
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import jinja2

from ivr.asterisk.pbx_config import Network, PbxConfig, Trunk, address
from ivr.asterisk.pbx_layout import Layout
from ivr.errors import InputError, PbxUnavailable, reason

TEMPLATES = Path(__file__).resolve().parents[2] / "asterisk_conf"

MAIN = "/proc/self/cwd/etc/asterisk.conf"
"""The file that Asterisk is started with, in our directory: it cuts a long path short without a word."""

_SUFFIX = ".j2"


class PbxFiles:
    """The files in `directory`. PbxUnavailable, with the reason, where they can't be written."""

    def __init__(self, directory: Path, templates: Path = TEMPLATES) -> None:
        self.directory = directory.absolute()
        self.pid = self.directory / "pid"
        self.log = self.directory / "asterisk.log"
        self._templates = templates

    def render(self, config: PbxConfig, layout: Layout, secret: str) -> None:
        """Write the configuration anew; InputError for a value that would not stay within its line."""
        match config.side:
            case Trunk():
                folders = [self._templates / "shared", self._templates]
            case Network():
                folders = [self._templates / "shared", self._templates / "network"]
        environment = jinja2.Environment(
            undefined=jinja2.StrictUndefined,
            finalize=_within_a_line,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 - not HTML; _within_a_line is what escapes
        )
        names = {
            "config": config,
            "side": config.side,
            "layout": layout,
            "secret": secret,
            "address": address,
            "has": lambda module: (layout.moddir / module).exists(),
        }
        try:
            self._empty()
            for folder in folders:
                for template in sorted(folder.glob(f"*{_SUFFIX}")):
                    text = environment.from_string(template.read_text(encoding="utf-8")).render(names)
                    _write(self.directory / "etc" / template.name.removesuffix(_SUFFIX), text)
            _write(self.directory / "secret", f"{secret}\n")
        except OSError as error:
            raise PbxUnavailable(
                f"PBX の設定を {self.directory} に書けません（{reason(error)}）。空き容量と権限を確認してください。"
            ) from None

    def modules(self) -> list[str]:
        """Return the modules that the rendered configuration loads; PbxUnavailable where it can't be read."""
        file = self.directory / "etc" / "modules.conf"
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise PbxUnavailable(f"PBX の設定 {file} を読めません（{reason(error)}）。") from None
        lines = (line.partition("=") for line in text.splitlines())
        return [value.strip() for key, _, value in lines if key.strip() == "load"]

    def note_pid(self, pid: int) -> None:
        """Keep the process id, so that a later engine finds the process of one that was killed."""
        try:
            _write(self.pid, f"{pid}\n")
        except OSError as error:
            raise PbxUnavailable(f"{self.pid} を書けません（{reason(error)}）。") from None

    def forget_pid(self) -> None:
        """The process is gone; a file that can't be removed tells of none that lives (`left_behind`)."""
        with suppress(OSError):
            self.pid.unlink()

    def left_behind(self) -> int | None:
        """Return the process that an earlier engine started here and that still runs, None if there is none."""
        try:
            pid = int(self.pid.read_text(encoding="utf-8"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            at_home = Path(f"/proc/{pid}/cwd").readlink() == self.directory.resolve()
        except (OSError, ValueError):
            return None
        return pid if at_home and MAIN.encode() in command else None

    def _empty(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        for name in ("etc", "run"):
            shutil.rmtree(self.directory / name, ignore_errors=True)
            (self.directory / name).mkdir(mode=0o700)
        for name in ("record", "record/cel-custom"):
            (self.directory / name).mkdir(mode=0o700, exist_ok=True)


def _within_a_line(value: object) -> str:
    """Return `value` for Asterisk's configuration: on its line, and `;` not as the begin of a comment."""
    text = str(value)
    if any(not char.isprintable() for char in text) or text != text.strip():
        raise InputError("PBX の設定に、改行などの使えない文字が入っています。")
    return text.replace(";", "\\;") if isinstance(value, str) else text


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    with open(new, "w", encoding="utf-8", opener=_private) as file:
        file.write(text)
    new.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
