"""A PostgreSQL of our own that touches no other: for a while, in a folder that is gone afterwards, or to become one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from rufaa.db import _pg_cluster, _pg_home
from rufaa.db._pg_lock import FolderLock, last_socket_folder
from rufaa.db.embedded import EmbeddedPostgres, Settings, has_cluster
from rufaa.db.restoring import DatabaseNotEmpty

_ASIDE: Final = "restoring"


@contextmanager
def scratch_server() -> Iterator[EmbeddedPostgres]:
    """A running server over a new folder in the system's place for such things (TMPDIR), removed with all its data.

    It syncs nothing to the disk, since nobody wants it back after a crash.
    """
    data = Path(tempfile.mkdtemp(prefix="rufaa-scratch-"))
    try:
        data.chmod(0o711)  # as root another account passes through it to the cluster, whose own mode is 0700
        with EmbeddedPostgres(Settings(data=data, fast_unsafe=True)) as postgres:
            yield postgres
    finally:
        remove_data(data)


def remove_data(data: Path) -> None:
    """Remove a data folder that we made, and its cluster where that was put elsewhere. No server may run over it."""
    with suppress(FileNotFoundError):
        elsewhere = Path((data / _pg_home.POINTER).read_text(encoding="utf-8").rstrip("\n"))
        if elsewhere.parent == _pg_home.FALLBACK_ROOT:
            shutil.rmtree(elsewhere)
    shutil.rmtree(data, ignore_errors=True)


@contextmanager
def new_cluster(data: Path) -> Iterator[EmbeddedPostgres]:
    """A running server whose cluster becomes that of ``data`` when the block ends well; else it leaves no trace.

    Until then it lies aside, so that nothing starts over a cluster that is half filled, and ``data`` is locked. Raises
    ``DatabaseNotEmpty`` where ``data`` has a cluster.
    """
    data = Path(os.path.abspath(data))  # noqa: PTH100 - as the embedded server does
    data.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    aside = data / _ASIDE
    lock = FolderLock.take(data, socket_folder=aside)
    try:
        if has_cluster(data):
            raise DatabaseNotEmpty(
                f"{data} has a database already. A restore replaces nothing: give another data folder (RUFAA_DATA), or"
                " move this one away."
            )
        _remove_abandoned(aside)
        with EmbeddedPostgres(Settings(data=aside)) as postgres:
            yield postgres
        for name in (_pg_home.CLUSTER, _pg_home.POINTER):
            if (aside / name).exists():
                _pg_home.sync_folder(aside)
                (aside / name).rename(data / name)
        _pg_home.sync_folder(data)
        shutil.rmtree(aside, ignore_errors=True)
    except BaseException:
        remove_data(aside)
        raise
    finally:
        lock.release()


def _remove_abandoned(aside: Path) -> None:
    """What a restore left that was killed; its server may still be stopping."""
    if aside.exists():
        pointer = aside / _pg_home.POINTER
        folder = Path(pointer.read_text(encoding="utf-8").rstrip("\n")) if pointer.exists() else aside
        sockets = [socket for socket in [last_socket_folder(aside)] if socket is not None]
        _pg_cluster.end_leftovers(folder / _pg_home.CLUSTER, our_sockets=sockets)
        remove_data(aside)
