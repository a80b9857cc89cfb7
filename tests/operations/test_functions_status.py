"""``mpesa:getPromptStatus`` and ``referrals:countByStatus``: what a page shows of a prompt, and beside its lists."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from races.arranged import arrives, code_of, notice
from rufaa import clock
from rufaa.db.atomic import unit
from rufaa.facilities.queries import Actor
from rufaa.payments import hold
from rufaa.payments.hold import HELD_FOR_S
from rufaa.payments.machine import PROMPT_LIFE_S
from rufaa.referrals import queries
from rufaa.referrals.machine import Priority, Status
from support import RINGS, Running, World, advance, call_back, check_books, execute, referral_in, use_otherwise, value

S = Status


def status(gateway: Running, by: Actor, **args: str) -> Any:
    return gateway.do("query", "mpesa:getPromptStatus", args, by=by)


def sent(prompt: uuid.UUID, state: str = "pending") -> None:
    """The prompt goes out, and Daraja answers."""
    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now() WHERE id = %(id)s", id=prompt)
    event = {"pending": "accepted", "unknown": "answer-lost"}[state]
    execute("UPDATE prompt SET state = %(to)s, event = %(by)s WHERE id = %(id)s", to=state, by=event, id=prompt)


def instant(column: str, prompt: uuid.UUID) -> float:
    return clock.to_ms(value(f"SELECT {column} FROM prompt WHERE id = %(id)s", id=prompt))


def test_before_anything_is_sent(world: World, gateway: Running) -> None:
    unapproved, waiting = world.referral(), world.waiting()
    code = value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(waiting))
    nothing = {
        "referralId": waiting,
        "paymentId": None,
        "status": "none",
        "message": "No prompt was sent yet.",
        "phoneNumber": None,
        "attemptNumber": 0,
        "live": False,
        "againAt": None,
        "reasonNeeded": False,
        "receipt": None,
        "amount": 1000,
        "feeStatus": "due",
        "held": False,
        "paybill": {"shortCode": world.account.short_code, "accountCode": code, "amount": 1000},
    }

    assert status(gateway, world.admin, referralId=waiting) == nothing
    assert status(gateway, world.admin, referralId=unapproved) == nothing | {
        "referralId": unapproved, "amount": None, "feeStatus": None, "paybill": None,
    }  # fmt: skip


def test_the_whole_way_of_a_prompt_that_is_paid(world: World, gateway: Running) -> None:
    referral, prompt = world.prompted(RINGS)

    asked = status(gateway, world.admin, referralId=referral)
    sent(prompt)
    rings = status(gateway, world.admin, referralId=referral)
    advance(7)
    later = status(gateway, world.admin, referralId=referral)
    call_back(prompt)
    paid = status(gateway, world.admin, referralId=referral)

    assert (asked["status"], asked["live"], asked["phoneNumber"]) == ("on-its-way", True, RINGS)
    assert asked["againAt"] == instant("created_at", prompt) + PROMPT_LIFE_S * 1000
    assert (rings["status"], rings["paymentId"], rings["attemptNumber"]) == ("enter-pin", prompt.hex, 1)
    assert rings["againAt"] == instant("sent_at", prompt) + PROMPT_LIFE_S * 1000
    assert later == rings, "no countdown: nothing happened, so nothing changed"
    receipt = f"T{prompt.hex[-9:].upper()}"
    assert (paid["status"], paid["feeStatus"], paid["receipt"]) == ("paid", "paid", receipt)
    assert (paid["live"], paid["againAt"], paid["paybill"]) == (False, None, None)
    assert paid["message"] == f"Paid. M-Pesa receipt {receipt}."


def test_a_prompt_that_was_not_paid_and_one_that_nobody_can_tell_of(world: World, gateway: Running) -> None:
    cancelled, first = world.prompted("254708370003")
    sent(first)
    call_back(first, code=1032)
    timed_out, second = world.prompted("254708370004")
    sent(second)
    call_back(second, code=1037)
    lost, third = world.prompted("254708370005")
    sent(third, "unknown")

    told = {key: status(gateway, world.admin, referralId=key) for key in (cancelled, timed_out, lost)}
    execute("UPDATE prompt SET state = 'review', event = 'overdue', settled_at = rufaa_now() WHERE id = %(i)s", i=third)
    reviewed = status(gateway, world.admin, referralId=lost)

    assert [told[key]["status"] for key in told] == ["not-paid", "not-paid", "checking"]
    assert [told[key]["live"] for key in told] == [False, False, True]
    assert told[cancelled]["paybill"]["amount"] == 1000
    assert (reviewed["status"], reviewed["live"], reviewed["reasonNeeded"]) == ("review", False, True)
    assert told[lost]["reasonNeeded"] is False


def test_a_prompt_that_a_person_looks_at_wants_a_reason_whatever_came_after(world: World, gateway: Running) -> None:
    referral, first = world.prompted("254708370003")
    sent(first, "unknown")
    execute("UPDATE prompt SET state = 'review', event = 'overdue', settled_at = rufaa_now() WHERE id = %(i)s", i=first)
    second = world.ask(referral, RINGS, reason="the patient says that nothing rang")
    sent(second)
    call_back(second, code=1032)

    told = status(gateway, world.admin, referralId=referral)

    assert (told["paymentId"], told["status"], told["reasonNeeded"]) == (second.hex, "not-paid", True)
    error = gateway.error("mutation", "referralPayments:retrySTKPush", {"referralId": referral}, by=world.admin)
    assert error["code"] == "prompt-in-review"


def test_a_prompt_whose_money_was_used_otherwise_wants_a_reason(world: World, gateway: Running) -> None:
    """Its payer paid: who asks again has to know why."""
    referral, prompt = world.prompted(RINGS)
    sent(prompt)
    number = use_otherwise(world, prompt)

    told = status(gateway, world.admin, referralId=referral)

    assert (told["status"], told["feeStatus"], told["reasonNeeded"]) == ("paid", "due", True)
    assert told["message"] == (
        "M-Pesa says that it was paid, and the money was used for something else; a person is looking."
    )
    args = {"referralId": referral}
    assert (
        gateway.error("mutation", "referralPayments:retrySTKPush", args, by=world.admin)["code"] == "prompt-in-review"
    )
    (task,) = gateway.do("query", "tasks:listOpen", {"kind": "contradiction"}, by=world.finance)
    assert number in task["why"]
    assert gateway.do("mutation", "tasks:close", {"taskId": task["_id"], "outcome": "one payment"}, by=world.finance)
    told = status(gateway, world.admin, referralId=referral)
    assert (told["message"], told["reasonNeeded"]) == (
        "It was paid, and the money was used for something else. The fee is open.",
        False,
    )
    world.ask(referral)
    assert status(gateway, world.admin, referralId=referral)["live"] is True
    check_books()


def test_a_prompt_whose_money_pays_something_else_does_not_say_that_it_paid_the_fee(
    world: World, gateway: Running
) -> None:
    """What pays it came by hand then."""
    referral, prompt = world.prompted(RINGS)
    sent(prompt)
    use_otherwise(world, prompt)
    arrives(notice(world, reference=code_of(referral)))

    told = status(gateway, world.admin, referralId=referral)

    assert (told["feeStatus"], told["message"]) == (
        "paid",
        "It was paid, and the money was given back or pays something else.",
    )
    check_books()


def test_after_a_code_that_wants_a_pause_the_pause_is_told(world: World, gateway: Running) -> None:
    referral, prompt = world.prompted(RINGS)
    sent(prompt)
    call_back(prompt, code=1001)  # the phone is busy with another M-Pesa request

    told = status(gateway, world.admin, referralId=referral)

    assert told["againAt"] > instant("settled_at", prompt)
    error = gateway.error("mutation", "referralPayments:retrySTKPush", {"referralId": referral}, by=world.admin)
    assert error["code"] == "phone-busy"
    advance((told["againAt"] - instant("settled_at", prompt)) / 1000 + 1)
    world.ask(referral)


def test_one_prompt_of_several_is_told_by_its_id(world: World, gateway: Running) -> None:
    referral, first = world.prompted("254708370003")
    sent(first)
    call_back(first, code=1032)
    second = world.ask(referral, RINGS)

    assert status(gateway, world.admin, referralId=referral)["paymentId"] == second.hex
    told = status(gateway, world.admin, paymentId=first.hex)
    assert (told["paymentId"], told["status"], told["attemptNumber"]) == (first.hex, "not-paid", 1)
    assert told["phoneNumber"] == "254708370003"


def test_held_prompts_say_how_to_pay_and_until_when_they_wait(world: World, gateway: Running) -> None:
    unit(lambda tx: hold.hold(tx, world.account.pk, reason="M-Pesa is down", by="amina"))
    referral, prompt = world.prompted(RINGS)

    told = status(gateway, world.admin, referralId=referral)

    assert (told["status"], told["held"], told["live"]) == ("held", True, True)
    assert told["againAt"] == instant("created_at", prompt) + HELD_FOR_S * 1000
    assert told["paybill"]["shortCode"] == world.account.short_code


def test_money_that_came_another_way_is_told(world: World, gateway: Running) -> None:
    """The last prompt failed; an earlier one paid late."""
    referral, first = world.prompted("254708370003")
    sent(first)
    call_back(first, code=1032)
    second = world.ask(referral, RINGS)
    sent(second)
    call_back(second, code=1032)
    call_back(first)

    told = status(gateway, world.admin, referralId=referral)

    assert (told["paymentId"], told["status"], told["feeStatus"]) == (second.hex, "not-paid", "paid")
    assert told["message"] == f"Paid. M-Pesa receipt T{first.hex[-9:].upper()}."
    assert status(gateway, world.admin, paymentId=first.hex)["status"] == "paid"


def test_who_sees_nothing_medical_sees_a_masked_phone(world: World, gateway: Running) -> None:
    referral, prompt = world.prompted(RINGS)

    for by, shown in ((world.admin, RINGS), (world.physician, RINGS), (world.finance, "254708***149")):
        assert status(gateway, by, referralId=referral)["phoneNumber"] == shown
        assert status(gateway, by, paymentId=prompt.hex)["phoneNumber"] == shown


def test_what_is_not_there_is_null_and_one_of_the_two_is_named(world: World, gateway: Running) -> None:
    referral, prompt = world.prompted(RINGS)

    for args in ({"referralId": "f" * 32}, {"referralId": ""}, {"paymentId": "f" * 32}, {"paymentId": referral}):
        assert status(gateway, world.admin, **args) is None
    for args in ({"referralId": referral}, {"paymentId": prompt.hex}):
        assert status(gateway, world.stranger, **args) is None
        assert status(gateway, world.receiver, **args) is None  # it is not released yet
    for args in ({}, {"referralId": referral, "paymentId": prompt.hex}):
        error = gateway.error("query", "mpesa:getPromptStatus", args, by=world.admin)
        assert (error["code"], error["data"]) == ("invalid-argument", {"argument": "referralId"})


# --- counts ----------------------------------------------------------------------------------------------------------


def counts(gateway: Running, by: Actor, **args: str) -> dict[str, float]:
    """What is not zero."""
    answer = gateway.do("query", "referrals:countByStatus", args, by=by)
    assert set(answer["counts"]) == {status.value for status in Status}
    return {name: count for name, count in answer["counts"].items() if count}


def test_each_person_counts_what_they_see(world: World, gateway: Running) -> None:
    for each in (S.PENDING_ADMIN, S.PENDING_ADMIN, S.PENDING_PAYMENT, S.PAID, S.COMPLETED, S.REJECTED):
        referral_in(world, each)
    referral_in(world, S.PENDING_ADMIN, priority=Priority.EMERGENCY)
    everything = {"pending-admin": 3, "pending-payment": 1, "paid": 1, "completed": 1, "rejected": 1}

    assert counts(gateway, world.admin) == counts(gateway, world.physician) == everything
    assert counts(gateway, world.admin, box="outgoing") == everything
    assert counts(gateway, world.admin, box="incoming") == {}
    assert counts(gateway, world.receiver) == {"pending-admin": 1, "paid": 1, "completed": 1}
    assert counts(gateway, world.receiver, box="incoming") == counts(gateway, world.receiver)
    assert counts(gateway, world.finance) == {"pending-payment": 1, "paid": 1, "completed": 1}
    assert counts(gateway, world.stranger) == counts(gateway, world.operator) == {}


def test_a_referral_that_is_seen_in_two_ways_counts_once(world: World, gateway: Running) -> None:
    """Finance and reception of the receiving facility in one person."""
    referral_in(world, S.PAID)
    execute(
        "INSERT INTO membership (id, user_id, facility_id, role, created_at)"
        " VALUES (gen_random_uuid(), %(user)s, %(facility)s, 'finance', now())",
        user=world.receiver.user, facility=world.tumaini.pk,
    )  # fmt: skip

    assert counts(gateway, world.receiver) == {"paid": 1}


def test_counting_ends_where_it_says(world: World, gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "COUNTED_TO", 2)
    for _ in range(3):
        world.referral()

    answer = gateway.do("query", "referrals:countByStatus", {}, by=world.admin)

    assert (answer["counts"]["pending-admin"], answer["countedTo"]) == (2, 2)
