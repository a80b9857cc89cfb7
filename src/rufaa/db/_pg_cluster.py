"""The cluster's folder: made whole or not at all, refused when we cannot run it, and free of the last server's remains.

Never starts a server for work.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from rufaa.db import _pg_home, _pg_processes, tether
from rufaa.db._pg_home import Home
from rufaa.db._pg_lock import DataFolderInUse
from rufaa.db._pg_log import Log
from rufaa.db._pg_socket import SUPERUSER
from rufaa.errors import Kind, RufaaError

MIN_FREE_MIB: Final = 64
FAST_STOP_S: Final = 30
IMMEDIATE_STOP_S: Final = 5
_KILL_S: Final = 10
_INITDB_TIMEOUT_S: Final = 300


class WrongCluster(RufaaError):
    """What lies in the data folder is not a cluster that this PostgreSQL can run. Nothing was changed."""

    kind = Kind.CONFLICT
    code = "database-version"


class DiskFull(RufaaError):
    """Too little free space to start a database. ``data.free_mib`` says how much there is."""

    kind = Kind.UNAVAILABLE
    code = "disk-full"


class DatabaseNotStarted(RufaaError):
    """PostgreSQL did not start. The message ends with the last lines of its log."""

    kind = Kind.UNAVAILABLE
    code = "database-not-started"


def exists(cluster: Path) -> bool:
    """False if there is none yet. Raises ``WrongCluster`` on what we cannot run and must not replace."""
    try:
        version = (cluster / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        if cluster.exists() and any(cluster.iterdir()):
            raise WrongCluster(
                f"{cluster} is not empty, and has no PG_VERSION: it is no database. Move it away, or restore a backup."
            ) from None
        return False
    if version != str(_pg_home.MAJOR):
        raise WrongCluster(
            f"{cluster} was made by PostgreSQL {version}; this Rufaa runs {_pg_home.MAJOR}. Run the Rufaa that made "
            "it, take a dump there, and load it into a new data folder.",
            found=version,
            wanted=str(_pg_home.MAJOR),
        )
    return True


def refuse_full_disk(folder: Path) -> None:
    """Raise ``DiskFull`` under 64 MiB: a server that cannot write its log stops in the middle of its work."""
    free_mib = shutil.disk_usage(folder).free // (1024 * 1024)
    if free_mib < MIN_FREE_MIB:
        raise DiskFull(
            f"Only {free_mib} MiB are free where {folder} is; the database needs at least {MIN_FREE_MIB} to start. "
            "Make space and start again.",
            free_mib=free_mib,
        )


def make(home: Home, *, log: Log, sync: bool) -> None:
    """Make a cluster beside its place, then put it there: one that was half made is never taken for good."""
    new = _unfinished(home.cluster)
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    if home.account is not None:
        os.chown(new, home.account.uid, home.account.gid)
    command = [
        *(home.program("initdb"), "--pgdata", str(new), "--username", SUPERUSER, "--no-instructions"),
        # Builtin: the same order of text on every machine and upper() of all letters, with no ICU or system locale
        *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        # Who may pass the socket's folder (mode 0700) may connect; there is no other way in
        *("--auth-local", "trust", "--auth-host", "reject", "--data-checksums"),
        *(() if sync else ("--no-sync",)),
    ]
    begin = log.size()
    with log.opened() as output:
        child = tether.spawn(
            command,
            dies_with=signal.SIGKILL,
            env=_pg_home.environment(),
            account=home.account,
            folder=new.parent,
            stdout=output,
            stderr=output,
        )
    try:
        ended = tether.wait_until(lambda: child.poll() is not None, timeout_s=_INITDB_TIMEOUT_S)
    finally:
        tether.kill_group(child)
        child.wait()
    if not ended or child.returncode != 0:
        raise DatabaseNotStarted(f"The database could not be made (initdb). {log.quoted(begin)}")
    new.rename(home.cluster)
    _pg_home.sync_folder(home.cluster.parent)


def end_leftovers(cluster: Path, *, our_sockets: Iterable[Path]) -> None:
    """See that nobody works in the cluster: after a SIGKILL of us its server may still be stopping, or have orphans.

    The caller holds the lock. A postmaster whose socket is in none of ``our_sockets`` was started by somebody else: it
    is left alone, and ``DataFolderInUse`` raised.
    """
    ours = {str(folder) for folder in our_sockets}
    for folder in (cluster, _unfinished(cluster)):
        postmaster = _pg_processes.read_postmaster(folder)
        at_work = _pg_processes.at_work_in(folder)
        if postmaster is not None and postmaster.pid in at_work:
            if postmaster.socket_folder and postmaster.socket_folder not in ours:
                raise DataFolderInUse(
                    f"A PostgreSQL that Rufaa did not start works in {folder}: process {postmaster.pid}. "
                    "Stop it first.",
                    pid=postmaster.pid,
                )
            _signal([postmaster.pid], signal.SIGINT)
            if not _nobody_in(folder, timeout_s=FAST_STOP_S):
                _signal([postmaster.pid], signal.SIGQUIT)
        end_orphans(folder)
        if (
            postmaster is not None
            and postmaster.pid not in at_work
            and _pg_processes.can_look()
            and _pg_processes.is_alive(postmaster.pid)
        ):
            # The number went to a stranger, as it does in containers: PostgreSQL would refuse to start for ever
            (folder / "postmaster.pid").unlink(missing_ok=True)


def end_orphans(cluster: Path) -> None:
    """Wait for processes whose postmaster is gone; they end by themselves, unless they are busy: then SIGKILL."""
    if not _nobody_in(cluster, timeout_s=IMMEDIATE_STOP_S):
        _signal(_pg_processes.at_work_in(cluster), signal.SIGKILL)
        if not _nobody_in(cluster, timeout_s=_KILL_S):
            left = sorted(_pg_processes.at_work_in(cluster))
            raise DatabaseNotStarted(f"Processes of the last server do not leave {cluster}: {left}.", pids=left)


def _unfinished(cluster: Path) -> Path:
    return cluster.with_name(f"{cluster.name}.new")


def _nobody_in(cluster: Path, *, timeout_s: float) -> bool:
    return tether.wait_until(lambda: not _pg_processes.at_work_in(cluster), timeout_s=timeout_s)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
