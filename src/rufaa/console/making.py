"""A new referral, on one screen. However often its form is sent, it is one referral.

The same form refers a patient onward: then it is filled with what is known, and says by which referral they came.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext as _

from rufaa.console import once, words
from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.console.templatetags.kenyan import phone
from rufaa.errors import InvalidArgument
from rufaa.facilities import queries as facilities
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Forbidden, Other, UnknownFacility
from rufaa.facilities.rights import Right, Role, Side
from rufaa.functions import records
from rufaa.referrals import onward, operations
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.models import Referral

_LISTED: Final = 100
_LONGEST: Final = 200
_DOCTORS: Final = 200
_FIELDS: Final = (
    "patientName",
    "patientId",
    "physicianId",
    "referringHospital",
    "receivingFacility",
    "chosen",
    "priority",
    "diagnosis",
    "medicalHistory",
    "labResults",
)
_ONWARD_FIELDS: Final = ("patientPhone", "patientDateOfBirth", "patientNationalId")


def _form(acting: Acting) -> Screen:
    """Empty, from the facilities in which this person may refer."""
    homes = {row["id"]: row["name"] for row in _homes(acting)}
    return _sheet(acting, homes, acting.request.POST.get("referringHospital"), {"priority": Priority.ROUTINE.value})


def _onward_form(acting: Acting, referral: str) -> Screen:
    """Filled with what the first referral says of the patient, from the facility to which it brought them."""
    seen = onward.source(acting.tx, acting.actor, referral)
    if acting.problem is None:
        onward.require_now(seen.referral)
    here = seen.referral.receiving
    return _sheet(acting, {here.pk: here.name}, here.pk.hex, _carried(seen.referral), first=seen.referral)


def _carried(row: Referral) -> dict[str, str]:
    """What goes on with the patient. What was booked and who pays does not: both are of the first referral."""
    patient, labs = row.particulars, row.lab_results
    history = row.medical_history
    if Status(row.state) is Status.COMPLETED:
        told = _("Outcome at {facility}:").format(facility=row.receiving.name)
        history = "\n\n".join(each for each in (history, f"{told}\n{row.reason}") if each)
    return {
        "patientName": patient.name,
        "patientId": patient.external_id,
        "patientPhone": phone(patient.phone),
        "patientDateOfBirth": patient.date_of_birth,
        "patientNationalId": patient.national_id,
        "priority": row.priority,
        "diagnosis": row.diagnosis,
        "medicalHistory": history,
        "labResults": "\n".join(map(str, labs)) if isinstance(labs, list) else str(labs),
    }


def _sheet(
    acting: Acting,
    homes: Mapping[uuid.UUID, str],
    home: str | None,
    filled: Mapping[str, str],
    *,
    first: Referral | None = None,
) -> Screen:
    return Screen(
        "console/new.html",
        {
            "doing": "new" if acting.problem is not None else "",
            "once": once.key(acting.request, acting.problem),
            "homes": [(key.hex, name) for key, name in homes.items()],
            "doctors": _doctors(acting, list(homes)),
            "priorities": list(words.PRIORITY.items()),
            "filled": filled,
            "first": first,
            "others": _others(acting, home, ""),
            "meant": _meant(acting, home),
        },
    )


def _homes(acting: Acting) -> list[dict[str, Any]]:
    """The facilities from which this person may refer. Raises ``Forbidden`` where there is none."""
    mine = acting.actor.facilities_with(Right.CREATE, Side.REFERRING)
    if not mine:
        raise Forbidden("Only physicians and administrators create referrals.", right=Right.CREATE)
    return [row for row in facilities.mine(acting.tx, acting.actor) if row["id"] in mine]


def _doctors(acting: Acting, homes: Sequence[uuid.UUID]) -> list[tuple[str, str]]:
    """For whom somebody may write it, besides for themselves; empty where there is no other physician."""
    found = [
        (row["id"].hex, row["name"])
        for row in facilities.colleagues(acting.tx, acting.actor, limit=_DOCTORS)
        if row["facility_id"] in homes and Role.PHYSICIAN in row["roles"] and row["id"] != acting.actor.user
    ]
    return [("", _("Myself")), *dict.fromkeys(found)] if found else []


def _others(acting: Acting, home: str | None, part: str) -> list[Other]:
    if len(part) > _LONGEST or "\x00" in part:
        return []
    return facilities.others(
        acting.tx, acting.actor, _home(acting, home), search=part.strip(), after=None, until=None, limit=_LISTED
    )


def _home(acting: Acting, named: str | None) -> Facility | None:
    try:
        return facilities.home(acting.actor, named or None, argument="referringHospital")
    except (UnknownFacility, Forbidden):
        return None  # the form is drawn all the same, without prices; sending it is refused


def _meant(acting: Acting, home: str | None) -> list[Other]:
    """Where no facility has the name that was typed: those that have a word of it."""
    if not isinstance(acting.problem, UnknownFacility):
        return []
    post = acting.request.POST
    found: dict[uuid.UUID, Other] = {}
    typed = post.get("receivingFacility", "")[:_LONGEST]
    for part in [typed, *sorted(typed.split(), key=len, reverse=True)[:3]]:
        if len(part.strip()) > 2 and len(found) < 10:
            found |= {each.id: each for each in _others(acting, home, part)}
    return list(found.values())[:10]


@act(back=_form)
def new(acting: Acting) -> Done:
    return _made(acting, _FIELDS)


@act(back=_onward_form)
def refer_onward(acting: Acting, referral: str) -> Done:
    return _made(acting, (*_FIELDS, *_ONWARD_FIELDS), onward_of=referral)


def _made(acting: Acting, fields: Sequence[str], *, onward_of: str | None = None) -> Done:
    given = {name: acting.request.POST.get(name, "") for name in fields}
    sent = once.of(acting.request, given if onward_of is None else {**given, "onwardOf": onward_of})
    kept = records.claim(acting.tx, sent, caller=acting.actor.user)
    if kept is not None:
        return Done(f"/referrals/{kept.answer}/", _("This referral was made already; it was not made again."))
    row = operations.create(
        acting.tx,
        acting.actor,
        patient_name=given["patientName"],
        patient_id=given["patientId"],
        patient_phone=given.get("patientPhone", ""),
        date_of_birth=given.get("patientDateOfBirth", ""),
        national_id=given.get("patientNationalId", ""),
        receiving=given["chosen"] or given["receivingFacility"],
        physician=given["physicianId"] or None,
        referring=given["referringHospital"] or None,
        priority=_priority(given["priority"]),
        diagnosis=given["diagnosis"],
        medical_history=given["medicalHistory"],
        lab_results=given["labResults"],
        onward_of=onward_of,
    )
    records.keep(acting.tx, sent, row.pk.hex)
    return Done(
        f"/referrals/{row.pk.hex}/",
        _("The referral is made. Its account code is {code}.").format(code=row.account_code),
    )


def _priority(text: str) -> Priority:
    if text not in set(Priority):
        raise InvalidArgument("Say how urgent it is.", argument="priority")
    return Priority(text)


@screen
def destinations(acting: Acting) -> Screen:
    """Facilities whose name has what is typed, as they stand in the list of the field."""
    _homes(acting)
    query = acting.request.GET
    found = _others(acting, query.get("referringHospital"), query.get("receivingFacility", ""))
    return Screen("console/destinations.html", {"others": found})
