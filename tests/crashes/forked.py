"""Roles of Rufaa that are forked from a process which has loaded them: a start is nearly all imports, and the tests of
failpoints need hundreds. What runs is the same command, in a process of its own, which is killed by its own number.

As a script this is the process that forks: for each line that it reads, a role's name, environment and log.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MAY_DIFFER: Final = frozenset({"DATABASE_URL", "RUFAA_DATA", "RUFAA_PORT", "RUFAA_DIE_AT"})
"""Settings that each role takes for itself; Django's are made of the others, once for all."""


class Forker:
    """Forks roles whose environment is ``environ``, but for what may differ. Made when the first one is wanted."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._process = subprocess.Popen([sys.executable, __file__], env=environ, text=True, stdin=-1, stdout=-1)

    def fork(self, name: str, environ: Mapping[str, str], log: Path) -> Forked:
        differs = {each for each, _ in environ.items() ^ self._environ.items()}
        assert differs <= MAY_DIFFER, differs
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, dict(environ), str(log)]) + "\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()), _ending_of(log))

    def close(self) -> None:
        self._process.communicate()


@dataclass
class Forked:
    """What the tests need of a ``subprocess.Popen``."""

    pid: int
    ending: Path  # where its parent writes its exit status

    def poll(self) -> int | None:
        return int(self.ending.read_text()) if self.ending.exists() else None

    def wait(self, timeout: float | None = None) -> int:
        from support import wait_until  # noqa: PLC0415 - the script has no use for it

        try:
            wait_until(self.ending.exists, what="its end", deadline_s=timeout or 60.0)
        except AssertionError:
            raise subprocess.TimeoutExpired("rufaa", timeout or 60.0) from None
        return int(self.ending.read_text())

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _ending_of(log: Path) -> Path:
    return log.with_suffix(".ending")


# --- the process that forks


def serve() -> None:
    """Returns in a forked role, which goes on as ``rufaa NAME``."""
    endings: dict[int, Path] = {}
    signal.signal(signal.SIGCHLD, lambda *_: _note(endings))
    for line in sys.stdin:
        name, environ, log = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _become(name, environ, log)
            return
        endings[pid] = _ending_of(Path(log))
        print(pid, flush=True)
    sys.exit()


def _note(endings: dict[int, Path]) -> None:
    """Write down how the children ended that have."""
    with suppress(ChildProcessError):  # none is left, or this is a child that has just been forked
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            pid, status = ended
            draft = endings[pid].with_suffix(".draft")
            draft.write_text(str(os.waitstatus_to_exitcode(status)))
            draft.rename(endings.pop(pid))  # so that who finds it finds it whole


def _become(name: str, environ: Mapping[str, str], log: str) -> None:
    from django.db import connection  # noqa: PLC0415 - needs Django set up
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for each in (1, 2):
        os.dup2(output, each)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ |= environ
    given = conninfo_to_dict(environ["DATABASE_URL"])
    here: dict[str, Any] = connection.settings_dict
    here |= {"NAME": given["dbname"], "HOST": given["host"], "PORT": given["port"], "USER": given["user"]}
    sys.argv = ["rufaa", name]


def load() -> Callable[[], None]:
    """Load what a gateway and a worker load. Returns what runs a command."""
    from rufaa.cli import database, main  # noqa: PLC0415 - not before it is wanted
    from rufaa.config import config  # noqa: PLC0415

    database.use(os.environ["DATABASE_URL"])
    from rufaa import urls  # noqa: F401, PLC0415 - needs Django set up
    from rufaa.cli import commands, gateway, restored, work, worker  # noqa: F401, PLC0415
    from rufaa.gateway import app, connections, sockets  # noqa: F401, PLC0415

    config.cache_clear()
    gc.freeze()
    return main


if __name__ == "__main__":
    run = load()
    serve()
    run()
