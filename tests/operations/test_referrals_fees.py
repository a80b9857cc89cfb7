"""What moves do to the fee: approval freezes it, an emergency never waits for it, a cancellation ends it."""

from __future__ import annotations

import uuid

import pytest

from rufaa.db.atomic import Tx, unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import Price
from rufaa.facilities.rights import Role
from rufaa.money import Money
from rufaa.payments.operations import NoPrice, Requested
from rufaa.phone import Phone
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.refusing import UnlawfulMove
from support import (
    FEE,
    PAYS,
    RINGS,
    World,
    call_back,
    check_books,
    execute,
    referral_in,
    rows,
    someone,
    unchanged,
    value,
)

S = Status


def fee_of(referral: str) -> dict[str, object]:
    (row,) = rows(
        "SELECT fee.* FROM referral JOIN fee ON fee.id = fee_id WHERE referral.id = %(id)s", id=uuid.UUID(referral)
    )
    return row


def set_price(world: World, shillings: int, *, receiving: bool = False) -> None:
    unit(
        lambda tx: facilities.set_price(
            tx,
            world.uhuru,
            amount=Money.from_shillings(shillings),
            payee=world.uhuru if receiving else world.tumaini,
            account=world.account,
            receiving=world.tumaini if receiving else None,
        )
    )


# --- approval ------------------------------------------------------------------------------------------------------


def test_approval_freezes_the_fee_from_the_price_list(world: World) -> None:
    referral = world.referral()
    assert world.fee_state(referral) is None

    world.move(referral, S.AWAITING_BIODATA)

    fee = fee_of(referral)
    assert (fee["state"], fee["event"], fee["amount_cents"]) == ("due", "raise", FEE.cents)
    assert (fee["payee_id"], fee["account_id"]) == (world.tumaini.pk, world.account.pk)
    assert fee["account_code"] == value("SELECT account_code FROM referral")
    assert rows("SELECT kind, debit, credit, amount_cents FROM transfer") == [
        {"kind": "raised", "debit": "receivable", "credit": "income", "amount_cents": FEE.cents}
    ]


def test_the_price_for_the_receiving_facility_wins(world: World) -> None:
    set_price(world, 750, receiving=True)

    fee = fee_of(world.approved())

    assert (fee["amount_cents"], fee["payee_id"]) == (75_000, world.uhuru.pk)


def test_the_price_of_another_receiving_facility_does_not_count(world: World) -> None:
    unit(
        lambda tx: facilities.set_price(
            tx,
            world.uhuru,
            amount=Money.from_shillings(5),
            payee=world.elsewhere,
            account=world.account,
            receiving=world.elsewhere,
        )
    )

    assert fee_of(world.approved())["amount_cents"] == FEE.cents


def test_a_raised_fee_keeps_its_amount_when_prices_change(world: World) -> None:
    before = world.approved()
    set_price(world, 2500)
    set_price(world, 3000, receiving=True)

    after = world.approved()

    assert fee_of(before)["amount_cents"] == FEE.cents
    assert fee_of(after)["amount_cents"] == 300_000
    asked = world.ask(before, amount=FEE)
    assert world.prompt(asked)["amount_cents"] == FEE.cents


def test_without_a_price_nothing_is_approved(world: World) -> None:
    Price.objects.all().delete()
    referral = world.referral()

    with unchanged(), pytest.raises(NoPrice) as refused:
        world.move(referral, S.AWAITING_BIODATA, payer_phone=RINGS)
    assert (refused.value.code, refused.value.data) == ("no-price", {"facilityId": world.uhuru.pk.hex})
    assert "rufaa price set" in refused.value.message


# --- emergencies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [S.PENDING_ADMIN, S.AWAITING_BIODATA, S.PENDING_PAYMENT])
@pytest.mark.parametrize("who", ["receiver", "receiving_admin"])
def test_an_emergency_is_confirmed_at_once(world: World, status: Status, who: str) -> None:
    referral = referral_in(world, status, priority=Priority.EMERGENCY)

    world.move(referral, S.CONFIRMED, by=getattr(world, who))

    fee = fee_of(referral)
    assert (world.status(referral), fee["state"], fee["event"]) == ("confirmed", "deferred", "raise-deferred")
    assert fee["amount_cents"] == FEE.cents
    check_books()


