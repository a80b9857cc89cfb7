"""PostgreSQL's client programs (pg_dump, pg_restore, psql): found, and given an address without its password showing.

They run as our own account, since they need the socket and nothing of the cluster's folder. Never runs a server.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rufaa.db import _pg_home, tether
from rufaa.db._pg_home import ProgramsMissing
from rufaa.errors import Kind, RufaaError

BUNDLED_MAJOR: Final = _pg_home.MAJOR
_VERSION: Final = re.compile(r"\) (\d+)")
_WORDS_BYTES: Final = 2000


class ProgramTooOld(RufaaError):
    """A PostgreSQL program as new as the server is needed, and there is none. ``data.needed`` is the version."""

    kind = Kind.UNAVAILABLE
    code = "database-program-too-old"


class ProgramFailed(RufaaError):
    """A PostgreSQL program ended with an error. The message ends with its own words."""

    kind = Kind.UNAVAILABLE
    code = "database-program-failed"


def client(name: str, *, at_least: int) -> str:
    """The path of a program of major version ``at_least`` or newer: ours, else one in PATH.

    PostgreSQL's programs work with servers of their own and of older versions, and refuse newer ones.
    """
    if at_least <= BUNDLED_MAJOR:
        with_us = bundled(name)
        if with_us is not None:
            return with_us
    found = shutil.which(name)
    here = major(found) if found else 0
    if found is None or here < at_least:
        others = f"the one in PATH is {here}" if here else "there is none in PATH"
        raise ProgramTooOld(
            f"{name} of PostgreSQL {at_least} or newer is needed: Rufaa brings {BUNDLED_MAJOR}, and {others}. Install"
            f" the client programs of PostgreSQL {at_least}, so that {name} is in PATH.",
            needed=at_least,
        )
    return found


def bundled(name: str) -> str | None:
    """The program that came with us; None where the wheel is not installed."""
    try:
        path = _pg_home.bundled_programs() / "bin" / name
    except ProgramsMissing:
        return None
    return str(path) if path.is_file() else None


def major(program: str) -> int:
    """The major version that a program says it is; 0 where it says nothing."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    match = _VERSION.search(said.stdout)
    return int(match[1]) if match else 0


def address(url: str) -> tuple[str, Mapping[str, str]]:
    """``url`` for a program's ``--dbname``, and the environment to run it in: a command line is for all to see.

    What libpq takes from the environment (PGSSLMODE, a password file in HOME) reaches the programs as it reaches us.
    """
    given = conninfo_to_dict(url)
    password = given.pop("password", None)
    libpq = {name: value for name, value in os.environ.items() if name.startswith("PG")}
    env = {**libpq, **_pg_home.environment(), "HOME": str(Path.home())}
    if password is not None:
        env["PGPASSWORD"] = str(password)
    return make_conninfo(**{name: str(value) for name, value in given.items()}), env


@contextmanager
def running(
    command: Sequence[str], *, env: Mapping[str, str], words: IO[bytes], stdin: int, stdout: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a client program; what it says goes to the file ``words``. Killed where the block ends before it does."""
    process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
        list(command), stdin=stdin, stdout=stdout, stderr=words, env=dict(env), start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            tether.kill_group(process)
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # what a dead program did not take
                    stream.close()


def need_success(process: subprocess.Popen[bytes], *, words: IO[bytes], what: str) -> None:
    """Raise ``ProgramFailed`` with the program's own words unless it ended well."""
    status = process.wait()
    if status == 0:
        return
    words.seek(0)
    said = words.read()[-_WORDS_BYTES:].decode(errors="replace").strip()
    ending = signal.Signals(-status).name if status < 0 else f"status {status}"
    raise ProgramFailed(f"{what} ({ending}): {said or 'it said nothing'}")
