"""A backup: one file with a whole database as it stood at one instant, and a manifest to compare a restore with.

The file is a tar of three members, so that it can be read without Rufaa: ``database.dump`` (pg_dump's custom format),
``manifest.json``, and ``SHA256SUMS`` of both. It never holds a secret key. Knows no noun, and never writes a database.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import psycopg

from rufaa import clock
from rufaa.db import _pg_home, catalog, programs
from rufaa.db.manifest import DamagedBackup, Manifest
from rufaa.errors import InvalidArgument, Kind, RufaaError

DUMP: Final = "database.dump"
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
_CHUNK: Final = 1 << 20
_BLOCK: Final = tarfile.BLOCKSIZE
_KEEP_FREE_BYTES: Final = 64 << 20
_LOCK_WAIT_MS: Final = 30_000
_MANIFEST_LIMIT: Final = 16 << 20
_STILL_WRITTEN: Final = ".partial"


class BackupNotWritten(RufaaError):
    """The disk has no room for a backup, or does not take it."""

    kind = Kind.UNAVAILABLE
    code = "backup-not-written"


class BackupExists(RufaaError):
    """There is a file of this name already, and backups overwrite nothing."""

    kind = Kind.CONFLICT
    code = "backup-exists"


class NothingToBackUp(RufaaError):
    """The database has no tables."""

    kind = Kind.CONFLICT
    code = "nothing-to-back-up"


def make(
    url: str, target: Path, *, rufaa: str, figures: str, key_fingerprints: Sequence[str], at: datetime | None = None
) -> Manifest:
    """Write a backup of the database at ``url`` to ``target``; the server goes on working.

    ``figures`` is a query of (name, number) rows to note beside the rows of every table. When this returns the file is
    on the disk under its name, mode 0600, and was read again and found good; when it raises there is no such file.
    Raises ``BackupExists``, ``BackupNotWritten``, ``NothingToBackUp``, ``ProgramTooOld``, ``ProgramFailed``.
    """
    folder = target.parent
    partial = target.with_name(f".{target.name}{_STILL_WRITTEN}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists():
            raise BackupExists(f"{target} is there already, and a backup overwrites nothing. Give another name.")
        _remove_abandoned(folder)
        with _new_file(partial) as file:
            manifest = _write(
                url, file, folder=folder, rufaa=rufaa, figures=figures, keys=key_fingerprints, at=at or clock.now()
            )
            file.flush()
            os.fsync(file.fileno())
            verify(partial)
            _name(partial, target)
    except OSError as error:
        raise BackupNotWritten(f"The backup could not be written to {folder}: {error.strerror}.") from error
    _pg_home.sync_folder(folder)
    return manifest


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Readable by us alone, and locked while we live: one whose writer was killed can be told from one at work.

    Its name is gone when the block ends.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupExists(f"Another process writes {path} just now. Wait for it, or give another name.") from None
    try:
        with os.fdopen(descriptor, "w+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
    finally:
        path.unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(f".*{_STILL_WRITTEN}"):
        with suppress(OSError), path.open("rb") as file:  # locked: somebody writes it just now
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _name(partial: Path, target: Path) -> None:
    try:
        target.hardlink_to(partial)  # unlike a rename this takes no other file's place
    except FileExistsError:
        raise BackupExists(f"{target} was made by somebody else meanwhile. Give another name.") from None
    except OSError:  # a file system without links
        partial.rename(target)


def _write(
    url: str, file: IO[bytes], *, folder: Path, rufaa: str, figures: str, keys: Sequence[str], at: datetime
) -> Manifest:
    with psycopg.connect(url, connect_timeout=10) as connection:
        # One snapshot for the dump and for what is counted: every number must be the same after a restore.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(
            "SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', %s, true),"
            " set_config('idle_in_transaction_session_timeout', '0', true)",
            [str(_LOCK_WAIT_MS)],
        )
        row = connection.execute(
            "SELECT pg_export_snapshot(), current_setting('server_version_num')::int / 10000,"
            " pg_database_size(current_database()), to_regclass('public.django_migrations') IS NOT NULL"
        ).fetchone()
        assert row is not None
        snapshot, postgres, database_bytes, any_tables = row
        if not any_tables:
            raise NothingToBackUp("This database has no tables of Rufaa: there is nothing to back up.")
        _refuse_full_disk(folder, database_bytes)
        dump_bytes, dump_sha256, pg_dump = _dump(url, file, snapshot=snapshot, postgres=postgres)
        manifest = Manifest(
            rufaa=rufaa,
            made_at=at,
            postgres=postgres,
            pg_dump=pg_dump,
            database_bytes=database_bytes,
            migrations=tuple(_migrations(connection)),
            tables=catalog.tables(connection),
            figures={name: int(number) for name, number in connection.execute(figures.encode()).fetchall()},
            key_fingerprints=tuple(keys),
            dump_bytes=dump_bytes,
            dump_sha256=dump_sha256,
        )
    described = manifest.to_json()
    sums = f"{dump_sha256}  {DUMP}\n{hashlib.sha256(described).hexdigest()}  {MANIFEST}\n".encode()
    _add(file, MANIFEST, described, at=at)
    _add(file, SUMS, sums, at=at)
    file.write(bytes(2 * _BLOCK))  # the end of a tar
    file.seek(0)
    file.write(_head(DUMP, dump_bytes, at=at))
    return manifest


def _migrations(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute("SELECT app || '.' || name FROM public.django_migrations ORDER BY 1").fetchall()
    return [name for (name,) in rows]


def _refuse_full_disk(folder: Path, database_bytes: int) -> None:
    """A dump is compressed to a tenth of its tables, or so; half of them leaves room for surprises."""
    needed = database_bytes // 2 + _KEEP_FREE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BackupNotWritten(
            f"Only {free >> 20} MiB are free in {folder}; a backup of this database may need {needed >> 20}. Make"
            " space, or give a file elsewhere.",
            free_mib=free >> 20,
        )


def _dump(url: str, file: IO[bytes], *, snapshot: str, postgres: int) -> tuple[int, str, int]:
    """pg_dump's output behind a place that is left for its head: (bytes, SHA-256, major version of pg_dump)."""
    dbname, env = programs.address(url)
    program = programs.client("pg_dump", at_least=postgres)
    command = [
        *(program, f"--dbname={dbname}", "--format=custom", f"--snapshot={snapshot}", "--no-password"),
        *("--no-owner", "--no-privileges", f"--lock-wait-timeout={_LOCK_WAIT_MS}"),
    ]
    digest, size = hashlib.sha256(), 0
    file.seek(_BLOCK)
    with (
        tempfile.TemporaryFile() as words,
        programs.running(command, env=env, words=words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        while chunk := process.stdout.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        programs.need_success(process, words=words, what="The database could not be dumped")
    file.write(bytes(-size % _BLOCK))
    return size, digest.hexdigest(), programs.major(program)


def _head(name: str, size: int, *, at: datetime) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, int(at.timestamp())
    return info.tobuf(format=tarfile.GNU_FORMAT)  # one block, also for a size over 8 GiB


def _add(file: IO[bytes], name: str, content: bytes, *, at: datetime) -> None:
    file.write(_head(name, len(content), at=at) + content + bytes(-len(content) % _BLOCK))


# --- reading ---------------------------------------------------------------------------------------------------------


def verify(path: Path) -> Manifest:
    """Read the whole file: it is complete, nothing in it changed, and pg_restore can read its contents.

    Raises ``DamagedBackup``, ``NewerBackup``; ``InvalidArgument`` where there is no such file.
    """
    manifest = read_manifest(path)
    digest = hashlib.sha256()
    for chunk in dump_of(path, manifest):
        digest.update(chunk)
    if digest.hexdigest() != manifest.dump_sha256:
        raise DamagedBackup(f"{path} is damaged: its dump is not the one that was written. Use another backup.")
    _list_contents(path, manifest)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """The manifest, checked by its own sum. Does not read the dump."""
    members = _members(path)
    described, sums = members[MANIFEST], members[SUMS].decode("ascii", "replace")
    if f"{hashlib.sha256(described).hexdigest()}  {MANIFEST}\n" not in sums:
        raise DamagedBackup(f"{path} is damaged: its manifest is not the one that was written. Use another backup.")
    manifest = Manifest.from_json(described, path=path)
    if f"{manifest.dump_sha256}  {DUMP}\n" not in sums:
        raise DamagedBackup(f"{path} is damaged: its sums do not agree with its manifest. Use another backup.")
    return manifest


def _members(path: Path) -> Mapping[str, bytes]:
    """The small members. A file that lacks one was cut off, since they come last."""
    found: dict[str, bytes] = {}
    try:
        with _opened(path) as raw, tarfile.open(fileobj=raw, mode="r:") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if member.name in {MANIFEST, SUMS} and content is not None and member.size <= _MANIFEST_LIMIT:
                    found[member.name] = content.read()
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DamagedBackup(f"{path} is no backup of Rufaa, or is damaged or cut off: {error}.") from None
    if not {MANIFEST, SUMS} <= found.keys():
        raise DamagedBackup(f"{path} is cut off: its manifest is missing. It was not copied whole; use another backup.")
    return found


def dump_of(path: Path, manifest: Manifest) -> Iterator[bytes]:
    """The bytes of the dump, and nothing behind them."""
    left = manifest.dump_bytes
    with _opened(path) as file:
        file.seek(_BLOCK)
        while left:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                raise DamagedBackup(f"{path} is cut off: {left} bytes of its dump are missing. Use another backup.")
            left -= len(chunk)
            yield chunk


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be read: {error.strerror}.", argument="file") from None


def _list_contents(path: Path, manifest: Manifest) -> None:
    """pg_restore names what is in the dump, from the table of contents at its beginning."""
    program = programs.client("pg_restore", at_least=manifest.pg_dump)
    command = [program, "--list"]
    with (
        tempfile.TemporaryFile() as words,
        tempfile.TemporaryFile() as listed,
        programs.running(
            command, env=_pg_home.environment(), words=words, stdin=subprocess.PIPE, stdout=listed.fileno()
        ) as process,
    ):
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has seen enough
            for chunk in dump_of(path, manifest):
                process.stdin.write(chunk)
                if process.poll() is not None:
                    break
            process.stdin.close()
        programs.need_success(process, words=words, what=f"{path} is damaged: pg_restore cannot read it")
        listed.seek(0)
        text = listed.read().decode(errors="replace")
    wanted = [name for name in manifest.tables if f"TABLE DATA {name.replace('.', ' ')} " not in text.replace('"', "")]
    if wanted:
        raise DamagedBackup(f"{path} is damaged: it does not hold the rows of {', '.join(wanted[:5])}.")
