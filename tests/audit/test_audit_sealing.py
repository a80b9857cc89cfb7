"""The seal: in order, past nobody who still writes; and whoever goes past the triggers is found."""

from __future__ import annotations

import asyncio
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from rufaa.audit import queries
from rufaa.audit.operations import Sealer, head
from rufaa.cli.commands import app
from rufaa.cli.work import work
from rufaa.config import load
from rufaa.db.atomic import look
from rufaa.errors import RufaaError
from support import DEADLINE_S, KEYS, World, advance, execute, rows, value, wait_until

READ = "INSERT INTO audit (kind, referral, channel) VALUES ('referral.read', gen_random_uuid(), 'page')"


def read(times: int = 1) -> None:
    execute(f"{READ.replace('VALUES (', 'SELECT ').rstrip(')')} FROM generate_series(1, {times})")


def seal(*, block: int = 1000) -> int:
    """Everything that is there."""
    sealer = Sealer(block=block)
    sealer.round()
    return sealer.round()


@contextmanager
def superuser(database: str) -> Iterator[psycopg.Connection[Any]]:
    """Past the triggers."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        yield admin


# --- the order -----------------------------------------------------------------------------------------------------


def test_what_was_written_is_sealed_one_round_later(database: str) -> None:
    read(5)
    sealer = Sealer()

    assert [sealer.round() for _ in range(3)] == [0, 5, 0]

    found = look(queries.verify)
    assert (found.blocks, found.entries, found.unsealed, found.broken) == (1, 5, 0, None)


def test_a_round_that_lasts_too_long_ends_and_the_next_goes_on(database: str) -> None:
    """Millions may be unsealed, and a worker whose work takes longer than its patience is taken to be stuck."""
    read(5)
    sealer = Sealer(block=2, lasts_s=0.0)

    assert [(sealer.round(), sealer.behind) for _ in range(5)] == [
        (0, False),
        (2, True),
        (2, True),
        (1, False),
        (0, False),
    ]

    found = look(queries.verify)
    assert (found.blocks, found.entries, found.unsealed, found.broken) == (3, 5, 0, None)


def test_many_are_sealed_in_blocks(database: str) -> None:
    read(7)

    assert seal(block=3) == 7

    assert [row["entries"] for row in rows("SELECT entries FROM audit_block ORDER BY number")] == [3, 3, 1]
    assert look(queries.verify).broken is None


def test_who_still_writes_is_waited_for_and_keeps_nobody_waiting(database: str) -> None:
    sealer = Sealer()
    with psycopg.connect(database) as slow:
        slow.execute(READ)  # has number 1, and is not committed
        read()  # has number 2, and is

        assert [sealer.round() for _ in range(3)] == [0, 0, 0]
        assert look(queries.verify).unsealed == 1
        slow.commit()

    assert sealer.round() == 2
    assert value("SELECT up_to FROM audit_block") == 2


def test_without_waiting_the_slow_writer_would_be_left_out(database: str) -> None:
    """The negative control: a sealer that takes what it sees breaks the chain."""
    hasty = Sealer()
    with psycopg.connect(database) as slow:
        slow.execute(READ)
        read()
        hasty._mark = (2, 1)  # "all transactions above 1 are over"
        assert hasty.round() == 1
        slow.commit()

    found = look(queries.verify)
    assert found.broken is not None
    assert "sealed over 1 entries, and 2 are there" in found.broken.why


def test_a_number_that_was_rolled_back_is_no_gap(database: str) -> None:
    with psycopg.connect(database) as given_up:
        given_up.execute(READ)
        given_up.rollback()
    read()

    assert seal() == 1
    assert look(queries.verify).broken is None


def test_two_sealers_make_one_chain(database: str) -> None:
    one, other = Sealer(block=2), Sealer(block=2)
    for _ in range(4):
        read(3)
        one.round()
        other.round()
    read()
    for _ in range(2):
        other.round()
        one.round()

    found = look(queries.verify)
    assert (found.entries, found.unsealed, found.broken) == (13, 0, None)


def test_only_one_seals_at_a_time(database: str) -> None:
    read()
    sealer = Sealer()
    sealer.round()
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('rufaa audit'))")

        assert sealer.round() == 0


def test_another_server_with_lower_transaction_numbers_is_begun_with_anew(database: str) -> None:
    """A backup was restored into a new server while the worker ran."""
    read()
    sealer = Sealer()
    sealer._mark = (1, 2**40)

    assert [sealer.round(), sealer.round()] == [0, 1]


def test_where_nothing_is_new_no_transaction_gets_a_number(database: str) -> None:
    read()
    seal()
    number = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xid"

    def takes_none() -> bool:
        sealer = Sealer()
        before = rows(number)
        assert [sealer.round(), sealer.round()] == [0, 0]
        return rows(number) == before

    # PostgreSQL's own housekeeping takes a number at times, too.
    wait_until(takes_none, what="a look by a new sealer that takes no number")


def test_the_head_is_logged_once_a_day(database: str) -> None:
    with capture_logs() as logs:
        for seconds in (0, 60, 24 * 3600, 60):
            advance(seconds)
            read()
            seal()

    told = [line["head"] for line in logs if line["event"] == "audit.head"]
    assert [text.partition(":")[0] for text in told] == ["1", "3"]
    assert told[1].partition(":")[2] == bytes(value("SELECT hash FROM audit_block WHERE number = 3")).hex()


def test_the_worker_seals_by_itself(database: str) -> None:
    read(3)
    config = load({"DATABASE_URL": database, "RUFAA_SECRET_KEYS": KEYS[0]})
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(work(config, stop=stop)), name="worker")
    thread.start()
    try:
        wait_until(lambda: look(head) is not None, what="the seal")
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(DEADLINE_S)
        loop.close()

    assert look(queries.verify).entries == 3


# --- tampering -----------------------------------------------------------------------------------------------------

TAMPERING: dict[str, tuple[str, int]] = {
    "an entry is edited": ("UPDATE audit SET actor = gen_random_uuid() WHERE id = 5", 2),
    "a time is moved": ("UPDATE audit SET at = at - interval '1 microsecond' WHERE id = 2", 1),
    "an entry is deleted": ("DELETE FROM audit WHERE id = 8", 3),
    "a whole block's entries are deleted": ("DELETE FROM audit WHERE id BETWEEN 4 AND 6", 2),
    "an entry is put in": (
        "INSERT INTO audit (id, kind, referral, channel) VALUES (0, 'referral.read', gen_random_uuid(), 'page')",
        1,
    ),
    "two change places": (
        "UPDATE audit SET id = 0 WHERE id = 4; UPDATE audit SET id = 4 WHERE id = 5;"  # noqa: ISC004
        " UPDATE audit SET id = 5 WHERE id = 0",
        2,
    ),
    "a block is edited": ("UPDATE audit_block SET entries = 2 WHERE number = 3", 3),
    "a block is deleted": ("DELETE FROM audit_block WHERE number = 2", 2),
    "a block and its entries are deleted": (
        "DELETE FROM audit WHERE id BETWEEN 4 AND 6; DELETE FROM audit_block WHERE number = 2",
        2,
    ),
    "a block is put before the first": (
        "INSERT INTO audit_block SELECT 0, at, -5, 1, previous, 'x' FROM audit_block WHERE number = 1",
        1,
    ),
    "all blocks are deleted": ("DELETE FROM audit_block", 0),
    "everything is deleted": ("DELETE FROM audit_block; DELETE FROM audit", 0),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_a_superuser_who_tampers_is_found(database: str, how: str) -> None:
    statements, number = TAMPERING[how]
    read(9)
    seal(block=3)
    noted = look(head)
    assert noted is not None
    with superuser(database) as admin:
        admin.execute(statements.encode())

    found = look(lambda tx: queries.verify(tx, noted=noted.name))

    assert found.broken is not None
    assert found.broken.number == (number or 1)
    if number:  # without a noted head, too
        plain = look(queries.verify)
        assert plain.broken is not None
        assert plain.broken.number == number


def test_sealing_goes_on_after_a_break_and_the_break_stays_found(database: str) -> None:
    read(3)
    seal()
    with superuser(database) as admin:
        admin.execute("DELETE FROM audit WHERE id = 1")
    read(3)

    assert seal() == 3
    found = look(queries.verify)
    assert found.broken is not None
    assert found.broken.number == 1


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def here(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tests' server does not wait for its disk, which commands refuse."""
    monkeypatch.setattr("rufaa.cli.database.check_durability", lambda _: None)
    return database


