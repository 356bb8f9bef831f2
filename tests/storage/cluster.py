"""A private PostgreSQL cluster: in a folder of its own, without TCP, run by somebody who is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

BINARIES = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL, reached by the socket in `folder`."""

    folder: Path

    async def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"ivr_{uuid4().hex}"
        connection = await asyncpg.connect(user="ivr", database="postgres", host=str(self.folder))
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return f"postgresql+asyncpg://ivr@/{name}?host={self.folder}"

    async def cut_off(self, url: str) -> None:
        """End every connection to the database at `url`."""
        connection = await asyncpg.connect(user="ivr", database="postgres", host=str(self.folder))
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
                make_url(url).database,
            )
        finally:
            await connection.close()


def binaries() -> Path | None:
    """Return where the newest PostgreSQL's programs are, None where they are not installed."""
    versions = sorted(BINARIES.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]), reverse=True)
    if versions:
        return versions[0].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def _unprivileged() -> dict[str, object]:
    """Return what makes a subprocess run as somebody: initdb refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def cluster(programs: Path, *settings: str) -> Iterator[Cluster]:
    """Run a cluster with `settings` (`name=value`) while inside."""
    somebody = _unprivileged()
    # Not in tmp_path: its parents are closed to anyone else, and a socket's path may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="ivr-pg-"))
    if somebody:
        os.chown(folder, int(str(somebody["user"])), int(str(somebody["group"])))

    def start(*words: str) -> subprocess.Popen[bytes]:
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(programs / words[0]), *words[1:]],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, "LC_ALL": "C", "HOME": str(folder)},
                **somebody,  # type: ignore[call-overload]
            )

    data = str(folder / "data")
    try:
        assert start("initdb", "-D", data, "-U", "ivr", "-A", "trust", "-E", "UTF8", "--no-sync").wait(60) == 0
        more = [word for setting in settings for word in ("-c", setting)]
        server = start("postgres", "-D", data, "-k", str(folder), "-h", "", "-c", "max_connections=40", *more)
        try:
            deadline = time.monotonic() + 30
            while start("pg_isready", "-q", "-h", str(folder)).wait(10) != 0:
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
            yield Cluster(folder)
        finally:
            # SIGINT: PostgreSQL's fast shutdown, which waits for nobody's connection.
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
