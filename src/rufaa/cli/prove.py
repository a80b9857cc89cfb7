"""What ``rufaa restore --prove`` shows: a backup restored into a server of its own, and everything in it compared."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from rufaa import __version__
from rufaa.cli import proof
from rufaa.cli.backup import described, key_at_hand
from rufaa.cli.database import use
from rufaa.cli.restore import differences, key_trouble, need_known, without_making_a_key
from rufaa.config import Config
from rufaa.db import backup, catalog, restoring
from rufaa.db._pg_socket import SUPERUSER
from rufaa.db.embedded import EmbeddedPostgres
from rufaa.db.manifest import Manifest
from rufaa.db.scratch import scratch_server
from rufaa.errors import Kind, RufaaError

_SHOWN = 5


class NoRoomToProve(RufaaError):
    """Too little disk is free to restore the backup for a while."""

    kind = Kind.UNAVAILABLE
    code = "no-room-to-prove"


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was looked at. ``says`` is what should be so, ``found`` what was compared, or what breaks it."""

    holds: bool
    says: str
    found: str

    def __str__(self) -> str:
        return f"{'✓' if self.holds else '✗'} {self.says}: {self.found}"


def prove(path: Path, given: Config) -> int:
    """Print each proof as it is found. 0 if all hold, else 1. Touches no server but the one that it makes."""
    failed = made = 0
    try:
        for shown in proofs(path, given):
            print(shown, flush=True)
            made += 1
            failed += not shown.holds
    except RufaaError as error:  # what cannot even be looked at
        print(Proof(False, "it can be restored", error.message), flush=True)
        failed += 1
    print(f"{path}: {'NOT proved' if failed else 'proved'}, {made} looked at, {failed} failed.")
    return 1 if failed else 0


def proofs(path: Path, given: Config) -> Iterator[Proof]:
    """Each in its turn; raises where nothing more can be looked at."""
    manifest = backup.verify(path)
    yield Proof(True, "the file is whole", f"{described(manifest)}; SHA-256 {manifest.dump_sha256[:16]}…")
    keys = key_at_hand(given)
    trouble = key_trouble(keys, manifest)
    fits = "its fingerprint is the manifest's" if manifest.key_fingerprints else "the manifest names none"
    yield Proof(trouble is None, "the secret key that it needs is here", trouble or fits)
    _need_room(manifest)
    without_making_a_key(given)
    with scratch_server() as postgres:
        use(postgres.url())
        need_known(manifest)
        yield Proof(True, "this version knows every migration in it", f"{len(manifest.migrations)} migrations")
        from rufaa.cli.migrate import close_connections  # noqa: PLC0415 - needs Django set up

        try:
            yield from _restored(path, manifest, postgres, keys=keys)
        finally:
            close_connections()


def _need_room(manifest: Manifest) -> None:
    folder = tempfile.gettempdir()
    free, needed = shutil.disk_usage(folder).free, manifest.database_bytes * 2 + (256 << 20)
    if free < needed:
        raise NoRoomToProve(
            f"Only {free >> 20} MiB are free in {folder}, and the restored database may need {needed >> 20}. Make"
            " space, or set TMPDIR to another folder.",
            free_mib=free >> 20,
        )


def _restored(
    path: Path, manifest: Manifest, postgres: EmbeddedPostgres, *, keys: tuple[str, ...] | None
) -> Iterator[Proof]:
    from rufaa.cli.migrate import bring_up_to_date, close_connections, migrate_to  # noqa: PLC0415 - needs Django
    from rufaa.db.atomic import unit  # noqa: PLC0415

    url = postgres.url()
    # First a database as this version's migrations make it, of the backup's level; then the backup in its place.
    migrate_to(manifest.migrations)
    close_connections()
    with psycopg.connect(url) as connection:
        as_made = catalog.objects(connection)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {SUPERUSER}")
    postgres.create_database(SUPERUSER)
    restoring.load(url, path, manifest)

    yield _rows(url, manifest)
    yield _figures(url, manifest)
    with psycopg.connect(url) as connection:
        yield compared_objects(as_made, catalog.objects(connection))
        lagging = catalog.lagging_sequences(connection)
    yield Proof(
        not lagging, "no number is given out twice", "; ".join(lagging) or "every sequence stands past its column"
    )
    yield _law(manifest)
    bring_up_to_date()
    yield Proof(True, "it can be brought to this version", f"Rufaa {__version__}")
    for finding in unit(lambda tx: list(proof.findings(tx))):
        yield Proof(finding.holds, finding.says, "nothing breaks it" if finding.holds else _few(finding))
    yield _chain()
    yield _sealed(keys)


