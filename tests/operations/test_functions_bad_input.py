"""Bad input over HTTP: each call is refused with one exact code, says what is allowed, and changes nothing."""

from __future__ import annotations

import base64
import struct
from typing import Any, Final

import pytest

from rufaa.ids import new_id
from rufaa.referrals.machine import Status
from support import PAYS, RINGS, Running, World, post, referral_in, unchanged

NAN: Final = {"$float": base64.b64encode(struct.pack("<d", float("nan"))).decode()}
INFINITY: Final = {"$float": base64.b64encode(struct.pack("<d", float("inf"))).decode()}
MINUS_ZERO: Final = {"$float": base64.b64encode(struct.pack("<d", -0.0)).decode()}
SEND: Final = ("referralPayments:triggerReferralPayment", "mpesa:initiateSTKPush")

PHONES: Final[list[object]] = [
    "",
    " ",
    "0612345678",
    "0212345678",
    "070837414",
    "07083741490",
    "25470837414",
    "2547083741490",
    "+255708374149",
    "00254708374149",
    "2540708374149",
    "07o8374149",
    "0708374149\n0708374149",
    "٠٧٠٨٣٧٤١٤٩",  # digits, but not of M-Pesa
    "0" * 5000,
    "'; DROP TABLE fee; --",
]


def test_a_wrong_phone_is_refused_by_name(world: World, gateway: Running, subtests: pytest.Subtests) -> None:
    referral = world.waiting()
    calls = [
        *((name, "phoneNumber", {}) for name in SEND),
        ("referrals:updateReferralStatus", "stkPhoneNumber", {"status": "pending-payment"}),
        ("referrals:updatePhoneNumbers", "stkPhoneNumber", {"patientPhone": PAYS}),
        ("referrals:updatePhoneNumbers", "patientPhone", {"stkPhoneNumber": PAYS}),
        ("referrals:saveBiodata", "stkPhoneNumber", {"patientPhone": PAYS}),
        ("referrals:saveBiodata", "patientPhone", {"stkPhoneNumber": PAYS}),
    ]
    with unchanged():
        for name, argument, more in calls:
            for phone in PHONES:
                with subtests.test(f"{name} {argument}={str(phone)[:20]!r}"):
                    args = {"referralId": referral, argument: phone, **more}
                    error = gateway.error("mutation", name, args, by=world.admin)
                    assert (error["code"], error["data"]) == ("invalid-phone", {"argument": argument})
                    assert error["message"] == (
                        f"{argument} is not a Kenyan mobile number: write it as 0712345678, 0112345678 or 254712345678."
                    )


AMOUNTS: Final[list[tuple[object, str]]] = [
    (0, "invalid-amount"),
    (0.5, "invalid-amount"),
    (999.99, "invalid-amount"),
    (-1, "invalid-amount"),
    (-1000, "invalid-amount"),
    (250_001, "invalid-amount"),
    (1e300, "invalid-amount"),
    (NAN, "invalid-amount"),
    (INFINITY, "invalid-amount"),
    (MINUS_ZERO, "invalid-amount"),
    (1, "amount-mismatch"),
    (999, "amount-mismatch"),
    (1001, "amount-mismatch"),
    (250_000, "amount-mismatch"),
]


@pytest.mark.parametrize("name", SEND)
def test_an_amount_that_is_none_or_not_what_is_open(
    world: World, gateway: Running, name: str, subtests: pytest.Subtests
) -> None:
    referral = world.waiting()
    with unchanged():
        for amount, code in AMOUNTS:
            with subtests.test(str(amount)):
                args = {"referralId": referral, "phoneNumber": RINGS, "amount": amount}
                error = gateway.error("mutation", name, args, by=world.admin)
                assert error["code"] == code
                if code == "invalid-amount":
                    assert error["data"] == {"argument": "amount", "minimum": 1, "maximum": 250_000}
                    assert error["message"].endswith("give whole shillings from 1 to 250,000, as a number.")
                else:
                    assert error["data"] == {"expected": 1000}
                    assert error["message"].endswith("the fee is KES 1,000.00. Leave the amount out, or give 1000.")


