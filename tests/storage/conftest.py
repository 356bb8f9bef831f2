"""A store to test on: one in SQLite, one in a private PostgreSQL cluster that lives as long as the session."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from ivr.storage import SqlResults
from tests.keys import keys

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


def _binaries() -> Path | None:
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Start a cluster in a folder of its own, without TCP."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's programs are not installed (Debian: postgresql)")
    somebody = _unprivileged()
    # Not in tmp_path: its parents are closed to anyone else, and a socket's path may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="ivr-pg-"))
    if somebody:
        os.chown(folder, int(str(somebody["user"])), int(str(somebody["group"])))

    def start(*words: str) -> subprocess.Popen[bytes]:
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(binaries / words[0]), *words[1:]],
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
        settings = ("-k", str(folder), "-h", "", "-c", "fsync=off", "-c", "max_connections=40")
        server = start("postgres", "-D", data, *settings)
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


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "postgres":
        cluster: Cluster = request.getfixturevalue("postgres")
        return await cluster.new_database()
    return f"sqlite+aiosqlite:///{tmp_path}/folder/ivr.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlResults]:
    """An open store without campaigns."""
    async with await SqlResults.open(url, keys()) as results:
        yield results


@pytest.fixture
def as_anybody() -> Iterator[Callable[[], contextlib.AbstractContextManager[Path]]]:
    """Return a way to be somebody whom file permissions bind, in a folder of theirs."""
    folder = Path(tempfile.mkdtemp(prefix="ivr-anybody-"))

    @contextlib.contextmanager
    def anybody() -> Iterator[Path]:
        if os.geteuid() != 0:
            yield folder
            return
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        os.seteuid(nobody.pw_uid)
        try:
            yield folder
        finally:
            os.seteuid(0)

    yield anybody
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700)
    shutil.rmtree(folder)
