"""``rufaa backup``: the whole database in one file, while the server runs; and looking whether such a file is good."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from rufaa import __version__, clock, secret
from rufaa.cli import proof
from rufaa.cli.database import any_database
from rufaa.cli.ending import cleaning_up
from rufaa.config import SECRET_FILE, Config
from rufaa.db import backup
from rufaa.db.manifest import Manifest
from rufaa.errors import InvalidArgument, Kind, RufaaError

FOLDER: Final = "backups"
_NAME: Final = "rufaa-{:%Y%m%d-%H%M%SZ}.backup"
_PATTERN: Final = "rufaa-????????-??????Z.backup"


def command(
    file: Annotated[
        Path | None,
        typer.Argument(help="Where to write it. Default: rufaa-YYYYMMDD-HHMMSSZ.backup in RUFAA_DATA/backups."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option(help="Afterwards keep this many backups of that folder, the newest, by their names.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Write nothing: read FILE and say whether it is whole.")
    ] = False,
) -> None:
    """Write the database into one file, as it stands at one instant. The server may run. No secret key is in it."""
    if verify:
        if file is None or keep is not None:
            raise InvalidArgument("--verify takes a FILE, and nothing else.", argument="file")
        print(f"{file} is whole: {described(backup.verify(file))}.")
        return
    if keep is not None and keep < 1:
        raise InvalidArgument("--keep takes a number from 1.", argument="keep")
    with cleaning_up(), any_database() as (config, url):
        target = make(config, url, file=file)
    print(target)
    if keep is not None:
        for old in older(target, keep=keep):
            old.unlink()


def make(config: Config, url: str, *, file: Path | None = None, label: str = "") -> Path:
    """A verified backup of the database at ``url``; where it is."""
    keys = key_at_hand(config) or ()
    if not keys:
        print("rufaa: no secret key is here: the backup does not say which one belongs to it.", file=sys.stderr)
    at = clock.now()
    name = f"{label}{_NAME.format(at)}"
    target = (file or config.data / FOLDER / name).absolute()
    if file is not None and file.is_dir():
        target = target / name
    backup.make(
        url,
        target,
        rufaa=__version__,
        figures=proof.FIGURES,
        key_fingerprints=[secret.fingerprint(key) for key in keys],
        at=at,
    )
    return target


def key_at_hand(given: Config) -> tuple[str, ...] | None:
    """The secret keys, if there are any: asking the settings for them would make one."""
    return given.secret_keys if given.given_secret_keys or (given.data / SECRET_FILE).exists() else None


def older(new: Path, *, keep: int) -> list[Path]:
    """What ``--keep`` removes: backups with names of ours, older than the newest ``keep``; never ``new``."""
    others = sorted(
        (path for path in new.parent.glob(_PATTERN) if path != new), key=lambda path: path.name, reverse=True
    )
    return others[keep - 1 :]


def described(manifest: Manifest) -> str:
    return (
        f"{manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, Rufaa {manifest.rufaa}, PostgreSQL {manifest.postgres},"
        f" {manifest.rows:,} rows in {len(manifest.tables)} tables"
    )


class BackupFailed(RufaaError):
    """The backup that comes before a migration could not be made. Nothing was migrated."""

    kind = Kind.UNAVAILABLE
    code = "backup-failed"


def before_migration(config: Config, url: str) -> Path:
    """A backup that ``--keep`` never removes. Raises ``BackupFailed``, with the way out."""
    try:
        return make(config, url, label="before-migration-")
    except RufaaError as error:
        raise BackupFailed(
            f"The database was not migrated, since the backup before it failed: {error.message} See to that and start"
            " again; or, where this database is backed up otherwise, run: rufaa migrate --no-backup"
        ) from error