@pytest.mark.parametrize("priority", [Priority.ROUTINE, Priority.URGENT])
def test_nothing_else_is_confirmed_before_its_fee_is_settled(world: World, priority: Priority) -> None:
    world.referral(priority=priority)

    assert execute("UPDATE referral SET reason = reason") == 1
    with pytest.raises(Exception, match="no Emergency"):
        execute("UPDATE referral SET state = 'confirmed', event = 'confirm-emergency'")


@pytest.mark.parametrize("status", [S.AWAITING_BIODATA, S.PENDING_PAYMENT])
def test_an_emergencys_fee_is_deferred_from_the_start(world: World, status: Status) -> None:
    referral = referral_in(world, status, priority=Priority.EMERGENCY)

    assert fee_of(referral)["state"] == "deferred"


def test_an_emergency_is_confirmed_without_a_price_list(world: World) -> None:
    Price.objects.all().delete()
    referral = world.referral(priority=Priority.EMERGENCY)

    world.move(referral, S.CONFIRMED, by=world.receiver)

    assert (world.status(referral), world.fee_state(referral)) == ("confirmed", None)
    with unchanged(), pytest.raises(NoPrice):
        world.ask(referral)
    world.move(referral, S.COMPLETED, by=world.receiver, reason="treated")
    assert world.status(referral) == "completed"


@pytest.mark.parametrize("status", [S.CONFIRMED, S.COMPLETED])
def test_an_emergencys_fee_is_raised_when_somebody_asks_for_the_money(world: World, status: Status) -> None:
    Price.objects.all().delete()
    referral = world.referral(priority=Priority.EMERGENCY)
    world.move(referral, S.CONFIRMED, by=world.receiver)
    if status is S.COMPLETED:
        world.move(referral, S.COMPLETED, by=world.receiver, reason="treated")
    set_price(world, 700)

    world.ask(referral)

    assert (world.status(referral), world.fee_state(referral)) == (status, "deferred")
    assert fee_of(referral)["amount_cents"] == 70_000
    check_books()


def test_who_works_on_both_sides_is_told_why_it_cannot_be_confirmed_yet(world: World) -> None:
    def on_both_sides(tx: Tx) -> None:
        user = facilities.add_user(tx, "both")
        facilities.add_member(tx, user, world.uhuru, Role.ADMINISTRATOR)
        facilities.add_member(tx, user, world.tumaini, Role.ADMINISTRATOR)

    unit(on_both_sides)
    referral = world.waiting()

    with unchanged(), pytest.raises(UnlawfulMove, match="neither paid, waived nor deferred") as refused:
        world.move(referral, S.CONFIRMED, by=someone("both"))
    assert refused.value.data["allowed"] == ["cancelled"]


def test_an_emergency_without_a_fee_can_be_cancelled(world: World) -> None:
    Price.objects.all().delete()
    referral = world.referral(priority=Priority.EMERGENCY)
    world.move(referral, S.CONFIRMED, by=world.receiver)

    world.move(referral, S.CANCELLED, by=world.receiver, reason="did not arrive")

    assert (world.status(referral), rows("SELECT id FROM task")) == ("cancelled", [])


@pytest.mark.parametrize("status", [S.CONFIRMED, S.COMPLETED])
def test_later_money_changes_an_emergencys_fee_and_never_its_status(world: World, status: Status) -> None:
    referral = world.referral(priority=Priority.EMERGENCY)
    world.move(referral, S.CONFIRMED, by=world.receiver)
    if status is S.COMPLETED:
        world.move(referral, S.COMPLETED, by=world.receiver, reason="treated")

    call_back(world.ask(referral))

    assert (world.status(referral), world.fee_state(referral)) == (status, "paid")
    check_books()


# --- cancelling ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [S.PAID, S.CONFIRMED])
def test_cancelling_after_the_money_opens_one_refund_task_for_the_payee(world: World, status: Status) -> None:
    referral = referral_in(world, status)

    world.move(referral, S.CANCELLED, by=world.receiver, reason="no surgeon")
    world.move(referral, S.CANCELLED, reason="again")

    assert (world.status(referral), world.fee_state(referral)) == ("cancelled", "paid")
    (task,) = rows("SELECT kind, facility_id, fee_id, receipt_id, why, closed_at FROM task")
    assert (task["kind"], task["facility_id"], task["closed_at"]) == ("refund", world.tumaini.pk, None)
    assert task["receipt_id"] == value("SELECT id FROM receipt")
    assert task["why"] == "The referral was cancelled after it was paid: no surgeon"
    check_books()


