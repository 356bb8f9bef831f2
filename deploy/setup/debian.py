"""Unpack Debian packages, with all they depend on, into a folder: no root, the host's own packages untouched.

The mirror, its proxy and the keys are the host's; apt checks every signature against them. The host's package
state, its other sources and its apt hooks are left out.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from work import SetupError, run, say, write_atomically

CONTAINER_INSTEAD = (
    "Off Debian and Ubuntu, install Asterisk 20 or newer, or use the container: docker compose up.\n"
    "Debian・Ubuntu 以外では、Asterisk 20 以上を入れるか、コンテナ (docker compose up) をお使いください。"
)
_KEYRINGS = {
    "debian": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "ubuntu": "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
}
_COMPONENTS = {"debian": "main", "ubuntu": "main universe"}


@dataclass(frozen=True, slots=True)
class Host:
    distribution: str
    codename: str
    mirror: str


def host() -> Host:
    """The distribution this machine runs, and the mirror it already uses."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    distribution, codename = release.get("ID", ""), release.get("VERSION_CODENAME", "")
    tools = all(map(shutil.which, ("apt-get", "apt-config", "dpkg-deb")))
    if distribution not in _COMPONENTS or not tools:
        raise SetupError(f"This machine is not Debian or Ubuntu. {CONTAINER_INSTEAD}")
    # Answers without a download, and also where the host's own package lists were removed.
    uris = run(["apt-get", "update", "--print-uris"], what="Asking apt for its mirror", limit=60)
    mirrors = {suite: base for base, suite in re.findall(r"^'(\S+)/dists/(\S+)/InRelease'", uris, flags=re.MULTILINE)}
    mirror = mirrors.get(codename) or mirrors.get("stable") or mirrors.get("testing") or mirrors.get("sid")
    if mirror is None:
        raise SetupError(f"apt names no mirror of {distribution} {codename}: see /etc/apt/sources.list.d.")
    return Host(distribution, codename or "sid", mirror)


def unpack(packages: list[str], *, source: Host, suite: str, into: Path, what: str) -> None:
    """Replace `into` with the unpacked packages of `suite`, at once; `into` is never seen half-filled.

    Downloads stay beside `into` until all is done, so that an interrupted run goes on where it was.
    """
    apt = into.with_name(into.name + ".apt")
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    _configure(apt, source, suite)
    env = {
        **os.environ,
        "APT_CONFIG": str(apt / "apt.conf"),
        "LC_ALL": "C",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    install = ["apt-get", "install", "--assume-yes", "--no-install-recommends"]

    say(f"{what}: reading the list of packages")
    run(["apt-get", "update"], what=f"{what}: apt-get update", limit=300, tries=3, env=env)
    plan = run([*install, "--simulate", *packages], what=f"{what}: the plan", limit=120, env=env)
    archives = [apt / "cache/archives" / name for name in _archives(plan)]
    say(f"{what}: downloading {len(archives)} packages")
    run([*install, "--download-only", *packages], what=f"{what}: download", limit=600, tries=3, env=env)

    say(f"{what}: unpacking")
    for leftover in into.parent.glob(f"{into.name}.new-*"):
        shutil.rmtree(leftover)
    new = Path(tempfile.mkdtemp(prefix=f"{into.name}.new-", dir=into.parent))
    with ThreadPoolExecutor(max_workers=2) as pool:
        for _ in pool.map(lambda archive: _extract(archive, new), archives):
            pass
    _merge_usr(new)
    new.chmod(0o755)
    if into.exists():
        shutil.rmtree(into)
    new.rename(into)
    shutil.rmtree(apt)


def _configure(apt: Path, source: Host, suite: str) -> None:
    lines = run(["apt-config", "dump"], what="Reading the host's apt settings", limit=60).splitlines()
    kept = [line for line in lines if line.startswith("Acquire::") and "IndexTargets" not in line]
    kept += [
        f'Dir::State "{apt}/state";',
        f'Dir::State::status "{apt}/state/status";',
        f'Dir::Cache "{apt}/cache";',
        f'Dir::Etc::sourcelist "{apt}/sources.list";',
        'Dir::Etc::sourceparts "/dev/null";',
        'Dir::Etc::main "/dev/null";',
        'Dir::Etc::parts "/dev/null";',
        'APT::Sandbox::User "root";',
        'APT::Update::Error-Mode "any";',
        'Acquire::Retries "3";',
        'Acquire::http::Timeout "30";',
        'Acquire::https::Timeout "30";',
    ]
    keyring = _KEYRINGS[source.distribution]
    option = f"[signed-by={keyring}] " if Path(keyring).exists() else ""
    (apt / "state/status").touch()
    write_atomically(apt / "apt.conf", "\n".join(kept) + "\n")
    write_atomically(apt / "sources.list", f"deb {option}{source.mirror} {suite} {_COMPONENTS[source.distribution]}\n")


def _archives(plan: str) -> list[str]:
    """File names of what `apt-get install --simulate` would install."""
    found = re.findall(r"^Inst (\S+) \((\S+) .*\[(\S+)\]\)", plan, flags=re.MULTILINE)
    if not found:
        raise SetupError("apt names no package to install.")
    return [f"{name.partition(':')[0]}_{version.replace(':', '%3a')}_{arch}.deb" for name, version, arch in found]


def _extract(archive: Path, into: Path) -> None:
    run(["dpkg-deb", "--extract", archive, into], what=f"Unpacking {archive.name}", limit=120)


def _merge_usr(root: Path) -> None:
    """Move /bin, /lib and the like under /usr, where newer packages have them to begin with."""
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        old = root / name
        if old.is_dir() and not old.is_symlink():
            shutil.copytree(old, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(old)
            old.symlink_to(f"usr/{name}")


def write_launcher(path: Path, *, root: Path, program: str) -> None:
    """Write a shell script that runs `program` of `root` with the loader and libraries of `root`.

    The script replaces itself with the program, so that its process id is the program's, and finds `root`
    from its own place, so that the folder above both may move.
    """
    triplets = [entry.parent for entry in root.glob("usr/lib/*-linux-*/ld-linux*.so.*")]
    if not triplets or not (root / program).exists():
        raise SetupError(f"The packages hold no {program} for this machine.")
    libraries = triplets[0].relative_to(root)
    loader = next(triplets[0].glob("ld-linux*.so.*")).relative_to(root)
    up = "/".join([".."] * len(path.parent.relative_to(root.parent).parts)) or "."
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(
        path,
        "#!/bin/sh\n"
        f'root=$(cd "$(dirname "$(readlink -f "$0")")/{up}/{root.name}" && pwd) || exit 127\n'
        f'exec "$root/{loader}" --inhibit-cache --library-path "$root/{libraries}:$root/usr/lib" '
        f'"$root/{program}" "$@"\n',
        mode=0o755,
    )
