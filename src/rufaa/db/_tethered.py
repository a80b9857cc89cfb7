"""Run as a script by ``tether.spawn``: take the account, tie yourself to the parent, become the program.

A script of its own, and not a ``preexec_fn``: the parent has threads, and no Python code may run between its fork and
exec. Imports the standard library only, and nothing of Rufaa, since it runs without site-packages. The account that it
takes need not be able to reach Python: everything is loaded before.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final, NoReturn

EXIT_NO_FOLDER: Final = 111
EXIT_NO_PROGRAM: Final = 112
EXIT_NO_ACCOUNT: Final = 113
NONE: Final = "-"
_PR_SET_PDEATHSIG: Final = 1


def tie(number: int, *, parent: int) -> None:
    """Have the kernel send us ``number`` when the thread that made us ends. Does nothing where prctl is missing.

    Set after the change of account, which clears it. If the parent is gone already, the signal comes at once.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def _leave(status: int, message: str) -> NoReturn:
    os.write(2, message.encode(errors="backslashreplace") + b"\n")
    os._exit(status)


def _main(arguments: list[str]) -> NoReturn:
    death_signal, parent, uid, gid, folder, *command = arguments
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)  # Python and nohup ignore some, and exec would hand that on
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if uid != NONE:
        try:
            os.setgroups([])
            os.setgid(int(gid))
            os.setuid(int(uid))
        except OSError as error:
            _leave(EXIT_NO_ACCOUNT, f"cannot become account {uid}: {error.strerror}")
    if folder != NONE:
        try:
            os.chdir(folder)
        except OSError as error:
            _leave(EXIT_NO_FOLDER, f"cannot enter {folder}: {error.strerror}")
    tie(int(death_signal), parent=int(parent))
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the given program is what this script is for
    except OSError as error:
        _leave(EXIT_NO_PROGRAM, f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    _main(sys.argv[1:])