WHO: Final = "referrals:updateReferralStatus"
ARGUMENTS: Final[list[tuple[str, str, dict[str, Any], str]]] = [
    ("amount as text", SEND[0], {"phoneNumber": RINGS, "amount": "1000"}, "'amount': expected number, got string."),
    ("amount true", SEND[0], {"phoneNumber": RINGS, "amount": True}, "'amount': expected number, got boolean."),
    ("amount list", SEND[0], {"phoneNumber": RINGS, "amount": [1000]}, "'amount': expected number, got list."),
    ("phone as number", SEND[0], {"phoneNumber": 708374149}, "'phoneNumber': expected string, got number."),
    ("phone null", SEND[0], {"phoneNumber": None}, "'phoneNumber': expected string, got null."),
    ("phone missing", SEND[0], {}, "Missing: 'phoneNumber'."),
    ("one too many", SEND[0], {"phoneNumber": RINGS, "phone": RINGS}, "Unknown: 'phone'."),
    ("status missing", WHO, {}, "Missing: 'status'."),
    ("unknown status", WHO, {"status": "Paid"}, "'status': expected "),
    ("status null", WHO, {"status": None}, "'status': expected "),
    ("id as number", WHO, {"referralId": 7, "status": "paid"}, "'referralId': expected string, got number."),
    ("id null", WHO, {"referralId": None, "status": "paid"}, "'referralId': expected string, got null."),
    ("name as bytes", WHO, {"status": "paid", "reason": {"$bytes": "AA=="}}, "'reason': expected string, got bytes."),
    ("demo name as number", WHO, {"status": "paid", "demoUserId": 1}, "'demoUserId': expected string, got number."),
]


def test_arguments_that_the_function_has_not(world: World, gateway: Running, subtests: pytest.Subtests) -> None:
    referral = world.waiting()
    with unchanged():
        for what, name, given, fault in ARGUMENTS:
            with subtests.test(what):
                args = {"referralId": referral, **given}
                answer = gateway.call("mutation", name, args, by=world.admin)
                assert answer["status"] == "error"
                assert "errorData" not in answer
                _, _, message = answer["errorMessage"].partition("Server Error\n")
                assert message.startswith(f"ArgumentValidationError: {fault}")
                accepted = message.split("\n")[1]
                assert accepted.startswith("Accepted: {referralId: string, ")
                assert "demoUserId?: string" in accepted


def test_null_for_what_may_be_left_out_is_the_same_as_leaving_it_out(world: World, gateway: Running) -> None:
    args = {"referralId": world.waiting(), "status": "pending-payment", "stkPhoneNumber": None, "reason": None}

    assert gateway.do("mutation", WHO, args, by=world.admin)["status"] == "pending-payment"


WITH_ID: Final[list[tuple[str, dict[str, Any]]]] = [
    (WHO, {"status": "awaiting-biodata"}),
    ("referrals:saveBiodata", {"patientPhone": PAYS, "stkPhoneNumber": RINGS}),
    ("referrals:updatePhoneNumbers", {"patientPhone": PAYS, "stkPhoneNumber": RINGS}),
    (SEND[0], {"phoneNumber": RINGS}),
    (SEND[1], {"phoneNumber": RINGS}),
    ("referralPayments:retrySTKPush", {}),
    ("fees:proposeExemption", {"kind": "waive", "reason": "poor"}),
    ("fees:secondExemption", {}),
]
NO_IDS: Final = ["", "1", "referral_id", "x" * 32, "0" * 33, "' OR 1=1 --", "é" * 32, "0" * 100_000]


def test_an_id_that_names_nothing(world: World, gateway: Running, subtests: pytest.Subtests) -> None:
    mine = world.waiting()
    ids = [*NO_IDS, new_id().hex, mine.upper(), f" {mine}", f"{mine[:8]}-{mine[8:]}", world.uhuru.pk.hex]
    with unchanged():
        for identifier in ids:
            with subtests.test(identifier[:40]):
                for name, given in WITH_ID:
                    error = gateway.error("mutation", name, {"referralId": identifier, **given}, by=world.admin)
                    assert error == {
                        "code": "referral-not-found",
                        "message": "There is no such referral, or you may not see it.",
                        "data": {},
                    }
                args = {"referralId": identifier}
                assert gateway.do("query", "referrals:getReferral", args, by=world.admin) is None
                assert gateway.do("query", "payments:getByReferral", args, by=world.admin) == []


