"""The PostgreSQL that Rufaa brings along: made, started, recovered and stopped by us, from a wheel's programs.

Of the wheel only the programs are used, never its Python code. What is promised: one Rufaa to a data folder; no TCP; a
server that is called ready has answered, and is the one that we started; when we end, however we end, it ends.
Never here: schemas, migrations, what is in the database.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg
from psycopg import sql

from rufaa.db import _pg_cluster, _pg_home, _pg_processes, _pg_socket, tether
from rufaa.db._pg_cluster import DatabaseNotStarted
from rufaa.db._pg_home import Home
from rufaa.db._pg_lock import FolderLock, last_socket_folder
from rufaa.db._pg_log import Log
from rufaa.db._pg_settings import FAST_UNSAFE, SERVER_SETTINGS, for_machine
from rufaa.db._pg_socket import SUPERUSER
from rufaa.errors import Kind, RufaaError

_START_TIMEOUT_S: Final = 600  # recovery reads at most max_wal_size of log: minutes on a poor disk
_READY_TIMEOUT_S: Final = 15  # from "ready" in the pid file to the first answer
_REFUSED_TIMEOUT_S: Final = 30  # how long a start is repeated that the remains of the last server refuse
_REFUSED_POLL_S: Final = 0.25
_POLL_S: Final = 0.02
_REFUSED_BY_REMAINS: Final = (  # seen in 9 of 60 starts after a kill -9
    "pre-existing shared memory block",
    'lock file "postmaster.pid" already exists',
    'lock" already exists',
)


class DataFolderUnusable(RufaaError):
    """The data folder cannot be made, read or written."""

    kind = Kind.UNAVAILABLE
    code = "data-folder-unusable"


@dataclass(frozen=True, slots=True)
class Settings:
    """``data`` is Rufaa's data folder; the cluster is ``data/postgres``, or where ``data/postgres.location`` says.

    ``fast_unsafe`` loses data when the machine crashes: for tests, and never made from a user's settings. ``extra`` are
    PostgreSQL settings that win over ours; ``durability.check_durability`` looks at the result. ``programs`` is a
    folder with bin/, lib/ and share/ of PostgreSQL 18; None: those of the wheel.
    """

    data: Path
    fast_unsafe: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)
    programs: Path | None = None


def _never() -> bool:
    return False


class EmbeddedPostgres:
    """One PostgreSQL server over one data folder.

    Call ``start`` from the main thread, or from one that lives as long as the process: on Linux the server is tied to
    that thread and ends with it. After a ``start`` that raised, nothing runs and nothing is locked.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._data = _absolute(settings.data)
        self._log = Log(self._data / "postgres.log")
        self._socket_folder = _pg_socket.choose_folder(self._data)
        self._locks: list[FolderLock] = []
        self._home: Home | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The postmaster's process number; None while none runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log_file(self) -> Path:
        return self._log.path

    def is_alive(self) -> bool:
        """Whether the postmaster that we started still runs. Cheap; does not connect."""
        return self.pid is not None

    def url(self, database: str = SUPERUSER) -> str:
        """``postgresql://rufaa@/rufaa?host=%2Frun%2Frufaa-pg-032e1c439757&port=5432``, percent-encoded.

        The host part is empty, and the socket's folder is the query parameter ``host``: libpq, psycopg and asyncpg take
        it as it is; Django wants the two parameters as HOST and PORT. The same before ``start``, and after each restart
        by this object.
        """
        return _pg_socket.url(self._socket_folder, database=database)

    def create_database(self, name: str) -> bool:
        """Make the database ``name``. False if it is there already."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return False
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):  # another was faster
                return False
            return True

    def start(self) -> None:
        """Make the cluster if it is new, start the server, wait until it answers. Nothing to do if it runs.

        Also starts it again after its postmaster died, under the same ``url``. Every failure is a ``RufaaError``:
        ``data-folder-in-use``, ``data-folder-unusable``, ``database-version``, ``disk-full``, ``database-not-started``,
        ``database-account``, ``database-folder-missing``, ``database-programs-missing``, ``database-socket``.
        """
        if self.is_alive():
            return
        try:
            self._start()
        except OSError as error:
            self.stop()
            raise DataFolderUnusable(f"The data folder {self._data} cannot be used: {error}.") from error
        except psycopg.Error as error:
            self.stop()
            raise DatabaseNotStarted(f"PostgreSQL started, then failed: {str(error).strip()}.") from error
        except BaseException:  # also a KeyboardInterrupt: nothing may be left behind
            self.stop()
            raise

    def stop(self, *, hurry: Callable[[], bool] = _never) -> None:
        """Stop the server and let the data folder go. Returns when no process of it is left. Harmless if none runs.

        Fast shutdown; after 30 s, or once ``hurry()`` is true, an immediate one (the next start then recovers); at last
        SIGKILL.
        """
        try:
            if self._process is not None:
                self._end(self._process, hurry=hurry)
                self._process = None
        finally:
            _pg_socket.remove_folder(self._socket_folder)
            while self._locks:
                self._locks.pop().release()

    def rotate_log(self) -> None:
        """Move a log of over 10 MiB to ``postgres.log.1``. The server may run."""
        self._log.rotate()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        if not self._data.is_dir():
            # As root another account must pass through to the cluster. Files with secrets have modes of their own.
            self._data.mkdir(parents=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        if not self._locks:
            self._lock(self._data)
        self._log.rotate()
        home, notice = _pg_home.settle(self._data, programs=self._settings.programs)
        if notice is not None:
            print(notice, file=sys.stderr)
        if home.cluster.parent != self._data and len(self._locks) == 1:
            self._lock(home.cluster.parent)  # a copy of the data folder points to the same cluster
        self._home = home
        _pg_cluster.refuse_full_disk(home.cluster.parent)
        stale = [lock.socket_folder_before for lock in self._locks if lock.socket_folder_before is not None]
        _pg_cluster.end_leftovers(home.cluster, our_sockets=[self._socket_folder, *stale])
        for folder in stale:
            if folder != self._socket_folder:
                _pg_socket.remove_folder(folder)
        if not _pg_cluster.exists(home.cluster):
            _pg_cluster.make(home, log=self._log, sync=not self._settings.fast_unsafe)
        _pg_socket.make_folder(self._socket_folder, account=home.account)
        self._run(home)
        self.create_database(SUPERUSER)

    def _lock(self, folder: Path) -> None:
        self._locks.append(FolderLock.take(folder, socket_folder=self._socket_folder))

    def _run(self, home: Home) -> None:
        """Start the server, again as long as only the remains of the last one refuse it, and wait for its answer."""
        deadline = time.monotonic() + _REFUSED_TIMEOUT_S
        while True:
            begin = self._log.size()
            process = self._process = self._spawn(home)
            if self._answers(home, process):
                return
            written = self._log.since(begin)
            if time.monotonic() >= deadline or not any(text in written for text in _REFUSED_BY_REMAINS):
                raise DatabaseNotStarted(
                    f"PostgreSQL ended (status {process.returncode}) when it was started. {self._log.quoted(begin)}"
                )
            time.sleep(_REFUSED_POLL_S)

    def _spawn(self, home: Home) -> subprocess.Popen[bytes]:
        listed = str(self._socket_folder).replace('"', '""')  # the setting is a list: a name with a comma wants quotes
        chosen = {
            **SERVER_SETTINGS,
            **for_machine(self._data),
            **(FAST_UNSAFE if self._settings.fast_unsafe else {}),
            **self._settings.extra,
            "unix_socket_directories": f'"{listed}"',
        }
        options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        with self._log.opened() as output:
            return tether.spawn(
                [home.program("postgres"), "-D", str(home.cluster), *options],
                dies_with=signal.SIGINT,
                env=_pg_home.environment(),
                account=home.account,
                folder=home.cluster,
                stdout=output,
                stderr=output,
            )

    def _answers(self, home: Home, process: subprocess.Popen[bytes]) -> bool:
        """True once the server that we started has answered a query; False if it ended."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        ready_at: float | None = None
        trouble = "it still recovers"
        while process.poll() is None:
            said = _pg_processes.read_postmaster(home.cluster)
            if said is not None and said.pid == process.pid and said.status == "ready":
                if ready_at is None:
                    ready_at = time.monotonic()
                    deadline = min(deadline, ready_at + _READY_TIMEOUT_S)
                try:
                    if self._pid_that_answers() == process.pid:
                        return True
                    trouble = "another server answers on its socket"
                except psycopg.Error as error:
                    trouble = str(error).strip()
            if time.monotonic() >= deadline:
                raise DatabaseNotStarted(f"PostgreSQL runs, but does not answer: {trouble}. {self._log.quoted()}")
            time.sleep(_POLL_S)
        return False

    def _pid_that_answers(self) -> int:
        """The number of the postmaster behind the socket, as its own pid file says."""
        with psycopg.connect(self.url("postgres"), connect_timeout=2) as connection:
            row = connection.execute("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int").fetchone()
        return int(row[0]) if row else 0

    def _end(self, process: subprocess.Popen[bytes], *, hurry: Callable[[], bool]) -> None:
        def ended() -> bool:
            return process.poll() is not None

        if not ended():
            process.send_signal(signal.SIGINT)
            tether.wait_until(lambda: ended() or hurry(), timeout_s=_pg_cluster.FAST_STOP_S)
        if not ended():
            process.send_signal(signal.SIGQUIT)
            tether.wait_until(ended, timeout_s=_pg_cluster.IMMEDIATE_STOP_S)
        if not ended():
            process.kill()
            process.wait()
        if self._home is not None:
            _pg_cluster.end_orphans(self._home.cluster)


def has_cluster(data: Path) -> bool:
    """Whether a server was ever started over ``data``. Looks at nothing but names."""
    return (data / _pg_home.CLUSTER).exists() or (data / _pg_home.POINTER).exists()


def running_url(data: Path, database: str = SUPERUSER) -> str | None:
    """The ``url`` of the server that another process runs over ``data``; None if there is none.

    For commands beside a running server. Does not connect: a server that starts or dies just now may refuse.
    """
    folder = last_socket_folder(_absolute(data))
    return _pg_socket.url(folder, database=database) if folder is not None and _pg_socket.has_socket(folder) else None


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps "..", and resolve follows links
