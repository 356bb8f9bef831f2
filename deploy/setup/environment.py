"""`.venv/`: the packages of the lock file, and this project on top, editable."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
import venv
from pathlib import Path

import debian
from work import CHECKOUT, SetupError, is_stamped, run, say, write_atomically

HOME = CHECKOUT / ".venv"
STAMP = HOME / "setup.stamp"
PYTHON = HOME / "bin/python"


def prepare(*, runtime_only: bool) -> None:
    lock = CHECKOUT / ("requirements.lock" if runtime_only else "requirements-dev.lock")
    stamp = _stamp(lock)
    if is_stamped(STAMP, stamp) and PYTHON.exists():
        return
    began = time.monotonic()
    if not _works():
        _create()
    STAMP.unlink(missing_ok=True)
    say("Python: installing the locked packages (the first time, a minute or two)")
    _pip("--require-hashes", "--no-deps", "--requirement", str(lock), what="Python packages")
    _pip("--no-deps", "--no-build-isolation", "--no-index", "--editable", str(CHECKOUT), what="This project")
    write_atomically(STAMP, stamp)
    say(f"Python is ready in .venv ({time.monotonic() - began:.0f} s).")


def _stamp(lock: Path) -> str:
    """What `.venv/` depends on. Its scripts hold its path, so a moved checkout needs a new one."""
    project, _, _ = (CHECKOUT / "pyproject.toml").read_bytes().partition(b"\n[tool.")
    digest = hashlib.sha256(lock.read_bytes() + project)
    return f"{CHECKOUT}\n{sys.version_info[:2]}\n{digest.hexdigest()}\n"


def _works() -> bool:
    """True if `.venv/` is of this Python and in its place: its packages can then be brought up to date."""
    probe = "import pip, sys; print(sys.prefix, sys.version_info[:2])"
    try:
        told = run([PYTHON, "-c", probe], what="The Python in .venv", limit=30)
    except SetupError:
        return False
    shebang = (HOME / "bin/pip").read_bytes().splitlines()[0] if (HOME / "bin/pip").exists() else b""
    return told.strip() == f"{HOME} {sys.version_info[:2]}" and os.fsencode(HOME) in shebang


def _create() -> None:
    if HOME.exists():
        shutil.rmtree(HOME)
    try:
        import ensurepip  # noqa: F401  (Debian leaves it out of python3)
    except ImportError:
        venv.create(HOME, symlinks=True, with_pip=False)
        _bring_pip()
    else:
        run([sys.executable, "-m", "venv", HOME], what="python3 -m venv", limit=300)


def _bring_pip() -> None:
    """Install pip out of Debian's package of pip's wheel."""
    say("Python: this python3 brings no pip; taking it out of a Debian package")
    try:
        source = debian.host()
    except SetupError as error:
        raise SetupError("This python3 has no ensurepip: install Python's venv package.") from error
    with tempfile.TemporaryDirectory(prefix="pip-", dir=HOME) as folder:
        root = Path(folder) / "root"
        debian.unpack(["python3-pip-whl"], source=source, suite=source.codename, into=root, what="pip")
        wheel = next(root.glob("usr/share/python-wheels/pip-*.whl"), None)
        if wheel is None:
            raise SetupError("Debian's python3-pip-whl holds no pip: install python3-venv.")
        run(
            [PYTHON, f"{wheel}/pip", "install", "--no-index", "--no-deps", wheel],
            what="Installing pip",
            limit=300,
        )


def _pip(*arguments: str, what: str) -> None:
    settings = ("--disable-pip-version-check", "--no-input", "--retries", "5", "--timeout", "60")
    run([PYTHON, "-m", "pip", "install", *settings, *arguments], what=what, limit=900, tries=2)
