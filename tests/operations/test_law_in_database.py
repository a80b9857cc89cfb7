"""The law where nobody can go round it: raw SQL tries every move of every machine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import psycopg
import pytest

from operations.law_ground import CENTS, MACHINE_TABLES, Town, town
from rufaa.appointments.machine import MACHINE as APPOINTMENT
from rufaa.db import law
from rufaa.db.atomic import Tx, unit
from rufaa.law import Machine
from rufaa.notices.machine import MACHINE as NOTICE
from rufaa.payments.machine import MACHINES, RECEIPT
from rufaa.referrals.machine import MACHINE
from support import rows

ALL: Final[dict[str, Machine[Any, Any]]] = {
    machine.name: machine for machine in (MACHINE, *MACHINES, APPOINTMENT, NOTICE)
}


@pytest.fixture
def sql(database_url: str) -> Iterator[Town]:
    with town(database_url) as place:
        yield place


def put(place: Town, table: str, state: str) -> uuid.UUID:
    """A row of ``table`` in ``state``, by force."""
    match table:
        case "fee":
            return (
                place.fee(state if state == "deferred" else "due") if state in {"due", "deferred"} else place.fee(state)
            )
        case "prompt":
            return place.prompt(state=state)
        case "receipt":
            receipt = place.receipt()
            if state != "unapplied":
                place.force_state("receipt", receipt, state)
            return receipt
        case "refund":
            return place.refund(state=state)
        case "appointment":
            return place.appointment(state=state)
        case _:
            return place.referral(state, fee=place.fee())


def refusal(place: Town, table: str, identifier: uuid.UUID, event: str, state: str) -> str | None:
    """The name of the guard that refuses the move, or None. The move is undone."""
    try:
        with place.sql.transaction(force_rollback=True):
            place.move(table, identifier, event, state)
            return None
    except psycopg.IntegrityError as error:
        return error.diag.constraint_name


@pytest.mark.parametrize("name", MACHINE_TABLES)
def test_every_move_that_is_not_in_the_law_is_refused(sql: Town, name: str) -> None:
    machine = ALL[name]
    tried = 0
    for state in machine.states:
        identifier = put(sql, name, state)
        sql.force(name, identifier, event="forced")
        for event, target in product(machine.events, machine.states):
            lawful = machine.transitions.get((state, event)) == target
            guard = refusal(sql, name, identifier, event, target)
            assert (guard == "law") is not lawful, (state, event, target, guard)
            tried += 1
        assert refusal(sql, name, identifier, "no-such-event", state) == "law"
        assert sql.state(name, identifier) == state
    assert tried == len(machine.states) ** 2 * len(machine.events)


@pytest.mark.parametrize("name", MACHINE_TABLES)
def test_every_birth_that_is_not_in_the_law_is_refused(sql: Town, name: str) -> None:
    machine = ALL[name]
    made = {"fee": sql.fee, "prompt": sql.prompt, "receipt": sql.receipt, "refund": sql.refund}
    made["appointment"] = sql.appointment
    make = made.get(name, sql.referral)
    parent = {"fee_id": sql.fee("paid")} if name == "referral" else {}
    for event, state in product(machine.events, machine.states):
        lawful = machine.first.get(event) == state
        guard: str | None = None
        try:
            with sql.sql.transaction(force_rollback=True):
                make(birth=(event, state), **parent)
        except psycopg.IntegrityError as error:
            guard = error.diag.constraint_name
        assert (guard == "law") is not lawful, (event, state, guard)


def test_the_refusal_says_what_is_lawful(sql: Town) -> None:
    prompt = sql.prompt(state="paid")
    fee = sql.fee()

    with (
        pytest.raises(
            psycopg.IntegrityError, match=r"unlawful move of prompt .*: paid --failed--> unpaid; lawful: nothing"
        ),
        sql.sql.transaction(),
    ):
        sql.move("prompt", prompt, "failed", "unpaid")
    with pytest.raises(
        psycopg.IntegrityError, match=r"lawful: pay -> paid, waive -> waived, defer -> deferred, cancel ->"
    ):
        sql.move("fee", fee, "refund", "refunded")


def test_a_write_that_moves_nothing_is_free(sql: Town) -> None:
    prompt = sql.prompt(state="pending")
    before = sql.history(prompt)

    sql.do("UPDATE prompt SET message = 'it rings', state = state, event = event WHERE id = %(id)s", id=prompt)

    assert sql.history(prompt) == before


# --- the law's table ------------------------------------------------------------------------------------------------


def in_force() -> set[tuple[str, str, str, str]]:
    return {
        (row["machine"], row["from_state"], row["event"], row["to_state"])
        for row in rows("SELECT machine, from_state, event, to_state FROM law WHERE in_force")
    }


def test_the_table_holds_the_machines_moves_and_nothing_else(database: str) -> None:
    code = [row for machine in ALL.values() for row in machine.rows()]

    assert in_force() == set(code)
    assert len(code) == len(set(code)) == len(rows("SELECT id FROM law"))


def test_writing_the_law_again_changes_nothing(database: str) -> None:
    before = rows("SELECT * FROM law ORDER BY id")

    unit(lambda tx: law.write(tx, list(ALL.values())))

    assert rows("SELECT * FROM law ORDER BY id") == before


def test_a_move_taken_from_a_machine_goes_out_of_force(sql: Town) -> None:
    """Seen inside the town's transaction: the move is refused, its row stays for the history's sake, and comes back."""
    lawful_before = sql.receipt()
    sql.pay(sql.fee(), lawful_before)
    poorer: Machine[Any, Any] = Machine(
        name="receipt", states=RECEIPT.states, events=RECEIPT.events, first=RECEIPT.first, transitions={}, ignored={}
    )
    others = [machine for machine in ALL.values() if machine.name != "receipt"]

    law.write(_tx_on(sql), [*others, poorer])

    assert sql.one("SELECT in_force FROM law WHERE machine = 'receipt' AND event = 'apply'") is False
    assert sql.one("SELECT count(*) FROM law WHERE NOT in_force") == len(RECEIPT.transitions)
    receipt = sql.receipt()
    assert refusal(sql, "receipt", receipt, "apply", "applied") == "law"

    law.write(_tx_on(sql), list(ALL.values()))

    assert sql.one("SELECT count(*) FROM law WHERE NOT in_force") == 0
    sql.pay(sql.fee(), receipt)


def _tx_on(place: Town) -> Tx:
    """The transaction handle that ``law.write`` takes, on the town's own connection."""

    class OnTown(Tx):
        def execute(self, sql: str, params: Any = None) -> int:
            return place.sql.execute(sql, params).rowcount

    return OnTown()


