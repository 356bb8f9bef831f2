"""Become Asterisk, as a child that ends with its parent: `python -I -S pbx_child.py PARENT_PID PROGRAM ARGUMENT…`.

Where the parent is killed while Asterisk starts, that may miss the signal: then the next engine stops what was left
behind (`PbxFiles.left_behind`), and meanwhile it originates nothing.

A program of its own: code between fork and exec is not safe in an engine with threads.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

MOST_FILES = 65536
"""Open files; Asterisk walks over the whole range at its start."""

PR_SET_PDEATHSIG = 1
"""prctl(2). Asterisk hangs up every call when it gets the signal."""


def main() -> None:
    """Set the limits and replace this process."""
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("the engine has gone")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
