"""A new referral, on one screen. However often its form is sent, it is one referral."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _

from rufaa.console import once, words
from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.errors import InvalidArgument
from rufaa.facilities import queries as facilities
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Forbidden, Other, UnknownFacility
from rufaa.facilities.rights import Right, Role, Side
from rufaa.functions import records
from rufaa.referrals import operations
from rufaa.referrals.machine import Priority

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


def _form(acting: Acting) -> Screen:
    homes = _homes(acting)
    given = acting.request.POST
    return Screen(
        "console/new.html",
        {
            "doing": "new" if acting.problem is not None else "",
            "once": once.key(acting.request, acting.problem),
            "homes": [(row["id"].hex, row["name"]) for row in homes],
            "doctors": _doctors(acting, [row["id"] for row in homes]),
            "priorities": list(words.PRIORITY.items()),
            "priority": Priority.ROUTINE.value,
            "others": _others(acting, given.get("referringHospital"), ""),
            "meant": _meant(acting),
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


def _meant(acting: Acting) -> list[Other]:
    """Where no facility has the name that was typed: those that have a word of it."""
    if not isinstance(acting.problem, UnknownFacility):
        return []
    post = acting.request.POST
    found: dict[uuid.UUID, Other] = {}
    typed = post.get("receivingFacility", "")[:_LONGEST]
    for part in [typed, *sorted(typed.split(), key=len, reverse=True)[:3]]:
        if len(part.strip()) > 2 and len(found) < 10:
            found |= {each.id: each for each in _others(acting, post.get("referringHospital"), part)}
    return list(found.values())[:10]


@act(back=_form)
def new(acting: Acting) -> Done:
    given = {name: acting.request.POST.get(name, "") for name in _FIELDS}
    sent = once.of(acting.request, given)
    kept = records.claim(acting.tx, sent, caller=acting.actor.user)
    if kept is not None:
        return Done(f"/referrals/{kept.answer}/", _("This referral was made already; it was not made again."))
    row = operations.create(
        acting.tx,
        acting.actor,
        patient_name=given["patientName"],
        patient_id=given["patientId"],
        receiving=given["chosen"] or given["receivingFacility"],
        physician=given["physicianId"] or None,
        referring=given["referringHospital"] or None,
        priority=_priority(given["priority"]),
        diagnosis=given["diagnosis"],
        medical_history=given["medicalHistory"],
        lab_results=given["labResults"],
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
