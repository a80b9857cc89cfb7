"""The file: whole, private, consistent under writers, never half there; and every damage has its words."""

from __future__ import annotations

import fcntl
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from backup.conftest import Commands, back_up, rewritten
from rufaa.cli.backup import older
from rufaa.cli.restore import differences
from rufaa.db import backup, programs, restoring
from rufaa.db.backup import BackupExists, NothingToBackUp
from rufaa.db.manifest import DamagedBackup, NewerBackup
from rufaa.db.programs import ProgramFailed, ProgramTooOld
from rufaa.errors import InvalidArgument
from support import KEYS, World, call_back


@pytest.fixture
def made(world: World, database: str, folder: Path) -> Path:
    """A backup with a paid referral in it."""
    referral, prompt = world.prompted()
    call_back(prompt)
    assert world.status(referral) == "paid"
    back_up(database, folder / "one.backup")
    return folder / "one.backup"


def test_a_restore_has_the_rows_of_one_instant_while_others_write(
    world: World, database: str, folder: Path, new_database: Callable[[], str]
) -> None:
    # given: somebody who writes all the time, two tables in each transaction
    stop, writing = threading.Event(), threading.Event()

    def write() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            number = 0
            while not stop.is_set():
                number += 1
                connection.execute(
                    "WITH new AS (INSERT INTO particulars (id, name) VALUES (gen_random_uuid(), 'J') RETURNING 1)"
                    " INSERT INTO facility (id, name) SELECT gen_random_uuid(), %s FROM new",
                    [f"Facility {number}"],
                )
                if number == 50:
                    writing.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert writing.wait(30)
        manifest = back_up(database, folder / "one.backup")
    finally:
        stop.set()
        writer.join()

    # then
    other = new_database()
    restoring.load(other, folder / "one.backup", manifest)
    assert differences(other, manifest) == {}
    assert manifest.tables["public.facility"].rows == manifest.tables["public.particulars"].rows + 3
    assert differences(database, manifest).keys() >= {"facility", "particulars"}  # the control: it went on


def test_one_changed_letter_is_a_difference(made: Path, new_database: Callable[[], str]) -> None:
    other = new_database()
    manifest = backup.read_manifest(made)
    restoring.load(other, made, manifest)
    with psycopg.connect(other) as connection:
        connection.execute("SET session_replication_role = replica")  # or the logbook would tell of it
        connection.execute("UPDATE facility SET name = 'Uhuru Health Center' WHERE name = 'Uhuru Health Centre'")

    assert differences(other, manifest) == {"facility": "facility has the same number of rows, and not the same rows"}


def test_what_fails_at_the_very_end_leaves_the_database_empty(made: Path, new_database: Callable[[], str]) -> None:
    """Loading and making safe are one transaction: half of it would be a server that sends again."""
    other = new_database()

    with pytest.raises(ProgramFailed, match="division by zero"):
        restoring.load(other, made, backup.read_manifest(made), then="SELECT 1 / 0;")

    restoring.need_empty(other)


def test_it_is_private_and_holds_no_key(made: Path) -> None:
    manifest = backup.verify(made)
    plain = subprocess.run(
        [str(programs.bundled("pg_restore")), "--file=-"],
        input=b"".join(backup.dump_of(made, manifest)),
        capture_output=True,
        check=True,
    ).stdout

    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert b"Uhuru Health Centre" in plain  # the control: it is all there to be read
    assert KEYS[0].encode() not in plain + made.read_bytes()


def test_ordinary_programs_can_read_it(made: Path, folder: Path) -> None:
    subprocess.run(["tar", "-xf", made.name], cwd=folder, check=True)
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=True)

    assert checked.stdout == "database.dump: OK\nmanifest.json: OK\n"


def test_it_overwrites_nothing(made: Path, database: str) -> None:
    before = made.read_bytes()

    with pytest.raises(BackupExists):
        back_up(database, made)

    assert made.read_bytes() == before
    assert [path.name for path in made.parent.iterdir()] == ["one.backup"]


def test_a_database_without_tables_is_no_backup(new_database: Callable[[], str], folder: Path) -> None:
    with pytest.raises(NothingToBackUp):
        back_up(new_database(), folder / "one.backup")

    assert list(folder.iterdir()) == []


def test_a_disk_that_runs_full_leaves_nothing(world: World, database: str, folder: Path, rufaa: Commands) -> None:
    """The limit of a file's size stands for the disk: the write fails in the same way."""
    line = rufaa.refused("backup", prefix=("prlimit", "--fsize=20000"), DATABASE_URL=database)

    assert line.startswith(f"rufaa: The backup could not be written to {folder}/data/backups: File too large.")
    assert list((folder / "data" / "backups").iterdir()) == []


def test_what_a_killed_backup_left_is_removed_and_one_at_work_is_not(world: World, database: str, folder: Path) -> None:
    abandoned, at_work = folder / ".a.backup.partial", folder / ".b.backup.partial"
    abandoned.write_bytes(b"half")
    with at_work.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        back_up(database, folder / "one.backup")

    assert sorted(path.name for path in folder.iterdir()) == [".b.backup.partial", "one.backup"]


# --- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0, 100, 512, 5_000, -3_000, -1_600], ids=str)
def test_a_file_that_was_cut_off_is_named(made: Path, left: int) -> None:
    made.write_bytes(made.read_bytes()[:left] if left else b"")

    with pytest.raises(DamagedBackup, match=r"cut off|is no backup"):
        backup.verify(made)


