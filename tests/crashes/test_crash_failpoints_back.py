"""SIGKILL at every failpoint of refunds, status questions and Pull: money goes back once, and comes in once.

What went is counted in the simulator's books and journal, not in our tables.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from crashes.conftest import Roles
from crashes.test_crash_failpoints import OTHER_STORIES, Story
from rufaa.db.atomic import WORK, Tx, unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.rights import Role
from rufaa.money import Money
from rufaa.payments import pulls, refunds
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.testing import RunningSimulator
from support import (
    FEE,
    PAYS,
    RINGS,
    Worker,
    World,
    advance,
    check_books,
    execute,
    give_operator,
    open_tasks,
    register_pull,
    rows,
    value,
)


@pytest.fixture
def roles(forked_roles: Roles) -> Roles:
    return forked_roles


@pytest.fixture
def story(town: World, simulator: RunningSimulator, roles: Any, lasting_gateway: int, request: Any) -> Story:
    roles.port = lasting_gateway
    give_operator(town, simulator)
    return Story(town, simulator, roles, request.param)


def of(prefix: str) -> list[str]:
    return [point for point in OTHER_STORIES if point.startswith(prefix)]


def posts(simulator: RunningSimulator, path: str) -> int:
    return sum(entry.kind == "exchange" and path in entry.data["path"] for entry in simulator.journal())


def agreed_refund(story: Story) -> uuid.UUID:
    """What paid a referral that was cancelled, agreed to by two people."""
    town = story.town
    referral, prompt = town.prompted(PAYS)
    Worker(story.roles.url).dispatch()
    advance(2, story.simulator)
    Worker(story.roles.url).settle()
    town.move(referral, "cancelled", reason="x")
    (paid,) = rows("SELECT receipt_id, fee_id FROM application")
    assert value("SELECT id FROM prompt") == prompt

    def add(tx: Tx) -> uuid.UUID:
        other = facilities.add_user(tx, "second-finance")
        facilities.add_member(tx, other, town.tumaini, Role.FINANCE)
        refund = refunds.propose(
            tx, paid["receipt_id"], fee=paid["fee_id"], amount=None, phone=None, why="x", by=town.finance.user
        )
        refunds.approve(tx, refund, by=other.pk)
        return refund

    return unit(add)


@pytest.mark.fault(32)
@pytest.mark.parametrize("story", of("order."), indirect=True)
def test_a_refund_goes_back_once_wherever_the_worker_dies(story: Story, simulator: RunningSimulator) -> None:
    before = simulator.wallet(PAYS)
    refund = agreed_refund(story)
    assert simulator.wallet(PAYS) == Money(before.cents - FEE.cents)

    story.start()
    story.let_time_pass(
        until=lambda: story.died and value("SELECT state FROM refund WHERE id = %(id)s", id=refund) == "done"
    )

    assert simulator.wallet(PAYS) == before  # back, and not twice
    assert simulator.till(DEMO_SHORT_CODE) == Money(0)
    assert posts(simulator, "reversal/v1/request") <= 2
    assert value("SELECT state FROM fee") == "refunded"
    assert open_tasks() == []
    check_books(simulator)


@pytest.mark.parametrize("story", of("inquiry."), indirect=True)
def test_a_claim_is_confirmed_once_wherever_the_worker_dies(
    story: Story, simulator: RunningSimulator, town: World
) -> None:
    referral = town.waiting()
    number = simulator.pay(RINGS, DEMO_SHORT_CODE, "RENT", 1000)  # nobody tells of it: no address is registered
    execute(
        "INSERT INTO claim (id, account_id, number, channel, fee_id, by, next_at)"
        " SELECT gen_random_uuid(), account_id, %(number)s, 'typed', id, %(by)s, rufaa_now() FROM fee",
        number=number,
        by=town.admin.user,
    )

    story.start()
    story.let_time_pass(
        until=lambda: story.died and value("SELECT count(*) FROM claim WHERE ended_as = 'confirmed'") == 1
    )

    assert rows("SELECT number, state FROM receipt") == [{"number": number, "state": "unapplied"}]
    assert open_tasks() == ["unapplied"]
    assert town.fee_state(referral) == "due"  # a person agrees first
    check_books(simulator)


@pytest.mark.fault(32)
@pytest.mark.parametrize("story", of("pull."), indirect=True)
def test_a_pulled_payment_is_booked_once_wherever_the_worker_dies(
    story: Story, simulator: RunningSimulator, town: World
) -> None:
    register_pull(simulator)
    unit(lambda tx: pulls.start(tx, town.account.pk))
    referral = town.waiting()
    code = value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    number = simulator.pay(RINGS, DEMO_SHORT_CODE, code, 1000)
    advance(2, simulator)

    story.start()
    execute("SELECT pg_notify(%(channel)s, '')", channel=WORK)
    story.let_time_pass(until=lambda: story.died and town.status(referral) == "paid")

    assert rows("SELECT number, state FROM receipt") == [{"number": number, "state": "applied"}]
    assert open_tasks() == []
    check_books(simulator)
