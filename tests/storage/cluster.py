"""A private PostgreSQL cluster: in a folder of its own, without TCP, run by somebody who is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

INSTALLED, UNPACKED = Path("/"), Path(__file__).parents[2] / ".asterisk" / "postgres"
"""Where a machine has PostgreSQL, and where `make setup` puts one if it has none."""


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

    @asynccontextmanager
    async def away(self, url: str) -> AsyncIterator[None]:
        """Have the database at `url` refuse everybody inside the block, as a server does that is restarted."""
        await self._allow(url, connections=False)
        try:
            await self.cut_off(url)
            yield
        finally:
            await self._allow(url, connections=True)

    async def _allow(self, url: str, *, connections: bool) -> None:
        connection = await asyncpg.connect(user="ivr", database="postgres", host=str(self.folder))
        try:
            await connection.execute(f"ALTER DATABASE {make_url(url).database} ALLOW_CONNECTIONS {connections}")
        finally:
            await connection.close()

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


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs in `folder`, and the libraries that are theirs alone."""

    folder: Path
    libraries: Path | None = None

    def environment(self) -> dict[str, str]:
        """Return what they run with."""
        own = {"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries is not None else {}
        return {**os.environ, "LC_ALL": "C", **own}


def programs() -> Programs | None:
    """Return the newest PostgreSQL's, None where there is none."""
    for root in (INSTALLED, UNPACKED):
        versions = sorted(root.glob("usr/lib/postgresql/*/bin/initdb"), key=lambda path: float(path.parts[-3]))
        if versions:
            libraries = next(root.glob("usr/lib/*-linux-gnu*"), None) if root is UNPACKED else None
            return Programs(versions[-1].parent, libraries)
    found = shutil.which("initdb")
    return Programs(Path(found).parent) if found else None


def _unprivileged() -> dict[str, object]:
    """Return what makes a subprocess run as somebody: initdb refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def cluster(programs: Programs, *settings: str) -> Iterator[Cluster]:
    """Run a cluster with `settings` (`name=value`) while inside."""
    somebody = _unprivileged()
    # Not in tmp_path: its parents are closed to anyone else, and a socket's path may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="ivr-pg-"))
    if somebody:
        os.chown(folder, int(str(somebody["user"])), int(str(somebody["group"])))

    def start(*words: str) -> subprocess.Popen[bytes]:
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(programs.folder / words[0]), *words[1:]],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**programs.environment(), "HOME": str(folder)},
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
