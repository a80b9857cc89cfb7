"""What the tables of money held when a receipt itself named its fee: brought up to date it keeps every rule."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.rows import dict_row

from beside import empty_database
from operations.law_ground import CENTS, Town
from rufaa.payments.machine import MACHINES
from rufaa.referrals.machine import MACHINE

LEVEL: Final = {
    "rufaa_db": 2,
    "facilities": 1,
    "patients": 1,
    "ledger": 2,
    "payments": 5,
    "referrals": 2,
    "ingest": 2,
    "functions": 0,
    "signin": 0,
    "moving": 0,
    "audit": 0,
    "paypage": 0,
    "talk": 0,
    "appointments": 0,
    "notices": 0,
}
"""The last migration of each noun in the version before."""

_BEFORE: Final = """
import json, sys
from rufaa.cli.database import use
use(sys.argv[1])
from rufaa.cli.migrate import known_migrations, migrate_to
level = json.loads(sys.argv[2])
migrate_to({name for name in known_migrations()
            if int(name.partition(".")[2][:4]) <= level.get(name.partition(".")[0], 9999)})
"""
_UP_TO_DATE: Final = """
import json, sys
from rufaa.cli.database import use
use(sys.argv[1])
from rufaa.cli import proof
from rufaa.cli.migrate import bring_up_to_date
from rufaa.db.atomic import unit
bring_up_to_date()
print(json.dumps(unit(proof.broken)))
"""


@pytest.fixture
def before(database_url: str) -> Iterator[str]:
    """An empty database of the version before, beside that of the tests."""
    with empty_database(database_url, f"{urlsplit(database_url).path[1:]}_money_before") as url:
        run(_BEFORE, url, json.dumps(LEVEL))
        yield url


def run(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "DATABASE_URL": arguments[0]},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def connect(url: str) -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(url, row_factory=dict_row)


def sent(town: Town, fee: uuid.UUID) -> uuid.UUID:
    prompt = town.prompt(fee)
    town.move("prompt", prompt, "claim", "sending", next_at=None, lease_until="2026-01-01")
    town.move("prompt", prompt, "accepted", "pending", next_at="2026-01-01", lease_until=None)
    return prompt


def callback(town: Town, prompt: uuid.UUID, verdict: str) -> int:
    """Stored, settled, and evidence: as the inbox was then."""
    town.do(
        "INSERT INTO inbox (prompt, source, trusted, body) VALUES (%(prompt)s, '127.0.0.1', true, '{}')", prompt=prompt
    )
    inbox = int(town.one("SELECT max(id) FROM inbox"))
    town.do("UPDATE inbox SET settled_at = rufaa_now(), outcome = %(said)s WHERE id = %(id)s", said=verdict, id=inbox)
    town.insert("evidence", channel="callback", prompt_id=prompt, inbox=inbox, verdict=verdict)
    return inbox


def receive(town: Town, prompt: uuid.UUID, number: str | None) -> uuid.UUID:
    receipt = town.receipt(prompt, number=number)
    town.move("prompt", prompt, "confirmed", "paid", next_at=None)
    callback(town, prompt, "confirms")
    return receipt


def paid(town: Town, number: str | None, born: str = "due") -> tuple[uuid.UUID, uuid.UUID]:
    """(fee, receipt), where the receipt names its fee."""
    fee = town.fee(born)
    if born == "deferred":
        town.referral(fee=fee, priority="Emergency")
    receipt = receive(town, sent(town, fee), number)
    town.move("receipt", receipt, "apply", "applied", fee_id=fee)
    town.move("fee", fee, "pay", "paid")
    return fee, receipt


def lived(town: Town) -> dict[str, list[tuple[uuid.UUID, uuid.UUID]]]:
    """Paid with a number and without, deferred and paid; waived and paid all the same; unpaid; asked; and restored."""
    for machine in (MACHINE, *MACHINES):
        if machine.name != "refund":
            for name, was, event, state in machine.rows():
                town.insert("law", machine=name, from_state=was, event=event, to_state=state, in_force=True)
    town.settle_down()
    applied = [paid(town, "UBN7XY1234"), paid(town, None), paid(town, "UBN7XY1236", "deferred")]
    waived = town.fee()
    late = sent(town, waived)
    town.exemption(waived, agreed=True)
    town.move("fee", waived, "waive", "waived")
    waits = receive(town, late, "UBN7XY1237")
    town.task(waived, kind="unapplied", receipt_id=waits, prompt_id=late)
    unpaid = sent(town, town.fee())
    town.move("prompt", unpaid, "failed", "unpaid", next_at=None)
    callback(town, unpaid, "fails")
    sent(town, town.fee())
    town.restoration(compared_at="2026-01-01", compared="nothing is missing")
    return {"applied": applied, "waits": [(waived, waits)]}


def test_money_of_before_keeps_every_rule(before: str) -> None:
    # given
    with connect(before) as connection:
        town = Town(connection)
        made = lived(town)
        told = town.rows("SELECT * FROM history ORDER BY id")
        posted = town.rows("SELECT kind, debit, credit, amount_cents, account, fee, receipt FROM transfer ORDER BY id")

    # when
    broken = json.loads(run(_UP_TO_DATE, before))

    # then: every rule holds, and what was told and posted is as it was
    assert broken == {}
    with connect(before) as connection:
        town = replace_connection(town, connection)
        assert town.rows("SELECT * FROM history ORDER BY id") == told
        assert (
            town.rows("SELECT kind, debit, credit, amount_cents, account, fee, receipt FROM transfer ORDER BY id")
            == posted
        )
        # which receipt paid which fee is told by applications, from when it did
        assert {
            (row["fee_id"], row["receipt_id"], row["amount_cents"], row["by"], row["at"] == row["applied"])
            for row in town.rows(
                "SELECT application.*, history.at AS applied FROM application JOIN history"
                " ON history.subject = receipt_id AND history.event = 'apply'"
            )
        } == {(fee, receipt, CENTS, None, True) for fee, receipt in made["applied"]}
        for _, receipt in made["applied"]:
            assert (town.state("receipt", receipt), town.free(receipt)) == ("applied", 0)
        for _, receipt in made["waits"]:
            assert (town.state("receipt", receipt), town.free(receipt)) == ("unapplied", CENTS)


def replace_connection(town: Town, connection: psycopg.Connection[dict[str, Any]]) -> Town:
    return Town(connection, town.facility, town.other_facility, town.account, town.other_account, town.user)


def test_money_of_before_is_worked_on_and_guarded_like_any(before: str) -> None:
    # given
    with connect(before) as connection:
        town = Town(connection)
        made = lived(town)
    run(_UP_TO_DATE, before)

    with connect(before) as connection:
        town = replace_connection(town, connection)
        town.numbers = iter(range(5000, 6000))
        # then: all guards stand
        assert town.rows("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O' AND NOT tgisinternal") == []
        fee, receipt = made["applied"][0]
        with pytest.raises(psycopg.IntegrityError) as refused, connection.transaction():
            town.application(receipt, town.fee())
        assert refused.value.diag.constraint_name == "receipt_free"

        # and the money can be applied and given back
        ((_, waits),) = made["waits"]
        town.pay(town.fee(), waits)
        refund = town.refund(receipt, fee=fee, method="reversal", phone="")
        town.order(refund)
        town.move("refund", refund, "succeeded", "done")
        town.move("receipt", receipt, "return", "refunded")
        town.move("fee", fee, "refund", "refunded")
    assert json.loads(run(_UP_TO_DATE, before)) == {}
