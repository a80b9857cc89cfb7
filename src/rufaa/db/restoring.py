"""Loading a backup into an empty database: all of it and what the caller adds, in one transaction, or nothing."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import psycopg

from rufaa.db import _pg_home, programs
from rufaa.db.backup import dump_of
from rufaa.db.manifest import Manifest
from rufaa.errors import Kind, RufaaError

_NOT_EMPTY: Final = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
"""
_SINCE_17: Final = b"SET transaction_timeout = 0;\n"
_PREAMBLE_LINES: Final = 100


class DatabaseNotEmpty(RufaaError):
    """There is a database already where a backup is to be restored. Nothing was changed."""

    kind = Kind.CONFLICT
    code = "database-not-empty"


class DatabaseTooOld(RufaaError):
    """The backup comes from a newer PostgreSQL than the one that it is to be restored into."""

    kind = Kind.CONFLICT
    code = "database-too-old"


def load(url: str, path: Path, manifest: Manifest, *, then: str = "") -> None:
    """Restore the dump of ``path`` into the empty database at ``url``; ``then`` is SQL for the same transaction.

    A process that dies in the middle leaves the database empty. Raises ``DatabaseNotEmpty``, ``DatabaseTooOld``,
    ``ProgramFailed``, ``DamagedBackup``.
    """
    target = _need_room(url, manifest)
    reader = programs.client("pg_restore", at_least=manifest.pg_dump)
    writer = programs.client("psql", at_least=min(target, programs.BUNDLED_MAJOR))
    dbname, env = programs.address(url)
    script = [reader, "--no-owner", "--no-privileges", "--file=-"]
    # psql's own --single-transaction would commit what it has when we die and its input ends
    run = [
        *(writer, "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", f"--dbname={dbname}", "--file=-"),
        *("--set=VERBOSITY=terse", "--set=SHOW_CONTEXT=never"),  # an error's details quote rows, and rows are patients
    ]
    with (
        tempfile.TemporaryFile() as read_words,
        tempfile.TemporaryFile() as run_words,
        programs.running(
            script, env=_pg_home.environment(), words=read_words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as reading,
        programs.running(run, env=env, words=run_words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as writing,
    ):
        assert reading.stdout is not None
        assert writing.stdin is not None
        with _fed(reading, path, manifest), suppress(BrokenPipeError):  # psql stopped at an error; its status tells
            writing.stdin.write(b"BEGIN;\n")
            for piece in _script(reading.stdout, server=target):
                writing.stdin.write(piece)
            programs.need_success(reading, words=read_words, what=f"{path} could not be read")
            tail = f"\nRESET search_path;\nSET lock_timeout = 0;\n{then}\nCOMMIT;\n"
            writing.stdin.write(tail.encode())
            writing.stdin.flush()
        with suppress(BrokenPipeError):
            writing.stdin.close()
        programs.need_success(writing, words=run_words, what=f"{path} could not be restored")
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute("ANALYZE")  # the planner knows nothing of what was just loaded


def need_empty(url: str) -> None:
    """Raise ``DatabaseNotEmpty`` unless the database has no table, view or sequence."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        row = connection.execute(_NOT_EMPTY).fetchone()
        assert row is not None
    if row[0]:
        raise DatabaseNotEmpty(
            f"The database is not empty: it has {row[0]} tables and sequences. A restore replaces nothing. Give an"
            " empty database, or another data folder."
        )


def _need_room(url: str, manifest: Manifest) -> int:
    """The major version of the server behind ``url``, whose database is empty and which can hold the backup."""
    need_empty(url)
    with psycopg.connect(url, connect_timeout=10) as connection:
        server = connection.info.server_version // 10_000
    if server < manifest.postgres:
        raise DatabaseTooOld(
            f"The backup was made of PostgreSQL {manifest.postgres}; here is {server}. Restore it into a PostgreSQL"
            f" {manifest.postgres} or newer.",
            found=server,
            wanted=manifest.postgres,
        )
    return server


def _script(stream: IO[bytes], *, server: int) -> Iterator[bytes]:
    """What pg_restore writes, less a setting of its preamble that servers before 17 do not know."""
    if server < 17:
        for _ in range(_PREAMBLE_LINES):
            line = stream.readline()
            if line != _SINCE_17:
                yield line
            else:
                break
    while chunk := stream.read(1 << 20):
        yield chunk


@contextmanager
def _fed(process: subprocess.Popen[bytes], path: Path, manifest: Manifest) -> Iterator[None]:
    """Feeds the dump to a process from a thread; what goes wrong there is raised at the end of the block."""
    errors: list[BaseException] = []

    def feed() -> None:
        stream = process.stdin
        assert stream is not None
        try:
            with suppress(BrokenPipeError):  # it ended; its status tells
                for chunk in dump_of(path, manifest):
                    stream.write(chunk)
                stream.close()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)
            process.kill()

    thread = threading.Thread(target=feed, name="restore-feed", daemon=True)
    thread.start()
    try:
        yield
    finally:
        if thread.is_alive() and process.poll() is None:
            process.kill()  # the block was left early: nobody reads what it writes
        thread.join()
        if errors:
            raise errors[0]
