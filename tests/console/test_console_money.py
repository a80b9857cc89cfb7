"""The money page: what waits is worked to its end by the payee's finance people, and by nobody else."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desks import Desk
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.referrals.machine import Status
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.testing import RunningSimulator
from support import (
    RINGS,
    Running,
    Worker,
    World,
    advance,
    call_back,
    check_books,
    execute,
    open_tasks,
    referral_in,
    register_c2b,
    rows,
    someone,
    unchanged,
    value,
)

At = Callable[[Actor], Desk]


@pytest.fixture
def comes(town: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> Callable[..., str]:
    """A payment by hand that waits; its receipt's id."""
    register_c2b(town, simulator, gateway)

    def paid(shillings: int, reference: str = "RENT") -> str:
        number = simulator.pay(RINGS, DEMO_SHORT_CODE, reference, shillings)
        advance(3, simulator)
        worker.settle()
        return uuid.UUID(str(value("SELECT id FROM receipt WHERE number = %(n)s", n=number))).hex

    return paid


@pytest.fixture
def cashier(town: World) -> Actor:
    """A second person of the payee's finance."""

    def hire(tx: object) -> None:
        user = facilities.add_user(tx, "cashier", full_name="Cashier")  # type: ignore[arg-type]
        facilities.add_member(tx, user, town.tumaini, Role.FINANCE)  # type: ignore[arg-type]

    unit(hire)
    return someone("cashier")


def code_of(referral: str) -> str:
    return str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))


def test_money_without_a_code_is_applied_and_the_rest_goes_on_waiting(
    town: World, simulator: RunningSimulator, desk: At, comes: Callable[..., str]
) -> None:
    referral, receipt, finance = town.waiting(), comes(1200), desk(town.finance)
    page = finance.text("/money/")
    assert "KES 1,200.00" in page
    assert "RENT" in page

    told = finance.does(f"/money/{receipt}/apply/", accountCode=code_of(referral).lower())

    assert "Applied. KES 200.00 of it go on waiting." in told
    assert town.status(referral) == "paid"
    check_books(simulator)


@pytest.mark.parametrize(
    ("shillings", "looks", "told"),
    [
        (1000, "success", "Paid by this code."),
        (1200, "wait", "The payment is there, but not of the fee&#x27;s amount. The finance office decides."),
    ],
)
def test_a_code_that_is_typed_on_the_referrals_page(
    town: World, desk: At, comes: Callable[..., str], shillings: int, looks: str, told: str
) -> None:
    referral, receipt = town.waiting(), comes(shillings)
    code = value("SELECT number FROM receipt WHERE id = %(id)s", id=uuid.UUID(receipt))

    page = desk(town.admin).does(f"/referrals/{referral}/code/", shown="pending-payment", code=code)

    assert re.findall(r'<p class="say (\w+)" role="status">([^<]*)</p>', page) == [(looks, told)]


def test_two_parts_pay_a_fee_together(
    town: World, simulator: RunningSimulator, desk: At, comes: Callable[..., str]
) -> None:
    referral, first, second, finance = town.waiting(), comes(400), comes(600), desk(town.finance)
    with unchanged():
        alone = finance.post(f"/money/{first}/apply/", accountCode=code_of(referral))
    assert alone.status_code == 409
    assert "are not enough for the fee" in alone.content.decode()
    assert code_of(referral) in alone.content.decode()

    told = finance.does(f"/money/{first}/apply/", accountCode=code_of(referral), **{"with": second})

    assert "Applied: the fee is paid." in told
    assert open_tasks() == []
    check_books(simulator)


def test_two_people_give_back(town: World, desk: At, comes: Callable[..., str], cashier: Actor) -> None:
    receipt, one, two = comes(700), desk(town.finance), desk(cashier)

    told = one.does(f"/money/{receipt}/propose/", reason="not ours")
    (refund,) = (row["id"].hex for row in rows("SELECT id FROM refund"))
    assert "A second person has to agree" in told
    assert f"/money/{refund}/agree/" not in told
    with unchanged():
        assert one.post(f"/money/{refund}/agree/").status_code == 403
    assert f"/money/{refund}/agree/" in two.text("/money/")
    assert "Agreed. The money is ordered back." in two.does(f"/money/{refund}/agree/")
    with unchanged():
        assert two.post(f"/money/{refund}/agree/").status_code == 409

    assert rows("SELECT state FROM refund") == [{"state": "approved"}]
    assert "The money waits again." in one.does(f"/money/{refund}/withdraw/")
    with unchanged():
        assert two.post(f"/money/{refund}/withdraw/").status_code == 409


def test_what_nobody_agreed_to_is_withdrawn(town: World, desk: At, comes: Callable[..., str]) -> None:
    receipt, finance = comes(700), desk(town.finance)
    finance.does(f"/money/{receipt}/propose/", reason="not ours", amount="100", phone="0708 374 149")
    (refund,) = (row["id"].hex for row in rows("SELECT id FROM refund"))

    assert "The money waits again." in finance.does(f"/money/{refund}/withdraw/")
    assert "KES 700.00" in finance.text("/money/")


