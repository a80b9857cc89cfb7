"""Each rule of ``rufaa.cli.proof`` holds in a town that lived, and notices what breaks it past every guard.

The tampering is written as a superuser would do it, with triggers and foreign keys off. A rule without a way to
break it is a rule that nobody tested, so each has at least one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Final

import pytest
from django.db import transaction

from rufaa import clock
from rufaa.cli import proof
from rufaa.daraja.outcomes import Answered, Exchange
from rufaa.db.atomic import atomic, unit
from rufaa.ingest.loop import settle_inbox
from rufaa.payments import strays
from rufaa.payments.machine import FeeEvent
from rufaa.payments.reconcile import hand_over_overdue
from rufaa.referrals import operations as referrals
from rufaa.referrals.operations import fees_paid
from support import (
    Status,
    World,
    advance,
    call_back,
    execute,
    open_tasks,
    referral_in,
    success_body,
    value,
)

_OF_PAID: Final = "(SELECT id FROM {} WHERE state = 'paid' ORDER BY id LIMIT 1)"


@pytest.fixture
def lived(world: World) -> World:
    """Referrals of every kind: paid, waived, cancelled, in review, with money in unapplied, and waiting; and two
    reports about prompts that nobody knows: one whose money an account has, and one that cannot be read.
    """
    for status in Status:
        referral_in(world, status)
    waived = world.waiting()
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, waived, kind=FeeEvent.WAIVE, reason="poor"))
    unit(lambda tx: referrals.second_exemption(tx, world.finance, waived))
    twice, first = world.prompted("254708001001")
    call_back(first, code=1032)
    second = world.ask(twice, "254708001002")
    for prompt in (second, first):  # late money: the second receipt fits no fee
        call_back(prompt)
    _, lost = world.prompted("254708001003")
    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now() WHERE id = %(id)s", id=lost)
    execute(
        "UPDATE prompt SET state = 'unknown', event = 'answer-lost', next_at = rufaa_now() WHERE id = %(id)s", id=lost
    )
    advance(200)
    unit(hand_over_overdue)
    world.prompted("254708001004")
    world.prompted("254708001005")
    report_of_nobody(json.dumps(success_body("ws_CO_of_the_lost_time", number="UKN7LOST01")).encode())
    report_of_nobody(b"unreadable")
    ((stray,), _) = unit(lambda tx: strays.claim(tx, limit=10))
    said = Answered("0", "", stray.checkout_request_id, None, Exchange(200, b"", clock.now(), 0.1))
    unit(lambda tx: strays.note(tx, stray, said))
    assert sorted(open_tasks()) == ["review", "stray", "unapplied", "unapplied"]
    return world


def report_of_nobody(body: bytes) -> None:
    """A callback about a prompt that is not in the database, stored and settled."""
    execute(
        "INSERT INTO inbox (prompt, source, trusted, body) VALUES (%(prompt)s, '127.0.0.1', true, %(body)s)",
        prompt=uuid.uuid4(),
        body=body,
    )
    settle_inbox(hand_on=fees_paid)


BREAKS: Final[Sequence[tuple[str, str, tuple[str, ...]]]] = [
    ("fee_paid_by_one_receipt", "paid without money", ("UPDATE fee SET state = 'paid' WHERE state = 'due'",)),
    (
        "fee_paid_by_one_receipt",
        "the money forgotten",
        (f"UPDATE fee SET state = 'due', event = 'raise' WHERE id = {_OF_PAID.format('fee')}",),
    ),
    (
        "fee_paid_by_one_receipt",
        "paid in part",
        ("UPDATE receipt SET amount_cents = amount_cents - 100 WHERE state = 'applied'",),
    ),
    (
        "receipt_applied_once",
        "posted twice",
        (
            "DROP INDEX transfer_receipt_once",
            (
                "INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee, receipt)"
                " SELECT kind, debit, credit, amount_cents, account, fee, receipt"
                " FROM transfer WHERE kind = 'applied' LIMIT 1"
            ),
        ),
    ),
    (
        "receipt_applied_once",
        "one number for all",
        ("ALTER TABLE receipt DROP CONSTRAINT receipt_number_key", "UPDATE receipt SET number = 'SAME000000'"),
    ),
    (
        "receipt_applied_once",
        "one prompt, two receipts",
        (
            "ALTER TABLE receipt DROP CONSTRAINT receipt_prompt_id_key",
            f"UPDATE receipt SET prompt_id = {_OF_PAID.format('prompt')}",
        ),
    ),
    (
        "receipt_applied_once",
        "one fee, two receipts",
        (
            "ALTER TABLE receipt DROP CONSTRAINT receipt_fee_id_key",
            f"UPDATE receipt SET fee_id = {_OF_PAID.format('fee')} WHERE state = 'applied'",
        ),
    ),
    ("prompt_paid_by_its_receipt", "paid by nothing", ("UPDATE prompt SET state = 'paid' WHERE state = 'created'",)),
    ("prompt_paid_by_its_receipt", "unpaid by decree", ("UPDATE prompt SET state = 'unpaid' WHERE state = 'paid'",)),
    ("prompt_asks_for_its_fee", "for less", ("UPDATE prompt SET amount_cents = 100 WHERE state = 'created'",)),
    (
        "one_live_prompt",
        "two for a fee",
        (
            "DROP INDEX prompt_one_live_per_fee",
            (
                "UPDATE prompt SET fee_id = (SELECT fee_id FROM prompt WHERE state = 'created' LIMIT 1),"
                " attempt = substr(payer_phone, 9)::int WHERE state = 'created'"
            ),
        ),
    ),
    (
        "one_live_prompt",
        "two for a phone",
        (
            "DROP INDEX prompt_one_live_per_phone",
            "UPDATE prompt SET payer_phone = '254708001004' WHERE state = 'created'",
        ),
    ),
    ("live_prompt_goes_on", "never due", ("UPDATE prompt SET next_at = NULL WHERE state = 'created'",)),
    (
        "live_prompt_goes_on",
        "leased by nobody",
        ("UPDATE prompt SET state = 'sending', lease_until = NULL WHERE state = 'created'",),
    ),
    (
        "live_prompt_goes_on",
        "not asked about",
        ("UPDATE prompt SET state = 'unknown', next_at = NULL WHERE state = 'created'",),
    ),
    ("receivable", "a posting gone", ("DELETE FROM transfer WHERE kind = 'raised'",)),
    ("receivable", "another amount", ("UPDATE transfer SET amount_cents = amount_cents + 1 WHERE kind = 'applied'",)),
    ("unapplied", "money dropped", ("DELETE FROM receipt WHERE state = 'unapplied'",)),
    ("unapplied", "applied in the books alone", ("UPDATE transfer SET credit = 'income' WHERE kind = 'received'",)),
    ("mpesa_account", "less than came", ("UPDATE transfer SET amount_cents = 1 WHERE kind = 'received'",)),
    ("mpesa_account", "to another till", ("UPDATE transfer SET debit = 'mpesa:600000' WHERE kind = 'received'",)),
    ("posted", "a receipt unposted", ("DELETE FROM transfer WHERE kind = 'received'",)),
    ("posted", "an application unposted", ("DELETE FROM transfer WHERE kind = 'applied'",)),
    ("posted", "a waiver unposted", ("DELETE FROM transfer WHERE kind = 'waived'",)),
    ("posted", "a fee unposted", ("DELETE FROM transfer WHERE kind = 'raised'",)),
    (
        "history_is_lawful",
        "a move that never was",
        ("UPDATE history SET event = 'failed', to_state = 'created' WHERE event = 'claim'",),
    ),
    ("history_has_no_gap", "a move cut out", ("DELETE FROM history WHERE machine = 'prompt' AND event = 'claim'",)),
    (
        "history_ends_where_rows_are",
        "the last move gone",
        ("DELETE FROM history WHERE machine = 'fee' AND event = 'pay'",),
    ),
    ("history_ends_where_rows_are", "a row gone", ("DELETE FROM receipt WHERE state = 'applied'",)),
    ("history_ends_where_rows_are", "no story", ("DELETE FROM history WHERE machine = 'referral'",)),
    ("referral_paid_by_its_fee", "its fee reopened", ("UPDATE fee SET state = 'due' WHERE state = 'paid'",)),
    (
        "referral_waits_for_no_paid_fee",
        "set back",
        ("UPDATE referral SET state = 'pending-payment' WHERE state = 'paid'",),
    ),
    (
        "referral_payee",
        "shown to another",
        ("UPDATE referral SET payee_id = referring_id WHERE payee_id IS NOT NULL",),
    ),
    ("exempted_by_two", "one person less", ("UPDATE exemption SET seconded_by = NULL WHERE seconded_by IS NOT NULL",)),
    ("receipt_has_evidence", "the reports gone", ("DELETE FROM evidence WHERE prompt_id IS NOT NULL",)),
    ("receipt_has_evidence", "a stray's answer gone", ("DELETE FROM evidence WHERE stray_id IS NOT NULL",)),
    ("person_knows", "nobody told of money", ("DELETE FROM task WHERE kind = 'unapplied'",)),
    ("person_knows", "nobody told of doubt", ("DELETE FROM task WHERE kind = 'review'",)),
    ("person_knows", "nobody told of a stray", ("DELETE FROM task WHERE kind = 'stray'",)),
    ("callback_kept", "the bytes gone", ("DELETE FROM inbox",)),
    ("callback_kept", "settled and not named", ("UPDATE inbox SET outcome = ''",)),
]


def test_every_rule_holds_in_a_town_that_lived(lived: World) -> None:
    assert unit(proof.broken) == {}
    for table in (
        "referral",
        "fee",
        "prompt",
        "receipt",
        "exemption",
        "task",
        "evidence",
        "inbox",
        "stray",
        "transfer",
    ):
        assert value(f"SELECT count(*) FROM {table}") > 0, table


def findings_after(*statements: str) -> dict[str, proof.Finding]:
    """What the rules find after the tampering, which is then undone."""
    with atomic() as tx:
        tx.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            assert tx.execute(statement) != 0, statement
        found = {finding.name: finding for finding in proof.findings(tx)}
        transaction.set_rollback(True)
    return found


def test_each_rule_sees_what_breaks_it(lived: World) -> None:
    """One town for all, since it takes longer to live than to look."""
    unseen = [f"{rule}: {how}" for rule, how, statements in BREAKS if findings_after(*statements)[rule].holds]

    assert unseen == []
    assert unit(proof.broken) == {}


def test_every_rule_has_its_query_and_something_that_breaks_it() -> None:
    assert set(proof._SQL) - {"figures"} == set(proof.INVARIANTS)
    assert {rule for rule, _, _ in BREAKS} == set(proof.INVARIANTS)


def test_a_rule_shows_a_few_and_counts_all(lived: World) -> None:
    posted = findings_after("DELETE FROM transfer")["posted"]

    assert (posted.holds, len(posted.shown)) == (False, 3)
    assert posted.broken > value("SELECT count(*) FROM fee") > 3
