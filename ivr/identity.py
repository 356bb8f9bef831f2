"""Who acts, and from where, as the operating system tells it."""

from __future__ import annotations

import ipaddress
import os
import pwd
import socket
from contextlib import suppress
from pathlib import Path

from ivr.domain.audit import Author

LOGIN = Path("/proc/self/loginuid")
"""The user who logged in, kept by the kernel through every `su` and `sudo`; proc_pid_loginuid(5)."""

NOBODY = 2**32 - 1
"""What stands there for a process that nobody's login led to."""

ENGINE = "engine"


def person() -> Author:
    """Return the user whose process this is, as whom they logged in, this machine, the terminal and where it is."""
    user = os.getuid()
    who = _name(user)
    first = _logged_in(user)
    where = " ".join([socket.gethostname(), *_terminal(), *_remote()])
    return Author(who=f"{who} ({first})" if first and first != who else who, where=where)


def human() -> str:
    """Return the login name of the person at this terminal, whoever they have become since."""
    user = os.getuid()
    return _logged_in(user) or _name(user)


def engine() -> Author:
    """Return the engine itself, on this machine."""
    return Author(who=ENGINE, where=socket.gethostname())


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _logged_in(user: int) -> str | None:
    """Return who logged in and became `user`. What sudo says counts for root alone: others could have written it."""
    with suppress(OSError, ValueError):
        login = int(LOGIN.read_text("ascii"))
        if login != NOBODY:
            return _name(login)
    told = os.environ.get("SUDO_USER", "")
    with suppress(KeyError, ValueError):
        return pwd.getpwnam(told).pw_name if user == 0 and told else None
    return None


def _terminal() -> list[str]:
    for stream in (0, 1, 2):
        with suppress(OSError):
            return [os.ttyname(stream).removeprefix("/dev/")]
    return []


def _remote() -> list[str]:
    """Return the address of the SSH client. The environment tells it: somebody with a shell can hide or change it."""
    client, *_ = os.environ.get("SSH_CONNECTION", "").split() or [""]
    with suppress(ValueError):
        return [f"ssh {ipaddress.ip_address(client)}"]
    return []