def run(*args: str) -> tuple[int, str]:
    """The exit status, and what was printed, or the code of the refusal."""
    result = CliRunner().invoke(app(), ["audit", *args])
    refusal = result.exception
    return result.exit_code, refusal.code if isinstance(refusal, RufaaError) else result.output


def test_verify_says_that_it_holds(world: World, here: str) -> None:
    world.approved()
    seal()
    read()

    code, said = run("verify")

    assert code == 0
    assert "The chain holds: 2 entries in 1 blocks; 1 not sealed yet." in said


def test_verify_names_the_break(here: str) -> None:
    read(4)
    seal(block=2)
    with superuser(here) as admin:
        admin.execute("UPDATE audit SET place = 'elsewhere' WHERE id = 3")

    code, said = run("verify")

    assert code == 1
    assert "BROKEN at block 2: it, or one of its entries, is not what was sealed (ids 3 to 4)." in said
    assert "The 1 blocks before it hold." in said


def test_verify_says_that_nobody_seals(here: str) -> None:
    began = time.monotonic()
    read()
    advance(100)

    code, said = run("verify")

    assert code == 0
    (waits,) = re.findall(r"Nothing was sealed for (\d+) s", said)
    assert 100 <= int(waits) <= 101 + time.monotonic() - began


def test_the_head_is_printed_and_taken_back(here: str) -> None:
    assert run("head") == (0, "Nothing is sealed yet.\n")
    read()
    seal()
    _, noted = run("head")

    assert run("verify", "--head", noted.strip())[0] == 0
    assert run("verify", "--head", f"9:{'0' * 64}")[0] == 1
    assert run("verify", "--head", noted.strip()[:20]) == (1, "invalid-argument")


SHOWN: dict[str, Callable[[str], str]] = {
    "id": lambda referral: referral,
    "account code": lambda referral: str(
        value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    ),
}


@pytest.mark.parametrize("word", SHOWN)
def test_show_tells_of_one_referral(world: World, here: str, word: str) -> None:
    referral = world.approved()
    world.referral()

    code, said = run("show", SHOWN[word](referral))

    assert code == 0
    assert [line.split()[3:] for line in said.splitlines()] == [
        ["referral.create", "Physician", "server"],
        ["referral.approve", "Admin", "server"],
    ]


@pytest.mark.parametrize("word", ["nothing", "0" * 32, "a\x00b", ""])
def test_show_of_nothing_is_refused(here: str, word: str) -> None:
    assert run("show", word) == (1, "referral-not-found")