@pytest.mark.parametrize("place", ["head", "dump", "manifest", "sums"])
def test_a_changed_byte_is_named(made: Path, place: str) -> None:
    raw = bytearray(made.read_bytes())
    at = {"head": 3, "dump": 9_000, "manifest": raw.index(b'"made_at"') + 14, "sums": raw.index(b"  database.dump") - 5}
    raw[at[place]] ^= 1
    made.write_bytes(raw)

    with pytest.raises(DamagedBackup):
        backup.verify(made)


def test_a_dump_without_the_rows_of_a_table_is_named(made: Path) -> None:
    """pg_restore's list is compared with the manifest: sums alone say nothing of what was never dumped."""
    file = rewritten(made, lambda said: said["tables"].update({"public.gone": {"rows": 1, "digest": "1"}}))

    with pytest.raises(DamagedBackup, match=r"it does not hold the rows of public\.gone"):
        backup.verify(file)


def test_a_file_of_a_newer_form_says_which_version_reads_it(made: Path) -> None:
    file = rewritten(made, lambda said: said.update({"format": 2, "rufaa": "9.9", "tables": None}))

    with pytest.raises(NewerBackup, match=r"made by Rufaa 9\.9"):
        backup.verify(file)


@pytest.mark.parametrize("lost", ["tables", "dump_sha256", "made_at", "format"])
def test_a_manifest_that_lacks_something_is_damaged(made: Path, lost: str) -> None:
    file = rewritten(made, lambda said: said.pop(lost))

    with pytest.raises(DamagedBackup):
        backup.verify(file)


def test_what_is_not_there_is_said_so(folder: Path) -> None:
    with pytest.raises(InvalidArgument, match="No such file"):
        backup.verify(folder / "nowhere.backup")


# --- programs --------------------------------------------------------------------------------------------------------


def test_a_newer_server_needs_a_newer_pg_dump(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 97.1'\n")
    program.chmod(0o755)

    with pytest.raises(ProgramTooOld, match=r"pg_dump of PostgreSQL 97 or newer is needed: Rufaa brings 18"):
        programs.client("pg_dump", at_least=97)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    assert programs.client("pg_dump", at_least=97) == str(program)
    assert programs.client("pg_dump", at_least=18) == programs.bundled("pg_dump")
    with pytest.raises(ProgramTooOld, match="the one in PATH is 97"):
        programs.client("pg_dump", at_least=98)


def test_no_command_line_shows_the_password() -> None:
    dbname, env = programs.address("postgresql://somebody:hush%20hush@db.example/rufaa?sslmode=require")

    assert "hush" not in dbname
    assert "sslmode=require" in dbname
    assert env["PGPASSWORD"] == "hush hush"
    assert not [name for name in env if name.startswith(("RUFAA_", "MPESA_"))]


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_names_verifies_and_keeps(world: World, database: str, folder: Path, rufaa: Commands) -> None:
    backups = folder / "data" / "backups"
    backups.mkdir(parents=True)
    for name in ("rufaa-20200101-000000Z.backup", "rufaa-20200102-000000Z.backup", "rufaa-20200103-000000Z.backup"):
        (backups / name).touch()
    kept = ("before-migration-rufaa-20190101-000000Z.backup", "by-hand.backup")
    for name in kept:
        (backups / name).touch()

    file = Path(rufaa.done("backup", "--keep", "2", DATABASE_URL=database).strip())

    assert {path.name for path in backups.iterdir()} == {file.name, "rufaa-20200103-000000Z.backup", *kept}
    assert rufaa.done("backup", "--verify", file).startswith(f"{file} is whole: ")


def test_a_backup_where_no_key_is_makes_none(world: World, database: str, folder: Path, rufaa: Commands) -> None:
    run = rufaa("backup", folder / "one.backup", DATABASE_URL=database, RUFAA_SECRET_KEYS="")

    assert run.returncode == 0
    assert run.stderr == "rufaa: no secret key is here: the backup does not say which one belongs to it.\n"
    assert backup.verify(folder / "one.backup").key_fingerprints == ()
    assert [path.name for path in folder.iterdir()] == ["one.backup"]


def test_a_backup_that_fails_removes_none(database: str, folder: Path, rufaa: Commands) -> None:
    old = folder / "data" / "backups" / "rufaa-20200101-000000Z.backup"
    old.parent.mkdir(parents=True)
    old.touch()

    line = rufaa.refused("backup", "--keep", "1", prefix=("prlimit", "--fsize=20000"), DATABASE_URL=database)

    assert "could not be written" in line
    assert list(old.parent.iterdir()) == [old]


def test_keep_counts_by_names_and_never_takes_the_new_one(folder: Path) -> None:
    for day in range(1, 6):
        (folder / f"rufaa-2020010{day}-000000Z.backup").touch()
    new = folder / "elsewhere.backup"
    new.touch()

    assert [path.name for path in older(new, keep=3)] == [f"rufaa-2020010{day}-000000Z.backup" for day in (3, 2, 1)]


SENSELESS = [
    (("backup", "--keep", "0"), "rufaa: --keep takes a number from 1."),
    (("backup", "--verify"), "rufaa: --verify takes a FILE, and nothing else."),
    (("backup",), "rufaa: There is no server's data in "),
    (("restore", "nowhere.backup"), "rufaa: nowhere.backup cannot be read: No such file or directory."),
]


@pytest.mark.parametrize(("arguments", "line"), SENSELESS, ids=["keep-0", "verify-nothing", "no-data", "no-file"])
def test_what_makes_no_sense_is_one_line(arguments: tuple[str, ...], line: str, folder: Path, rufaa: Commands) -> None:
    assert rufaa.refused(*arguments).startswith(line)
    assert list(folder.iterdir()) == []
