"""Child processes that cannot outlive us, even if we are killed with SIGKILL, and waiting with a bound.

Never: what the child is for.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from rufaa.db import _tethered

_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the operating system."""

    name: str
    uid: int
    gid: int


def spawn(
    command: Sequence[str],
    *,
    dies_with: signal.Signals,
    env: Mapping[str, str],
    account: Account | None = None,
    folder: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own (a terminal's Ctrl-C does not reach it). It has no standard input but
    for ``stdin``.

    When the thread that called this ends, however it ends, the kernel sends ``dies_with`` to the child: call it from
    the main thread, or from one that lives as long as the process. Systems without prctl (not Linux) leave that out.
    ``account`` needs root. A program that cannot run gives ``_tethered.EXIT_NO_PROGRAM`` and a line on ``stderr``.
    """
    launcher = [
        *(sys.executable, "-I", "-S", _tethered.__file__, str(int(dies_with)), str(os.getpid())),
        *((str(account.uid), str(account.gid)) if account else (_tethered.NONE, _tethered.NONE)),
        str(folder) if folder else _tethered.NONE,
        *command,
    ]
    return subprocess.Popen(  # noqa: S603 - the caller's own program
        launcher, stdin=stdin, stdout=stdout, stderr=stderr, env=env, start_new_session=True
    )


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process ended; then also its session's process group is ended and it is reaped.

    The group is signalled while the dead leader still holds its number, so that no stranger can be hit.
    """
    if process.returncode is not None:
        return True
    if hasattr(os, "waitid"):
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return False
        kill_group(process)
    return process.poll() is not None


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the process, if it is not reaped yet, and to all in its group."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nobody left in it; macOS says EPERM for the dead
            return


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Poll ``condition`` every 20 ms. False when it did not become true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True
