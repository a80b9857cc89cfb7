"""A new referral: who may make one, what survives a refusal, and that a form sent twice is one referral."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest
from django.db import connection

from desks import Desk
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from support import World, rows, someone, unchanged, value

At = Callable[[Actor], Desk]
NEW = "/referrals/new/"
GIVEN = {
    "patientName": "Amina Hassan",
    "patientId": "UHC-17",
    "receivingFacility": "Tumaini Referral Hospital",
    "priority": "Urgent",
    "diagnosis": "Fracture of the femur",
    "medicalHistory": "Fell from a boda boda.\nNo allergies.",
    "labResults": "Hb 9.1",
}


def once(html: str) -> str:
    """The form's own name."""
    found = re.search(r'name="once" value="(\w{32})"', html)
    assert found is not None
    return found[1]


def test_a_physician_refers_on_one_screen(world: World, desk: At) -> None:
    doctor = desk(world.physician)
    form = doctor.text(NEW)
    assert '<option value="Tumaini Referral Hospital">KES 1,000.00</option>' in form
    assert "An emergency is seen by the receiving facility at once" in form

    told = doctor.does(NEW, once=once(form), **GIVEN)

    assert "The referral is made. Its account code is" in told
    (row,) = rows("SELECT * FROM referral JOIN particulars ON particulars.id = particulars_id")
    assert (row["name"], row["external_id"], row["priority"]) == ("Amina Hassan", "UHC-17", "Urgent")
    assert row["medical_history"] == "Fell from a boda boda.\r\nNo allergies.".replace("\r\n", "\n")
    assert row["physician_id"] == world.physician.user
    assert row["receiving_id"] == world.tumaini.pk


def test_a_form_that_is_sent_twice_is_one_referral(world: World, desk: At) -> None:
    doctor = desk(world.physician)
    name = once(doctor.text(NEW))

    first = doctor.post(NEW, once=name, **GIVEN)
    again = doctor.post(NEW, once=name, **GIVEN)

    assert first.headers["Location"] == again.headers["Location"]
    assert "it was not made again" in doctor.text(again.headers["Location"])
    assert value("SELECT count(*) FROM referral") == 1


def test_a_form_that_is_sent_by_many_threads_at_once_is_one_referral(world: World, desk: At) -> None:
    doctors = [desk(world.physician) for _ in range(6)]
    name, together = once(doctors[0].text(NEW)), threading.Barrier(len(doctors))
    told: list[int] = []

    def send(doctor: Desk) -> None:
        together.wait()
        told.append(doctor.post(NEW, once=name, **GIVEN).status_code)
        connection.close()

    threads = [threading.Thread(target=send, args=(doctor,)) for doctor in doctors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told == [302] * 6
    assert value("SELECT count(*) FROM referral") == 1


def test_a_used_form_with_something_else_in_it_is_refused_and_may_be_sent_once_more(world: World, desk: At) -> None:
    """Somebody went back and wrote the next patient into the form of the one before."""
    doctor = desk(world.physician)
    name = once(doctor.text(NEW))
    doctor.does(NEW, once=name, **GIVEN)
    other = {**GIVEN, "patientName": "Somebody Else"}

    refused = doctor.post(NEW, once=name, **other)
    assert refused.status_code == 409
    assert "Somebody Else" in refused.content.decode()
    fresh = once(refused.content.decode())
    assert fresh != name
    doctor.does(NEW, once=fresh, **other)

    assert value("SELECT count(*) FROM referral") == 2


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"patientName": " "}, 422, "Patient&#x27;s name must not be empty"),
        ({"patientName": "x" * 201}, 422, "200 are allowed"),
        ({"patientName": "a\x00b"}, 422, "NUL"),
        ({"receivingFacility": "Nowhere"}, 422, "there is no facility of this name or id"),
        ({"receivingFacility": "Uhuru Health Centre"}, 422, "does not refer to itself"),
        ({"priority": ""}, 422, "Say how urgent it is."),
        ({"priority": "Soon"}, 422, "Say how urgent it is."),
        ({"diagnosis": "x" * 20_001}, 422, "20000 are allowed"),
        ({"referringHospital": "Elsewhere Clinic"}, 403, "You may not create referrals for this facility."),
    ],
)
def test_what_is_refused_is_kept_in_the_form(
    world: World, desk: At, change: dict[str, str], code: int, words: str
) -> None:
    doctor, given = desk(world.physician), {**GIVEN, **change}
    name = once(doctor.text(NEW))

    with unchanged():
        answer = doctor.post(NEW, once=name, **given)

    html = answer.content.decode()
    assert answer.status_code == code
    assert words in html
    assert once(html) == name
    for field, typed in given.items():
        if field not in {"priority", "referringHospital"}:
            assert typed in html, field
    if given["priority"] == "Urgent":
        assert re.search(r'value="Urgent" checked', html)