# --- history ---------------------------------------------------------------------------------------------------------


def test_raw_sql_leaves_its_history_too_and_nobody_is_named(sql: Town) -> None:
    prompt = sql.prompt()

    sql.do("UPDATE prompt SET state = 'sending', event = 'claim', reason = 'by hand' WHERE id = %(id)s", id=prompt)

    assert sql.history(prompt) == [
        {"machine": "prompt", "from_state": "", "event": "create", "to_state": "created", "actor": None, "reason": ""},
        {
            "machine": "prompt",
            "from_state": "created",
            "event": "claim",
            "to_state": "sending",
            "actor": None,
            "reason": "by hand",
        },
    ]


@pytest.mark.parametrize(
    ("table", "event", "state"),
    [
        *(("fee", "pay", "paid"), ("receipt", "apply", "applied"), ("refund", "withdraw", "withdrawn")),
        ("referral", "approve", "awaiting-biodata"),
    ],
)
def test_each_machine_writes_its_birth_and_its_move(sql: Town, table: str, event: str, state: str) -> None:
    fee = sql.fee()
    receipt = sql.receipt()
    referral = sql.referral(fee=fee)
    refund = sql.refund()
    subject = {"fee": fee, "receipt": receipt, "refund": refund, "referral": referral}[table]
    if table in {"fee", "receipt"}:
        sql.pay(fee, receipt)
    else:
        sql.move(table, subject, event, state)

    birth, move = sql.history(subject)

    assert (birth["from_state"], birth["event"]) == ("", str(next(iter(ALL[table].first))))
    assert (move["machine"], move["from_state"], move["event"], move["to_state"]) == (
        *(table, birth["to_state"], event, state),
    )


def test_the_actor_of_the_transaction_is_named(sql: Town) -> None:
    sql.do("SELECT set_config('rufaa.actor', %(actor)s, true)", actor=str(sql.user))

    fee = sql.fee()

    assert [row["actor"] for row in sql.history(fee)] == [sql.user]


# --- the books -------------------------------------------------------------------------------------------------------