@pytest.mark.parametrize("priority", list(Priority))
def test_cancelling_with_an_open_fee_waives_it_and_withdraws_the_unsent_prompt(
    world: World, priority: Priority
) -> None:
    referral, prompt = world.prompted(priority=priority)

    world.move(referral, S.CANCELLED, reason="went home")

    fee = fee_of(referral)
    assert (fee["state"], fee["event"], fee["reason"]) == ("waived", "cancel", "went home")
    row = world.prompt(prompt)
    assert (row["state"], row["event"], row["next_at"]) == ("refused", "withdrawn", None)
    assert rows("SELECT id FROM task") == []
    assert isinstance(world.ask(world.waiting(), RINGS), uuid.UUID)  # the phone is free again
    check_books()


def test_cancelling_leaves_a_prompt_that_rings(world: World) -> None:
    referral, prompt = world.prompted()
    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now()")
    execute("UPDATE prompt SET state = 'pending', event = 'accepted', checkout_request_id = 'ws_CO_1'")

    world.move(referral, S.CANCELLED, reason="went home")

    assert world.prompt(prompt)["state"] == "pending"
    assert call_back(prompt) == "confirms"
    assert (world.status(referral), world.fee_state(referral)) == ("cancelled", "waived")
    assert value("SELECT state FROM receipt") == "unapplied"
    assert value("SELECT kind FROM task") == "unapplied"
    check_books()


# --- the prompt that a move sends ----------------------------------------------------------------------------------


def test_a_move_with_a_phone_sends_the_prompt(world: World) -> None:
    referral = world.approved()

    changed = world.move(referral, S.PENDING_PAYMENT, payer_phone="0708 374 149")

    assert isinstance(changed.prompt, Requested)
    assert (changed.prompt.phone, changed.prompt.amount, changed.prompt.attempt) == (Phone(RINGS), FEE, 1)
    assert changed.prompt.joined is False
    assert world.prompt(changed.prompt.prompt)["state"] == "created"


def test_a_move_sends_to_the_phone_that_was_stored_before(world: World) -> None:
    referral = world.referral()
    world.move(referral, S.AWAITING_BIODATA, payer_phone=RINGS)
    assert rows("SELECT id FROM prompt") == []

    changed = world.move(referral, S.PENDING_PAYMENT)

    assert isinstance(changed.prompt, Requested)


def test_a_facility_can_switch_sending_by_itself_off(world: World) -> None:
    execute("UPDATE facility SET prompts_at_once = false WHERE id = %(id)s", id=world.uhuru.pk)
    referral = world.approved()

    changed = world.move(referral, S.PENDING_PAYMENT, payer_phone=RINGS)

    assert (changed.prompt, changed.seen.referral.state) == (None, "pending-payment")
    assert changed.seen.referral.particulars.payer_phone == RINGS
    assert rows("SELECT id FROM prompt") == []


def test_a_busy_phone_does_not_stop_the_move(world: World) -> None:
    world.prompted(RINGS)
    referral = world.approved()

    changed = world.move(referral, S.PENDING_PAYMENT, payer_phone=RINGS)

    assert world.status(referral) == "pending-payment"
    assert getattr(changed.prompt, "code", None) == "phone-busy"
    assert len(rows("SELECT id FROM prompt")) == 1
    assert len(rows("SELECT id FROM particulars WHERE payer_phone = %(phone)s", phone=RINGS)) == 2


def test_a_move_joins_the_prompt_that_rings_already(world: World) -> None:
    referral = world.approved()
    prompt = world.ask(referral, PAYS)

    changed = world.move(referral, S.PENDING_PAYMENT)

    assert isinstance(changed.prompt, Requested)
    assert (changed.prompt.prompt, changed.prompt.joined) == (prompt, True)
    assert len(rows("SELECT id FROM prompt")) == 1
