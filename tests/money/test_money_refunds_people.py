"""Two people give money back: what may be proposed, by whom it is agreed to, and what is refused."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from reports import result_body
from rufaa import clock
from rufaa.db.atomic import Tx, unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.ingest.address import result_url
from rufaa.money import Money
from rufaa.payments import restored
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
    PAYS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    inbox_outcomes,
    open_tasks,
    post,
    register_c2b,
    rows,
    someone,
    unchanged,
    value,
)

PAYER = "254708374149"


class Office:
    """Finance people, the money that waits, and what pays a cancelled referral."""

    def __init__(self, world: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> None:
        self.world, self.simulator, self.gateway, self.worker = world, simulator, gateway, worker
        self.second = self._person("second-finance")

    def _person(self, name: str) -> Actor:
        def add(tx: Tx) -> None:
            facilities.add_member(tx, facilities.add_user(tx, name), self.world.tumaini, Role.FINANCE)

        unit(add)
        return someone(name)

    def waits(self, shillings: int = 1000) -> str:
        number = self.simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", shillings)
        advance(3, self.simulator)
        self.worker.settle()
        return uuid.UUID(str(value("SELECT id FROM receipt WHERE number = %(n)s", n=number))).hex

    def cancelled(self) -> tuple[str, str, str]:
        """A referral that was paid and cancelled: (referral, account code, receipt)."""
        referral, prompt = self.world.prompted(PAYS)
        self.worker.dispatch()
        advance(3, self.simulator)
        self.worker.settle()
        self.world.move(referral, "cancelled", reason="the patient went elsewhere")
        code = str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))
        return referral, code, value("SELECT id FROM receipt WHERE prompt_id = %(p)s", p=prompt).hex

    def propose(self, receipt: str, *, by: Actor | None = None, **more: object) -> str:
        args = {"receiptId": receipt, "reason": "paid twice", **more}
        answer = self.gateway.do("mutation", "refunds:propose", args, by=by or self.world.finance)
        assert answer["status"] == "proposed"
        return str(answer["refundId"])

    def refused(self, function: str, args: dict[str, object], *, by: Actor | None = None) -> str:
        with unchanged():
            return str(self.gateway.error("mutation", f"refunds:{function}", args, by=by or self.world.finance)["code"])

    def refund(self, refund: str) -> dict[str, object]:
        (row,) = rows("SELECT * FROM refund WHERE id = %(id)s", id=uuid.UUID(refund))
        return row

    def free(self, receipt: str) -> Money:
        return Money(int(value("SELECT free_cents FROM receipt WHERE id = %(id)s", id=uuid.UUID(receipt))))


@pytest.fixture
def office(town: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> Office:
    register_c2b(town, simulator, gateway)
    return Office(town, simulator, gateway, worker)


def test_a_proposal_promises_the_money(office: Office, simulator: RunningSimulator) -> None:
    receipt = office.waits()

    refund = office.propose(receipt)

    row = office.refund(refund)
    assert (row["state"], row["method"], row["amount_cents"]) == ("proposed", "reversal", 100_000)
    assert office.free(receipt) == Money(0)
    referral = office.world.waiting()
    code = value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    with unchanged():
        error = office.gateway.error(
            "mutation", "receipts:apply", {"receiptIds": [receipt], "accountCode": code}, by=office.world.finance
        )
    assert error["code"] == "receipt-not-needed"
    check_books(simulator)


def test_the_second_person_is_another_one(office: Office, simulator: RunningSimulator) -> None:
    refund = office.propose(office.waits())

    assert office.refused("approve", {"refundId": refund}) == "second-person-needed"
    answer = office.gateway.do("mutation", "refunds:approve", {"refundId": refund}, by=office.second)

    assert answer["status"] == "approved"
    row = office.refund(refund)
    assert (row["state"], row["approved_by"]) == ("approved", office.second.user)
    assert office.refused("approve", {"refundId": refund}, by=office.second) == "refund-not-open"
    check_books(simulator)


def test_what_is_withdrawn_waits_again(office: Office, simulator: RunningSimulator) -> None:
    receipt = office.waits()
    refund = office.propose(receipt, amount=400, phoneNumber=PAYER)
    assert (office.refund(refund)["method"], office.free(receipt)) == ("b2c", Money.from_shillings(600))

    office.gateway.do("mutation", "refunds:withdraw", {"refundId": refund, "reason": "the wrong one"}, by=office.second)

    assert (office.refund(refund)["state"], office.free(receipt)) == ("withdrawn", Money.from_shillings(1000))
    assert open_tasks() == ["unapplied"]
    check_books(simulator)


def test_refunds_over_what_came_in_and_twice_are_refused(office: Office, simulator: RunningSimulator) -> None:
    receipt = office.waits()

    assert office.refused("propose", {"receiptId": receipt, "reason": "x", "amount": 1001}) == "refund-too-much"
    assert office.refused("propose", {"receiptId": receipt, "reason": "x", "amount": 0}) == "invalid-amount"
    assert office.refused("propose", {"receiptId": receipt, "reason": "x", "amount": -5}) == "invalid-amount"
    assert office.refused("propose", {"receiptId": receipt, "reason": "x", "amount": 10.5}) == "invalid-argument"
    assert office.refused("propose", {"receiptId": receipt, "reason": " "}) == "invalid-argument"
    assert office.refused("propose", {"receiptId": receipt, "reason": "x", "amount": 400}) == "refund-needs-phone"
    small = {"receiptId": receipt, "reason": "x", "amount": 9, "phoneNumber": PAYER}
    assert office.refused("propose", small) == "refund-too-much"
    office.propose(receipt, amount=400, phoneNumber=PAYER)
    assert office.refused("propose", {"receiptId": receipt, "reason": "x"}) == "refund-under-way"
    check_books(simulator)


def test_a_part_is_paid_out_and_never_reversed(office: Office, simulator: RunningSimulator) -> None:
    """A reversal takes all of a receipt (daraja.md §8), and C2B shows no phone to pay a part to."""
    receipt = office.waits(1500)

    assert (
        office.refused("propose", {"receiptId": receipt, "reason": "too much", "amount": 500}) == "refund-needs-phone"
    )
    refund = office.propose(receipt, amount=500, phoneNumber=PAYER)

    assert (office.refund(refund)["method"], office.refund(refund)["phone"]) == ("b2c", PAYER)
    check_books(simulator)


def test_who_is_not_of_the_payees_finance_sees_and_does_nothing(office: Office, simulator: RunningSimulator) -> None:
    receipt = office.waits()
    refund = office.propose(receipt)

    for person in (office.world.admin, office.world.receiving_admin, office.world.physician, office.world.operator):
        assert office.refused("propose", {"receiptId": receipt, "reason": "x"}, by=person) == "forbidden"
        assert office.refused("approve", {"refundId": refund}, by=person) == "forbidden"
    stranger = office.world.stranger
    assert office.refused("propose", {"receiptId": receipt, "reason": "x"}, by=stranger) == "no-such-receipt"
    for function in ("approve", "withdraw", "conclude"):
        args: dict[str, object] = {"refundId": refund}
        args |= {} if function == "approve" else {"reason": "x"}
        args |= {"went": True} if function == "conclude" else {}
        assert office.refused(function, args, by=stranger) == "no-such-refund"
        assert office.refused(function, args | {"refundId": uuid.uuid4().hex}) == "no-such-refund"
        assert office.refused(function, args | {"refundId": "x"}) == "no-such-refund"
    check_books(simulator)


def test_what_pays_a_referral_goes_back_only_once_it_is_cancelled(office: Office, simulator: RunningSimulator) -> None:
    referral, code, receipt = office.cancelled()
    assert open_tasks() == ["refund"]

    assert office.refused("propose", {"receiptId": receipt, "reason": "x"}) == "nothing-to-refund"
    part = {"receiptId": receipt, "reason": "x", "accountCode": code, "amount": 400}
    assert office.refused("propose", part) == "refund-too-much"
    refund = office.propose(receipt, accountCode=code)

    row = office.refund(refund)
    assert (row["method"], row["amount_cents"]) == ("reversal", 100_000)
    assert office.world.fee_state(referral) == "paid"
    check_books(simulator)


def test_what_pays_a_referral_that_goes_on_stays(office: Office, simulator: RunningSimulator) -> None:
    referral = office.world.waiting()
    code = str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, code, 1000)
    advance(3, simulator)
    office.worker.settle()
    receipt = value("SELECT id FROM receipt WHERE number = %(n)s", n=number).hex

    assert office.refused("propose", {"receiptId": receipt, "reason": "x", "accountCode": code}) == "fee-not-open"
    assert office.refused("propose", {"receiptId": receipt, "reason": "x", "accountCode": "NOPE"}) == "fee-not-open"
    check_books(simulator)


# --- after a restore -------------------------------------------------------------------------------------------------


def test_money_of_before_a_restore_is_given_back_to_nobody_until_it_was_compared(
    office: Office, simulator: RunningSimulator
) -> None:
    """In the time that is lost it may have been: by a payout whose id is not here, which no reversal knows of."""
    whole, part = office.waits(), office.waits()
    told_after = simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000)
    advance(1, simulator)
    backup_at = clock.now() - timedelta(hours=8)
    unit(lambda tx: restored.note(tx, restoration=uuid.uuid4(), backup_at=backup_at))
    advance(120, simulator)
    paid_after = office.waits()
    part_of = {"reason": "not ours", "amount": 400, "phoneNumber": PAYER}

    for receipt in (part, value("SELECT id FROM receipt WHERE number = %(n)s", n=told_after).hex):
        assert office.refused("propose", {"receiptId": receipt, **part_of}) == "refunded-meanwhile"
    assert office.refused("propose", {"receiptId": whole, "reason": "not ours"}) == "refunded-meanwhile"
    office.propose(paid_after, amount=400, phoneNumber=PAYER)

    unit(lambda tx: restored.compared(tx, "Njeri: all is here"))
    office.propose(part, amount=400, phoneNumber=PAYER)
    office.propose(whole)
    check_books(simulator)


_STATUS = {"ResultParameters": {"ResultParameter": [{"Key": "TransactionStatus", "Value": "Completed"}]}}


@pytest.mark.parametrize(("code", "more", "asked"), [(0, {}, ["stray"]), ("1", {}, []), (0, _STATUS, [])])
def test_an_order_that_is_not_known_here_and_went_is_a_persons_to_find_out(
    office: Office, gateway: Running, code: object, more: dict[str, object], asked: list[str]
) -> None:
    """Not one that did not go, and not what answers a question."""
    lost = uuid.uuid4()
    for _ in range(2):
        assert post(result_url(gateway.url, lost, keys=KEYS), result_body(code, **more)).status == 200
        office.worker.settle()

    assert inbox_outcomes() == ["unknown-order"] * 2
    assert open_tasks() == asked
