"""Every function that takes an id, with every role and a stranger: ids of nothing, of other things and of others.

What there is not, and what is not one's own, answer alike, and nothing changes. The rights on what is there are in
``test_functions_rights`` and ``test_functions_rights_money``.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import time
from typing import Any, Final

import pytest

from operations.test_functions_rights_money import Case
from rufaa import ids
from rufaa.appointments import clinics
from rufaa.appointments import operations as appointments
from rufaa.appointments.clinics import Opening, Shape
from rufaa.db.atomic import unit
from rufaa.facilities.queries import Actor
from rufaa.functions import load
from rufaa.sync.registry import Function
from support import RINGS, Running, World, unchanged, value

IDS: Final = {
    *("referralId", "receiptId", "receiptIds", "refundId", "taskId", "paymentId", "physicianId"),
    *("clinicId", "slotId", "bookingId"),
}
GIVEN: Final[dict[str, Any]] = {
    "accountCode": "XXXXXXXX",
    "code": "UKN7A1B2C3",
    "diagnosis": "fracture",
    "kind": "waive",
    "labResults": "none",
    "medicalHistory": "none",
    "outcome": "so",
    "patientName": "Jane Wafula",
    "patientPhone": RINGS,
    "phoneNumber": RINGS,
    "priority": "Routine",
    "reason": "so",
    "receivingFacility": "Tumaini Referral Hospital",
    "referringHospital": "Uhuru Health Centre",
    "status": "cancelled",
    "stkPhoneNumber": RINGS,
    "went": True,
}
PEOPLE: Final = ("physician", "admin", "receiver", "receiving_admin", "finance", "operator", "stranger", "nobody")
ILL_FORMED: Final = ("", "x", "a" * 5000, "../../etc/passwd", "' OR 1=1 --", "\u202e", "0" * 31, "G" * 32)
NOTHING: Final[tuple[Any, ...]] = (None, [], False)


def taking_ids() -> list[tuple[Function, str]]:
    """Each function with each of its arguments that names something."""
    return [
        (function, parameter.name)
        for function in load().functions()
        for parameter in function.parameters
        if parameter.name in IDS
    ]


def arguments(function: Function, name: str, subject: str) -> dict[str, Any]:
    needed = {
        parameter.name: GIVEN[parameter.name]
        for parameter in function.parameters
        if not parameter.optional and parameter.name not in IDS
    }
    others = {
        parameter.name: uuid.UUID(int=9).hex
        for parameter in function.parameters
        if not parameter.optional and parameter.name in IDS
    }
    return {**others, **needed, name: [subject] if name == "receiptIds" else subject}


def person(world: World, name: str) -> Actor | None:
    return None if name == "nobody" else getattr(world, name)


def ask(gateway: Running, function: Function, name: str, subject: str, by: Actor | None) -> Any:
    return gateway.call(function.kinds[0], function.name, arguments(function, name, subject), by=by)


def is_nothing(answer: Any) -> bool:
    if answer["status"] == "error":
        return bool(answer.get("errorData", {}).get("code"))
    shown = answer["value"]
    return shown in NOTHING or (isinstance(shown, dict) and shown.get("page") == [])


def test_every_argument_that_names_something_is_walked() -> None:
    """By its name. What a facility or the state calls a patient names nothing of ours."""
    found = {parameter.name for function in load().functions() for parameter in function.parameters}

    assert {name for name in found if name.endswith(("Id", "Ids"))} - IDS == {"patientId", "patientNationalId"}
    assert len(taking_ids()) >= 20


@pytest.mark.parametrize("who", PEOPLE)
def test_ids_of_nothing_and_of_other_things_answer_nothing_and_change_nothing(
    world: World, gateway: Running, who: str
) -> None:
    """A person's, a facility's, an account's id in the place of a referral's; one that was never given; and no id."""
    by = person(world, who)
    others = (world.uhuru.pk.hex, world.admin.user.hex, world.account.pk.hex, ids.new_id().hex, "0" * 32, "f" * 32)
    with unchanged():
        for function, name in taking_ids():
            for subject in (*others, *ILL_FORMED):
                if name == "physicianId" and subject == world.admin.user.hex:
                    continue  # it is a person's
                answer = ask(gateway, function, name, subject, by)
                assert is_nothing(answer), (function.name, name, subject, answer)


@pytest.mark.parametrize("who", ["stranger", "operator"])
def test_what_is_others_is_as_if_it_were_not_there(world: World, gateway: Running, who: str) -> None:
    case, by = Case(world), person(world, who)
    there = {
        "referralId": case.referral,
        "receiptId": case.receipt.hex,
        "receiptIds": case.receipt.hex,
        "refundId": uuid.UUID(str(case.proposed)).hex,
        "taskId": case.task,
        "paymentId": world.ask(case.referral).hex,
        "physicianId": world.physician.user.hex,
        **appointment_of(world),
    }
    with unchanged():
        for function, name in taking_ids():
            if function.name == "clinics:getAvailableSlots":
                continue  # when a clinic has a place is no secret: whoever refers chooses among them
            nowhere = ids.new_id().hex
            one, other = (ask(gateway, function, name, subject, by) for subject in (there[name], nowhere))
            assert is_nothing(one), (function.name, name, one)
            if name != "physicianId":
                assert plain(one, there[name]) == plain(other, nowhere), (function.name, name)


def appointment_of(world: World) -> dict[str, str]:
    hours = tuple(Opening(day, time(8), time(10)) for day in range(1, 8))
    heart = unit(lambda tx: clinics.add(tx, world.tumaini, Shape("Heart", (), hours, 30, 1)))
    slot = value("SELECT id FROM slot ORDER BY starts_at DESC LIMIT 1")
    made = unit(lambda tx: appointments.book(tx, world.admin, world.waiting(), slot=slot.hex))
    return {"clinicId": heart.pk.hex, "slotId": slot.hex, "bookingId": made.hex}


def plain(answer: Any, subject: str) -> str:
    """Without the id that was asked for, and what is a call's own."""
    kept = {key: each for key, each in answer.items() if key != "logLines"}
    return re.sub(r"Request ID: \w+", "", json.dumps(kept, sort_keys=True).replace(subject, "ID"))


def test_a_link_of_nobody_shows_nothing(world: World, gateway: Running) -> None:
    """The patient's token is looked for by the same gate."""
    referral = world.referral()
    token = value("SELECT token FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    for who in PEOPLE:
        for subject in (ids.new_token(), "", "x" * 300):
            answer = gateway.call(
                "query", "referrals:getReferralByToken", {"referralToken": subject}, by=person(world, who)
            )
            assert is_nothing(answer), who
    for who in ("stranger", "operator", "receiver"):
        answer = gateway.call("query", "referrals:getReferralByToken", {"referralToken": token}, by=person(world, who))
        assert is_nothing(answer), who