@pytest.mark.parametrize(
    "strange",
    [
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE referral;--",
        "\u202egnp.exe",
        "Ng'ang'a",
        "محمد",
        "李小龍",
        "O",
    ],
)
def test_strange_names_stand_as_they_were_typed(world: World, desk: At, strange: str) -> None:
    doctor = desk(world.physician)

    told = doctor.does(NEW, once=once(doctor.text(NEW)), **{**GIVEN, "patientName": strange})

    assert "<script>alert" not in told
    assert value("SELECT name FROM particulars") == strange


def test_a_name_that_is_nearly_right_is_asked_about(world: World, desk: At) -> None:
    doctor = desk(world.physician)
    html = doctor.post(NEW, once=once(doctor.text(NEW)), **{**GIVEN, "receivingFacility": "tumaini hospital"}).content

    found = re.search(r'name="chosen" value="(\w+)"> Tumaini Referral Hospital', html.decode())
    assert found is not None
    doctor.does(NEW, once=once(html.decode()), **{**GIVEN, "receivingFacility": "tumaini hospital"}, chosen=found[1])

    assert value("SELECT receiving_id FROM referral") == world.tumaini.pk


def test_who_works_in_several_facilities_says_from_which(world: World, desk: At) -> None:
    unit(lambda tx: facilities.add_member(tx, facilities.add_user(tx, "physician"), world.elsewhere, Role.PHYSICIAN))
    doctor = desk(someone("physician"))
    form = doctor.text(NEW)

    assert f'<option value="{world.elsewhere.pk.hex}"' in form
    doctor.does(NEW, once=once(form), **GIVEN, referringHospital=world.elsewhere.pk.hex)

    assert value("SELECT referring_id FROM referral") == world.elsewhere.pk


def test_an_administrator_writes_down_what_a_physician_refers(world: World, desk: At) -> None:
    admin = desk(world.admin)
    form = admin.text(NEW)
    assert f'<option value="{world.physician.user.hex}">Physician</option>' in form
    assert "Referring doctor" not in desk(world.physician).text(NEW)

    admin.does(NEW, once=once(form), **GIVEN, physicianId=world.physician.user.hex)

    assert rows("SELECT physician_id, created_by_id FROM referral") == [
        {"physician_id": world.physician.user, "created_by_id": world.admin.user}
    ]


@pytest.mark.parametrize("who", ["0" * 32, "receiver", "x", "a\x00"])
def test_nobody_refers_for_who_is_no_physician_there(world: World, desk: At, who: str) -> None:
    admin = desk(world.admin)
    name = once(admin.text(NEW))

    with unchanged():
        answer = admin.post(NEW, once=name, **GIVEN, physicianId=who)

    assert answer.status_code == 422
    assert re.search(r'<select id="new-physicianId"[^>]* aria-invalid="true"', answer.content.decode())


@pytest.mark.parametrize("name", ["receiver", "finance", "operator"])
def test_who_may_not_refer_is_told_so(world: World, desk: At, name: str) -> None:
    other = desk(getattr(world, name))

    assert other.get(NEW).status_code == 403
    with unchanged():
        assert other.post(NEW, once="0" * 32, **GIVEN).status_code == 403
    assert other.get(NEW + "facilities/", receivingFacility="tum").status_code == 403


def test_facilities_are_found_as_one_types(world: World, desk: At) -> None:
    doctor = desk(world.physician)

    assert "Tumaini" in doctor.text(NEW + "facilities/", receivingFacility="mAini")
    assert "Tumaini" not in doctor.text(NEW + "facilities/", receivingFacility="else")
    for hostile in ("%", "x" * 999, "a\x00", "<b>"):
        assert "Tumaini" not in doctor.text(NEW + "facilities/", receivingFacility=hostile)


def test_a_form_without_its_name_makes_one_all_the_same(world: World, desk: At) -> None:
    """Whoever sends it again without one makes two: that is what they asked for."""
    doctor = desk(world.physician)
    for name in ("", "not an id"):
        doctor.does(NEW, once=name, **GIVEN)

    assert value("SELECT count(*) FROM referral") == 2
