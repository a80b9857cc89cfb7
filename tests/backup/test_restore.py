"""``rufaa restore``: into what is empty alone, whole or not at all, and with the key that fits."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from backup.conftest import Commands, back_up
from operations.law_ground import Town
from rufaa.db.embedded import EmbeddedPostgres, Settings
from support import KEYS, World, call_back, wait_until


@pytest.fixture
def file(world: World, database: str, folder: Path) -> Path:
    """A backup with a paid referral, and one that waits."""
    _, prompt = world.prompted("254708001001")
    call_back(prompt)
    world.prompted("254708001002")
    back_up(database, folder / "one.backup")
    return folder / "one.backup"


@pytest.fixture
def durable(temporary: Path) -> Iterator[EmbeddedPostgres]:
    """A server as an operator has one; the tests' own is refused, since it may lose what it acknowledged."""
    with EmbeddedPostgres(Settings(data=temporary / "theirs")) as server:
        yield server


def states(url: str) -> list[tuple[str, str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT payer_phone, state, event FROM prompt ORDER BY payer_phone").fetchall()


def test_a_restore_killed_in_the_middle_leaves_nothing_to_serve_and_can_be_repeated(
    file: Path, folder: Path, rufaa: Commands
) -> None:
    data = folder / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "rufaa", "restore", str(file)],
        env=rufaa.environ(), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until((data / "restoring" / "postgres" / "postmaster.pid").exists, what="the server aside")
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert not (data / "postgres").exists()
    assert rufaa.refused("explain", "x").startswith("rufaa: There is no server's data in ")

    said = rufaa.done("restore", file)

    assert said.startswith(f"Restored into {data}: ")
    assert not (data / "restoring").exists()
    with EmbeddedPostgres(Settings(data=data)) as postgres:
        assert states(postgres.url()) == [
            ("254708001001", "paid", "confirmed"),
            ("254708001002", "unknown", "restored"),
        ]

    # and never over what is there
    before = sorted(path.name for path in data.iterdir())
    assert rufaa.refused("restore", file).startswith(f"rufaa: {data} has a database already.")
    assert sorted(path.name for path in data.iterdir()) == before


def test_into_an_empty_database_of_a_server_and_never_into_another(
    file: Path, folder: Path, durable: EmbeddedPostgres, rufaa: Commands
) -> None:
    with psycopg.connect(durable.url()) as connection:
        connection.execute("CREATE TABLE theirs (x int)")

    line = rufaa.refused("restore", file, DATABASE_URL=durable.url())

    assert line.startswith("rufaa: The database is not empty: it has 1 tables and sequences.")
    durable.create_database("empty")
    said = rufaa.done("restore", file, DATABASE_URL=durable.url("empty"))
    assert said.startswith("Restored into the database of DATABASE_URL: ")
    assert [state for _, state, _ in states(durable.url("empty"))] == ["paid", "unknown"]
    assert not (folder / "data").exists()
    with psycopg.connect(durable.url()) as connection:
        assert connection.execute("SELECT count(*) FROM pg_class WHERE relname = 'fee'").fetchone() == (0,)


def test_refunds_on_their_way_are_made_safe_and_keep_no_backup_from_being_restored(
    world: World, database: str, folder: Path, rufaa: Commands
) -> None:
    """One that two people agreed to may wait for hours, and any backup of that time has it."""
    with psycopg.connect(database, row_factory=dict_row) as connection:
        town = Town(connection, account=world.account.pk, facility=world.tumaini.pk)
        states = ("proposed", "approved", "sending", "resending", "ordered", "ordered by an id")
        refunds = {state: town.refund() for state in states}
        for state in ("approved", "sending"):
            town.move("refund", refunds[state], "approve", "approved", approved_by=town.second)
        town.move("refund", refunds["sending"], "claim", "sending", orders=1)
        for state in ("resending", "ordered", "ordered by an id"):
            town.order(refunds[state])
        town.do("UPDATE refund SET originator_conversation_id = 'o-1' WHERE id = %(id)s", id=refunds[states[-1]])
        town.move("refund", refunds["resending"], "silent", "unknown")
        town.move("refund", refunds["resending"], "resend", "resending")
    back_up(database, folder / "one.backup")

    rufaa.done("restore", folder / "one.backup")

    with EmbeddedPostgres(Settings(data=folder / "data")) as postgres, psycopg.connect(postgres.url()) as there:
        found = there.execute("SELECT id, state, event, next_at IS NOT NULL FROM refund").fetchall()
    assert {refund: told for refund, *told in found} == {
        refunds["proposed"]: ["proposed", "propose", False],
        refunds["approved"]: ["unknown", "restored", True],
        refunds["sending"]: ["unknown", "lease-expired", True],
        refunds["resending"]: ["unknown", "lease-expired", True],
        refunds["ordered"]: ["unknown", "silent", True],
        refunds["ordered by an id"]: ["ordered", "accepted", False],
    }


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (
            "another secret of the tests that is long enough",
            "The secret key that this backup needs is not the one here.",
        ),
        ("", "No secret key is here."),
    ],
    ids=["another key", "no key"],
)
def test_without_its_key_nothing_is_restored(file: Path, folder: Path, rufaa: Commands, keys: str, why: str) -> None:
    line = rufaa.refused("restore", file, RUFAA_SECRET_KEYS=keys)

    assert line.startswith(f"rufaa: {why} Put the secret.key of the server that was backed up into {folder}/data")
    assert [path.name for path in folder.iterdir()] == ["one.backup"]


def test_a_key_in_the_data_folder_does(file: Path, folder: Path, rufaa: Commands) -> None:
    (folder / "data").mkdir(mode=0o711)
    (folder / "data" / "secret.key").write_text(KEYS[0])

    rufaa.done("restore", file, RUFAA_SECRET_KEYS="")

    assert (folder / "data" / "secret.key").read_text() == KEYS[0]


def test_a_damaged_backup_restores_nothing(file: Path, folder: Path, rufaa: Commands) -> None:
    raw = bytearray(file.read_bytes())
    raw[9_000] ^= 1
    file.write_bytes(raw)

    assert "is damaged" in rufaa.refused("restore", file)
    assert not (folder / "data").exists()


def test_an_error_in_the_middle_leaves_the_data_folder_empty(file: Path, folder: Path, rufaa: Commands) -> None:
    """The disk runs full; a limit of a file's size stands for it. PostgreSQL itself ends with an error."""
    run = rufaa("restore", file, prefix=("prlimit", "--fsize=3000000"))

    assert run.returncode == 1
    assert [path.name for path in (folder / "data").iterdir() if path.name != "postgres.lock"] == []
    shutil.rmtree(folder / "data")
