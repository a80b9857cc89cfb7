"""``rufaa migrate`` on a database that has data and is behind: a backup first, or nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from backup.conftest import Commands, failures, passable_folder
from ports import free_port
from rufaa.cli.backup import FOLDER
from rufaa.config import config
from rufaa.db import backup
from rufaa.db.embedded import EmbeddedPostgres, Settings
from support import wait_until

BEFORE_THE_LAST = """
import sys
from rufaa.cli.database import use
use(sys.argv[1])
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from rufaa.cli.migrate import known_migrations, migrate_to
later = MigrationLoader(connection).graph.backwards_plan(("payments", "0008_worked_money_guards"))
migrate_to(known_migrations() - {".".join(each) for each in later})  # nor what needs it
"""


@pytest.fixture(scope="module")
def older() -> Iterator[Path]:
    """A server's data as the version before this one left them: with a facility."""
    with passable_folder() as folder:
        with EmbeddedPostgres(Settings(data=folder / "data")) as postgres:
            made = [sys.executable, "-c", BEFORE_THE_LAST, postgres.url()]
            environ = Commands(folder, folder).environ()
            subprocess.run(made, env=environ, cwd=folder, check=True, capture_output=True, timeout=60)
            with psycopg.connect(postgres.url()) as connection:
                connection.execute("INSERT INTO facility (id, name) VALUES (gen_random_uuid(), 'Uhuru Health Centre')")
        yield folder / "data"


@pytest.fixture
def behind(folder: Path, older: Path) -> EmbeddedPostgres:
    """A server over a copy of them."""
    subprocess.run(["cp", "-a", str(older), str(folder / "data")], check=True)  # with the owners, unlike shutil
    return EmbeddedPostgres(Settings(data=folder / "data"))


def is_migrated(postgres: EmbeddedPostgres) -> bool:
    with postgres, psycopg.connect(postgres.url()) as connection:
        row = connection.execute("SELECT to_regproc('public.application_fits') IS NOT NULL").fetchone()
    return row == (True,)


def test_it_backs_up_first_and_the_backup_of_the_older_level_restores(
    behind: EmbeddedPostgres, folder: Path, rufaa: Commands
) -> None:
    with behind:
        said = rufaa.done("migrate").splitlines()
        again = rufaa.done("migrate")

    (file,) = (folder / "data" / "backups").iterdir()
    assert said == [f"Backed up before: {file}", "The database is up to date."]
    assert file.name.startswith("before-migration-rufaa-")
    assert "payments.0008_worked_money_guards" not in backup.verify(file).migrations
    assert is_migrated(behind)
    assert again == "The database is up to date.\n"  # nothing to migrate, and so nothing to back up

    # what was made before the table of restores is proved, and remembers its own all the same
    assert failures(rufaa.done("restore", file, "--prove")) == []
    rufaa.done("restore", file, RUFAA_DATA=str(folder / "again"))
    assert rufaa.done("restored", RUFAA_DATA=str(folder / "again")).startswith("Restored on ")


def test_a_start_of_the_server_backs_up_first_and_does_not_start_without(
    behind: EmbeddedPostgres, folder: Path, rufaa: Commands
) -> None:
    """What most operators do with a new version is to start it."""
    backups, port = folder / "data" / "backups", free_port()
    backups.write_text("in the way")

    refused = rufaa("serve", prefix=("timeout", "60"), RUFAA_PORT=str(port))

    assert refused.returncode == 1
    assert "The database was not migrated, since the backup before it failed: " in refused.stderr
    assert not is_migrated(behind)
    backups.unlink()
    said = rufaa.temporary / "serve.out"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rufaa", "serve"],
            env=rufaa.environ(RUFAA_PORT=str(port)), cwd=folder, stdout=out, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        wait_until(
            lambda: process.poll() is not None or "ready http" in said.read_text(), what="the server", deadline_s=90
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    (file,) = backups.iterdir()
    assert said.read_text().startswith(f"backed up before migrating: {file}\n")
    assert "payments.0008_worked_money_guards" not in backup.verify(file).migrations
    assert is_migrated(behind)


def test_a_failed_backup_stops_it_and_no_backup_goes_on(
    behind: EmbeddedPostgres, folder: Path, rufaa: Commands
) -> None:
    (folder / "data" / "backups").write_text("in the way")

    with behind:
        line = rufaa.refused("migrate")

    assert line.startswith("rufaa: The database was not migrated, since the backup before it failed: ")
    assert line.endswith("or, where this database is backed up otherwise, run: rufaa migrate --no-backup")
    assert not is_migrated(behind)
    assert rufaa.done("migrate", "--no-backup") == "The database is up to date.\n"
    assert is_migrated(behind)


def test_a_new_database_is_not_backed_up(database_url: str) -> None:
    """The tests' own has just been made by migrating."""
    assert not (config().data / FOLDER).exists()


def test_a_migration_waits_five_seconds_for_a_table_and_says_why_it_stops(
    behind: EmbeddedPostgres, folder: Path, rufaa: Commands
) -> None:
    with behind, psycopg.connect(behind.url()) as somebody:
        somebody.execute("LOCK TABLE evidence IN ROW EXCLUSIVE MODE")  # as who writes it, until its transaction ends
        line = rufaa.refused("migrate", "--no-backup")
        assert line.startswith("rufaa: A table could not be changed within 5 s, since somebody holds it: ")
        somebody.rollback()
        assert rufaa.done("migrate", "--no-backup") == "The database is up to date.\n"
