"""The data folder and the disk under it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from rufaa.cli.diagnosis.finding import Finding, ok, problem, warning
from rufaa.db._pg_home import POINTER

_GB: Final = 1_000_000_000
_VOLATILE: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"})


def folder(data: Path, *, mounts: Path = Path("/proc/self/mountinfo")) -> list[Finding]:
    """The data folder, or the folder that it will be made in."""
    here = _existing(data)
    found = [_writable(data, here)]
    for place in {here, _existing(_cluster(data))}:
        found += [space(place), inodes(place), file_system(place, mounts=mounts)]
    return list(dict.fromkeys(found))


def _writable(data: Path, here: Path) -> Finding:
    if not here.is_dir():
        return problem("data-folder", f"{here} is no folder.", "Set RUFAA_DATA to a folder.")
    if not os.access(here, os.W_OK | os.X_OK):
        return problem(
            "data-folder",
            f"{here} cannot be written by this account.",
            "Run it as the server's own account, or chown it.",
        )
    if here != data:
        return ok("data-folder", f"{data} is not there yet; the first start makes it.")
    return ok("data-folder", f"{data} can be written.")


def space(place: Path) -> Finding:
    seen = os.statvfs(place)
    free, all_ = seen.f_bavail * seen.f_frsize, seen.f_blocks * seen.f_frsize
    return _space(place, free=free, all_=all_)


def _space(place: Path, *, free: int, all_: int) -> Finding:
    told = f"{free / _GB:.1f} GB of {all_ / _GB:.0f} GB are free under {place}."
    do = "Make room, or move RUFAA_DATA: a full disk stops every payment."
    if free < _GB:
        return problem("disk-space", told, do)
    if free < 5 * _GB or free * 10 < all_:
        return warning("disk-space", told, do)
    return ok("disk-space", told)


def inodes(place: Path) -> Finding:
    seen = os.statvfs(place)
    return _inodes(place, free=seen.f_favail, all_=seen.f_files)


def _inodes(place: Path, *, free: int, all_: int) -> Finding:
    if not all_:
        return ok("inodes", f"The file system under {place} counts none.")
    told = f"{free * 100 // all_} % of the inodes under {place} are free."
    do = "Delete small files there, or move RUFAA_DATA."
    if free * 100 < all_:
        return problem("inodes", told, do)
    if free * 10 < all_:
        return warning("inodes", told, do)
    return ok("inodes", told)


def file_system(place: Path, *, mounts: Path) -> Finding:
    kind = _kind(place.resolve(), mounts)
    if kind in _VOLATILE:
        return problem(
            "file-system", f"{place} lies in memory ({kind}): a restart of the machine loses everything.", _MOVE
        )
    if kind in _NETWORK:
        return problem(
            "file-system", f"{place} lies on a network file system ({kind}), where PostgreSQL may lose data.", _MOVE
        )
    if kind == "overlay":
        return warning(
            "file-system",
            f"{place} lies in a container's own layer ({kind}), which goes when the container goes.",
            "Mount a volume there.",
        )
    return ok("file-system", f"{place} lies on {kind or 'a file system of an unknown kind'}.")


_MOVE: Final = "Set RUFAA_DATA to a folder on a disk of this machine."


def _kind(place: Path, mounts: Path) -> str:
    """The type of the file system that ``place`` lies on; empty where the system does not tell."""
    best, kind = -1, ""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) < 5 or not right:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4]))
        if place.is_relative_to(point) and len(point.parts) >= best:  # a later mount lies over an earlier one
            best, kind = len(point.parts), right.split()[0]
    return kind


def _cluster(data: Path) -> Path:
    """Where the embedded cluster lies: in the data folder, or where its pointer says."""
    try:
        return Path((data / POINTER).read_text(encoding="utf-8", errors="surrogateescape").strip())
    except OSError:
        return data


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