def test_the_books_of_a_fee_that_is_paid(sql: Town) -> None:
    fee = sql.fee()
    assert (sql.balance("receivable"), sql.balance("income")) == (CENTS, -CENTS)
    prompt = sql.prompt(fee, state="pending")
    receipt = sql.receipt(prompt)
    assert (sql.balance("mpesa:600001"), sql.balance("unapplied")) == (CENTS, -CENTS)
    sql.move("prompt", prompt, "confirmed", "paid")
    sql.pay(fee, receipt)
    sql.commit_checks()

    assert sql.balance("receivable") == 0
    assert sql.balance("unapplied") == 0
    assert sql.balance("mpesa:600001") == CENTS
    assert sql.balance("income") == -CENTS
    assert [
        (row["kind"], row["debit"], row["credit"], row["amount_cents"], row["fee"], row["receipt"], row["account"])
        for row in sql.rows("SELECT * FROM transfer ORDER BY id")
    ] == [
        ("raised", "receivable", "income", CENTS, fee, None, sql.account),
        ("received", "mpesa:600001", "unapplied", CENTS, None, receipt, sql.account),
        ("applied", "unapplied", "receivable", CENTS, fee, receipt, sql.account),
    ]


@pytest.mark.parametrize("born", ["due", "deferred"])
def test_the_books_of_a_fee_that_is_waived(sql: Town, born: str) -> None:
    fee = sql.fee(born)
    sql.exemption(fee, "waive", agreed=True)

    sql.move("fee", fee, "waive", "waived")

    assert (sql.balance("receivable"), sql.balance("income")) == (0, 0)
    assert [row["kind"] for row in sql.rows("SELECT kind FROM transfer ORDER BY id")] == ["raised", "waived"]


def test_a_deferred_fee_is_still_owed(sql: Town) -> None:
    fee = sql.fee()
    sql.exemption(fee, "defer", agreed=True)

    sql.move("fee", fee, "defer", "deferred")

    assert sql.balance("receivable") == CENTS
    assert sql.one("SELECT count(*) FROM transfer") == 1


def test_money_that_fits_nothing_waits_in_unapplied(sql: Town) -> None:
    sql.receipt(amount_cents=12_345)
    sql.receipt(amount_cents=1, account_id=sql.other_account)

    assert sql.balance("unapplied") == -12_346
    assert (sql.balance("mpesa:600001"), sql.balance("mpesa:600002")) == (12_345, 1)


def postings(place: Town) -> list[tuple[str, str, str, int]]:
    """(kind, debit, credit, amount) of every posting, as they were written."""
    found = place.rows("SELECT kind, debit, credit, amount_cents FROM transfer ORDER BY id")
    return [(row["kind"], row["debit"], row["credit"], row["amount_cents"]) for row in found]


def test_the_books_of_one_receipt_that_pays_two_fees_and_goes_back_in_part(sql: Town) -> None:
    # given: a receipt of 1,500 shillings, fees of 1,000 and 300
    one, other = sql.fee(), sql.fee(amount_cents=30_000)
    receipt = sql.receipt(amount_cents=150_000)
    free = []

    # when: it pays both, and the rest goes back
    for fee, cents in ((one, CENTS), (other, 30_000)):
        sql.application(receipt, fee, cents)
        sql.move("receipt", receipt, "part-apply", "unapplied")
        sql.move("fee", fee, "pay", "paid")
        sql.commit_checks()
        free.append(sql.free(receipt))
    refund = sql.refund(receipt, amount_cents=20_000)
    free.append(sql.free(receipt))
    sql.order(refund)
    sql.move("refund", refund, "succeeded", "done")
    sql.move("receipt", receipt, "give-back-rest", "applied")
    sql.commit_checks()

    # then
    assert free == [50_000, 20_000, 0]
    assert (sql.balance("receivable"), sql.balance("unapplied"), sql.balance("mpesa:600001")) == (0, 0, 130_000)
    assert postings(sql)[2:] == [
        ("received", "mpesa:600001", "unapplied", 150_000),
        ("applied", "unapplied", "receivable", CENTS),
        ("applied", "unapplied", "receivable", 30_000),
        ("refunded", "unapplied", "mpesa:600001", 20_000),
    ]
    about = sql.rows("SELECT fee, receipt, refund, account FROM transfer WHERE kind = 'refunded'")
    assert about == [{"fee": None, "receipt": receipt, "refund": refund, "account": sql.account}]