def test_another_facilitys_referral_cannot_be_told_from_none(
    world: World, gateway: Running, subtests: pytest.Subtests
) -> None:
    theirs = referral_in(world, Status.PAID)
    with unchanged():
        for name, given in WITH_ID:
            with subtests.test(name):
                there = gateway.error("mutation", name, {"referralId": theirs, **given}, by=world.stranger)
                nowhere = gateway.error("mutation", name, {"referralId": new_id().hex, **given}, by=world.stranger)
                assert there == nowhere


@pytest.mark.parametrize(
    ("status", "target", "allowed"),
    [
        (Status.PENDING_ADMIN, "pending-payment", ["awaiting-biodata", "rejected", "cancelled"]),
        (Status.AWAITING_BIODATA, "rejected", ["pending-payment", "cancelled"]),
        (Status.PENDING_PAYMENT, "awaiting-biodata", ["cancelled"]),
        (Status.COMPLETED, "cancelled", []),
    ],
)
def test_an_unlawful_move_says_what_is_lawful(
    world: World, gateway: Running, status: Status, target: str, allowed: list[str]
) -> None:
    args = {"referralId": referral_in(world, status), "status": target, "reason": "because"}
    with unchanged():
        error = gateway.error("mutation", WHO, args, by=world.admin)
    assert error == {
        "code": "unlawful-move",
        "message": f"A referral that is {status} does not become {target}."
        f" You can move it to: {', '.join(allowed) or 'nothing'}.",
        "data": {"status": str(status), "allowed": allowed},
    }


NUL: Final = "a\x00b"


def test_a_nul_is_bad_input_wherever_it_stands(world: World, gateway: Running, subtests: pytest.Subtests) -> None:
    calls: list[tuple[str, str, dict[str, str], str]] = [
        ("query", "referrals:getReferral", {"referralId": NUL}, "referralId"),
        ("query", "referrals:getReferralByToken", {"referralToken": NUL}, "referralToken"),
        ("query", "referrals:getReferralsByPhysician", {"physicianId": NUL}, "physicianId"),
        ("mutation", SEND[0], {"referralId": world.waiting(), "phoneNumber": f"{RINGS}\x00"}, "phoneNumber"),
        ("mutation", SEND[0], {"referralId": world.waiting(), "phoneNumber": RINGS, "reason": NUL}, "reason"),
        ("mutation", "fees:secondExemption", {"referralId": NUL}, "referralId"),
    ]
    with unchanged():
        for kind, name, args, argument in calls:
            with subtests.test(f"{name} {argument}"):
                error = gateway.error(kind, name, args, by=world.admin)
                assert (error["code"], error["data"]) == ("invalid-argument", {"argument": argument})


def test_a_nul_in_a_demo_name_names_nobody(world: World, gateway: Running) -> None:
    answer = gateway.call("query", "referrals:getPendingReferrals", {"demoUserId": NUL})

    assert answer["errorData"]["code"] in {"unknown-user", "invalid-argument"}


def test_the_reason_of_a_prompt_is_as_long_as_other_texts(world: World, gateway: Running) -> None:
    args = {"referralId": world.waiting(), "phoneNumber": RINGS, "reason": "r" * 20_001}
    with unchanged():
        error = gateway.error("mutation", SEND[0], args, by=world.admin)
    assert (error["code"], error["data"]) == ("invalid-argument", {"argument": "reason"})


def test_a_query_is_no_mutation_and_a_mutation_no_query(world: World, gateway: Running) -> None:
    with unchanged():
        for kind, name in (("query", WHO), ("mutation", "referrals:getReferral"), ("action", SEND[0])):
            answer = gateway.call(kind, name, {"referralId": "x", "status": "paid"}, by=world.admin)
            assert "Trying to execute" in answer["errorMessage"]
            assert "errorData" not in answer


def test_a_function_that_is_not_there(gateway: Running) -> None:
    answer = gateway.call("mutation", "referrals:deleteReferral", {})

    assert answer["errorMessage"].endswith("Could not find public function for 'referrals:deleteReferral'.")


def test_a_body_that_is_no_call(gateway: Running) -> None:
    for body in (b"", b"{", b"[]", b'{"path": 7, "args": {}}', b'{"path": "referrals:getReferral"}', b"\xff"):
        answer = post(f"{gateway.url}/api/query", body)
        assert (answer.status, answer.json["code"]) == (400, "BadJsonBody")
