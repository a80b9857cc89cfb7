"""Every function of the registry, watched by everybody, through every mutation and every way of money.

A function that is added and not watched, or not called, here fails the first tests.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import time
from typing import Any, Final

import pytest

from live.verify import Hall, check_screens, hall, verify_live
from rufaa import functions
from rufaa.appointments import clinics
from rufaa.appointments import operations as appointments
from rufaa.appointments.clinics import Opening, Shape
from rufaa.db.atomic import Tx, look, unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.payments import finance, hold
from rufaa.referrals.machine import Status
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.testing import RunningSimulator
from rufaa.sync.registry import FunctionKind
from support import (
    CANCELS,
    FEE,
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    execute,
    give_operator,
    register_c2b,
    rows,
    someone,
    value,
    wait_until,
)


@dataclass
class Stage:
    """A town with all screens that there are, and two finance people in it."""

    hall: Hall
    world: World
    simulator: RunningSimulator
    worker: Worker
    second_finance: Actor
    referrals: list[str] = field(default_factory=list)

    @property
    def people(self) -> list[Actor | None]:
        world = self.world
        return [world.physician, world.admin, world.receiver, world.finance, world.stranger, None]

    def watch(self, referral: str | None = None) -> None:
        """Everybody watches all lists and, with ``referral``, everything about it."""
        for function in functions.load().functions():
            if function.kinds == (FunctionKind.QUERY,):
                for args in ARGUMENTS[function.name](self, referral):
                    for who in self.people:
                        self.hall.watch(function.name, args, who=who)

    def new(self) -> str:
        """A referral that nobody has approved, watched by everybody."""
        referral = self.world.referral()
        self.watch(referral)
        return referral

    def do(self, function: str, args: dict[str, Any], by: Actor, *, changes: bool = True, **more: Any) -> Any:
        """A mutation, after which every screen is right."""
        with verify_live(self.hall, changes=changes):
            return self.hall.do(function, args, by=by, **more)

    def move(self, referral: str, status: str, by: Actor | None = None, **more: Any) -> Any:
        args = {"referralId": referral, "status": status, **more}
        return self.do("referrals:updateReferralStatus", args, by or self.world.admin)

    def payable(self) -> str:
        referral = self.new()
        self.move(referral, "awaiting-biodata")
        self.move(referral, "pending-payment")
        return referral

    def dispatch(self) -> None:
        """The worker sends the prompt that a call in another thread asks for."""
        wait_until(lambda: bool(rows("SELECT FROM prompt WHERE state = 'created'")), what="the prompt")
        self.worker.dispatch()

    def comes(self, shillings: int, reference: str = "RENT") -> str:
        """Money by paybill; its receipt's id."""
        number = self.simulator.pay(RINGS, DEMO_SHORT_CODE, reference, shillings)
        advance(3, self.simulator)
        with verify_live(self.hall):
            self.worker.settle()
        return uuid.UUID(str(value("SELECT id FROM receipt WHERE number = %(n)s", n=number))).hex

    def worker_of_clinics(self, after_s: float = 0) -> None:
        """The worker's rounds of appointments, once so much time has passed."""
        advance(after_s, self.simulator)
        with verify_live(self.hall):
            while unit(appointments.work):
                pass

    def told(self, seconds: float = 5) -> None:
        """What M-Pesa has to tell comes, and is settled."""
        advance(seconds, self.simulator)
        with verify_live(self.hall):
            self.worker.settle()


Arguments = Callable[[Stage, "str | None"], list[dict[str, Any]]]


def lists(_: Stage, referral: str | None) -> list[dict[str, Any]]:
    return [{}] if referral is None else []


def pages(stage: Stage, referral: str | None) -> list[dict[str, Any]]:
    return [{"paginationOpts": {"numItems": 2.0, "cursor": None, "id": 1.0}}] if referral is None else []


def of_referral(_: Stage, referral: str | None) -> list[dict[str, Any]]:
    return [] if referral is None else [{"referralId": referral}]


