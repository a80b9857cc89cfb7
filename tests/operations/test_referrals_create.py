"""Creating a referral: what defaults, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from rufaa.db.atomic import unit
from rufaa.errors import InvalidArgument, RufaaError
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import User
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Role
from rufaa.ids import is_account_code
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority
from rufaa.referrals.models import Referral
from support import World, rows, someone, unchanged

TEXTS: dict[str, Any] = {
    "patient_name": "Jane Wafula",
    "receiving": "Tumaini Referral Hospital",
    "priority": Priority.ROUTINE,
    "medical_history": "none",
    "lab_results": "none",
    "diagnosis": "fracture",
}


def create(by: Actor, **more: Any) -> Referral:
    given = {**TEXTS, **more}
    return unit(lambda tx: referrals.create(tx, by, **given), actor=by.user)


def test_a_physicians_referral_starts_at_the_own_facility_under_the_own_name(world: World) -> None:
    made = create(world.physician)

    row = Referral.objects.select_related("particulars").get(pk=made.pk)
    assert (row.state, row.event, row.reason, row.priority) == ("pending-admin", "create", "", "Routine")
    assert (row.referring_id, row.receiving_id) == (world.uhuru.pk, world.tumaini.pk)
    assert (row.physician_id, row.created_by_id, row.fee_id) == (world.physician.user, world.physician.user, None)
    assert row.particulars.name == "Jane Wafula"
    assert (row.medical_history, row.lab_results, row.diagnosis) == ("none", "none", "fracture")
    assert len(row.token) == 32
    assert is_account_code(row.account_code)
    assert rows("SELECT from_state, event, to_state, actor FROM history") == [
        {"from_state": "", "event": "create", "to_state": "pending-admin", "actor": world.physician.user}
    ]


def test_an_administrator_creates_in_a_physicians_name(world: World) -> None:
    by_name = create(world.admin, physician="physician")
    by_id = create(world.admin, physician=world.physician.user.hex)
    own = create(world.admin)

    assert [row.physician_id for row in (by_name, by_id, own)] == [
        world.physician.user,
        world.physician.user,
        world.admin.user,
    ]
    assert {row.created_by_id for row in (by_name, by_id, own)} == {world.admin.user}


@pytest.mark.parametrize("form", [lambda row: row.name, lambda row: row.pk.hex, lambda row: f"  {row.name} "])
def test_facilities_are_given_by_name_or_id(world: World, form: Callable[[Any], str]) -> None:
    made = create(world.physician, receiving=form(world.tumaini), referring=form(world.uhuru))

    assert (made.referring_id, made.receiving_id) == (world.uhuru.pk, world.tumaini.pk)


def test_who_works_in_two_facilities_names_the_one_that_refers(world: World) -> None:
    user = User.objects.get(pk=world.physician.user)
    unit(lambda tx: facilities.add_member(tx, user, world.elsewhere, Role.PHYSICIAN))
    twice = someone("physician")

    with unchanged(), pytest.raises(InvalidArgument) as refused:
        create(twice)
    assert refused.value.code == "invalid-argument"
    assert refused.value.data == {
        "argument": "referringHospital",
        "allowed": ["Elsewhere Clinic", "Uhuru Health Centre"],
    }
    assert "Elsewhere Clinic, Uhuru Health Centre" in refused.value.message

    assert create(twice, referring="Elsewhere Clinic").referring_id == world.elsewhere.pk


@pytest.mark.parametrize("who", ["receiver", "receiving_admin", "finance", "operator"])
def test_only_physicians_and_administrators_create(world: World, who: str) -> None:
    someone: Actor = getattr(world, who)
    # an administrator of the receiving hospital may refer from there, but not from another's
    with unchanged(), pytest.raises(Forbidden) as refused:
        create(someone, referring=world.uhuru.name)
    assert (refused.value.code, refused.value.data) == ("forbidden", {"right": "create"})


def test_a_stranger_creates_only_from_the_own_facility(world: World) -> None:
    with unchanged(), pytest.raises(Forbidden):
        create(world.stranger, referring=world.uhuru.name)

    assert create(world.stranger).referring_id == world.elsewhere.pk


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("no name", {"patient_name": ""}, "invalid-argument", "patientName"),
    ("blank name", {"patient_name": " \t\n "}, "invalid-argument", "patientName"),
    ("long name", {"patient_name": "n" * 201}, "invalid-argument", "patientName"),
    ("NUL name", {"patient_name": "Jane\x00"}, "invalid-argument", "patientName"),
    ("long number", {"patient_id": "1" * 201}, "invalid-argument", "patientId"),
    ("NUL number", {"patient_id": "1\x002"}, "invalid-argument", "patientId"),
    ("long history", {"medical_history": "h" * 20_001}, "invalid-argument", "medicalHistory"),
    ("NUL history", {"medical_history": "a\x00b"}, "invalid-argument", "medicalHistory"),
    ("long diagnosis", {"diagnosis": "d" * 20_001}, "invalid-argument", "diagnosis"),
    ("NUL diagnosis", {"diagnosis": "a\x00b"}, "invalid-argument", "diagnosis"),
    ("NUL result", {"lab_results": "a\x00b"}, "invalid-argument", "labResults"),
    ("NUL in results", {"lab_results": ["fine", "a\x00b"]}, "invalid-argument", "labResults"),
    ("a number among results", {"lab_results": ["fine", 1.0]}, "invalid-argument", "labResults"),
    ("201 results", {"lab_results": ["x"] * 201}, "invalid-argument", "labResults"),
    ("unknown receiver", {"receiving": "Nowhere"}, "unknown-facility", "receivingFacility"),
    ("unknown receiver's id", {"receiving": uuid.UUID(int=7).hex}, "unknown-facility", "receivingFacility"),
    ("no receiver", {"receiving": ""}, "unknown-facility", "receivingFacility"),
    ("itself", {"receiving": "Uhuru Health Centre"}, "invalid-argument", "receivingFacility"),
    ("unknown home", {"referring": "Nowhere"}, "unknown-facility", "referringHospital"),
    ("unknown physician", {"physician": "nobody"}, "invalid-argument", "physicianId"),
    ("unknown physician's id", {"physician": uuid.UUID(int=7).hex}, "invalid-argument", "physicianId"),
    ("somebody else's physician", {"physician": "stranger"}, "invalid-argument", "physicianId"),
    ("no physician, but an administrator", {"physician": "second-admin"}, "invalid-argument", "physicianId"),
]


def test_what_is_wrong_is_named_and_nothing_is_created(world: World, subtests: pytest.Subtests) -> None:
    for name, given, code, argument in WRONG:
        with subtests.test(name), unchanged():
            with pytest.raises(RufaaError) as refused:
                create(world.admin, **given)
            assert (refused.value.code, refused.value.data["argument"]) == (code, argument)


@pytest.mark.parametrize("argument", ["receiving", "referring", "physician"])
def test_a_nul_in_a_name_is_a_wrong_argument(world: World, argument: str) -> None:
    with pytest.raises(InvalidArgument):
        create(world.admin, **{argument: "a\x00b"})


def test_the_longest_texts_are_taken_whole(world: World) -> None:
    made = create(
        world.physician,
        patient_name="ñ" * 200,
        patient_id="1" * 200,
        medical_history="h" * 20_000,
        lab_results=["x" * 20_000] * 3,
        diagnosis=" d ",
    )

    row = Referral.objects.select_related("particulars").get(pk=made.pk)
    assert (len(row.particulars.name), len(row.particulars.external_id)) == (200, 200)
    assert (len(row.medical_history), row.lab_results, row.diagnosis) == (20_000, ["x" * 20_000] * 3, "d")


def test_empty_clinical_texts_are_taken(world: World) -> None:
    made = create(world.physician, medical_history="", lab_results=[], diagnosis="")

    assert (made.medical_history, made.lab_results, made.diagnosis) == ("", [], "")


@pytest.mark.parametrize("switch", ["revoked", "deactivated"])
def test_a_physician_who_left_is_nobodys_physician(world: World, switch: str) -> None:
    if switch == "revoked":
        User.objects.get(pk=world.physician.user).membership_set.update(revoked_at="2026-01-01T00:00:00Z")
    else:
        User.objects.filter(pk=world.physician.user).update(is_active=False)

    with unchanged(), pytest.raises(InvalidArgument) as refused:
        create(world.admin, physician="physician")
    assert refused.value.data["argument"] == "physicianId"
