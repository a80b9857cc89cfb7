"""What pages are told while an account is on hold: at once, in words, and how to pay by hand."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any, Final

import pytest

from rufaa.db.atomic import unit
from rufaa.functions import runtime
from rufaa.money import Money
from rufaa.payments import hold
from rufaa.payments.paybill import Paybill
from rufaa.referrals.machine import Status
from rufaa.simulator.testing import RunningSimulator
from support import (
    DEADLINE_S,
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    execute,
    referral_in,
    unchanged,
    value,
    wait_until,
)

TRIGGER: Final = "referralPayments:triggerReferralPayment"
RETRY: Final = "referralPayments:retrySTKPush"
PAGE: Final = "mpesa:initiateSTKPush"


def put_on_hold(world: World) -> None:
    unit(lambda tx: hold.hold(tx, world.account.pk, reason="M-Pesa is down", by="amina"))


def release(world: World) -> None:
    unit(lambda tx: hold.release(tx, world.account.pk, by="amina"))


def paybill_of(world: World, referral: str) -> dict[str, Any]:
    code = value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    return {"shortCode": world.account.short_code, "accountCode": code, "amount": 1000}


def by_hand(world: World, referral: str) -> str:
    known = paybill_of(world, referral)
    return f"Pay KES 1,000.00 with M-Pesa, Pay Bill, business {known['shortCode']}, account {known['accountCode']}."


def send(gateway: Running, world: World, referral: str, *, name: str = TRIGGER, phone: str = RINGS) -> Any:
    args = {"referralId": referral, **({} if name == RETRY else {"phoneNumber": phone})}
    return gateway.do("mutation", name, args, by=world.admin)


def document(gateway: Running, world: World, referral: str) -> Any:
    return gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.admin)


def attempts(gateway: Running, world: World, referral: str) -> Any:
    return gateway.do("query", "payments:getByReferral", {"referralId": referral}, by=world.admin)


# --- the three functions that send -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [TRIGGER, PAGE])
def test_asking_while_it_is_held_commits_and_answers_at_once(
    world: World, gateway: Running, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(runtime, "ANSWER_S", 24.0)
    referral = world.waiting()
    put_on_hold(world)
    began = time.monotonic()

    answer = send(gateway, world, referral, name=name)

    assert time.monotonic() - began < 12
    assert (answer["success"], answer["status"], answer["joined"]) == (False, "held", False)
    assert answer["paybill"] == paybill_of(world, referral)
    assert answer["message"] == (
        f"Prompts are on hold. {by_hand(world, referral)} If the phone rings after that, cancel:"
        " it goes out when the hold ends."
    )
    assert (answer["referralId"], answer["phoneNumber"], answer["amount"]) == (referral, RINGS, 1000)
    assert world.prompt(uuid.UUID(answer["paymentId"]))["state"] == "created"
    with unchanged():
        again = send(gateway, world, referral, name=name)
    assert again == answer | {"joined": True}


def test_a_retry_is_held_too(world: World, gateway: Running) -> None:
    referral, _ = world.prompted(RINGS)
    execute("UPDATE prompt SET state = 'refused', event = 'gave-up', next_at = NULL, settled_at = rufaa_now()")
    put_on_hold(world)

    answer = send(gateway, world, referral, name=RETRY)

    assert (answer["status"], answer["attemptNumber"]) == ("held", 2)


def test_who_waits_for_darajas_answer_is_told_of_the_hold_when_it_comes(
    world: World, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "ANSWER_S", 24.0)
    referral = world.waiting()
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(send(gateway, world, referral)))
    began = time.monotonic()
    asking.start()
    wait_until(lambda: value("SELECT count(*) FROM prompt") == 1, what="a prompt")

    put_on_hold(world)
    asking.join(DEADLINE_S)

    assert time.monotonic() - began < 20
    assert [answer["status"] for answer in answers] == ["held"]


def test_after_the_release_it_is_a_prompt_like_any_other(
    town: World, gateway: Running, worker: Worker, simulator: RunningSimulator
) -> None:
    referral = town.waiting()
    put_on_hold(town)
    asked = send(gateway, town, referral)
    release(town)
    worker.dispatch()

    answer = send(gateway, town, referral)

    assert (answer["paymentId"], answer["status"], answer["success"]) == (asked["paymentId"], "pending", True)
    assert "paybill" not in answer
    assert len(simulator.prompts()) == 1


def test_another_phone_is_told_how_long_the_held_prompt_waits(world: World, gateway: Running) -> None:
    referral, other = world.waiting(), world.waiting()
    put_on_hold(world)
    send(gateway, world, referral)

    with unchanged():
        live = gateway.error("mutation", TRIGGER, {"referralId": referral, "phoneNumber": PAYS}, by=world.admin)
        busy = gateway.error("mutation", TRIGGER, {"referralId": other, "phoneNumber": RINGS}, by=world.admin)

    assert (live["code"], busy["code"]) == ("prompt-live", "phone-busy")
    assert live["message"].startswith("A prompt for this referral waits on hold.")
    for error in (live, busy):
        assert 1740 <= error["data"]["secondsLeft"] <= 1800


def test_a_move_that_would_send_it_says_so_beside_it(world: World, gateway: Running) -> None:
    put_on_hold(world)
    args = {"referralId": world.approved(), "status": "pending-payment", "stkPhoneNumber": RINGS}

    moved = gateway.do("mutation", "referrals:updateReferralStatus", args, by=world.admin)

    assert (moved["status"], moved["promptNotice"]["code"]) == ("pending-payment", "held")
    assert by_hand(world, args["referralId"]) in moved["promptNotice"]["message"]


# --- what is read ----------------------------------------------------------------------------------------------------


def test_how_to_pay_by_hand_is_told_as_long_as_something_is_open(world: World, gateway: Running) -> None:
    referral = world.referral()
    assert document(gateway, world, referral)["payment"] is None
    world.move(referral, Status.AWAITING_BIODATA)

    payment = document(gateway, world, referral)["payment"]
    assert payment == {"amount": 1000, "status": "due", "paybill": paybill_of(world, referral)}

    paid = document(gateway, world, referral_in(world, Status.PAID))["payment"]
    assert (paid["status"], "paybill" in paid, "held" in paid) == ("paid", False, False)


def test_the_payment_says_that_the_account_is_held_as_long_as_it_is(world: World, gateway: Running) -> None:
    referral, paid = world.waiting(), referral_in(world, Status.PAID)
    put_on_hold(world)

    payment = document(gateway, world, referral)["payment"]
    assert (payment["held"], payment["paybill"]) == (True, paybill_of(world, referral))
    assert "held" not in document(gateway, world, paid)["payment"]

    send(gateway, world, referral)
    prompt = document(gateway, world, referral)["payment"]["prompt"]
    assert (prompt["status"], prompt["message"].split(".")[0]) == ("created", "Prompts are on hold")
    assert 1740 <= prompt["secondsLeft"] <= 1800

    release(world)
    payment = document(gateway, world, referral)["payment"]
    assert ("held" in payment, payment["paybill"]) == (False, paybill_of(world, referral))
    assert payment["prompt"]["message"].startswith("The prompt is on its way.")


def test_attempts_say_it_and_a_given_up_one_says_how_to_pay(world: World, gateway: Running, worker: Worker) -> None:
    referral = world.waiting()
    put_on_hold(world)
    send(gateway, world, referral)

    (attempt,) = attempts(gateway, world, referral)
    assert (attempt["status"], attempt["promptStatus"], attempt["held"]) == ("pending", "created", True)
    assert attempt["paybill"] == paybill_of(world, referral)
    assert by_hand(world, referral) in attempt["message"]

    advance(hold.HELD_FOR_S + 1)
    worker.dispatch()
    (attempt,) = attempts(gateway, world, referral)
    assert (attempt["status"], attempt["errorCode"], "held" in attempt) == ("failed", "held-too-long", False)
    assert attempt["errorMessage"] == (
        f"No prompt was sent. Prompts were on hold, and this one waited too long. {by_hand(world, referral)}"
    )


def test_only_what_was_not_claimed_is_held(world: World, gateway: Running) -> None:
    referral, _ = world.prompted(RINGS)
    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now()")
    put_on_hold(world)

    (attempt,) = attempts(gateway, world, referral)
    assert "held" not in attempt
    assert attempt["message"].startswith("The prompt is on its way.")


def test_a_till_takes_no_account_code(world: World, gateway: Running) -> None:
    execute("UPDATE mpesa_account SET kind = 'till', till_number = '300584'")
    referral = world.waiting()

    assert document(gateway, world, referral)["payment"]["paybill"] == paybill_of(world, referral) | {"till": "300584"}
    by_till = Paybill(short_code="600000", till="300584", account_code="A", amount=Money.from_shillings(50))
    assert by_till.words == "Pay KES 50.00 with M-Pesa, Buy Goods, till 300584, and show the receipt."
