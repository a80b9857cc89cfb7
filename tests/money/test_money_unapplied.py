"""Money that waits is worked to its end: applied whole, in part or together, and by codes that people type in."""

from __future__ import annotations

import uuid

import pytest

from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.rights import Role
from rufaa.money import Money
from rufaa.payments import claims, orders
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    give_operator,
    open_tasks,
    register_c2b,
    rows,
    someone,
    unchanged,
    value,
)

PAYER = "254708374149"
NO_CODE = "RENT"


@pytest.fixture
def paybill(town: World, simulator: RunningSimulator, gateway: Running) -> World:
    register_c2b(town, simulator, gateway)
    return town


def code_of(referral: str) -> str:
    return str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))


class Desk:
    """What comes in, and what finance does with it."""

    def __init__(self, world: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> None:
        self.world, self.simulator, self.gateway, self.worker = world, simulator, gateway, worker

    def comes(self, shillings: int, reference: str = NO_CODE) -> str:
        """A payment by hand that waits; its receipt's id."""
        number = self.simulator.pay(PAYER, DEMO_SHORT_CODE, reference, shillings)
        advance(3, self.simulator)
        self.worker.settle()
        return self.receipt(number)

    def receipt(self, number: str) -> str:
        return uuid.UUID(str(value("SELECT id FROM receipt WHERE number = %(n)s", n=number))).hex

    def apply(self, receipts: list[str], referral: str) -> dict[str, object]:
        args = {"receiptIds": receipts, "accountCode": code_of(referral)}
        answer: dict[str, object] = self.gateway.do("mutation", "receipts:apply", args, by=self.world.finance)
        return answer

    def refused(self, receipts: list[str], referral: str, *, by: object = None) -> str:
        args = {"receiptIds": receipts, "accountCode": code_of(referral)}
        with unchanged():
            who = by or self.world.finance
            return str(self.gateway.error("mutation", "receipts:apply", args, by=who)["code"])  # type: ignore[arg-type]

    def free(self, receipt: str) -> Money:
        return Money(int(value("SELECT free_cents FROM receipt WHERE id = %(id)s", id=uuid.UUID(receipt))))


@pytest.fixture
def desk(paybill: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> Desk:
    return Desk(paybill, simulator, gateway, worker)


def test_finance_applies_what_waits(desk: Desk, simulator: RunningSimulator) -> None:
    referral = desk.world.waiting()
    receipt = desk.comes(1000)
    assert open_tasks() == ["unapplied"]

    left = desk.apply([receipt], referral)

    assert left == {"accountCode": code_of(referral), "left": 0.0}
    assert (desk.world.status(referral), desk.world.fee_state(referral)) == ("paid", "paid")
    (task,) = rows("SELECT closed_by, closed_as FROM task WHERE kind = 'unapplied'")
    assert task == {"closed_by": desk.world.finance.user, "closed_as": "applied"}
    assert rows("SELECT by FROM application") == [{"by": desk.world.finance.user}]
    check_books(simulator)


def test_one_payment_pays_two_referrals_and_the_rest_waits(desk: Desk, simulator: RunningSimulator) -> None:
    first, second = desk.world.waiting(), desk.world.waiting()
    receipt = desk.comes(2300)

    assert desk.apply([receipt], first)["left"] == 1300
    assert desk.free(receipt) == Money.from_shillings(1300)
    assert open_tasks() == ["unapplied"]
    assert desk.apply([receipt], second)["left"] == 300

    assert [desk.world.status(each) for each in (first, second)] == ["paid", "paid"]
    assert (desk.free(receipt), open_tasks()) == (Money.from_shillings(300), ["unapplied"])
    check_books(simulator)


def test_two_payments_together_pay_one_referral(desk: Desk, simulator: RunningSimulator) -> None:
    referral = desk.world.waiting()
    small, rest = desk.comes(400), desk.comes(700)

    assert desk.refused([small], referral) == "too-little"
    assert desk.apply([small, rest], referral)["left"] == 100

    assert desk.world.status(referral) == "paid"
    assert (desk.free(small), desk.free(rest)) == (Money(0), Money.from_shillings(100))
    check_books(simulator)


def test_what_does_not_fit_is_refused_and_changes_nothing(desk: Desk, simulator: RunningSimulator) -> None:
    paid, due, waived = desk.world.waiting(), desk.world.waiting(), desk.world.waiting()
    whole = desk.comes(1000, code_of(paid))
    other, more = desk.comes(1000), desk.comes(1000)
    desk.gateway.do(
        "mutation",
        "fees:proposeExemption",
        {"referralId": waived, "kind": "waive", "reason": "poor"},
        by=desk.world.admin,
    )
    desk.gateway.do("mutation", "fees:secondExemption", {"referralId": waived}, by=desk.world.second_admin)

    assert desk.refused([whole], due) == "receipt-not-needed"  # it pays another fee
    assert desk.refused([other], paid) == "already-paid"
    assert desk.refused([other], waived) == "fee-not-open"
    assert desk.refused([other, more], due) == "receipt-not-needed"
    assert desk.refused([other, other], due) == "invalid-argument"
    assert desk.refused([], due) == "invalid-argument"
    assert desk.refused([uuid.uuid4().hex], due) == "no-such-receipt"
    assert desk.refused(["x"], due) == "no-such-receipt"
    assert desk.refused([other], due, by=desk.world.stranger) == "no-such-receipt"
    assert desk.refused([other], due, by=desk.world.admin) == "forbidden"
    assert desk.refused([other], due, by=desk.world.physician) == "forbidden"
    check_books(simulator)


def test_the_lists_show_finance_what_is_theirs_and_nobody_else_anything(desk: Desk) -> None:
    referral = desk.world.waiting()
    desk.comes(400, code_of(referral))

    (waiting,) = desk.gateway.do("query", "receipts:listUnapplied", {}, by=desk.world.finance)
    assert (waiting["amount"], waiting["free"], waiting["proposedAccountCode"]) == (400, 400, code_of(referral))
    (task,) = desk.gateway.do("query", "tasks:listOpen", {}, by=desk.world.finance)
    assert (task["kind"], task["receiptId"]) == ("unapplied", waiting["_id"])
    assert desk.gateway.do("query", "receipts:listUnapplied", {}, by=desk.world.stranger) == []
    assert desk.gateway.do("query", "tasks:listOpen", {}, by=desk.world.stranger) == []
    for person in (desk.world.admin, desk.world.receiver, desk.world.physician, desk.world.operator):
        for function in ("receipts:listUnapplied", "tasks:listOpen", "refunds:listUnderWay"):
            assert desk.gateway.error("query", function, {}, by=person)["code"] == "forbidden"


def test_a_fee_is_proposed_for_as_long_as_it_takes_money(desk: Desk, simulator: RunningSimulator) -> None:
    referral, cancelled = desk.world.waiting(), desk.world.waiting()
    double, single = desk.comes(2000, code_of(referral)), desk.comes(400, code_of(cancelled))

    def proposed() -> dict[str, tuple[object, object]]:
        found = desk.gateway.do("query", "receipts:listUnapplied", {}, by=desk.world.finance)
        tasks = {
            each["receiptId"]: each for each in desk.gateway.do("query", "tasks:listOpen", {}, by=desk.world.finance)
        }
        assert all(each["proposedAccountCode"] == tasks[each["_id"]]["proposedAccountCode"] for each in found)
        return {each["_id"]: (each["proposedAccountCode"], each["proposedAmount"]) for each in found}

    assert proposed() == {double: (code_of(referral), 1000), single: (code_of(cancelled), 1000)}

    desk.apply([double], referral)
    desk.world.move(cancelled, "cancelled", reason="went elsewhere")

    assert proposed() == {double: (None, None), single: (None, None)}
    check_books(simulator)


# --- codes that people type in ---------------------------------------------------------------------------------------


def type_code(desk: Desk, referral: str, code: str) -> dict[str, object]:
    args = {"referralId": referral, "code": code}
    answer: dict[str, object] = desk.gateway.do("mutation", "receipts:typeCode", args, by=desk.world.admin)
    return answer


def code_refused(desk: Desk, referral: str, code: str, *, by: object = None) -> str:
    args = {"referralId": referral, "code": code}
    with unchanged():
        who = by or desk.world.admin
        return str(desk.gateway.error("mutation", "receipts:typeCode", args, by=who)["code"])  # type: ignore[arg-type]


def test_a_typed_code_of_money_that_waits_pays(desk: Desk, simulator: RunningSimulator) -> None:
    referral = desk.world.waiting()
    receipt = desk.comes(1000)
    number = str(value("SELECT number FROM receipt WHERE id = %(id)s", id=uuid.UUID(receipt)))

    answer = type_code(desk, referral, f" {number[:5].lower()} {number[5:]}")

    assert answer["status"] == "pays"
    assert desk.world.status(referral) == "paid"
    check_books(simulator)


def test_a_typed_code_of_another_amount_is_finances_to_decide(desk: Desk, simulator: RunningSimulator) -> None:
    referral = desk.world.waiting()
    number = str(value("SELECT number FROM receipt WHERE id = %(id)s", id=uuid.UUID(desk.comes(1200))))

    assert type_code(desk, referral, number)["status"] == "for-finance"

    assert desk.world.fee_state(referral) == "due"
    (waiting,) = desk.gateway.do("query", "receipts:listUnapplied", {}, by=desk.world.finance)
    assert waiting["proposedAccountCode"] == code_of(referral)
    check_books(simulator)


def test_a_code_that_is_typed_when_the_proposed_fee_takes_no_money_any_more_is_proposed_anew(
    desk: Desk, simulator: RunningSimulator
) -> None:
    first, second = desk.world.waiting(), desk.world.waiting()
    number = str(value("SELECT number FROM receipt WHERE id = %(id)s", id=uuid.UUID(desk.comes(1200))))
    assert type_code(desk, first, number)["status"] == "for-finance"
    desk.world.move(first, "cancelled", reason="went elsewhere")

    assert type_code(desk, second, number)["status"] == "for-finance"

    (waiting,) = desk.gateway.do("query", "receipts:listUnapplied", {}, by=desk.world.finance)
    assert waiting["proposedAccountCode"] == code_of(second)
    assert open_tasks() == ["unapplied"]
    check_books(simulator)


def test_a_typed_code_that_nobody_has_seen_is_asked_about(desk: Desk, simulator: RunningSimulator) -> None:
    referral, other = desk.world.waiting(), desk.world.waiting()
    today = simulator.pay(PAYER, DEMO_SHORT_CODE, NO_CODE, 1000)  # its notice has not come yet

    assert type_code(desk, referral, today)["status"] == "asked"
    assert type_code(desk, referral, today)["status"] == "asked"  # once is enough
    assert value("SELECT count(*) FROM claim") == 1
    assert code_refused(desk, other, today) == "receipt-used"
    advance(3, simulator)
    desk.worker.settle()  # the notice confirms it

    (waiting,) = desk.gateway.do("query", "receipts:listUnapplied", {}, by=desk.world.finance)
    assert waiting["proposedAccountCode"] == code_of(referral)
    assert value("SELECT ended_as FROM claim") == "confirmed"
    check_books(simulator)


def test_a_code_that_is_confirmed_late_is_no_longer_a_persons_task(desk: Desk, simulator: RunningSimulator) -> None:
    # given: half an hour after it was typed nobody has told of the payment
    referral = desk.world.waiting()
    type_code(desk, referral, simulator.pay(PAYER, DEMO_SHORT_CODE, NO_CODE, 1000))
    advance(1860)
    unit(claims.hand_over)
    assert open_tasks() == ["claim"]

    # when: the notice comes
    simulator.advance(3)
    desk.worker.settle()
    unit(claims.hand_over)

    # then
    assert open_tasks() == ["unapplied"]
    assert value("SELECT closed_as FROM task WHERE kind = 'claim'") == "confirmed"
    check_books(simulator)


@pytest.mark.fault(51)
def test_a_code_that_was_typed_while_the_clock_was_ahead_is_asked_about_once_it_is_set_back(
    desk: Desk, simulator: RunningSimulator
) -> None:
    a_month_s = 30 * 24 * 3600.0
    give_operator(desk.world, simulator)
    referral = desk.world.waiting()
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, NO_CODE, 1000)
    advance(a_month_s)
    type_code(desk, referral, number)
    advance(-a_month_s)

    desk.worker.order()

    assert value("SELECT asked FROM claim") == 1
    assert open_tasks() == ["claim"]  # how long it waits is not known
    for _ in range(40):
        advance(1800)
        unit(lambda tx: (claims.hand_over(tx), orders.claim_inquiries(tx, limit=5)))
    assert value("SELECT asked FROM claim") == 21  # hourly
    for _ in range(20):
        advance(3600)
        unit(lambda tx: (orders.claim_inquiries(tx, limit=5), claims.hand_over(tx)))
    assert rows("SELECT asked, next_at FROM claim") == [{"asked": 30, "next_at": None}]
    simulator.advance(3)
    desk.worker.settle()
    unit(claims.hand_over)
    assert open_tasks() == ["unapplied"]


@pytest.mark.parametrize("asked_first", ["prompt", "code"])
def test_the_code_of_a_prompts_payment_typed_for_another_fee_is_no_second_payment(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, asked_first: str
) -> None:
    """Neither callback nor notice ever comes: a query knows no number, and a status no reference. The phone tells."""
    give_operator(town, simulator)
    desk = Desk(town, simulator, gateway, worker)
    other = town.waiting()
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    paid, _ = town.prompted(PAYS)
    worker.dispatch()
    advance(21, simulator)
    number = str(simulator.prompts()[0].receipt)

    def query() -> None:
        worker.query()

    def status() -> None:
        type_code(desk, other, number)
        worker.order()
        advance(5, simulator)
        worker.settle()

    for ask in (query, status) if asked_first == "prompt" else (status, query):
        ask()

    assert rows("SELECT number, state FROM receipt") == [{"number": number, "state": "applied"}]
    assert (town.status(paid), town.fee_state(other)) == ("paid", "due")
    assert open_tasks() == []
    check_books(simulator)


@pytest.mark.parametrize("use", ["goes back", "went back", "pays another"])
def test_the_money_of_a_prompt_that_was_used_otherwise_before_m_pesa_told_is_a_persons(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, use: str
) -> None:
    """Its payer stands there with a message of M-Pesa, and the fee is open: somebody has to know."""
    # given: neither callback nor notice comes; the code that the payer shows is confirmed, and finance decides
    give_operator(town, simulator)
    desk = Desk(town, simulator, gateway, worker)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, _ = town.prompted(PAYS)
    other = town.waiting()
    worker.dispatch()
    advance(21, simulator)
    number = str(simulator.prompts()[0].receipt)
    type_code(desk, referral, number)
    worker.order()
    advance(5, simulator)
    worker.settle()
    receipt = desk.receipt(number)
    if use == "pays another":
        desk.apply([receipt], other)
    else:
        told = gateway.do("mutation", "refunds:propose", {"receiptId": receipt, "reason": "not ours"}, by=town.finance)
        refund = {"refundId": str(told["refundId"])}
    if use == "went back":
        unit(lambda tx: facilities.add_member(tx, facilities.add_user(tx, "second"), town.tumaini, Role.FINANCE))
        gateway.do("mutation", "refunds:approve", refund, by=someone("second"))
        worker.order()
        advance(5, simulator)
        worker.settle()

    # when: a query tells that the prompt was paid
    worker.query()

    # then: what was decided stands, and a person is asked
    assert rows("SELECT number, prompt.state FROM receipt JOIN prompt ON prompt.id = prompt_id") == [
        {"number": number, "state": "paid"}
    ]
    assert town.fee_state(referral) == "due"
    assert open_tasks() == (["contradiction", "unapplied"] if use == "goes back" else ["contradiction"])
    (why,) = rows("SELECT why, prompt_id IS NOT NULL AS of_prompt FROM task WHERE kind = 'contradiction'")
    assert (why["of_prompt"], number in why["why"]) == (True, True)
    if use == "goes back":
        gateway.do("mutation", "refunds:withdraw", {**refund, "reason": "it is ours"}, by=town.finance)
        desk.apply([receipt], referral)
        assert town.status(referral) == "paid"
    check_books(simulator)


def test_codes_that_cannot_be_meant_are_refused(desk: Desk, simulator: RunningSimulator) -> None:
    referral, paid = desk.world.waiting(), desk.world.waiting()
    desk.comes(1000, code_of(paid))
    used = str(value("SELECT number FROM receipt"))
    named = desk.world.waiting()
    desk.comes(400, code_of(named))
    of_another = str(value("SELECT number FROM receipt WHERE free_cents > 0"))
    last_year = chr(ord(used[0]) - 1) + used[1:]

    assert code_refused(desk, referral, used) == "receipt-used"
    assert code_refused(desk, referral, of_another) == "receipt-used"
    assert code_refused(desk, referral, last_year) == "receipt-of-another-day"
    for wrong in ("", "UKN6", "UKN6UBBB8A9", "UKN6UBBB8!", "1234567890", "ÜKN6UBBB8A", "UZZ6UBBB8A"):
        assert code_refused(desk, referral, wrong) == "invalid-receipt-code", wrong
    assert code_refused(desk, paid, used) == "already-paid"
    assert code_refused(desk, referral, used, by=desk.world.receiver) in {"forbidden", "referral-not-found"}
    assert code_refused(desk, referral, used, by=desk.world.stranger) == "referral-not-found"
    check_books(simulator)


def test_a_prompt_that_pays_while_finance_looks_leaves_the_money_waiting(
    desk: Desk, simulator: RunningSimulator
) -> None:
    referral, _ = desk.world.prompted(RINGS)
    receipt = desk.comes(1000)
    desk.worker.dispatch()
    simulator.answer(RINGS)
    advance(3, simulator)
    desk.worker.settle()

    assert desk.refused([receipt], referral) == "already-paid"
    assert desk.free(receipt) == Money.from_shillings(1000)
    check_books(simulator)
