"""``rufaa restore``: a server out of a backup, made safe before anything runs on it; or the proof that it could be."""

from __future__ import annotations

import os
import secrets
import sys
import uuid
from pathlib import Path
from typing import Annotated, Final

import psycopg
import typer

from rufaa import ids, secret
from rufaa.cli.backup import described, key_at_hand
from rufaa.cli.database import check, use
from rufaa.cli.ending import cleaning_up
from rufaa.config import Config, config
from rufaa.db import backup, catalog, restoring
from rufaa.db.manifest import DamagedBackup, Manifest
from rufaa.db.scratch import new_cluster
from rufaa.errors import Kind, RufaaError

_MADE_SAFE: Final = frozenset({"prompt", "refund", "notice", "history", "law", "mpesa_access", "restoration"})
"""Tables that the restore itself changes; all others must be as the manifest says."""


class WrongKey(RufaaError):
    """The secret key that the backup needs is not here. Nothing was restored."""

    kind = Kind.CONFLICT
    code = "wrong-key"


def command(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    prove: Annotated[
        bool, typer.Option("--prove", help="Restore it into a server that is thrown away, and check everything.")
    ] = False,
) -> None:
    """Restore a backup into an empty data folder (or an empty database of DATABASE_URL). Replaces nothing, ever."""
    given = config()
    with cleaning_up():
        if prove:
            from rufaa.cli.prove import prove as show  # noqa: PLC0415 - it needs Django set up in the middle

            raise SystemExit(show(file, given))
        manifest = backup.verify(file)
        need_key(given, manifest)
        restore(file, manifest, given)


def without_making_a_key(given: Config) -> None:
    """Django wants a secret: where there is no key, one for this process alone, that opens nothing."""
    if key_at_hand(given) is None:
        os.environ["RUFAA_SECRET_KEYS"] = secrets.token_hex(32)


def need_key(given: Config, manifest: Manifest) -> None:
    """Raise ``WrongKey`` unless the key that sealed what is in the backup is at hand."""
    why = key_trouble(key_at_hand(given), manifest)
    if why is not None:
        raise WrongKey(
            f"{why} Put the secret.key of the server that was backed up into {given.data}, or set RUFAA_SECRET_KEYS,"
            " and repeat. Without it the M-Pesa keys cannot be read, and late callbacks are not known."
        )


def key_trouble(keys: tuple[str, ...] | None, manifest: Manifest) -> str | None:
    """What is wrong with the keys at hand; None if the one that seals is among them."""
    if keys is None:
        return "No secret key is here."
    here = {secret.fingerprint(key) for key in keys}
    if manifest.key_fingerprints and manifest.key_fingerprints[0] not in here:
        return "The secret key that this backup needs is not the one here."
    return None


def restore(path: Path, manifest: Manifest, given: Config) -> None:
    """Into the database of the settings. Raises before anything was written, or leaves nothing; see ``restoring``."""
    if given.database_url is not None:
        check(given.database_url)
        _fill(given.database_url, path, manifest)
        where = "the database of DATABASE_URL"
    else:
        with new_cluster(given.data) as postgres:
            _fill(postgres.url(), path, manifest)
        where = str(given.data)
    print(f"Restored into {where}: {described(manifest)}.")
    print("What came after that is not here. Start the server, then: rufaa restored")


def _fill(url: str, path: Path, manifest: Manifest) -> None:
    use(url)
    from rufaa.cli.migrate import bring_up_to_date, close_connections  # noqa: PLC0415 - needs Django set up
    from rufaa.db.atomic import unit  # noqa: PLC0415
    from rufaa.payments import restored  # noqa: PLC0415

    need_known(manifest)
    restoration: uuid.UUID = ids.new_id()
    safe = restored.make_safe(restoration=restoration, backup_at=manifest.made_at)
    restoring.load(url, path, manifest, then=safe)
    try:
        wrong = [line for name, line in differences(url, manifest).items() if name not in _MADE_SAFE]
        if wrong:
            raise DamagedBackup(f"What was restored is not what was backed up: {'; '.join(wrong)}. Do not use it.")
        bring_up_to_date()
        unit(lambda tx: restored.note(tx, restoration=restoration, backup_at=manifest.made_at))
        _tell()
    finally:
        close_connections()


def _tell() -> None:
    """Which rules do not hold: nothing that a restore could mend, and nobody should find out later."""
    from rufaa.cli import proof  # noqa: PLC0415 - needs Django set up
    from rufaa.db.atomic import unit  # noqa: PLC0415

    for name, shown in unit(proof.broken).items():
        print(f"rufaa: in this backup it is not so that {proof.INVARIANTS[name]}: {'; '.join(shown)}", file=sys.stderr)


def need_known(manifest: Manifest) -> None:
    """Raise ``NewerBackup`` where a newer Rufaa made tables that this one does not know."""
    from rufaa.cli.migrate import known_migrations  # noqa: PLC0415 - needs Django set up
    from rufaa.db.manifest import NewerBackup  # noqa: PLC0415

    unknown = sorted(set(manifest.migrations) - known_migrations())
    if unknown:
        raise NewerBackup(
            f"This backup was made by a newer Rufaa ({manifest.rufaa}): this version does not know"
            f" {', '.join(unknown[:3])}. Use that version, or a newer one."
        )


def differences(url: str, manifest: Manifest) -> dict[str, str]:
    """By table, what is not as the manifest says."""
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL statement_timeout = 0")
        found = catalog.tables(connection)
    wrong: dict[str, str] = {}
    for name in sorted(manifest.tables.keys() | found.keys()):
        wanted, got = manifest.tables.get(name), found.get(name)
        if wanted == got:
            continue
        short = name.removeprefix("public.")
        if wanted is None or got is None:
            wrong[short] = f"{short} {'is there too much' if wanted is None else 'is missing'}"
        elif wanted.rows != got.rows:
            wrong[short] = f"{short} has {got.rows} rows, not {wanted.rows}"
        else:
            wrong[short] = f"{short} has the same number of rows, and not the same rows"
    return wrong
