"""The private folder with the embedded server's socket, and the URL that leads to it. There is no other way in."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from rufaa.db._pg_settings import PORT
from rufaa.db.tether import Account
from rufaa.errors import Kind, RufaaError

SUPERUSER: Final = "rufaa"
_PREFIX: Final = "rufaa-pg-"
_PATH_LIMIT_BYTES: Final = 103  # the address of a Unix socket: 107 on Linux, 103 on macOS and the BSDs
_SOCKET: Final = f".s.PGSQL.{PORT}"


class SocketFolderTaken(RufaaError):
    """The folder for the socket belongs to somebody else."""

    kind = Kind.UNAVAILABLE
    code = "database-socket"


def choose_folder(data: Path) -> Path:
    """A name that nobody can guess and hold before us, short enough whatever the length of ``data``. Makes nothing.

    Not in XDG_RUNTIME_DIR: that is removed when a user logs out, under a server that goes on.
    """
    name = _PREFIX + secrets.token_hex(6)
    bases = [*([Path("/run")] if os.geteuid() == 0 else []), Path(tempfile.gettempdir()), Path("/tmp"), data]  # noqa: S108 - the name is random and its mode 0700
    for base in bases:
        fits = len(os.fsencode(base / name / _SOCKET)) <= _PATH_LIMIT_BYTES
        if fits and os.access(base, os.W_OK | os.X_OK):
            return base / name
    return data / name  # not made yet; or too long, as PostgreSQL will say


def make_folder(folder: Path, *, account: Account | None) -> None:
    """Make it, for ``account`` and for us (mode 0700). Takes one that is there only if it is ours already."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid not in _owners(account):
            raise SocketFolderTaken(f"{folder} is there, and is not ours. Remove it and start again.") from None
    if account is not None:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def remove_folder(folder: Path) -> None:
    """Remove it with the socket that a server left there. Removes nothing else, whatever name it is given."""
    if folder.name.startswith(_PREFIX) and folder.is_dir() and not folder.is_symlink():
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            with suppress(OSError):
                (folder / name).unlink()
        with suppress(OSError):
            folder.rmdir()


def has_socket(folder: Path) -> bool:
    return (folder / _SOCKET).exists()


def url(folder: Path, *, database: str) -> str:
    return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={quote(str(folder), safe='')}&port={PORT}"


def _owners(account: Account | None) -> set[int]:
    return {os.geteuid()} if account is None else {os.geteuid(), account.uid}
