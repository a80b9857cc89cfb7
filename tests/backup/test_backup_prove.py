"""``rufaa restore --prove``: good for what is good; and whatever was changed is named, by the proof that it is for."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from backup.conftest import Commands, back_up, failures, rewritten, tamper
from rufaa.audit.operations import Sealer
from support import KEYS, World, call_back, wait_until

Copy = Callable[[str], str]
OTHER_KEY = "another secret of the tests that is long enough"


@pytest.fixture
def lived(world: World, database: str) -> str:
    """A database with a paid referral and one that waits."""
    _, prompt = world.prompted("254708001001")
    call_back(prompt)
    world.prompted("254708001002")
    return database


def test_a_good_backup_is_proved_by_an_older_key_of_the_ring_and_nothing_is_left(
    lived: str, folder: Path, rufaa: Commands
) -> None:
    file = folder / "one.backup"
    manifest = back_up(lived, file)

    said = rufaa.done("restore", file, "--prove", RUFAA_SECRET_KEYS=f"{OTHER_KEY},{KEYS[0]}")

    assert failures(said) == []
    assert f"✓ every row is there, and as it was: {manifest.rows} rows in {len(manifest.tables)} tables" in said
    assert "✓ the law is the code's: " in said
    assert "✓ the secret key opens what is sealed: the keys of 1 M-Pesa accounts" in said
    assert said.splitlines()[-1] == f"{file}: proved, 34 looked at, 0 failed."
    assert list(rufaa.temporary.iterdir()) == []
    assert [path.name for path in folder.iterdir()] == ["one.backup"]  # no data folder, and no key, was made


def test_whatever_was_changed_past_the_guards_is_named(
    lived: str, copy_of: Copy, folder: Path, rufaa: Commands
) -> None:
    """One backup of a database where a row, a trigger, a constraint, a function, a law and a sequence are wrong."""
    other = copy_of(lived)
    tamper(
        other,
        "UPDATE receipt SET amount_cents = amount_cents - 100",
        "INSERT INTO law (machine, from_state, event, to_state, in_force)"
        " VALUES ('prompt', 'unknown', 'x', 'created', true)",
        "SELECT setval('inbox_id_seq', 1, false)",
    )
    with psycopg.connect(other) as connection:
        connection.execute("ALTER TABLE fee DISABLE TRIGGER fee_1_law")
        connection.execute("ALTER TABLE receipt DROP CONSTRAINT receipt_number")
        connection.execute("DROP INDEX prompt_one_live_per_phone")
        connection.execute(
            "CREATE OR REPLACE FUNCTION kept_for_ever() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
        )
        connection.execute("CREATE INDEX of_the_operator ON fee (created_at)")  # does no harm
    file = folder / "one.backup"
    back_up(other, file)

    run = rufaa("restore", file, "--prove")

    assert run.returncode == 1, run.stdout + run.stderr
    assert failures(run.stdout) == [
        "every guard is there and in force",
        "no number is given out twice",
        "the law is the code's",
        "no shilling of a receipt is used twice, and no receipt stands for two payments",
        "a prompt is paid exactly when its receipt is there",
        "unapplied in the books is what of the receipts neither pays a fee nor was given back",
        "each M-Pesa account in the books is the sum of its receipts less what was given back",
        "every fee, receipt, application and refund has its own row in the books",
    ]
    for named in (
        *("index prompt.prompt_one_live_per_phone is missing", "constraint receipt.receipt_number is missing"),
        *("trigger fee.fee_1_law is ", "(not enabled: D)", "function kept_for_ever() is "),
        *("it differs in prompt unknown x created", "public.inbox.id is at 1, its sequence at None"),
    ):
        assert named in run.stdout
    assert "of_the_operator" not in run.stdout
    assert run.stdout.splitlines()[-1].endswith("NOT proved, 34 looked at, 8 failed.")


def test_an_audit_that_is_not_what_was_sealed_is_named(lived: str, folder: Path, rufaa: Commands) -> None:
    sealer = Sealer()
    while not sealer.round():
        pass
    tamper(lived, "UPDATE audit SET actor = gen_random_uuid() WHERE id = (SELECT min(id) FROM audit)")
    back_up(lived, folder / "one.backup")

    run = rufaa("restore", folder / "one.backup", "--prove")

    assert run.returncode == 1
    assert failures(run.stdout) == ["the audit is what was sealed"]
    assert "✗ the audit is what was sealed: block 1: it, or one of its entries, is not what was sealed" in run.stdout


def test_rows_that_are_not_those_of_the_manifest_are_named(lived: str, folder: Path, rufaa: Commands) -> None:
    """What a restore that loses a row, or changes one, would look like."""
    back_up(lived, folder / "one.backup")

    def change(said: dict[str, dict[str, dict[str, str | int]]]) -> None:
        said["tables"]["public.fee"]["rows"] = 3
        said["tables"]["public.prompt"]["digest"] = "17"
        said["figures"]["receipts applied count"] = 2  # type: ignore[assignment]

    run = rufaa("restore", rewritten(folder / "one.backup", change), "--prove")

    assert run.returncode == 1
    assert failures(run.stdout) == ["every row is there, and as it was", "the sums are the same"]
    assert "fee has 2 rows, not 3; prompt has the same number of rows, and not the same rows" in run.stdout
    assert "receipts applied count is 1, not 2" in run.stdout


def test_without_the_key_it_is_not_proved(lived: str, folder: Path, rufaa: Commands) -> None:
    back_up(lived, folder / "one.backup")

    run = rufaa("restore", folder / "one.backup", "--prove", RUFAA_SECRET_KEYS="")

    assert run.returncode == 1
    assert failures(run.stdout) == ["the secret key that it needs is here", "the secret key opens what is sealed"]
    assert "✗ the secret key that it needs is here: No secret key is here." in run.stdout
    assert not (folder / "data").exists()  # asking for a key must not make one


def test_a_damaged_file_is_one_failed_proof(lived: str, folder: Path, rufaa: Commands) -> None:
    file = folder / "one.backup"
    back_up(lived, file)
    file.write_bytes(file.read_bytes()[:-2_000])

    run = rufaa("restore", file, "--prove")

    assert run.returncode == 1
    assert failures(run.stdout) == ["it can be restored"]
    assert run.stdout.splitlines()[-1] == f"{file}: NOT proved, 0 looked at, 1 failed."


def test_a_backup_of_a_newer_version_says_what_is_not_known(lived: str, folder: Path, rufaa: Commands) -> None:
    back_up(lived, folder / "one.backup")
    file = rewritten(folder / "one.backup", lambda said: said["migrations"].append("payments.9999_paybill"))

    run = rufaa("restore", file, "--prove")

    assert run.returncode == 1
    assert "✗ it can be restored: This backup was made by a newer Rufaa" in run.stdout
    assert "this version does not know payments.9999_paybill" in run.stdout


def test_a_proof_that_is_stopped_leaves_nothing_behind(lived: str, folder: Path, rufaa: Commands) -> None:
    """A backup holds patients: a cluster of it must not stay in the system's folder for temporary things."""

    back_up(lived, folder / "one.backup")
    process = subprocess.Popen(
        [sys.executable, "-m", "rufaa", "restore", str(folder / "one.backup"), "--prove"],
        env=rufaa.environ(), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: any(rufaa.temporary.glob("rufaa-scratch-*/postgres")), what="the scratch folder")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()

    assert list(rufaa.temporary.iterdir()) == []
