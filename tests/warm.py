"""Commands of Rufaa from a process that has loaded others' code already, which is half of a start: tests need hundreds.

What runs is the command, Rufaa's own code from the start, in a process and an environment of its own. That
``python -m rufaa`` starts at all is shown by the tests that start servers. As a script this is the process that forks.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

OTHERS: Final = (
    *("asyncpg", "cryptography.x509", "jwt", "psycopg", "psycopg_pool", "pydantic", "structlog", "typer", "uvicorn"),
    *("django.contrib.auth.hashers", "django.db.models", "django.http", "django.template", "django.urls"),
    *("django.core.serializers.json", "django.db.backends.postgresql.base", "prometheus_client"),
)
"""What can be loaded before there are settings."""
_DEADLINE_S: Final = 60


def rufaa(
    *arguments: str, cwd: Path, env: Mapping[str, str], timeout_s: float = _DEADLINE_S
) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run`` of ``python -m rufaa`` with what it says captured, and nothing to read."""
    process = _forking()
    assert process.stdin is not None
    assert process.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        wanted = {"arguments": arguments, "cwd": str(cwd), "env": dict(env), "folder": folder, "for_s": timeout_s}
        process.stdin.write(json.dumps(wanted) + "\n")
        process.stdin.flush()
        ended = process.stdout.readline()
        assert ended, "the process that forks has died"
        out, err = ((Path(folder) / name).read_text() for name in ("out", "err"))
    if ended == "late\n":
        raise subprocess.TimeoutExpired(["rufaa", *arguments], timeout_s, out, err)
    return subprocess.CompletedProcess(["rufaa", *arguments], int(ended), out, err)


@cache
def _forking() -> subprocess.Popen[str]:
    """Started for the first command, and ended with who asked for it."""
    process = subprocess.Popen([sys.executable, __file__], text=True, stdin=-1, stdout=-1)
    atexit.register(process.communicate)
    return process


# --- the process that forks -----------------------------------------------------------------------------------------


def _serve() -> None:
    """For each line that it reads one command, and a line that says how it ended."""
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(**wanted)
            return
        print(_end_of(child, wanted["for_s"]), flush=True)


def _end_of(child: int, for_s: float) -> int | str:
    """Its exit status, as ``subprocess`` has it; or that it did not end in time, and was killed."""
    watched = os.pidfd_open(child)
    try:
        if not select.select([watched], [], [], for_s)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "late"
    finally:
        os.close(watched)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _become(*, arguments: list[str], cwd: str, env: dict[str, str], folder: str, for_s: float) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    tempfile.tempdir = None
    for place, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT), place)
    os.chdir(cwd)
    os.environ.clear()
    os.environ |= env
    sys.path[:] = [cwd, *env.get("PYTHONPATH", "").split(os.pathsep), *sys.path[1:]]
    sys.argv = ["rufaa", *arguments]
    runpy.run_module("rufaa", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for each in OTHERS:
        importlib.import_module(each)
    gc.freeze()
    _serve()
