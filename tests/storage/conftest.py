"""A store to test on: one in SQLite, one in a private PostgreSQL cluster that lives as long as the session."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from ivr.storage import SqlResults
from tests.keys import keys
from tests.storage.cluster import UNPACKED, Cluster, cluster, programs


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Start a cluster that forgets everything when the power goes."""
    found = programs()
    if found is None:
        pytest.fail("PostgreSQL's programs are not there: make setup fetches them")
    with cluster(found, "fsync=off") as running, pytest.MonkeyPatch.context() as patched:
        if found.libraries is not None:
            # What `ivr backup` and `ivr restore` find on PATH comes from the same place.
            patched.setenv("PATH", f"{UNPACKED.parent / 'bin'}{os.pathsep}{os.environ['PATH']}")
        yield running


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
