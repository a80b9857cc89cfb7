"""Every function for every person, over HTTP: allowed, or refused with one exact code and nothing changed.

One line of ``CASES`` is one call; its columns are the people. ``ok`` is allowed; another word is the refusal's code, or
``null`` and ``[]`` for reads that do not show the referral. Refused calls share a referral in the named status, since
they change nothing; each allowed one has its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import time
from functools import cache
from typing import Any, Final

import pytest

from operations.test_functions_rights_money import CASES as MONEY
from rufaa.appointments import clinics
from rufaa.appointments import operations as appointments
from rufaa.appointments.clinics import Opening, Shape
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.functions import load, runtime
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority, Status
from rufaa.sync.registry import FunctionKind
from support import RINGS, Running, World, call_back, execute, referral_in, rows, someone, unchanged, value

S = Status
NF, NO, NOBODY, OK = "referral-not-found", "forbidden", "not-signed-in", "ok"

PEOPLE: Final = (
    "physician",  # whose referral it is
    "colleague",  # a physician of the same facility
    "admin",  # of the referring facility
    "receiver",  # reception of the receiving facility
    "receiving_admin",
    "finance",  # of the payee
    "operator",
    "stranger",  # every role, at a third facility
    "nobody",  # says not who it is
)

Args = Callable[[World, str], dict[str, Any]]


def only_id(_: World, referral: str) -> dict[str, Any]:
    return {"referralId": referral}


def to(status: Status, **more: str) -> Args:
    return lambda _, referral: {"referralId": referral, "status": status, **more}


def particulars(_: World, referral: str) -> dict[str, Any]:
    return {"referralId": referral, "patientPhone": "0708009999", "stkPhoneNumber": RINGS}


def with_phone(_: World, referral: str) -> dict[str, Any]:
    return {"referralId": referral, "phoneNumber": RINGS}


def proposal(_: World, referral: str) -> dict[str, Any]:
    return {"referralId": referral, "kind": "waive", "reason": "poor family"}


def new_referral(world: World, _: str) -> dict[str, Any]:
    return {
        "patientName": "Jane Wafula",
        "medicalHistory": "none",
        "labResults": "none",
        "diagnosis": "fracture",
        "referringHospital": world.uhuru.name,
        "receivingFacility": world.tumaini.name,
        "priority": "Routine",
    }


@cache
def status_of(status: Status) -> Callable[[World], str]:
    return lambda world: referral_in(world, status)


def emergency(world: World) -> str:
    return referral_in(world, S.PENDING_PAYMENT, priority=Priority.EMERGENCY)


def unpaid_prompt(world: World) -> str:
    """Waiting, with a prompt that failed, so that it can be retried."""
    referral, prompt = world.prompted("254708370003")
    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now() WHERE id = %(id)s", id=prompt)
    call_back(prompt, code=1032)
    execute("UPDATE particulars SET payer_phone = %(phone)s", phone=RINGS)
    return referral


def proposed(world: World) -> str:
    referral = world.waiting()
    unit(
        lambda tx: referrals.propose_exemption(
            tx, world.second_admin, referral, kind=FeeEvent.WAIVE, reason="poor family"
        )
    )
    return referral


def clinic(world: World) -> uuid.UUID:
    """The one of the receiving facility; it works all day."""
    found = rows("SELECT id FROM clinic")
    if found:
        return uuid.UUID(str(found[0]["id"]))
    hours = tuple(Opening(day, time(0), time(23)) for day in range(1, 8))
    shape = Shape("Heart", (), hours, slot_minutes=60, slot_capacity=9, works_on_holidays=True)
    return unit(lambda tx: clinics.add(tx, world.tumaini, shape)).pk


def a_slot(world: World, referral: str) -> dict[str, Any]:
    there = clinic(world)
    slot = value(
        "SELECT id FROM slot WHERE clinic_id = %(id)s AND starts_at > rufaa_now() + interval '1 hour'"
        " ORDER BY starts_at LIMIT 1",
        id=there,
    )
    return {"referralId": referral, "slotId": slot.hex}


def booked(world: World) -> str:
    referral = referral_in(world, S.PAID)
    slot = a_slot(world, referral)["slotId"]
    unit(lambda tx: appointments.book(tx, world.receiver, referral, slot=slot))
    return referral


def its_booking(_: World, referral: str) -> dict[str, Any]:
    found = value("SELECT id FROM appointment WHERE referral_id = %(id)s", id=uuid.UUID(referral))
    return {"bookingId": found.hex, "reason": "she travels"}


NA = "appointment-not-found"


# (what, function, referral, arguments, one word for each of PEOPLE before "nobody")
CASES: Final[list[tuple[str, str, Callable[[World], str], Args, tuple[str, ...]]]] = [
    ("create", "referrals:createReferral", lambda _: "", new_referral, (OK, OK, OK, NO, NO, NO, NO, NO)),
    (
        "approve",
        "referrals:updateReferralStatus",
        status_of(S.PENDING_ADMIN),
        to(S.AWAITING_BIODATA),
        (NO, NF, OK, NF, NF, NF, NF, NF),
    ),
    (
        "reject",
        "referrals:updateReferralStatus",
        status_of(S.PENDING_ADMIN),
        to(S.REJECTED, reason="no"),
        (NO, NF, OK, NF, NF, NF, NF, NF),
    ),
    (
        "cancel early",
        "referrals:updateReferralStatus",
        status_of(S.PENDING_ADMIN),
        to(S.CANCELLED, reason="no"),
        (OK, NF, OK, NF, NF, NF, NF, NF),
    ),
    (
        "cancel later",
        "referrals:updateReferralStatus",
        status_of(S.PENDING_PAYMENT),
        to(S.CANCELLED, reason="no"),
        (NO, NF, OK, NF, NF, NO, NF, NF),
    ),
    (
        "refuse",
        "referrals:updateReferralStatus",
        status_of(S.PAID),
        to(S.CANCELLED, reason="no"),
        (NO, NF, OK, OK, OK, NO, NF, NF),
    ),
    (
        "ask for the money",
        "referrals:updateReferralStatus",
        status_of(S.AWAITING_BIODATA),
        to(S.PENDING_PAYMENT, stkPhoneNumber=RINGS),
        (NO, NF, OK, NF, NF, NO, NF, NF),
    ),
    (
        "say paid without the money",
        "referrals:updateReferralStatus",
        status_of(S.PENDING_PAYMENT),
        to(S.PAID),
        ("not-paid", NF, "not-paid", NF, NF, "not-paid", NF, NF),
    ),
    (
        "say paid with the money",
        "referrals:updateReferralStatus",
        status_of(S.PAID),
        to(S.PAID),
        (OK, NF, OK, OK, OK, OK, NF, NF),
    ),
    (
        "confirm",
        "referrals:updateReferralStatus",
        status_of(S.PAID),
        to(S.CONFIRMED),
        (NO, NF, NO, OK, OK, NO, NF, NF),
    ),
    (
        "confirm before the money",
        "referrals:updateReferralStatus",
        status_of(S.PENDING_PAYMENT),
        to(S.CONFIRMED),
        (NO, NF, NO, NF, NF, NO, NF, NF),
    ),
    (
        "confirm an emergency",
        "referrals:updateReferralStatus",
        emergency,
        to(S.CONFIRMED),
        (NO, NF, NO, OK, OK, NO, NF, NF),
    ),
    (
        "complete",
        "referrals:updateReferralStatus",
        status_of(S.CONFIRMED),
        to(S.COMPLETED, reason="treated"),
        (NO, NF, NO, OK, OK, NO, NF, NF),
    ),
    (
        "particulars",
        "referrals:saveBiodata",
        status_of(S.AWAITING_BIODATA),
        particulars,
        (NO, NF, OK, NF, NF, NO, NF, NF),
    ),
    ("phones", "referrals:updatePhoneNumbers", emergency, particulars, (NO, NF, OK, NO, NO, NO, NF, NF)),
    ("prompt", "referralPayments:triggerReferralPayment", emergency, with_phone, (NO, NF, OK, NO, NO, NO, NF, NF)),
    ("prompt of a page", "mpesa:initiateSTKPush", emergency, with_phone, (NO, NF, OK, NO, NO, NO, NF, NF)),
    ("retry", "referralPayments:retrySTKPush", unpaid_prompt, only_id, (NO, NF, OK, NF, NF, NO, NF, NF)),
    (
        "book",
        "bookings:createBooking",
        status_of(S.PENDING_PAYMENT),
        a_slot,
        (NO, NF, OK, NF, NF, NO, NF, NF),
    ),
    ("book, paid", "bookings:createBooking", status_of(S.PAID), a_slot, (NO, NF, OK, OK, OK, NO, NF, NF)),
    ("cancel a booking", "bookings:cancelBooking", booked, its_booking, (NO, NA, OK, OK, OK, NO, NA, NA)),
    ("bookings", "bookings:getByReferral", booked, only_id, (OK, "[]", OK, OK, OK, OK, "[]", "[]")),
    ("propose", "fees:proposeExemption", emergency, proposal, (NO, NF, OK, NO, NO, NO, NF, NF)),
    ("agree", "fees:secondExemption", proposed, only_id, (NO, NF, OK, NF, NF, OK, NF, NF)),
    (
        "read, unpaid",
        "referrals:getReferral",
        status_of(S.PENDING_PAYMENT),
        only_id,
        (OK, "null", OK, "null", "null", OK, "null", "null"),
    ),
    (
        "read, unapproved",
        "referrals:getReferral",
        status_of(S.PENDING_ADMIN),
        only_id,
        (OK, "null", OK, "null", "null", "null", "null", "null"),
    ),
    ("read, paid", "referrals:getReferral", status_of(S.PAID), only_id, (OK, "null", OK, OK, OK, OK, "null", "null")),
    ("read an emergency", "referrals:getReferral", emergency, only_id, (OK, "null", OK, OK, OK, OK, "null", "null")),
    (
        "read by token",
        "referrals:getReferralByToken",
        status_of(S.PENDING_PAYMENT),
        lambda _, referral: {"referralToken": value("SELECT token FROM referral WHERE id = %(id)s", id=referral)},
        (OK, "null", OK, "null", "null", OK, "null", "null"),
    ),
    ("payments", "payments:getByReferral", unpaid_prompt, only_id, (OK, "[]", OK, "[]", "[]", OK, "[]", "[]")),
    (
        "payments, paid",
        "payments:getByReferral",
        status_of(S.PAID),
        only_id,
        (OK, "[]", OK, OK, OK, OK, "[]", "[]"),
    ),
    (
        "status of the prompt",
        "mpesa:getPromptStatus",
        unpaid_prompt,
        only_id,
        (OK, "null", OK, "null", "null", OK, "null", "null"),
    ),
    (
        "status of the prompt, paid",
        "mpesa:getPromptStatus",
        status_of(S.PAID),
        only_id,
        (OK, "null", OK, OK, OK, OK, "null", "null"),
    ),
    *(
        (f"list of {name}", f"referrals:{name}", referral, lambda *_, args=args: args, outcome)
        for name, referral, args, outcome in (
            (
                "getReferralsByStatus",
                status_of(S.PENDING_PAYMENT),
                {"status": "pending-payment"},
                (OK, "[]", OK, "[]", "[]", OK, "[]", "[]"),
            ),
            ("getReferralsByPhysician", status_of(S.PAID), {}, (OK, "[]", "[]", "[]", "[]", "[]", "[]", "[]")),
            ("getPendingReferrals", status_of(S.PENDING_ADMIN), {}, (OK, "[]", OK, "[]", "[]", "[]", "[]", "[]")),
            ("getIncomingReferrals", status_of(S.PAID), {}, ("[]", "[]", "[]", OK, OK, OK, "[]", "[]")),
            ("getOutgoingReferrals", status_of(S.PAID), {}, (OK, "[]", OK, "[]", "[]", "[]", "[]", "[]")),
            ("getCompletedReferrals", status_of(S.COMPLETED), {}, (OK, "[]", OK, OK, OK, OK, "[]", "[]")),
        )
    ),
]


EVERYBODYS: Final = {
    *("facilities:getMine", "facilities:list", "prices:list", "referrals:countByStatus"),
    *("clinics:list", "clinics:getAvailableSlots"),
}
"""What is about no referral of its own: who sees what is in test_functions_facilities, test_functions_status and
test_appointments_functions."""


def test_every_function_is_in_the_table() -> None:
    assert {case[1] for case in CASES} | {case[0] for case in MONEY} | EVERYBODYS == {
        function.name for function in load().functions()
    }


@pytest.mark.parametrize("function", sorted(EVERYBODYS))
def test_who_says_not_who_it_is_is_told_nothing(world: World, gateway: Running, function: str) -> None:
    args = {"clinicId": "x"} if function == "clinics:getAvailableSlots" else {}
    assert gateway.error("query", function, args)["code"] == NOBODY


def person(world: World, who: str) -> Actor | None:
    if who == "nobody":
        return None
    if who != "colleague":
        found: Actor = getattr(world, who)
        return found
    unit(lambda tx: facilities.add_member(tx, facilities.add_user(tx, "colleague"), world.uhuru, Role.PHYSICIAN))
    return someone("colleague")


@pytest.mark.parametrize("who", PEOPLE)
def test_each_function_for(
    who: str, world: World, gateway: Running, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    monkeypatch.setattr(runtime, "ANSWER_S", 0.05)  # no worker runs: a prompt is committed, and that is enough here
    by = person(world, who)
    kinds = {function.name: function.kinds[0] for function in load().functions()}
    words = [NOBODY if by is None else case[4][PEOPLE.index(who)] for case in CASES]
    refused = [(case, word) for case, word in zip(CASES, words, strict=True) if word != OK]
    shared = {referral_of: referral_of(world) for referral_of in dict.fromkeys(case[2] for case, _ in refused)}
    clinic(world)
    with unchanged():
        for (what, function, referral_of, args_of, _), word in refused:
            with subtests.test(f"{what}: {word}"):
                referral = shared[referral_of]
                answer = gateway.call(kinds[function], function, args_of(world, referral), by=by)
                match word:
                    case "null":
                        assert answer == {"status": "success", "value": None}
                    case "[]":
                        assert not shows(answer["value"], referral)
                    case code:
                        assert answer["errorData"]["code"] == code
                        assert answer["errorData"]["message"]
    for what, function, referral_of, args_of, _ in (
        case for case, word in zip(CASES, words, strict=True) if word == OK
    ):
        with subtests.test(f"{what}: ok"):
            referral = referral_of(world)
            before = trace()
            answer = gateway.do(kinds[function], function, args_of(world, referral), by=by)
            writes = kinds[function] is not FunctionKind.QUERY and what != "say paid with the money"
            assert (trace() != before) is writes
            assert writes or shows(answer, referral)
            hang_up()


def trace() -> list[int]:
    """How many rows there are of what every write leaves."""
    return [
        value(f"SELECT count(*) FROM {table}") for table in ("history", "exemption", "particulars WHERE phone <> ''")
    ]


def shows(answer: Any, referral: str) -> bool:
    """Whether a read's answer, a document or a list, is about the referral."""
    documents = answer if isinstance(answer, list) else [answer]
    return any(referral in {document.get("_id"), document.get("referralId")} for document in documents)


def hang_up() -> None:
    """The prompts that stand are withdrawn, so that the phone is free for the next case."""
    execute(
        "UPDATE prompt SET state = 'refused', event = 'withdrawn', next_at = NULL, settled_at = rufaa_now()"
        " WHERE state = 'created'"
    )