def test_the_books_of_a_fee_that_two_receipts_paid_and_that_is_refunded(sql: Town) -> None:
    fee, one, other = sql.fee(), sql.receipt(amount_cents=40_000), sql.receipt(amount_cents=60_000)
    sql.pay(fee, one, other)
    for receipt, cents in ((one, 40_000), (other, 60_000)):
        refund = sql.refund(receipt, fee=fee, amount_cents=cents)
        sql.order(refund)
        sql.move("refund", refund, "succeeded", "done")
        sql.move("receipt", receipt, "return", "refunded")
    sql.move("fee", fee, "refund", "refunded")
    sql.commit_checks()

    assert postings(sql)[3:] == [
        ("applied", "unapplied", "receivable", 40_000),
        ("applied", "unapplied", "receivable", 60_000),
        ("returned", "income", "unapplied", 40_000),
        ("refunded", "unapplied", "mpesa:600001", 40_000),
        ("returned", "income", "unapplied", 60_000),
        ("refunded", "unapplied", "mpesa:600001", 60_000),
    ]
    assert {sql.balance(name) for name in ("receivable", "income", "unapplied", "mpesa:600001")} == {0}
    assert sql.one("SELECT count(*) FROM transfer WHERE kind IN ('returned', 'refunded') AND fee = %(f)s", f=fee) == 4


@pytest.mark.parametrize("ended", ["withdrawn", "failed"])
def test_money_that_is_not_given_back_after_all_is_free_again_and_nothing_is_posted(sql: Town, ended: str) -> None:
    receipt = sql.receipt()
    refund = sql.refund(receipt, amount_cents=30_000)
    promised = sql.free(receipt)
    if ended == "withdrawn":
        sql.move("refund", refund, "withdraw", "withdrawn")
    else:
        sql.fail(refund)
    sql.commit_checks()

    assert (promised, sql.free(receipt)) == (70_000, CENTS)
    assert [kind for kind, *_ in postings(sql)] == ["received"]


def test_money_that_went_after_all_is_not_free_any_more(sql: Town) -> None:
    receipt = sql.receipt()
    refund = sql.refund(receipt)
    sql.fail(refund)
    sql.move("refund", refund, "succeeded", "done")
    sql.move("receipt", receipt, "give-back", "refunded")
    sql.commit_checks()

    assert sql.free(receipt) == 0
    assert sql.balance("mpesa:600001") == 0


@pytest.mark.parametrize("ended", ["withdrawn", "failed"])
def test_what_pays_a_fee_is_not_free_when_it_is_not_given_back_after_all(sql: Town, ended: str) -> None:
    fee, _, receipt = sql.paid_fee()
    refund = sql.refund(receipt, fee=fee)
    if ended == "withdrawn":
        sql.move("refund", refund, "withdraw", "withdrawn")
    else:
        sql.fail(refund)
    sql.commit_checks()

    assert sql.free(receipt) == 0
    assert sql.state("receipt", receipt) == "applied"


def test_the_books_of_a_till_name_the_till(sql: Town) -> None:
    sql.do("UPDATE mpesa_account SET till_number = '700007' WHERE id = %(id)s", id=sql.account)

    sql.receipt()

    assert sql.balance("mpesa:600001/700007") == CENTS


def test_a_whole_referral_by_raw_sql(sql: Town) -> None:
    """The lawful road, walked by hand: PostgreSQL lets every step pass, and only in this order."""
    fee = sql.fee()
    referral = sql.referral(fee=fee)
    sql.move("referral", referral, "approve", "awaiting-biodata")
    sql.move("referral", referral, "ask-payment", "pending-payment")
    prompt = sql.prompt(fee)
    for event, state in (("claim", "sending"), ("accepted", "pending")):
        sql.move("prompt", prompt, event, state)
    receipt = sql.receipt(prompt, number="UBN7XY1234")
    sql.move("prompt", prompt, "confirmed", "paid")
    sql.pay(fee, receipt)
    sql.move("referral", referral, "money-seen", "paid")
    sql.move("referral", referral, "confirm", "confirmed")
    sql.move("referral", referral, "complete", "completed", reason="healed")
    sql.commit_checks()

    assert [row["to_state"] for row in sql.history(referral)] == [
        *("pending-admin", "awaiting-biodata", "pending-payment", "paid", "confirmed", "completed"),
    ]
    assert sql.history(referral)[-1]["reason"] == "healed"
    assert sum(sql.balance(name) for name in ("receivable", "income", "unapplied", "mpesa:600001")) == 0
