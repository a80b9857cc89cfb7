"""Refunds as M-Pesa does them: reversed or paid out once, whatever is lost, doubled, late or forged on the way."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from typing import Any

import pytest

from rufaa import clock
from rufaa.daraja.client import Daraja, MemoryTokens, new_session
from rufaa.daraja.outcomes_orders import Acknowledged
from rufaa.db.atomic import Tx, unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.ingest.address import result_url, timeout_url
from rufaa.money import Money
from rufaa.payments import orders
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
    PAYS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    give_operator,
    inbox_outcomes,
    open_tasks,
    operated,
    post,
    register_c2b,
    rows,
    running_gateway,
    someone,
    unchanged,
    value,
)

PAYER = "254708374149"
REVERSAL, B2C, STATUS = ("reversal/v1/request", "b2c/v3/paymentrequest", "transactionstatus/v1/query")


class Office:
    """Two finance people, and refunds on their way."""

    def __init__(self, world: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> None:
        self.world, self.simulator, self.gateway, self.worker = world, simulator, gateway, worker

        def add(tx: Tx) -> None:
            facilities.add_member(tx, facilities.add_user(tx, "second-finance"), world.tumaini, Role.FINANCE)

        unit(add)
        self.second: Actor = someone("second-finance")

    def waits(self, shillings: int = 1000) -> str:
        number = self.simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", shillings)
        self.told()
        return uuid.UUID(str(value("SELECT id FROM receipt WHERE number = %(n)s", n=number))).hex

    def agreed(self, receipt: str, **more: object) -> str:
        args = {"receiptId": receipt, "reason": "paid twice", **more}
        refund = str(self.gateway.do("mutation", "refunds:propose", args, by=self.world.finance)["refundId"])
        self.gateway.do("mutation", "refunds:approve", {"refundId": refund}, by=self.second)
        return refund

    def told(self, seconds: float = 5) -> None:
        advance(seconds, self.simulator)
        self.worker.settle()

    def refund(self, refund: str) -> dict[str, Any]:
        (row,) = rows("SELECT * FROM refund WHERE id = %(id)s", id=uuid.UUID(refund))
        return row

    def state(self, refund: str) -> str:
        return str(self.refund(refund)["state"])

    def ordered(self, path: str) -> int:
        """How many orders reached M-Pesa, by its journal."""
        return sum(entry.kind == "exchange" and path in entry.data["path"] for entry in self.simulator.journal())

    def wallet(self) -> Money:
        return self.simulator.wallet(PAYER)


@pytest.fixture
def office(town: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> Office:
    register_c2b(town, simulator, gateway)
    give_operator(town, simulator)
    return Office(town, simulator, gateway, worker)


def test_money_that_waits_is_reversed(office: Office, simulator: RunningSimulator) -> None:
    before = office.wallet()
    refund = office.agreed(office.waits())

    office.worker.order()
    assert office.state(refund) == "ordered"
    office.told()

    row = office.refund(refund)
    assert (row["state"], row["number"] is not None) == ("done", True)
    assert rows("SELECT state, free_cents FROM receipt") == [{"state": "refunded", "free_cents": 0}]
    assert office.wallet() == before
    assert simulator.till(DEMO_SHORT_CODE) == Money(0)
    assert open_tasks() == []
    check_books(simulator)


def test_a_part_is_paid_out_and_the_rest_waits(office: Office, simulator: RunningSimulator) -> None:
    receipt = office.waits(1500)
    refund = office.agreed(receipt, amount=500, phoneNumber=PAYER)

    office.worker.order()
    office.told()

    assert office.state(refund) == "done"
    assert rows("SELECT state, free_cents FROM receipt") == [{"state": "unapplied", "free_cents": 100_000}]
    assert simulator.till(DEMO_SHORT_CODE) == Money.from_shillings(1000)
    assert open_tasks() == ["unapplied"]
    check_books(simulator)


@pytest.mark.fault(30)
def test_what_paid_a_cancelled_referral_goes_back_and_its_fee_is_refunded(
    office: Office, simulator: RunningSimulator
) -> None:
    referral, prompt = office.world.prompted(PAYS)
    office.worker.dispatch()
    office.told()
    office.world.move(referral, "cancelled", reason="the patient went elsewhere")
    code = str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))
    receipt = value("SELECT id FROM receipt WHERE prompt_id = %(p)s", p=prompt).hex

    refund = office.agreed(receipt, accountCode=code)
    office.worker.order()
    office.told()

    assert (office.state(refund), office.world.fee_state(referral)) == ("done", "refunded")
    assert office.world.prompt(prompt)["state"] == "paid"  # it was paid, and given back
    assert rows("SELECT state FROM receipt") == [{"state": "refunded"}]
    assert open_tasks() == []
    assert simulator.till(DEMO_SHORT_CODE) == Money(0)
    check_books(simulator)


@pytest.mark.fault(30)
@pytest.mark.parametrize(("more", "path"), [({}, REVERSAL), ({"amount": 400, "phoneNumber": PAYER}, B2C)])
def test_an_order_whose_answer_is_lost_is_given_again_and_done_once(
    office: Office, simulator: RunningSimulator, more: dict[str, object], path: str
) -> None:
    receipt = office.waits()
    operation = Operation.REVERSAL if path == REVERSAL else Operation.B2C
    simulator.script(Fault(FaultKind.ANSWER_LOST, on=operation), Fault(FaultKind.RESULT_LOST, on=operation))
    before = office.wallet()
    refund = office.agreed(receipt, **more)

    office.worker.order()
    assert office.state(refund) == "unknown"
    office.worker.order()
    assert office.ordered(path) == 1  # its result may come by itself
    advance(orders.RESEND_AFTER_S + 1, simulator)
    office.worker.order()
    assert office.ordered(path) == 2
    office.told()
    _in_the_end(office, refund)

    gone = Money.from_shillings(1000 if path == REVERSAL else 400)
    assert office.wallet() == Money(before.cents + gone.cents)  # once
    check_books(simulator)


def _in_the_end(office: Office, refund: str) -> None:
    """Time runs, and the worker asks; until M-Pesa has told."""
    for _ in range(8):
        if office.state(refund) == "done":
            return
        office.told(orders.RESULT_WAIT_S + 1)
        office.worker.order()
        office.told()
    assert office.state(refund) == "done"


@pytest.mark.parametrize("kind", [FaultKind.RESULT_LOST, FaultKind.QUEUE_TIMEOUT])
def test_a_result_that_does_not_come_is_asked_for(office: Office, simulator: RunningSimulator, kind: FaultKind) -> None:
    simulator.script(Fault(kind, on=Operation.REVERSAL))
    refund = office.agreed(office.waits())
    office.worker.order()
    office.told()
    assert office.state(refund) in {"ordered", "unknown"}

    _in_the_end(office, refund)

    assert office.ordered(REVERSAL) == 1
    check_books(simulator)


def test_a_result_that_comes_twice_gives_back_once(office: Office, simulator: RunningSimulator) -> None:
    simulator.script(Fault(FaultKind.RESULT_DUPLICATED, on=Operation.REVERSAL))
    refund = office.agreed(office.waits())
    office.worker.order()

    office.told(60)

    assert office.state(refund) == "done"
    assert value("SELECT count(*) FROM transfer WHERE kind = 'refunded'") == 1
    assert open_tasks() == []
    check_books(simulator)


def test_a_till_that_is_too_low_gives_nothing_back_and_a_person_decides(
    office: Office, simulator: RunningSimulator, gateway: Running
) -> None:
    receipt = office.waits()
    refund = office.agreed(receipt)
    office.worker.order()
    (row,) = rows("SELECT conversation_id, originator_conversation_id FROM refund")
    # given: the result that says so, in place of the simulator's own
    body = result("1", row, {})
    assert post(result_url(gateway.url, uuid.UUID(refund), keys=KEYS), body).status == 200
    office.worker.settle()

    assert office.state(refund) == "failed"
    assert value("SELECT free_cents FROM receipt") == 100_000
    assert "refund" in open_tasks()


def result(code: str | int, row: dict[str, Any], parameters: dict[str, object], **changes: object) -> dict[str, object]:
    listed = [{"Key": key, "Value": each} for key, each in parameters.items()]
    return {
        "Result": {
            "ResultType": 0,
            "ResultCode": code,
            "ResultDesc": "told",
            "OriginatorConversationID": row["originator_conversation_id"],
            "ConversationID": row["conversation_id"],
            "TransactionID": "UKS0000000",
            "ResultParameters": {"ResultParameter": listed},
            **changes,
        }
    }


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ({"conversation": "AG_of_another"}, "other-order"),
        ({"amount": 999}, "amount-differs"),
        ({"original": "UKS9OTHER9"}, "amount-differs"),
    ],
)
def test_a_result_that_speaks_of_something_else_moves_nothing(
    office: Office, gateway: Running, what: dict[str, object], word: str
) -> None:
    receipt = office.waits()
    refund = office.agreed(receipt)
    office.worker.order()
    (row,) = rows("SELECT conversation_id, originator_conversation_id FROM refund")
    if "conversation" in what:
        row = {"conversation_id": what["conversation"], "originator_conversation_id": "1-2-3"}
    number = value("SELECT number FROM receipt")
    told = {"Amount": what.get("amount", 1000), "OriginalTransactionID": what.get("original", number)}

    assert post(result_url(gateway.url, uuid.UUID(refund), keys=KEYS), result(0, row, told)).status == 200
    office.worker.settle()

    assert inbox_outcomes()[-1] == word
    assert office.state(refund) == "ordered"
    assert value("SELECT count(*) FROM transfer WHERE kind = 'refunded'") == 0
    assert "contradiction" in open_tasks()


def test_a_forged_result_from_an_unlisted_address_is_asked_about(
    office: Office, simulator: RunningSimulator, database: str
) -> None:
    simulator.script(Fault(FaultKind.RESULT_LOST, on=Operation.REVERSAL))
    refund = office.agreed(office.waits())
    office.worker.order()
    (row,) = rows("SELECT conversation_id, originator_conversation_id FROM refund")

    with running_gateway(database, RUFAA_CALLBACK_ADDRESSES="196.201.214.200") as strict:
        body = result("1", row, {})  # "not done", to have it paid out once more
        assert post(result_url(strict.url, uuid.UUID(refund), keys=KEYS), body).status == 200
        assert post(timeout_url(strict.url, uuid.UUID(refund), keys=KEYS), {}).status == 200
    office.worker.settle()
    assert inbox_outcomes()[-2:] == ["ask", "ask"]
    assert office.state(refund) in {"ordered", "unknown"}

    _in_the_end(office, refund)
    check_books(simulator)


def test_a_payment_that_somebody_else_reversed_is_a_persons_to_find_out(
    office: Office, simulator: RunningSimulator, gateway: Running
) -> None:
    # given: an operator reversed it on the portal, of which nobody here was told
    receipt = office.waits()
    portal_reverses(simulator, str(value("SELECT number FROM receipt")))
    advance(5, simulator)
    refund = office.agreed(receipt)

    office.worker.order()
    office.told()

    assert inbox_outcomes()[-1] == "reversed-before"
    assert office.state(refund) == "unknown"
    assert "refund" in open_tasks()
    args = {"refundId": refund, "went": True, "reason": "the portal's operator did it"}
    refused = gateway.error("mutation", "refunds:conclude", args, by=office.world.finance)
    assert refused["code"] == "second-person-needed"
    gateway.do("mutation", "refunds:conclude", args, by=office.second)
    assert office.state(refund) == "done"
    assert value("SELECT closed_as FROM task WHERE kind = 'refund'") == "refunded"
    check_books(simulator)


def portal_reverses(simulator: RunningSimulator, number: str) -> None:
    """Somebody gives the same payment back, by an order that is not ours."""
    keys = operated(simulator)

    async def reverse() -> None:
        async with new_session() as session:
            daraja = Daraja(session, now=simulator.now)
            told = await daraja.reverse(
                keys,
                MemoryTokens(daraja, keys),
                receipt_number=number,
                amount=Money.from_shillings(1000),
                result_url="http://127.0.0.1:9/x",
                timeout_url="http://127.0.0.1:9/x",
                remarks="By hand",
            )
        assert isinstance(told, Acknowledged), told

    asyncio.run(reverse())


def test_a_refund_and_a_late_success_of_the_other_prompt_are_two_moneys(
    office: Office, simulator: RunningSimulator
) -> None:
    simulator.script(Fault(FaultKind.CALLBACK_FAILURE_FIRST, delay_s=300))
    referral, _ = office.world.prompted(PAYS)
    office.worker.dispatch()
    office.told()  # the first is told to have failed
    office.world.ask(referral, "254709000000")
    office.worker.dispatch()
    office.told()
    office.world.move(referral, "cancelled", reason="x")
    code = str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))
    receipt = value("SELECT receipt_id FROM application").hex
    refund = office.agreed(receipt, accountCode=code)
    office.worker.order()
    advance(400, simulator)  # the first one's money comes while the second one's goes back
    office.worker.settle()

    assert office.state(refund) == "done"
    assert office.world.fee_state(referral) == "refunded"
    assert sorted(row["state"] for row in rows("SELECT state FROM receipt")) == ["refunded", "unapplied"]
    assert simulator.till(DEMO_SHORT_CODE) == Money.from_shillings(1000)
    assert open_tasks() == ["unapplied"]
    check_books(simulator)


def test_without_an_operator_nothing_is_ordered_and_the_money_is_free_again(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    register_c2b(town, simulator, gateway)
    office = Office(town, simulator, gateway, worker)
    refund = office.agreed(office.waits())

    office.worker.order()

    row = office.refund(refund)
    assert (row["state"], row["code"]) == ("failed", "no-mpesa-initiator")
    assert value("SELECT free_cents FROM receipt") == 100_000
    check_books(simulator)


# --- what M-Pesa does not take ---------------------------------------------------------------------------------------


def test_an_order_that_is_not_taken_for_an_hour_is_told_to_a_person_who_may_withdraw_it(
    office: Office, simulator: RunningSimulator
) -> None:
    receipt = office.waits()
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.REVERSAL, status=429, body="{}", count=99))
    refund = office.agreed(receipt)
    for _ in range(3):
        office.worker.order()
        assert office.state(refund) == "approved"
        assert open_tasks() == ["unapplied"]
        advance(1200, simulator)
    advance(10, simulator)
    office.worker.order()

    assert office.state(refund) == "approved"
    assert open_tasks() == ["refund", "unapplied"]
    args = {"refundId": refund, "reason": "given back in the portal"}
    assert office.gateway.do("mutation", "refunds:withdraw", args, by=office.second)["status"] == "withdrawn"
    assert (office.state(refund), open_tasks()) == ("withdrawn", ["unapplied"])
    assert value("SELECT free_cents FROM receipt") == 100_000
    office.worker.order()
    assert office.state(refund) == "withdrawn"
    check_books(simulator)


def test_an_order_that_waits_an_hour_and_is_taken_then_leaves_no_task(
    office: Office, simulator: RunningSimulator
) -> None:
    receipt = office.waits()
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.REVERSAL, status=429, body="{}", count=2))
    refund = office.agreed(receipt)
    office.worker.order()
    advance(orders.PATIENCE_S + 1, simulator)
    office.worker.order()
    assert open_tasks() == ["refund", "unapplied"]

    advance(60, simulator)
    office.worker.order()
    office.told()

    assert (office.state(refund), open_tasks()) == ("done", [])
    check_books(simulator)


def test_an_order_whose_answer_was_lost_and_that_is_not_taken_again_is_a_persons_after_a_day(
    office: Office, simulator: RunningSimulator
) -> None:
    receipt = office.waits()
    simulator.script(
        Fault(FaultKind.REQUEST_LOST, on=Operation.REVERSAL),
        Fault(FaultKind.ANSWER_REPLACED, on=Operation.REVERSAL, status=429, body="{}", count=99),
    )
    refund = office.agreed(receipt)
    for _ in range(6):
        office.worker.order()
        advance(orders.LONGEST_ORDERS_S / 8, simulator)
    assert (office.state(refund), open_tasks()) == ("unknown", ["unapplied"])
    simulator.advance(0)
    given = office.ordered(REVERSAL)

    for _ in range(4):
        advance(orders.LONGEST_ORDERS_S / 8, simulator)
        office.worker.order()

    assert (office.state(refund), open_tasks()) == ("unknown", ["refund", "unapplied"])
    assert office.ordered(REVERSAL) <= given + 1
    assert unit(orders.next_order_s) is None
    args = {"refundId": refund, "went": False, "reason": "not in the statement"}
    office.gateway.do("mutation", "refunds:conclude", args, by=office.second)
    assert value("SELECT free_cents FROM receipt") == 100_000
    check_books(simulator)


def test_without_an_address_for_answers_nothing_is_ordered_or_asked_and_nobody_waits(
    office: Office, simulator: RunningSimulator
) -> None:
    simulator.script(Fault(FaultKind.ANSWER_LOST, on=Operation.REVERSAL), Fault(FaultKind.RESULT_LOST))
    doubtful = office.agreed(office.waits())
    office.worker.order()
    refund = office.agreed(office.waits())
    advance(orders.RESEND_AFTER_S, simulator)
    typed = {"referralId": office.world.waiting(), "code": simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000)}
    assert office.gateway.do("mutation", "receipts:typeCode", typed, by=office.world.admin)["status"] == "asked"
    given = office.ordered(REVERSAL), office.ordered(STATUS)

    office.worker.order(addressed=False)

    assert (office.ordered(REVERSAL), office.ordered(STATUS)) == given
    row = office.refund(refund)
    assert (row["state"], row["code"]) == ("failed", "no-callbacks")
    assert "give it back in the M-Pesa portal" in row["message"]
    assert open_tasks() == ["refund", "refund", "unapplied", "unapplied"]
    assert office.state(doubtful) == "unknown"
    assert (unit(orders.next_order_s) or 0) > 60  # and not at once, again and again


def test_nobody_says_that_it_did_not_go_while_m_pesa_is_asked(office: Office, simulator: RunningSimulator) -> None:
    simulator.script(Fault(FaultKind.ANSWER_LOST, on=Operation.REVERSAL), Fault(FaultKind.RESULT_LOST))
    refund = office.agreed(office.waits())
    office.worker.order()
    assert office.state(refund) == "unknown"

    args = {"refundId": refund, "went": False, "reason": "not in the statement yet"}
    with unchanged():
        refused = office.gateway.error("mutation", "refunds:conclude", args, by=office.second)

    assert refused["code"] == "refund-under-way"
    simulator.advance(5)
    office.gateway.do("mutation", "refunds:conclude", {**args, "went": True, "reason": "seen"}, by=office.second)
    assert office.state(refund) == "done"


def test_a_worker_that_was_held_up_orders_nothing(
    office: Office, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its claim and its order: the lease may have run out, and the money be given back otherwise."""
    refund = office.agreed(office.waits())
    ticks = itertools.count(0, orders.LATEST_START_S + 1)
    with monkeypatch.context() as patched:
        patched.setattr(clock, "uptime_s", lambda: float(next(ticks)))
        office.worker.order()

    assert office.ordered(REVERSAL) == 0
    assert office.refund(refund)["code"] == "late"
    assert office.state(refund) == "approved"
    office.worker.order()
    office.told()
    assert office.state(refund) == "done"
    check_books(simulator)


