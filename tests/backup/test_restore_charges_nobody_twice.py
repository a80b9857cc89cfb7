"""The promise: a server is lost after its backup, and the restored one takes no shilling twice and loses none.

Real processes over a real server; pushes are counted in the simulator's journal, not in our tables.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from backup.conftest import Commands
from beside import sibling
from crashes import conftest as crashes
from crashes.conftest import Roles
from notices.ground import tells
from rufaa.db import backup, restoring
from rufaa.db.atomic import unit
from rufaa.db.embedded import running_url
from rufaa.ingest.address import callback_url
from rufaa.payments.dispatch import claim_due
from rufaa.simulator.testing import RunningSimulator
from support import KEYS, RINGS, World, post, pushes, rows, value, wait_until

database_url = crashes.database_url  # a durable server, since real roles refuse any other
roles = crashes.roles
CLAIMED, AFTER, ASKED_AGAIN, ASKED_AT_LAST = (f"25470837000{digit}" for digit in range(4))


@contextmanager
def serving(rufaa: Commands, data: Path, *, port: int) -> Iterator[Callable[[], str]]:
    """``rufaa serve`` over the restored data, on the port of the lost server. Gives what it has said so far."""
    log = rufaa.temporary / "serve.log"
    environ = rufaa.environ(RUFAA_DATA=str(data), RUFAA_MODE="demo", RUFAA_PORT=str(port), RUFAA_LOG="json")
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "rufaa", "serve"], env=environ, stdout=out, stderr=out)
    try:
        wait_until(
            lambda: process.poll() is not None or "ready http" in log.read_text(),
            what="the restored server",
            deadline_s=90,
        )
        assert process.poll() is None, log.read_text()
        yield log.read_text
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_a_restored_server_charges_nobody_twice_and_loses_no_late_callback(
    town: World, simulator: RunningSimulator, roles: Roles, folder: Path, rufaa: Commands
) -> None:
    # given: a backup with one prompt that waits, one that a worker has claimed, and two fees that nobody is asked for;
    # with each there is something to tell, though not yet by anybody
    gateway = roles.start("gateway")
    tells(town)
    claimed_referral, claimed = town.prompted(CLAIMED)
    unit(lambda tx: claim_due(tx, limit=10))
    waiting_referral, waiting = town.prompted(RINGS)
    after_referral, untouched_referral = town.waiting(), town.waiting()
    rufaa.done("backup", folder / "one.backup", DATABASE_URL=roles.database)

    # and after it: the waiting prompt is sent and paid, and another is sent
    after = town.ask(after_referral, AFTER)
    worker = roles.start("worker")
    wait_until(lambda: {each.phone for each in simulator.prompts()} == {RINGS, AFTER}, what="two prompts")
    simulator.answer(RINGS)
    simulator.advance(1)
    wait_until(lambda: town.status(waiting_referral) == "paid", what="the payment")
    callback = bytes(value("SELECT body FROM inbox WHERE subject = %(prompt)s", prompt=waiting))
    assert pushes(simulator) == 2
    worker.kill()
    gateway.kill()

    # when: the server is lost, and restored where nothing is
    data = folder / "restored"
    rufaa.done("restore", folder / "one.backup", RUFAA_DATA=str(data))
    with serving(rufaa, data, port=roles.port) as said:
        here = Here(data)
        assert here.prompt(waiting) | {"state": "unknown", "event": "restored"} == here.prompt(waiting)
        assert here.prompt(claimed) | {"state": "unknown", "event": "lease-expired"} == here.prompt(claimed)
        assert here.rows("SELECT FROM prompt WHERE id = %s", after) == []
        assert here.rows("SELECT FROM mpesa_access WHERE sealed_token IS NOT NULL OR renewing_until IS NOT NULL") == []
        assert "restored.not_compared" in said()
        told = here.rows(
            "SELECT kind, state, event FROM notice WHERE created_at < (SELECT max(backup_at) FROM restoration)"
        )
        assert sorted({each["kind"] for each in told}) == ["received", "ringing"]
        assert {(each["state"], each["event"]) for each in told} == {("unknown", "restored")}

        # then: the late callback pays, and what the phone answers to the prompt of the lost time is kept and named
        assert post(callback_url(roles.url, waiting, keys=KEYS), callback).status == 200
        wait_until(lambda: here.status(waiting_referral) == "paid", what="the late callback's payment")
        simulator.answer(AFTER)
        simulator.advance(1)
        wait_until(lambda: here.outcomes(after) == ["unknown-prompt"], what="the kept callback")
        assert here.status(after_referral) == "pending-payment"
        found = "SELECT FROM receipt JOIN task ON task.receipt_id = receipt.id WHERE receipt.prompt_id IS NULL"
        wait_until(
            lambda: len(here.rows(f"{found} AND receipt.state = 'unapplied'")) == 1, what="the money in unapplied"
        )
        assert "1 callbacks are kept whose prompts are not here" in rufaa.done("restored", RUFAA_DATA=str(data))

        # and nobody is asked again by the way, since the fee may be paid: it is
        refused = ask(roles.url, after_referral, AFTER)
        assert refused["errorData"]["code"] == "paid-meanwhile"
        assert pushes(simulator) == 2

        # until somebody has compared, or says why
        assert ask(roles.url, after_referral, ASKED_AGAIN, reason="not in the statement")["status"] == "success"
        wait_until(lambda: pushes(simulator) == 3, what="the prompt with a reason")
        rufaa.done("restored", "--compared", "Njeri: one receipt missing, noted", RUFAA_DATA=str(data))
        assert ask(roles.url, untouched_referral, ASKED_AT_LAST)["status"] == "success"
        wait_until(lambda: pushes(simulator) == 4, what="the prompt after the comparison")
        assert here.status(claimed_referral) == "pending-payment"
        explained = rufaa.done("explain", waiting.hex, RUFAA_DATA=str(data))
        assert "Prompt 1 was waiting when the backup was made that was restored here" in explained

    # and the restored server can be backed up and proved like any other
    rufaa.done("backup", folder / "two.backup", RUFAA_DATA=str(data))
    rufaa.done("restore", folder / "two.backup", "--prove", RUFAA_DATA=str(data))


def ask(url: str, referral: str, phone: str, **more: str) -> dict[str, Any]:
    args = {"referralId": referral, "phoneNumber": phone, "demoUserId": "admin", **more}
    body = {"path": "referralPayments:triggerReferralPayment", "args": args, "format": "json"}
    answer: dict[str, Any] = post(f"{url}/api/mutation", body).json
    return answer


class Here:
    """What stands in the restored database."""

    def __init__(self, data: Path) -> None:
        url = running_url(data)
        assert url is not None
        self._url = url

    def rows(self, sql: str, *params: object) -> list[dict[str, Any]]:
        with psycopg.connect(self._url, row_factory=dict_row) as connection:
            return connection.execute(sql.encode(), params).fetchall()

    def prompt(self, prompt: uuid.UUID) -> dict[str, Any]:
        (row,) = self.rows("SELECT * FROM prompt WHERE id = %s", prompt)
        return row

    def status(self, referral: str) -> str:
        return str(self.rows("SELECT state FROM referral WHERE id = %s", uuid.UUID(referral))[0]["state"])

    def outcomes(self, prompt: uuid.UUID) -> list[str]:
        return [row["outcome"] for row in self.rows("SELECT outcome FROM inbox WHERE subject = %s", prompt)]


def test_control_without_making_it_safe_the_waiting_prompt_is_sent_again(
    town: World, simulator: RunningSimulator, roles: Roles, folder: Path, rufaa: Commands
) -> None:
    """A plain pg_restore of the same backup, and the same servers: the phone rings a second time."""
    _, waiting = town.prompted(RINGS)
    rufaa.done("backup", folder / "one.backup", DATABASE_URL=roles.database)
    worker = roles.start("worker")
    wait_until(lambda: pushes(simulator) == 1, what="the prompt")
    simulator.cancel(RINGS)
    simulator.advance(1)
    worker.kill()

    lost = roles.database
    restored = restored_plainly(lost, folder / "one.backup")
    roles.database = restored
    roles.start("worker")

    wait_until(lambda: pushes(simulator) == 2, what="the second charge")
    assert rows("SELECT state FROM prompt WHERE id = %(id)s", id=waiting)
    roles.database = lost


def restored_plainly(lost: str, file: Path) -> str:
    with psycopg.connect(lost, autocommit=True) as server:
        server.execute("CREATE DATABASE plainly")
    url = sibling(lost, "plainly")
    restoring.load(url, file, backup.read_manifest(file))
    return url
