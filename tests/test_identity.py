"""Who acts is what the operating system says, not what anybody likes to be called."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr import identity

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    """Let the kernel's record of the login be a user's id."""
    for name in ("SUDO_USER", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(identity, "LOGIN", tmp_path / "loginuid")

    def logged_in(user: int) -> None:
        (tmp_path / "loginuid").write_text(str(user))

    return logged_in


@pytest.mark.usefixtures("login")
def test_a_person_is_the_user_of_the_process_on_this_machine() -> None:
    author = identity.person()
    assert author.who == ME
    assert author.where.split(" ")[0] == socket.gethostname()


def test_names_in_the_environment_count_for_nothing(
    login: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    login(identity.NOBODY)
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "nobody")
    monkeypatch.setattr(os, "getuid", lambda: pwd.getpwnam("daemon").pw_uid)
    monkeypatch.setenv("SUDO_USER", "nobody")
    assert identity.person().who == "daemon"


def test_root_is_told_with_who_called_sudo(login: Callable[[int], None], monkeypatch: pytest.MonkeyPatch) -> None:
    login(identity.NOBODY)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "daemon")
    assert identity.person().who == "root (daemon)"
    monkeypatch.setenv("SUDO_USER", "nobody at all")
    assert identity.person().who == "root"


def test_the_kernels_record_of_the_login_outweighs_the_environment(
    login: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    login(pwd.getpwnam("daemon").pw_uid)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "nobody")
    assert identity.person().who == "root (daemon)"
    login(0)
    assert identity.person().who == "root"


@pytest.mark.usefixtures("login")
def test_a_user_without_a_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert identity.person().who == "4000000"


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("10.1.2.3 50000 10.1.2.4 22", "ssh 10.1.2.3"),
        ("fe80::1%eth0 50000 fe80::2%eth0 22", "ssh fe80::1%eth0"),
        ("ヤマダ 50000 10.1.2.4 22", ""),
        ("", ""),
    ],
)
def test_an_ssh_client_is_an_address_or_nothing(monkeypatch: pytest.MonkeyPatch, told: str, shown: str) -> None:
    monkeypatch.setenv("SSH_CONNECTION", told)
    monkeypatch.setattr(identity, "_terminal", list)
    assert identity.person().where == f"{socket.gethostname()} {shown}".strip()


@pytest.mark.usefixtures("login")
def test_a_terminal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()
    kept = os.dup(0)
    try:
        os.dup2(follower, 0)
        assert identity.person().where == f"{socket.gethostname()} {os.ttyname(follower).removeprefix('/dev/')}"
    finally:
        os.dup2(kept, 0)
        for descriptor in (leader, follower, kept):
            os.close(descriptor)


def test_the_engine_is_told_apart_from_people() -> None:
    assert identity.engine().who == "engine"
