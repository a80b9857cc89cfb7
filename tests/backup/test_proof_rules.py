"""Each rule of ``rufaa.cli.proof`` holds in a town that lived, and notices what breaks it past every guard.

The tampering is written as a superuser would do it, with triggers and foreign keys off. A rule without a way to
break it is a rule that nobody tested, so each has at least one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Final

import psycopg
import pytest
from django.db import transaction
from psycopg.rows import dict_row

from appointments.ground import HEART, book, free
from operations.law_ground import CENTS, Town
from rufaa import clock
from rufaa.appointments import clinics
from rufaa.cli import proof
from rufaa.daraja.outcomes import Answered, Exchange
from rufaa.db.atomic import atomic, unit
from rufaa.ingest.loop import settle_inbox
from rufaa.payments import strays
from rufaa.payments.machine import FeeEvent
from rufaa.payments.reconcile import hand_over_overdue
from rufaa.referrals import operations as referrals
from rufaa.talk import operations as talk
from support import (
    HANDLERS,
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
def lived(world: World, database: str) -> World:
    """Referrals of every kind: paid, waived, cancelled, in review, with money in unapplied, and waiting; two reports
    about prompts that nobody knows: one whose money an account has, and one that cannot be read; and refunds.
    """
    for status in Status:
        referral_in(world, status)
    waived = world.waiting()
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, waived, kind=FeeEvent.WAIVE, reason="poor"))
    unit(lambda tx: referrals.second_exemption(tx, world.finance, waived))
    heart = unit(lambda tx: clinics.add(tx, world.tumaini, HEART))
    book(world.admin, world.waiting(), free(heart)[-1])
    unit(lambda tx: talk.attach(tx, world.admin, waived, name="lab.pdf", content=b"%PDF-1.7"))
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
    with psycopg.connect(database, row_factory=dict_row) as connection:
        work_money(Town(connection, account=world.account.pk, facility=world.tumaini.pk))
    return world


def report_of_nobody(body: bytes) -> None:
    """A callback about a prompt that is not in the database, stored and settled."""
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " VALUES ('stk', %(prompt)s, '127.0.0.1', true, %(body)s)",
        prompt=uuid.uuid4(),
        body=body,
    )
    settle_inbox(HANDLERS)


def work_money(town: Town) -> None:
    """By raw SQL, and lawfully: what pays two fees, what two pay, and refunds in every state."""
    whole, part, last = town.fee(), town.fee(amount_cents=CENTS // 2), town.fee(amount_cents=CENTS // 4)
    large = reported(town, 2 * CENTS)
    for fee, cents in ((whole, CENTS), (part, CENTS // 2)):
        town.application(large, fee, cents)
        town.move("receipt", large, "part-apply", "unapplied")
        town.move("fee", fee, "pay", "paid")
    for cents, event, state in ((CENTS // 4, "part-give-back", "unapplied"), (CENTS // 4, "give-back-rest", "applied")):
        give_back(town, town.refund(large, amount_cents=cents), large, event, state)
    halves = [reported(town, CENTS // 8), reported(town, CENTS // 8)]
    town.pay(last, *halves)
    for half in halves:
        give_back(town, town.refund(half, fee=last, amount_cents=CENTS // 8), half, "return", "refunded")
    town.move("fee", last, "refund", "refunded")
    town.commit_checks()

    waits = {
        state: reported(town, CENTS) for state in ("proposed", "withdrawn", "approved", "ordered", "unknown", "failed")
    }
    refunds = {state: town.refund(receipt, amount_cents=CENTS // 2) for state, receipt in waits.items()}
    town.move("refund", refunds["withdrawn"], "withdraw", "withdrawn")
    town.move("refund", refunds["approved"], "approve", "approved", approved_by=town.second, next_at="2026-01-01")
    for state, event in (("ordered", None), ("unknown", "silent"), ("failed", "rejected")):
        town.order(refunds[state])
        town.do("UPDATE refund SET next_at = rufaa_now() WHERE id = %(id)s", id=refunds[state])
        if event is not None:
            town.move("refund", refunds[state], event, state)
    for receipt in waits.values():
        town.insert(
            "task", id=uuid.uuid4(), kind="unapplied", account_id=town.account, receipt_id=receipt, why="to test"
        )


def reported(town: Town, cents: int) -> uuid.UUID:
    number = f"UBN7XY{next(town.numbers):04}"
    receipt = town.receipt(amount_cents=cents, number=number)
    about = {"account_id": town.account, "receipt_id": receipt, "receipt_number": number, "amount_cents": cents}
    town.insert("evidence", channel="pull", verdict="unapplied", **about)
    return receipt


def give_back(town: Town, refund: uuid.UUID, receipt: uuid.UUID, event: str, state: str) -> None:
    town.order(refund)
    town.move("refund", refund, "succeeded", "done")
    town.move("receipt", receipt, event, state)


BREAKS: Final[Sequence[tuple[str, str, tuple[str, ...]]]] = [
    ("fee_paid_by_what_is_applied", "paid without money", ("UPDATE fee SET state = 'paid' WHERE state = 'due'",)),
    (
        "fee_paid_by_what_is_applied",
        "the money forgotten",
        (f"UPDATE fee SET state = 'due', event = 'raise' WHERE id = {_OF_PAID.format('fee')}",),
    ),
    (
        "receipt_used_once",
        "one number for all",
        ("ALTER TABLE receipt DROP CONSTRAINT receipt_number_key", "UPDATE receipt SET number = 'SAME000000'"),
    ),
    (
        "receipt_used_once",
        "one prompt, two receipts",
        (
            "ALTER TABLE receipt DROP CONSTRAINT receipt_prompt_id_key",
            f"UPDATE receipt SET prompt_id = {_OF_PAID.format('prompt')}",
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
    ("callback_kept", "of another", ("UPDATE inbox SET subject = gen_random_uuid()",)),
]

_NO_TWO_PEOPLE: Final = "ALTER TABLE refund DROP CONSTRAINT refund_two_people, DROP CONSTRAINT refund_approved"
_DONE_AGAIN: Final = (
    "INSERT INTO refund (id, state, event, receipt_id, fee_id, amount_cents, method, phone, why, proposed_by,"
    " approved_by) SELECT gen_random_uuid(), state, event, receipt_id, fee_id, amount_cents, method, phone, why,"
    " proposed_by, approved_by FROM refund WHERE state = 'done' AND fee_id IS NOT NULL"
)
_APPLIED_AGAIN: Final = (
    "INSERT INTO application (id, receipt_id, fee_id, amount_cents)"
    " SELECT gen_random_uuid(), receipt_id, fee_id, amount_cents FROM application"
)

# Rules that see several things: what each says, of what.
SAYS: Final[Sequence[tuple[str, str, tuple[str, ...]]]] = [
    *(
        ("fee_paid_by_what_is_applied", says, statements)
        for says, statements in {
            "of 100000 is paid, and 0 is applied to it": ("DELETE FROM application",),
            "of 25000 is refunded, and 0 is applied to it": ("DELETE FROM application",),
            "of 100000 is due, and 100000 is applied to it": ("UPDATE fee SET state = 'due' WHERE state = 'paid'",),
            "of 100000 is paid, and 99900 is applied to it": (
                "UPDATE application SET amount_cents = amount_cents - 100",
            ),
            "whose account is another": ("UPDATE receipt SET account_id = gen_random_uuid() WHERE state = 'applied'",),
        }.items()
    ),
    *(
        ("receipt_used_once", says, statements)
        for says, statements in {
            "pays 100000, 0 of it was given back and 0 is promised back: 1 is called free": (
                "UPDATE receipt SET free_cents = 1 WHERE prompt_id IS NOT NULL",
            ),
            "pays 0, 0 of it was given back and 0 is promised back: 50000 is called free": (
                "DELETE FROM refund WHERE state = 'proposed'",
            ),
            "pays 150000, 0 of it was given back and 0 is promised back: 0 is called free": (
                "DELETE FROM refund WHERE state = 'done'",
            ),
            "pays 150000, 100000 of it was given back and 0 is promised back: -50000 is called free": (
                "ALTER TABLE receipt DROP CONSTRAINT receipt_free",
                "UPDATE refund SET amount_cents = 50000 WHERE state = 'done' AND fee_id IS NULL",
                "UPDATE receipt SET free_cents = -50000 WHERE amount_cents = 200000",
            ),
            "is applied; 100000 of it waits, and 0 pays fees": (
                "UPDATE receipt SET state = 'applied' WHERE state = 'unapplied'",
            ),
            "is unapplied; 0 of it waits, and 100000 pays fees": (
                "UPDATE receipt SET state = 'unapplied' WHERE state = 'applied'",
            ),
            "is refunded; 0 of it waits, and 150000 pays fees": (
                "UPDATE receipt SET state = 'refunded' WHERE state = 'applied'",
            ),
            "is applied; 0 of it waits, and 0 pays fees": (
                "UPDATE receipt SET state = 'applied' WHERE state = 'refunded'",
            ),
            " 2 times": (
                "ALTER TABLE application DROP CONSTRAINT application_once",
                _APPLIED_AGAIN,
            ),
        }.items()
    ),
    *(
        ("refund_within_what_came", says, statements)
        for says, statements in {
            "of 200000 was given back 250000": (
                "UPDATE refund SET amount_cents = 125000 WHERE amount_cents = 25000 AND state = 'done'",
            ),
            "was given back 2 times": (_DONE_AGAIN,),
            "of 25000 is refunded, and 0 of it was given back": ("DELETE FROM refund WHERE fee_id IS NOT NULL",),
            "of 25000 is refunded, and 12500 of it was given back": (
                "DELETE FROM refund WHERE id = (SELECT id FROM refund WHERE fee_id IS NOT NULL LIMIT 1)",
            ),
            "of 25000 is paid, and 25000 of it was given back": (
                "UPDATE fee SET state = 'paid' WHERE state = 'refunded'",
            ),
            "is done, and no two people agreed": (_NO_TWO_PEOPLE, "UPDATE refund SET approved_by = proposed_by"),
            "is ordered, and no two people agreed": (_NO_TWO_PEOPLE, "UPDATE refund SET approved_by = NULL"),
            ", which is due": ("UPDATE fee SET state = 'due' WHERE state = 'refunded'",),
            **{
                f"is {state}, and nothing will be done about it": (
                    f"UPDATE refund SET state = '{state}', next_at = NULL WHERE state = 'ordered'",
                )
                for state in ("approved", "sending", "ordered", "unknown", "resending")
            },
        }.items()
    ),
    *(
        ("posted", says, (statement,))
        for says, statement in {
            "is not raised in the books": "UPDATE transfer SET amount_cents = 1 WHERE kind = 'raised'",
            "is waived, and the books do not say so": "DELETE FROM transfer WHERE kind = 'waived'",
            "did not arrive in the books": "UPDATE transfer SET account = gen_random_uuid() WHERE kind = 'received'",
            "is applied to fee ": "UPDATE transfer SET amount_cents = 1 WHERE kind = 'applied'",
        }.items()
    ),
    ("posted", "is done, and the books do not say so", ("DELETE FROM transfer WHERE kind = 'refunded'",)),
    (
        "posted",
        "is done, and the books do not say so",
        ("UPDATE transfer SET amount_cents = 1 WHERE kind = 'refunded'",),
    ),
    ("posted", "is done, and the books do not say so", ("DELETE FROM transfer WHERE kind = 'returned'",)),
    (
        "posted",
        "is done, and the books do not say so",
        ("UPDATE transfer SET amount_cents = 1 WHERE kind = 'returned'",),
    ),
    (
        "unapplied",
        "is unapplied in the books",
        ("UPDATE refund SET state = 'failed' WHERE state = 'done' AND fee_id IS NULL",),
    ),
    ("unapplied", "is unapplied in the books", ("DELETE FROM application",)),
    ("mpesa_account", "by the receipts", ("UPDATE refund SET state = 'failed' WHERE state = 'done'",)),
    ("mpesa_account", "by the receipts", ("DELETE FROM transfer WHERE kind = 'refunded'",)),
    (
        "file_is_what_its_digest_says",
        "has other bytes",
        ("UPDATE attachment_content SET content = overlay(content PLACING 'x'::bytea FROM 3)",),
    ),
    ("file_is_what_its_digest_says", "has other bytes", ("DELETE FROM attachment_content",)),
    ("file_is_what_its_digest_says", "has other bytes", ("UPDATE attachment SET size_bytes = size_bytes + 1",)),
    ("places_are_what_appointments_take", "are counted", ("UPDATE slot SET taken = 0 WHERE taken = 1",)),
    ("places_are_what_appointments_take", "are counted", ("UPDATE clinic_day SET taken = 0 WHERE taken = 1",)),
    ("places_are_what_appointments_take", "are counted", ("DELETE FROM appointment",)),
    (
        "history_ends_where_rows_are",
        "refund",
        ("DELETE FROM history WHERE machine = 'refund' AND event = 'succeeded'",),
    ),
]


def test_every_rule_holds_in_a_town_that_lived(lived: World) -> None:
    assert unit(proof.broken) == {}
    for table in (
        *("referral", "fee", "prompt", "receipt", "application", "refund", "exemption", "task", "evidence", "inbox"),
        "stray",
        "transfer",
        "attachment",
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


def test_each_rule_says_what_breaks_it(lived: World) -> None:
    unsaid = []
    for rule, says, statements in SAYS:
        with atomic() as tx:
            tx.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                assert tx.execute(statement) != 0, statement
            if not any(says in row["what"] for row in tx.rows(proof._SQL[rule])):
                unsaid.append((rule, says))
            transaction.set_rollback(True)

    assert unsaid == []


def test_every_rule_has_its_query_and_something_that_breaks_it() -> None:
    assert set(proof._SQL) - {"figures"} == set(proof.INVARIANTS)
    assert {rule for rule, _, _ in (*BREAKS, *SAYS)} == set(proof.INVARIANTS)


def test_a_rule_shows_a_few_and_counts_all(lived: World) -> None:
    posted = findings_after("DELETE FROM transfer")["posted"]

    assert (posted.holds, len(posted.shown)) == (False, 3)
    assert posted.broken > value("SELECT count(*) FROM fee") > 3