def _few(finding: proof.Finding) -> str:
    more = finding.broken - len(finding.shown)
    return "; ".join(finding.shown) + (f"; and {more} more" if more else "")


def _rows(url: str, manifest: Manifest) -> Proof:
    wrong = list(differences(url, manifest).values())
    good = f"{manifest.rows:,} rows in {len(manifest.tables)} tables, by number and by the digest of every row"
    return Proof(not wrong, "every row is there, and as it was", "; ".join(wrong[:_SHOWN]) or good)


def _figures(url: str, manifest: Manifest) -> Proof:
    with psycopg.connect(url) as connection:
        found = {name: int(number) for name, number in connection.execute(proof.FIGURES.encode()).fetchall()}
    wrong = [
        f"{name} is {found.get(name, 'nothing')}, not {manifest.figures.get(name, 'nothing')}"
        for name in sorted(found.keys() | manifest.figures.keys())
        if found.get(name) != manifest.figures.get(name)
    ]
    return Proof(not wrong, "the sums are the same", "; ".join(wrong[:_SHOWN]) or f"{len(found)} figures")


def compared_objects(as_made: Mapping[str, str], found: Mapping[str, str]) -> Proof:
    """Every guard is there as the migrations make it, in force, and no other. An index more does no harm."""
    wrong = [f"{name} is missing" for name in sorted(as_made.keys() - found.keys())]
    wrong += [f"{name} is not ours" for name in sorted(found.keys() - as_made.keys()) if not name.startswith("index ")]
    wrong += [
        f"{name} is {found[name]}, not {as_made[name]}"
        for name in sorted(as_made.keys() & found.keys())
        if _one_spelling(as_made[name]) != _one_spelling(found[name])
    ]
    guards = sum(name.startswith(("constraint ", "trigger ")) for name in as_made)
    good = f"{guards} constraints and triggers, {len(as_made)} objects in all, as the migrations make them"
    return Proof(not wrong, "every guard is there and in force", "; ".join(wrong[:_SHOWN]) or good)


_CAST: Final = re.compile(r"::(character varying|text)(\[\])?|[()]")


def _one_spelling(means: str) -> str:
    """PostgreSQL writes ``varchar IN (…)`` in one way as it was made, and in another once it was dumped and restored.
    No table of ours has a varchar: those of others' apps do."""
    return _CAST.sub("", means) if "::character varying" in means else means


def _law(manifest: Manifest) -> Proof:
    """The law of a backup by this version is this version's; an older one is brought up to date with the tables."""
    from rufaa.cli.migrate import known_migrations, law_rows  # noqa: PLC0415 - needs Django set up
    from rufaa.db.atomic import unit  # noqa: PLC0415

    said = unit(lambda tx: tx.rows("SELECT machine, from_state, event, to_state FROM law WHERE in_force"))
    found, code = {tuple(row.values()) for row in said}, law_rows()
    differ = [" ".join((row[0], row[1] or "(new)", row[2], row[3])) for row in sorted(found ^ code)]
    same = manifest.rufaa == __version__ and set(manifest.migrations) == known_migrations()
    if not differ:
        return Proof(True, "the law is the code's", f"{len(code)} moves")
    if same:
        return Proof(False, "the law is the code's", f"it differs in {'; '.join(differ[:_SHOWN])}")
    return Proof(True, "the law is of an older version", f"{len(differ)} moves differ, and follow with its migrations")


def _chain() -> Proof:
    from rufaa.audit import queries  # noqa: PLC0415 - needs Django set up
    from rufaa.db.atomic import look  # noqa: PLC0415

    found = look(queries.verify)
    says = "the audit is what was sealed"
    if found.broken is not None:
        return Proof(False, says, f"block {found.broken.number}: {found.broken.why}")
    head = "nothing is sealed yet" if found.head is None else f"head {found.head.name}"
    return Proof(
        True, says, f"{found.entries:,} entries in {found.blocks:,} blocks, {found.unsealed:,} unsealed; {head}"
    )


def _sealed(keys: tuple[str, ...] | None) -> Proof:
    from rufaa.facilities.models import MpesaAccount  # noqa: PLC0415 - needs Django set up
    from rufaa.facilities.operations import credentials_of  # noqa: PLC0415
    from rufaa.secret import CannotUnseal  # noqa: PLC0415

    says = "the secret key opens what is sealed"
    accounts = [account for account in MpesaAccount.objects.all() if account.sealed_keys]
    closed: list[str] = []
    for account in accounts:
        try:
            credentials_of(account, keys=keys or ())
        except CannotUnseal:
            closed.append(f"the keys of {account.short_code} ({account.environment}) stay closed")
    return Proof(not closed, says, "; ".join(closed) or f"the keys of {len(accounts)} M-Pesa accounts")