def by_token(_: Stage, referral: str | None) -> list[dict[str, Any]]:
    if referral is None:
        return []
    return [{"referralToken": value("SELECT token FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))}]


def by_status(_: Stage, referral: str | None) -> list[dict[str, Any]]:
    watched = (Status.PENDING_ADMIN, Status.PENDING_PAYMENT, Status.PAID)
    return [{"status": status.value} for status in watched] if referral is None else []


def by_physician(stage: Stage, referral: str | None) -> list[dict[str, Any]]:
    return [{}, {"physicianId": stage.world.physician.user.hex}] if referral is None else []


def searched(_: Stage, referral: str | None) -> list[dict[str, Any]]:
    return [{}, {"search": "tumaini"}] if referral is None else []


def of_kind(_: Stage, referral: str | None) -> list[dict[str, Any]]:
    return [{}, {"kind": "unapplied"}] if referral is None else [{"referralId": referral}]


def boxes(_: Stage, referral: str | None) -> list[dict[str, Any]]:
    return [{}, {"box": "incoming"}] if referral is None else []


def of_facility(stage: Stage, referral: str | None) -> list[dict[str, Any]]:
    return [{}, {"facility": stage.world.tumaini.name}] if referral is None else []


def of_clinics(_: Stage, referral: str | None) -> list[dict[str, Any]]:
    return [{"clinicId": row["id"].hex, "limit": 5.0} for row in rows("SELECT id FROM clinic")] if referral else []


ARGUMENTS: Final[dict[str, Arguments]] = {
    "bookings:getByReferral": of_referral,
    "clinics:getAvailableSlots": of_clinics,
    "clinics:list": of_facility,
    "facilities:getMine": lists,
    "facilities:list": searched,
    "mpesa:getPromptStatus": of_referral,
    "payments:getByReferral": of_referral,
    "prices:list": lists,
    "receipts:listUnapplied": lists,
    "referrals:countByStatus": boxes,
    "referrals:getCompletedReferrals": pages,
    "referrals:getIncomingReferrals": pages,
    "referrals:getOutgoingReferrals": lists,
    "referrals:getPendingReferrals": lists,
    "referrals:getReferral": of_referral,
    "referrals:getReferralByToken": by_token,
    "referrals:getReferralsByPhysician": by_physician,
    "referrals:getReferralsByStatus": by_status,
    "refunds:listUnderWay": lists,
    "tasks:countOpen": lists,
    "tasks:listOpen": of_kind,
}
"""How each query is watched: with these arguments about no referral, and about one."""


@pytest.fixture
def stage(database: str, town: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> Iterator[Stage]:
    register_c2b(town, simulator, gateway)
    give_operator(town, simulator)

    def add(tx: Tx) -> None:
        facilities.add_member(tx, facilities.add_user(tx, "second-finance"), town.tumaini, Role.FINANCE)

    unit(add)
    with hall(database) as here:
        stage = Stage(here, town, simulator, worker, someone("second-finance"))
        stage.watch()
        yield stage


# --- stories ---------------------------------------------------------------------------------------------------------


def referred_and_completed(stage: Stage) -> None:
    world = stage.world
    args = {
        "patientName": "Jane Wafula",
        "medicalHistory": "none",
        "labResults": "none",
        "diagnosis": "fracture",
        "receivingFacility": world.tumaini.name,
        "priority": "Routine",
    }
    referral = stage.do("referrals:createReferral", args, world.physician)
    stage.watch(referral)
    stage.move(referral, "awaiting-biodata")
    phones = {"referralId": referral, "patientPhone": RINGS, "stkPhoneNumber": CANCELS}
    stage.do("referrals:updatePhoneNumbers", phones, world.admin)
    stage.do("referrals:saveBiodata", {**phones, "stkPhoneNumber": PAYS, "bookedDate": "2026-12-01"}, world.admin)
    with verify_live(stage.hall):
        stage.worker.dispatch()
    stage.told()
    assert world.status(referral) == "paid"
    stage.move(referral, "confirmed", world.receiver)
    stage.move(referral, "completed", world.receiver, reason="treated")


def refused(stage: Stage) -> None:
    stage.move(stage.new(), "rejected", reason="not indicated")
    referral = stage.payable()
    stage.move(referral, "cancelled", reason="not needed any more")


def prompts_that_fail_and_one_that_pays(stage: Stage) -> None:
    world, referral = stage.world, stage.payable()
    asked = {"referralId": referral, "phoneNumber": CANCELS}
    stage.do("mpesa:initiateSTKPush", asked, world.admin, meanwhile=stage.dispatch)
    stage.told(30)
    phones = {"referralId": referral, "patientPhone": RINGS, "stkPhoneNumber": RINGS}
    stage.do("referrals:updatePhoneNumbers", phones, world.admin)
    stage.do("referralPayments:retrySTKPush", {"referralId": referral}, world.admin, meanwhile=stage.dispatch)
    stage.simulator.answer(RINGS)
    stage.told()
    other = stage.payable()
    stage.do(
        "referralPayments:triggerReferralPayment",
        {"referralId": other, "phoneNumber": PAYS, "amount": 1000.0},
        world.admin,
        meanwhile=stage.dispatch,
    )
    stage.told()
    assert [world.status(each) for each in (referral, other)] == ["paid", "paid"]


def a_prompt_that_a_query_settles(stage: Stage) -> None:
    world, referral = stage.world, stage.payable()
    world.ask(referral, RINGS)
    with verify_live(stage.hall):
        stage.worker.dispatch()
    stage.simulator.answer(RINGS)
    advance(25, stage.simulator)
    with verify_live(stage.hall):
        stage.worker.query()
    assert rows("SELECT number FROM receipt") == [{"number": None}]
    with verify_live(stage.hall):
        stage.worker.settle()  # the callback has the number
    assert world.status(referral) == "paid"


def a_fee_that_is_waived(stage: Stage) -> None:
    world, referral = stage.world, stage.payable()
    proposal = {"referralId": referral, "kind": "waive", "reason": "cannot pay"}
    stage.do("fees:proposeExemption", proposal, world.admin)
    stage.do("fees:secondExemption", {"referralId": referral}, world.second_admin)
    stage.move(referral, "confirmed", world.receiver)


def money_that_waits(stage: Stage) -> None:
    world = stage.world
    referral, other = stage.payable(), stage.payable()
    code = str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))
    receipts = [stage.comes(400), stage.comes(700)]
    stage.do("receipts:apply", {"receiptIds": receipts, "accountCode": code}, world.finance)
    assert world.status(referral) == "paid"
    number = stage.simulator.pay(RINGS, DEMO_SHORT_CODE, "RENT", 1000)
    # what was typed is believed by nobody yet
    stage.do("receipts:typeCode", {"referralId": other, "code": number}, world.admin, changes=False)
    stage.told()
    assert [row["proposed_code"] is None for row in look(lambda tx: finance.waiting(tx, world.finance))] == [
        True,
        False,
    ]
    stage.move(other, "cancelled", reason="not needed any more")  # it takes no money any more
    assert [row["proposed_code"] is None for row in look(lambda tx: finance.waiting(tx, world.finance))] == [True, True]
    task = {"kind": "unread", "facility": world.tumaini.pk, "account": world.account.pk, "why": "nobody could read it"}
    with verify_live(stage.hall):
        execute(
            "INSERT INTO task (id, kind, facility_id, account_id, why)"
            " VALUES (gen_random_uuid(), %(kind)s, %(facility)s, %(account)s, %(why)s)",
            **task,
        )
    (unread,) = rows("SELECT id FROM task WHERE kind = 'unread'")
    stage.do("tasks:close", {"taskId": unread["id"].hex, "outcome": "read it"}, world.finance)


def money_that_goes_back(stage: Stage) -> None:
    world = stage.world
    whole, kept, part = stage.comes(1000), stage.comes(500), stage.comes(1500)

    def propose(receipt: str, **more: Any) -> str:
        args = {"receiptId": receipt, "reason": "paid twice", **more}
        return str(stage.do("refunds:propose", args, world.finance)["refundId"])

    stage.do("refunds:withdraw", {"refundId": propose(kept), "reason": "a mistake"}, world.finance)
    for refund in (propose(whole), propose(part, amount=500.0, phoneNumber=RINGS)):
        stage.do("refunds:approve", {"refundId": refund}, stage.second_finance)
    with verify_live(stage.hall):
        stage.worker.order()
    stage.told()
    lost = propose(kept)
    stage.do("refunds:approve", {"refundId": lost}, stage.second_finance)
    execute("UPDATE refund SET next_at = NULL WHERE id = %(id)s", id=uuid.UUID(lost))
    with verify_live(stage.hall):
        execute(
            "UPDATE refund SET state = 'sending', event = 'claim', sent_at = rufaa_now(), orders = 1 WHERE id = %(id)s",
            id=uuid.UUID(lost),
        )
    with verify_live(stage.hall):
        execute("UPDATE refund SET state = 'unknown', event = 'answer-lost' WHERE id = %(id)s", id=uuid.UUID(lost))
    advance(24 * 3600)  # before that the statement may lag
    conclusion = {"refundId": lost, "went": False, "reason": "not in the statement"}
    stage.do("refunds:conclude", conclusion, stage.second_finance)


def people_come_and_go(stage: Stage) -> None:
    world, referral = stage.world, stage.payable()
    revoked = "UPDATE membership SET revoked_at = rufaa_now() WHERE user_id = %(user)s"
    for who in (world.admin, world.finance, world.physician):
        with verify_live(stage.hall):
            execute(revoked, user=who.user)
    with verify_live(stage.hall):
        execute("UPDATE membership SET revoked_at = NULL WHERE user_id = %(user)s", user=world.admin.user)
    with verify_live(stage.hall):
        execute("UPDATE rufaa_user SET full_name = 'Dr Achieng' WHERE id = %(user)s", user=world.physician.user)
    with verify_live(stage.hall):
        execute("UPDATE facility SET name = 'Uhuru Hospital' WHERE id = %(id)s", id=world.uhuru.pk)
    with verify_live(stage.hall):
        execute("UPDATE particulars SET name = 'Jane W.'")
    with verify_live(stage.hall):
        execute("UPDATE rufaa_user SET is_active = false WHERE id = %(user)s", user=world.admin.user)
    assert world.status(referral) == "pending-payment"


def accounts_and_prices(stage: Stage) -> None:
    world = stage.world
    referral = stage.payable()
    world.ask(referral)
    stage.comes(300)
    with verify_live(stage.hall):
        unit(lambda tx: hold.hold(tx, world.account.pk, reason="M-Pesa is down", by="operator"))
    with verify_live(stage.hall):
        unit(lambda tx: hold.release(tx, world.account.pk, by="operator"))
    with verify_live(stage.hall):
        execute("UPDATE mpesa_account SET short_code = '600000' WHERE id = %(id)s", id=world.account.pk)
    with verify_live(stage.hall):  # the account now has two payees, so that what waits is nobody's
        unit(
            lambda tx: facilities.set_price(
                tx, world.elsewhere, amount=FEE, payee=world.elsewhere, account=world.account
            )
        )


def a_time_that_is_held_booked_moved_and_given_back(stage: Stage) -> None:
    world = stage.world
    hours = tuple(Opening(day, time(8), time(10)) for day in range(1, 8))
    shape = Shape("Heart", (), hours, slot_minutes=30, slot_capacity=1, works_on_holidays=True)
    with verify_live(stage.hall):
        heart = unit(lambda tx: clinics.add(tx, world.tumaini, shape))
    referral = stage.payable()
    first, second, third = rows(
        "SELECT id FROM slot WHERE starts_at > rufaa_now() + interval '2 hours' ORDER BY starts_at LIMIT 3"
    )

    def book(slot: dict[str, Any], by: Actor, **more: str) -> Any:
        args = {"referralId": referral, "slotId": slot["id"].hex, **more}
        return stage.do("bookings:createBooking", args, by)

    book(first, world.admin)
    stage.worker_of_clinics(after_s=3600)  # the hold runs out
    book(second, world.admin)
    world.ask(referral, PAYS)
    with verify_live(stage.hall):
        stage.worker.dispatch()
    stage.told()
    stage.worker_of_clinics()
    assert world.status(referral) == "confirmed"
    moved = book(third, world.receiver, reason="she works")
    with verify_live(stage.hall):
        unit(lambda tx: clinics.change(tx, world.tumaini, heart.pk.hex, replace(shape, name="Hearts")))
    cancelled = {"bookingId": moved["_id"], "reason": "she is well"}
    stage.do("bookings:cancelBooking", cancelled, world.admin)
    with verify_live(stage.hall):
        unit(lambda tx: clinics.end(tx, world.tumaini, heart.pk.hex))


@dataclass(frozen=True)
class Story:
    """What happens, which mutations it makes, and of which queries at least one screen must be seen to change."""

    tells: Callable[[Stage], None]
    calls: frozenset[str]
    shows: frozenset[str]


def story(tells: Callable[[Stage], None], *, calls: str = "", shows: str) -> Story:
    return Story(tells, frozenset(calls.split()), frozenset(shows.split()))


REFERRAL: Final = "referrals:getReferral referrals:getReferralByToken"
STORIES: Final = (
    story(
        referred_and_completed,
        calls="referrals:createReferral referrals:updateReferralStatus referrals:updatePhoneNumbers"
        " referrals:saveBiodata",
        shows=f"{REFERRAL} payments:getByReferral referrals:getPendingReferrals referrals:getIncomingReferrals"
        " referrals:getOutgoingReferrals referrals:getCompletedReferrals referrals:getReferralsByPhysician"
        " referrals:getReferralsByStatus referrals:countByStatus",
    ),
    story(refused, shows=f"{REFERRAL} referrals:getPendingReferrals referrals:getReferralsByStatus"),
    story(
        prompts_that_fail_and_one_that_pays,
        calls="mpesa:initiateSTKPush referralPayments:retrySTKPush referralPayments:triggerReferralPayment",
        shows=f"{REFERRAL} payments:getByReferral mpesa:getPromptStatus",
    ),
    story(a_prompt_that_a_query_settles, shows=f"{REFERRAL} payments:getByReferral"),
    story(a_fee_that_is_waived, calls="fees:proposeExemption fees:secondExemption", shows=REFERRAL),
    story(
        money_that_waits,
        calls="receipts:apply receipts:typeCode tasks:close",
        shows=f"{REFERRAL} receipts:listUnapplied tasks:listOpen tasks:countOpen",
    ),
    story(
        money_that_goes_back,
        calls="refunds:propose refunds:approve refunds:withdraw refunds:conclude",
        shows="refunds:listUnderWay receipts:listUnapplied tasks:listOpen",
    ),
    story(
        people_come_and_go,
        shows=f"{REFERRAL} referrals:getReferralsByPhysician facilities:getMine facilities:list",
    ),
    story(
        a_time_that_is_held_booked_moved_and_given_back,
        calls="bookings:createBooking bookings:cancelBooking",
        shows=f"{REFERRAL} bookings:getByReferral clinics:list clinics:getAvailableSlots",
    ),
    story(
        accounts_and_prices,
        shows=f"{REFERRAL} payments:getByReferral receipts:listUnapplied mpesa:getPromptStatus prices:list"
        " facilities:list",
    ),
)


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.tells.__name__)
def test_every_screen_shows_what_a_fresh_query_would(stage: Stage, told: Story) -> None:
    told.tells(stage)

    assert stage.hall.called >= told.calls
    assert stage.hall.saw >= told.shows
    advance(0)
    stage.hall.catch_up()
    check_screens(stage.hall)


def test_every_query_is_watched_and_every_mutation_made() -> None:
    registered = functions.load().functions()
    queries = {each.name for each in registered if each.kinds == (FunctionKind.QUERY,)}

    assert set(ARGUMENTS) == queries
    assert frozenset().union(*(told.shows for told in STORIES)) == queries
    assert frozenset().union(*(told.calls for told in STORIES)) == {each.name for each in registered} - queries
