"""An M-Pesa account that two facilities share: each works the money that names its fees, the rest is assigned."""

from __future__ import annotations

import uuid

import pytest

from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.money import Money
from rufaa.payments import finance, unassigned
from rufaa.payments.unassigned import NotUnassigned
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.testing import RunningSimulator
from support import (
    FEE,
    Running,
    Worker,
    World,
    advance,
    check_books,
    open_tasks,
    post,
    register_c2b,
    rows,
    someone,
    unchanged,
    value,
)

PAYER = "254708374149"


class Shared:
    """Tumaini's account, to which fees of the clinic elsewhere are paid, too."""

    def __init__(self, world: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> None:
        self.world, self.simulator, self.gateway, self.worker = world, simulator, gateway, worker
        unit(
            lambda tx: facilities.add_member(
                tx, facilities.add_user(tx, "clinics-finance"), world.elsewhere, Role.FINANCE
            )
        )
        self.clinics: Actor = someone("clinics-finance")

    def shared(self) -> None:
        unit(
            lambda tx: facilities.set_price(
                tx, self.world.elsewhere, amount=FEE, payee=self.world.elsewhere, account=self.world.account
            )
        )

    def comes(self, reference: str, shillings: int) -> str:
        number = self.simulator.pay(PAYER, DEMO_SHORT_CODE, reference, shillings)
        advance(3, self.simulator)
        self.worker.settle()
        return uuid.UUID(str(value("SELECT id FROM receipt WHERE number = %(n)s", n=number))).hex

    def waits(self, actor: Actor) -> list[str]:
        found = self.gateway.do("query", "receipts:listUnapplied", {}, by=actor)
        return [each["_id"] for each in found]

    def code(self, referral: str) -> str:
        return str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))


@pytest.fixture
def account(town: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> Shared:
    register_c2b(town, simulator, gateway)
    return Shared(town, simulator, gateway, worker)


def test_money_that_names_a_fee_is_its_payees(account: Shared, simulator: RunningSimulator) -> None:
    account.shared()
    referral = account.world.waiting()
    receipt = account.comes(account.code(referral), 400)

    assert account.waits(account.world.finance) == [receipt]
    assert account.waits(account.clinics) == []

    other = account.comes(account.code(referral), 600)
    args = {"receiptIds": [receipt, other], "accountCode": account.code(referral)}
    account.gateway.do("mutation", "receipts:apply", args, by=account.world.finance)
    assert account.world.status(referral) == "paid"
    check_books(simulator)


def test_what_waits_stays_whose_it_is_when_a_second_payee_comes(account: Shared, simulator: RunningSimulator) -> None:
    receipt = account.comes("RENT", 700)
    assert account.waits(account.world.finance) == [receipt]

    account.shared()

    assert account.waits(account.world.finance) == [receipt]
    args = {"receiptId": receipt, "reason": "not ours"}
    assert account.gateway.do("mutation", "refunds:propose", args, by=account.world.finance)["refundId"]
    check_books(simulator)


def test_money_that_names_nothing_is_given_to_one_of_them(account: Shared, simulator: RunningSimulator) -> None:
    account.shared()
    receipt = account.comes("RENT", 700)
    assert account.waits(account.world.finance) == account.waits(account.clinics) == []

    (task,) = unit(unassigned.tasks)
    assert (task.kind, task.free) == ("unapplied", Money.from_shillings(700))
    unit(lambda tx: unassigned.assign(tx, task.id, account.world.elsewhere, by="njeri"))

    assert account.waits(account.clinics) == [receipt]
    assert account.waits(account.world.finance) == []
    assert unit(unassigned.tasks) == []
    (noted,) = rows("SELECT facility, about->>'by' AS by FROM logbook WHERE kind = 'task.assigned'")
    assert noted == {"facility": account.world.elsewhere.pk, "by": "njeri"}
    args = {"receiptId": receipt, "reason": "not ours"}
    assert account.gateway.do("mutation", "refunds:propose", args, by=account.clinics)["refundId"]
    check_books(simulator)


def test_what_is_somebodys_stays_theirs(account: Shared) -> None:
    account.shared()
    account.comes("RENT", 700)
    (task,) = unit(unassigned.tasks)
    unit(lambda tx: unassigned.assign(tx, task.id, account.world.tumaini, by="njeri"))

    with unchanged():
        for identifier in (task.id, uuid.uuid4()):
            with pytest.raises(NotUnassigned):
                unit(lambda tx, it=identifier: unassigned.assign(tx, it, account.world.elsewhere, by="njeri"))


def test_a_callback_that_nobody_can_read_is_assigned_and_closed(account: Shared) -> None:
    assert post(account.gateway.callback_url(uuid.uuid4()), b'{"Body": 1}').status == 200
    account.worker.settle()

    (task,) = unit(unassigned.tasks)
    assert (task.kind, task.inbox) == ("stray", value("SELECT id FROM inbox"))
    unit(lambda tx: unassigned.assign(tx, task.id, account.world.tumaini, by="njeri"))
    assert unit(lambda tx: finance.close_task(tx, account.world.finance, task.id.hex, outcome="of the lost server"))
    assert open_tasks() == []
