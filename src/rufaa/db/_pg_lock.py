"""One Rufaa to a data folder: a lock that the kernel lets go when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from rufaa.db import tether
from rufaa.errors import Kind, RufaaError

_FILE: Final = "postgres.lock"
_PATIENCE_S: Final = 1.0  # a killed process holds its lock until the last of its threads is gone


class DataFolderInUse(RufaaError):
    """Another process uses the data folder. ``data.pid`` is its number, if it is known."""

    kind = Kind.CONFLICT
    code = "data-folder-in-use"


@dataclass(frozen=True, slots=True)
class FolderLock:
    """Held until ``release``, or until this process ends. Children do not inherit it.

    ``socket_folder_before`` is what the last holder said that its server listens in; None after a first start.
    """

    descriptor: int
    socket_folder_before: Path | None

    @classmethod
    def take(cls, folder: Path, *, socket_folder: Path) -> Self:
        """Lock ``folder`` and say who holds it. Raises ``DataFolderInUse``, also for a second taker in one process."""
        descriptor = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            free = tether.wait_until(lambda: _locked(descriptor), timeout_s=_PATIENCE_S)
            said = _said(os.pread(descriptor, 4096, 0))
        except BaseException:
            os.close(descriptor)
            raise
        if not free:
            os.close(descriptor)
            pid = said.get("pid")
            who = f"the process {pid}" if pid else "another process"
            raise DataFolderInUse(
                f"The data folder {folder} is in use by {who}. Stop it first, or give another data folder.", pid=pid
            )
        before = said.get("socket")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "socket": str(socket_folder)}).encode(), 0)
        return cls(descriptor, Path(before) if isinstance(before, str) else None)

    def release(self) -> None:
        os.close(self.descriptor)


def last_socket_folder(folder: Path) -> Path | None:
    """Where the server of ``folder`` listens, or listened last. None if none ever did."""
    try:
        said = _said((folder / _FILE).read_bytes()).get("socket")
    except FileNotFoundError:
        return None
    return Path(said) if isinstance(said, str) else None


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _said(content: bytes) -> dict[str, object]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