def test_the_money_of_a_cancelled_referral_is_proposed_from_its_task(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    world.move(referral, Status.CANCELLED, reason="she recovered")
    finance = desk(world.finance)
    receipt = value("SELECT id FROM receipt").hex
    page = finance.text("/money/")
    assert f'action="/money/{receipt}/propose/"' in page
    assert f'name="accountCode" value="{code_of(referral)}"' in page

    finance.does(f"/money/{receipt}/propose/", reason="cancelled", accountCode=code_of(referral))

    assert rows("SELECT state, fee_id IS NOT NULL AS of_fee FROM refund") == [{"state": "proposed", "of_fee": True}]


def test_what_nobody_can_tell_is_concluded_by_another_person(
    town: World, desk: At, comes: Callable[..., str], cashier: Actor
) -> None:
    receipt, one, two = comes(700), desk(town.finance), desk(cashier)
    one.does(f"/money/{receipt}/propose/", reason="not ours")
    (refund,) = (row["id"].hex for row in rows("SELECT id FROM refund"))
    two.does(f"/money/{refund}/agree/")
    execute("UPDATE refund SET state = 'unknown', event = 'restored', next_at = NULL")

    with unchanged():
        unsaid = two.post(f"/money/{refund}/conclude/", number="UKN7XY1234", reason="statement of the 28th")
    assert unsaid.status_code == 422
    assert "statement of the 28th" in unsaid.content.decode()
    with unchanged():
        soon = two.post(f"/money/{refund}/conclude/", went="no", reason="statement of the 28th")
    assert soon.status_code == 409
    assert "its statement may lag" in soon.content.decode()
    advance(24 * 3600)
    told = two.does(f"/money/{refund}/conclude/", went="no", reason="statement of the 28th")

    assert "Written down." in told
    assert rows("SELECT state FROM refund") == [{"state": "failed"}]

    # and the portal did it after all
    assert "It was given back in the M-Pesa portal" not in one.text("/money/")  # who proposed it does not say so
    page = two.text("/money/")
    assert "It was given back in the M-Pesa portal" in page
    assert '<input type="hidden" name="went" value="yes">' in page
    two.does(f"/money/{refund}/conclude/", went="yes", number="ukn7xy1234", reason="the portal")
    assert rows("SELECT state, number FROM refund") == [{"state": "done", "number": "UKN7XY1234"}]
    assert "Went back" in two.text("/money/")


def test_a_contradiction_is_closed_with_what_came_of_it(world: World, desk: At) -> None:
    referral, task = world.waiting(), uuid.uuid4()
    execute(
        "INSERT INTO task (id, kind, facility_id, fee_id, why)"
        " SELECT %(id)s, 'contradiction', %(facility)s, fee_id, 'Two tell different things.'"
        " FROM referral WHERE id = %(referral)s",
        id=task,
        facility=world.tumaini.pk,
        referral=uuid.UUID(referral),
    )
    finance = desk(world.finance)
    assert "Two tell different things." in finance.text("/money/")
    with unchanged():
        assert finance.post(f"/money/{task.hex}/close/", outcome=" ").status_code == 422

    assert "Closed." in finance.does(f"/money/{task.hex}/close/", outcome="the statement agrees")
    with unchanged():
        late = finance.post(f"/money/{task.hex}/close/", outcome="I was late")
    assert late.status_code == 404

    assert rows("SELECT closed_as FROM task") == [{"closed_as": "the statement agrees"}]


@pytest.mark.parametrize(
    ("form", "values", "code"),
    [
        ("apply", {"accountCode": ""}, 409),
        ("apply", {"accountCode": "N0SUCH"}, 409),
        ("propose", {"reason": " "}, 422),
        ("propose", {"reason": "so", "amount": "1.5"}, 422),
        ("propose", {"reason": "so", "amount": "-1"}, 422),
        ("propose", {"reason": "so", "amount": "9" * 40}, 422),
        ("propose", {"reason": "so", "amount": "900"}, 409),
        ("propose", {"reason": "so", "amount": "٣"}, 422),
        ("propose", {"reason": "so", "phone": "0208"}, 422),
        ("propose", {"reason": "so", "accountCode": "N0SUCH"}, 409),
    ],
)
def test_what_is_refused_changes_nothing(
    town: World, desk: At, comes: Callable[..., str], form: str, values: dict[str, str], code: int
) -> None:
    receipt = comes(700)

    with unchanged():
        answer = desk(town.finance).post(f"/money/{receipt}/{form}/", **values)

    assert answer.status_code == code
    assert 'role="alert"' in answer.content.decode()


@pytest.mark.parametrize("form", ["apply", "propose", "agree", "withdraw", "conclude", "close"])
@pytest.mark.parametrize("subject", ["0" * 32, "x", "%00", "7" * 300])
def test_ids_that_lead_nowhere(world: World, desk: At, form: str, subject: str) -> None:
    given = {"accountCode": "X", "reason": "so", "went": "yes", "outcome": "so"}

    with unchanged():
        assert desk(world.finance).post(f"/money/{subject}/{form}/", **given).status_code == 404
        assert desk(world.admin).post(f"/money/{subject}/{form}/", **given).status_code == 403


def test_the_page_has_the_same_number_of_queries_for_one_task_and_for_twenty(world: World, desk: At) -> None:
    def task() -> None:
        referral, prompt = world.prompted(f"25470800{1000 + value('SELECT count(*) FROM referral')}")
        call_back(prompt)
        world.move(referral, Status.CANCELLED, reason="so")

    def asked() -> int:
        finance = desk(world.finance)
        with CaptureQueriesContext(connection) as captured:
            finance.text("/money/")
        return len(captured)

    task()
    one = asked()
    for _ in range(19):
        task()

    assert asked() == one
    assert one <= 14


def test_when_nothing_waits_the_page_says_what_would(world: World, desk: At) -> None:
    assert "Every shilling is where it belongs" in desk(world.finance).text("/money/")