# --- claims ----------------------------------------------------------------------------------------------------------


def test_a_typed_code_is_confirmed_by_a_status_and_waits_for_finance(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    give_operator(town, simulator)  # and no C2B: nobody tells of payments by hand
    referral = town.waiting()
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000)
    args = {"referralId": referral, "code": number}
    assert gateway.do("mutation", "receipts:typeCode", args, by=town.admin)["status"] == "asked"

    worker.order()
    advance(5, simulator)
    worker.settle()

    assert rows("SELECT number, state FROM receipt") == [{"number": number, "state": "unapplied"}]
    (waiting,) = gateway.do("query", "receipts:listUnapplied", {}, by=town.finance)
    code = value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    assert waiting["proposedAccountCode"] == code
    assert value("SELECT ended_as FROM claim") == "confirmed"
    check_books(simulator)


def test_a_typed_code_of_our_own_payout_is_no_money(office: Office, simulator: RunningSimulator) -> None:
    refund = office.agreed(office.waits(), amount=400, phoneNumber=PAYER)
    office.worker.order()
    office.told()
    number = office.refund(refund)["number"]
    referral = office.world.waiting()

    args = {"referralId": referral, "code": number}
    assert office.gateway.do("mutation", "receipts:typeCode", args, by=office.world.admin)["status"] == "asked"
    for _ in range(8):  # not each form of the answer names whom it paid
        office.worker.order()
        office.told()
        if value("SELECT ended_as FROM claim"):
            break
        advance(301, simulator)

    assert value("SELECT ended_as FROM claim") == "refused"
    assert value("SELECT count(*) FROM receipt WHERE number = %(n)s", n=number) == 0
    check_books(simulator)


def test_what_nobody_confirms_is_a_persons_after_half_an_hour(office: Office, simulator: RunningSimulator) -> None:
    referral = office.world.waiting()
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 10)
    invented = number[:5] + "XXXXX"
    args = {"referralId": referral, "code": invented}
    office.gateway.do("mutation", "receipts:typeCode", args, by=office.world.admin)
    office.worker.order()
    office.told()
    assert "claim" not in open_tasks()

    advance(1860, simulator)
    office.worker.order()

    assert "claim" in open_tasks() or value("SELECT ended_as FROM claim WHERE number = %(n)s", n=invented) == "refused"
    assert value("SELECT count(*) FROM receipt WHERE number = %(n)s", n=invented) == 0
