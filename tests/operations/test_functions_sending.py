"""The three functions that send, over HTTP, with a worker's round beside the call and the simulator as Daraja."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.functions import runtime
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Status
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    DEADLINE_S,
    KEYS,
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    call_back,
    credentials,
    execute,
    referral_in,
    rows,
    unchanged,
    value,
    wait_until,
)

TRIGGER: Final = "referralPayments:triggerReferralPayment"
RETRY: Final = "referralPayments:retrySTKPush"
PAGE: Final = "mpesa:initiateSTKPush"
SENT_KEYS: Final = {
    "success",
    "status",
    "message",
    "referralId",
    "phoneNumber",
    "amount",
    "attemptNumber",
    "paymentId",
    "joined",
}
ID_KEYS: Final = {"checkoutRequestId", "merchantRequestId"}


@contextmanager
def one_round(worker: Worker) -> Iterator[None]:
    """A worker beside the call in the ``with``: it sends the prompt that the call commits, and stops."""
    trouble: list[BaseException] = []

    def work() -> None:
        try:
            wait_until(lambda: value("SELECT count(*) FROM prompt WHERE state = 'created'") == 1, what="a prompt")
            worker.dispatch()
        except BaseException as error:  # noqa: BLE001 - told to the test
            trouble.append(error)

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    yield
    thread.join(DEADLINE_S)
    assert trouble == []


def send(gateway: Running, world: World, referral: str, *, name: str = TRIGGER, **args: Any) -> Any:
    given = {"referralId": referral, **({} if name == RETRY else {"phoneNumber": RINGS}), **args}
    return gateway.do("mutation", name, given, by=world.admin)


def refused(gateway: Running, world: World, referral: str, *, name: str = TRIGGER, **args: Any) -> dict[str, Any]:
    """The error of a call that must change nothing."""
    given = {"referralId": referral, **({} if name == RETRY else {"phoneNumber": RINGS}), **args}
    with unchanged():
        return gateway.error("mutation", name, given, by=world.admin)


def payments(gateway: Running, world: World, referral: str) -> Any:
    return gateway.do("query", "payments:getByReferral", {"referralId": referral}, by=world.admin)


def end_badly(prompt: uuid.UUID) -> None:
    """The prompt rang and was cancelled on the phone."""
    execute(
        "UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now() WHERE id = %(id)s",
        id=prompt,
    )
    assert call_back(prompt, code=1032) == "fails"


# --- accepted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [("mutation", TRIGGER), ("mutation", PAGE), ("action", PAGE)])
def test_accepted(
    town: World, gateway: Running, worker: Worker, simulator: RunningSimulator, kind: str, name: str
) -> None:
    referral = town.waiting()
    args = {"referralId": referral, "phoneNumber": "0708 374 149", "amount": 1000}
    if name == PAGE:
        args["patientName"] = "Jane Wafula"

    with one_round(worker):
        answer = gateway.do(kind, name, args, by=town.admin)

    (prompt,) = simulator.prompts()
    assert set(answer) == SENT_KEYS | ID_KEYS
    assert (answer["success"], answer["status"], answer["joined"]) == (True, "pending", False)
    assert (answer["referralId"], answer["phoneNumber"], answer["amount"]) == (referral, RINGS, 1000)
    assert answer["attemptNumber"] == 1
    assert answer["checkoutRequestId"] == prompt.checkout_request_id
    assert answer["message"] == "The prompt was sent. Enter the M-Pesa PIN on the phone."
    (payment,) = payments(gateway, town, referral)
    assert (payment["_id"], payment["status"]) == (answer["paymentId"], "pending")
    assert payment["stkRequestId"] == prompt.checkout_request_id
    assert value("SELECT payer_phone FROM particulars") == RINGS


def test_the_referral_shows_the_prompt_and_then_the_receipt(
    town: World, gateway: Running, worker: Worker, simulator: RunningSimulator
) -> None:
    referral = town.waiting()
    with one_round(worker):
        sent = send(gateway, town, referral)

    document = gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=town.admin)
    prompt = document["payment"].pop("prompt")
    assert document["payment"].pop("paybill")["amount"] == 1000
    assert (document["payment"], document["stkSentCount"]) == ({"amount": 1000, "status": "due"}, 1)
    assert (prompt["_id"], prompt["status"], prompt["phoneNumber"]) == (sent["paymentId"], "pending", RINGS)
    assert 0 < prompt["secondsLeft"] <= 90
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()

    document = gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=town.admin)
    number = value("SELECT number FROM receipt")
    assert (document["status"], document["payment"]["status"]) == ("paid", "paid")
    assert (document["payment"]["receipt"], document["payment"]["prompt"]["secondsLeft"]) == (number, 0)
    (payment,) = payments(gateway, town, referral)
    assert (payment["status"], payment["mpesaTransactionId"]) == ("completed", number)


def test_the_answer_comes_with_darajas_and_not_at_the_end_of_the_wait(
    town: World, gateway: Running, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "ANSWER_S", 24.0)
    referral = town.waiting()
    began = time.monotonic()

    with one_round(worker):
        assert send(gateway, town, referral)["status"] == "pending"

    assert time.monotonic() - began < 12


def test_no_name_and_no_diagnosis_goes_to_mpesa(
    town: World, gateway: Running, worker: Worker, simulator: RunningSimulator
) -> None:
    referral = town.waiting()
    with one_round(worker):
        send(gateway, town, referral, name=PAGE, patientName="Jane Wafula")

    said = repr(simulator.journal())
    assert value("SELECT account_code FROM referral") in said
    assert "Wafula" not in said
    assert "fracture" not in said


# --- not accepted --------------------------------------------------------------------------------------------------


def test_declined(town: World, gateway: Running, worker: Worker, simulator: RunningSimulator) -> None:
    wrong = replace(credentials(simulator.url), passkey="not-the-passkey")
    unit(lambda tx: facilities.keep_account(tx, wrong, keys=KEYS, pushes_per_s=100, queries_per_min=100))
    referral = town.waiting()

    with one_round(worker):
        answer = send(gateway, town, referral)

    assert set(answer) == SENT_KEYS
    assert (answer["success"], answer["status"]) == (False, "refused")
    assert answer["message"] == "No prompt was sent. [MerchantValidate] - Wrong credentials"
    (payment,) = payments(gateway, town, referral)
    assert (payment["status"], payment["errorCode"]) == ("failed", "500.001.1001")
    assert payment["errorMessage"] == answer["message"]
    assert simulator.prompts() == []


def test_daraja_says_that_the_phone_is_busy(
    town: World, gateway: Running, worker: Worker, simulator: RunningSimulator
) -> None:
    locked = (
        '{"requestId":"1","errorCode":"500.001.1001","errorMessage":"Unable to lock subscriber,'
        ' a transaction is already in process for the current subscriber"}'
    )
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, status=500, body=locked, content_type="application/json"))
    referral = town.waiting()

    with one_round(worker):
        answer = send(gateway, town, referral)

    assert (answer["success"], answer["status"]) == (False, "refused")
    assert answer["message"] == "The phone was busy with another M-Pesa request."
    error = refused(gateway, town, referral)
    assert error["code"] == "phone-busy"
    assert 50 <= error["data"]["secondsLeft"] <= 60
    advance(61)
    with one_round(worker):
        again = send(gateway, town, referral)
    assert (again["success"], again["attemptNumber"]) == (True, 2)


def test_the_answer_was_lost(town: World, gateway: Running, worker: Worker, simulator: RunningSimulator) -> None:
    simulator.script(Fault(FaultKind.ANSWER_LOST))
    referral = town.waiting()

    with one_round(worker):
        answer = send(gateway, town, referral)

    assert set(answer) == SENT_KEYS
    assert (answer["success"], answer["status"]) == (False, "unknown")
    assert "do not send another" in answer["message"]
    assert payments(gateway, town, referral)[0]["status"] == "unknown"
    with unchanged():
        joined = send(gateway, town, referral)
    assert (joined["success"], joined["joined"], joined["status"]) == (False, True, "unknown")
    assert refused(gateway, town, referral, name=RETRY)["code"] == "prompt-live"
    assert len(simulator.prompts()) == 1


def test_daraja_is_down(world: World, gateway: Running, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "ANSWER_S", 5.0)
    referral = world.waiting()

    with one_round(worker):
        answer = send(gateway, world, referral)

    assert set(answer) == SENT_KEYS
    assert (answer["success"], answer["status"], answer["joined"]) == (False, "created", False)
    assert answer["message"].startswith("The prompt is on its way.")
    (payment,) = payments(gateway, world, referral)
    assert (payment["status"], payment["promptStatus"]) == ("pending", "created")


def test_no_worker_runs(world: World, gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "ANSWER_S", 0.2)
    referral = world.waiting()

    answer = send(gateway, world, referral)

    assert (answer["success"], answer["status"]) == (False, "created")
    assert world.prompt(uuid.UUID(answer["paymentId"]))["state"] == "created"


# --- a prompt is live ----------------------------------------------------------------------------------------------


@pytest.mark.fault(7)
def test_the_same_again_joins(town: World, gateway: Running, worker: Worker, simulator: RunningSimulator) -> None:
    referral = town.waiting()
    with one_round(worker):
        first = send(gateway, town, referral)

    with unchanged():
        for args in ({}, {"phoneNumber": "+254708374149"}, {"amount": 1000}):
            again = send(gateway, town, referral, **args)
            assert (again["success"], again["joined"], again["paymentId"]) == (True, True, first["paymentId"])
            assert again["message"].startswith("A prompt is already on its way to this phone; nothing was sent again.")
    assert len(simulator.prompts()) == 1


@pytest.mark.fault(7)
def test_another_phone_while_it_is_live(world: World, gateway: Running) -> None:
    referral, _ = world.prompted(RINGS)

    for name, args in ((TRIGGER, {"phoneNumber": PAYS}), (PAGE, {"phoneNumber": PAYS}), (RETRY, {})):
        error = refused(gateway, world, referral, name=name, **args)
        assert (error["code"], set(error["data"])) == ("prompt-live", {"secondsLeft"})
        assert 80 <= error["data"]["secondsLeft"] <= 90
    assert value("SELECT payer_phone FROM particulars") == RINGS


@pytest.mark.fault(7)
def test_another_amount_while_it_is_live(world: World, gateway: Running) -> None:
    referral, _ = world.prompted(RINGS)

    assert refused(gateway, world, referral, amount=999)["code"] == "amount-mismatch"


def test_a_phone_that_rings_for_another_referral(world: World, gateway: Running) -> None:
    other, _ = world.prompted(RINGS)
    referral = world.waiting()
    advance(30)

    error = refused(gateway, world, referral)

    left = error["data"]["secondsLeft"]
    assert 50 <= left <= 60
    assert error == {
        "code": "phone-busy",
        "message": f"This phone is busy with another M-Pesa request. Try again in {left:g} s.",
        "data": {"secondsLeft": left},
    }
    assert other not in repr(error)


def test_a_busy_phone_with_a_move_is_told_beside_it(world: World, gateway: Running) -> None:
    world.prompted(RINGS)
    args = {"referralId": world.approved(), "status": "pending-payment", "stkPhoneNumber": RINGS}

    document = gateway.do("mutation", "referrals:updateReferralStatus", args, by=world.admin)

    assert (document["status"], document["stkPhoneNumber"]) == ("pending-payment", RINGS)
    assert document["promptNotice"]["code"] == "phone-busy"
    assert set(document["promptNotice"]["data"]) == {"secondsLeft"}
    assert world.status(args["referralId"]) == "pending-payment"
    assert (document["payment"]["amount"], document["payment"]["status"]) == (1000, "due")
    assert "prompt" not in document["payment"]


# --- what is left to ask -------------------------------------------------------------------------------------------


def test_paid_already(world: World, gateway: Running) -> None:
    referral = referral_in(world, Status.PAID)

    with unchanged():
        for name in (TRIGGER, PAGE):
            answer = send(gateway, world, referral, name=name)
            assert (answer["success"], answer["alreadyPaid"], answer["status"]) == (True, True, "paid")
            assert (answer["referralId"], answer["amount"]) == (referral, 1000)
            assert answer["message"] == "The fee is paid already; nothing was sent."
    assert refused(gateway, world, referral, name=RETRY)["code"] == "already-paid"


def test_paid_already_is_answered_in_the_form_of_the_others(world: World, gateway: Running) -> None:
    answer = send(gateway, world, referral_in(world, Status.PAID), phoneNumber="0708 374 149")

    assert answer["phoneNumber"] == RINGS
    assert set(answer) >= SENT_KEYS - {"joined"}


@pytest.mark.parametrize("status", [Status.PENDING_ADMIN, Status.REJECTED, Status.CANCELLED])
@pytest.mark.parametrize("name", [TRIGGER, PAGE, RETRY])
def test_no_fee_is_open(world: World, gateway: Running, status: Status, name: str) -> None:
    error = refused(gateway, world, referral_in(world, status), name=name)

    assert (error["code"], error["data"]) == ("fee-not-open", {"status": status})


def test_a_waived_fee_is_not_asked_for(world: World, gateway: Running) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, referral, kind=FeeEvent.WAIVE, reason="poor"))
    unit(lambda tx: referrals.second_exemption(tx, world.finance, referral))

    assert refused(gateway, world, referral)["code"] == "fee-not-open"


# --- again ---------------------------------------------------------------------------------------------------------


def test_nothing_to_retry(world: World, gateway: Running) -> None:
    referral = world.waiting()
    assert refused(gateway, world, referral, name=RETRY)["code"] == "no-stored-phone"
    world.move(referral, Status.PENDING_PAYMENT, payer_phone=RINGS)

    error = refused(gateway, world, referral, name=RETRY)
    assert (error["code"], error["data"]) == ("nothing-to-retry", {})


def test_a_retry_rings_the_stored_phone_again(
    town: World, gateway: Running, worker: Worker, simulator: RunningSimulator
) -> None:
    referral, prompt = town.prompted(RINGS)
    end_badly(prompt)

    with one_round(worker):
        answer = send(gateway, town, referral, name=RETRY)

    assert (answer["success"], answer["attemptNumber"], answer["phoneNumber"]) == (True, 2, RINGS)
    second, first = payments(gateway, town, referral)
    assert [second["attemptNumber"], first["attemptNumber"]] == [2, 1]
    assert (first["status"], first["errorCode"]) == ("failed", "1032")
    assert first["errorMessage"] == "The request was cancelled on the phone."
    assert len(simulator.prompts()) == 1


@pytest.mark.parametrize("name", [TRIGGER, PAGE, RETRY])
def test_a_prompt_in_review_is_followed_only_with_a_reason(
    world: World, gateway: Running, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "ANSWER_S", 0.05)
    referral, prompt = world.prompted(RINGS)
    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now()")
    execute("UPDATE prompt SET state = 'unknown', event = 'answer-lost', next_at = NULL")
    execute("UPDATE prompt SET state = 'review', event = 'overdue', settled_at = rufaa_now()")

    for reason in ({}, {"reason": None}, {"reason": "  "}):
        error = refused(gateway, world, referral, name=name, **reason)
        assert (error["code"], error["data"]) == ("prompt-in-review", {"paymentId": prompt.hex})

    answer = send(gateway, world, referral, name=name, reason=" the patient shows no SMS ")
    assert answer["attemptNumber"] == 2
    assert rows("SELECT attempt, reason, state FROM prompt ORDER BY attempt") == [
        {"attempt": 1, "reason": "", "state": "review"},
        {"attempt": 2, "reason": "the patient shows no SMS", "state": "created"},
    ]
