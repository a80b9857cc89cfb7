"""Referring a patient onward: the filled form, what it refuses, and how the two referrals show each other."""

from __future__ import annotations

import html as escaping
import re
import uuid
from collections.abc import Callable
from typing import Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from console.test_console_access import check
from console.test_console_making import once
from desks import Desk
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.referrals.machine import ONWARD_FROM, Status
from support import World, execute, referral_in, rows, someone, unchanged, value

At = Callable[[Actor], Desk]
S = Status
BUTTON: Final = ">Refer onward</a>"


def page_of(referral: str) -> str:
    return f"/referrals/{referral}/"


def form_of(referral: str) -> str:
    return f"/referrals/{referral}/onward/"


def known(referral: str) -> None:
    """A first referral with all that can be carried, and with what is not."""
    execute(
        "UPDATE particulars SET external_id = 'UHC-17', phone = '254708374149', payer_phone = '254722000000',"
        " email = 'jane@example.org', date_of_birth = '1990-12-03', national_id = '12345678',"
        " booked_date = '2027-01-05', booked_time = '09:30'"
        " WHERE id = (SELECT particulars_id FROM referral WHERE id = %(id)s)",
        id=uuid.UUID(referral),
    )
    execute(
        """UPDATE referral SET medical_history = 'Fell <hard>.', lab_results = '["Hb 9.1", "K 4"]' WHERE id = %(id)s""",
        id=uuid.UUID(referral),
    )


def filled(page: str) -> dict[str, str]:
    """What stands in the form."""
    found = dict(re.findall(r'<input [^>]*name="(\w+)"[^>]* value="([^"]*)"', page))
    found |= dict(re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>(.*?)</textarea>', page, re.DOTALL))
    (found["priority"],) = re.findall(r'value="(\w+)" checked', page)
    return {name: escaping.unescape(text) for name, text in found.items()}


def sent(form: dict[str, str], **more: object) -> dict[str, object]:
    return {**form, **more}


def newest() -> dict[str, object]:
    return rows(
        "SELECT referral.*, particulars.name, external_id, phone, payer_phone, email, date_of_birth, national_id,"
        " booked_date, booked_time FROM referral JOIN particulars ON particulars.id = particulars_id"
        " ORDER BY referral.id DESC LIMIT 1"
    )[0]


# --- the form ------------------------------------------------------------------------------------------------------


def test_the_form_has_what_goes_on_with_the_patient(world: World, desk: At) -> None:
    first = referral_in(world, S.CONFIRMED)
    known(first)

    page = desk(world.receiving_admin).text(form_of(first))

    form = filled(page)
    assert {name: form[name] for name in sorted(form) if name not in {"once", "csrfmiddlewaretoken"}} == {
        "diagnosis": "fracture",
        "labResults": "Hb 9.1\nK 4",
        "medicalHistory": "Fell <hard>.",
        "patientDateOfBirth": "1990-12-03",
        "patientId": "UHC-17",
        "patientName": "Jane Wafula",
        "patientNationalId": "12345678",
        "patientPhone": "0708 374 149",
        "priority": "Routine",
        "receivingFacility": "",
        "referringHospital": world.tumaini.pk.hex,
    }
    for left in ("2027-01-05", "09:30", "jane@example.org", "0722 000 000", "Fell <hard>"):
        assert left not in page
    assert "What stands here is the number that Uhuru Health Centre gave." in page
    assert '<option value="Elsewhere Clinic">' in page
    assert '<option value="Tumaini Referral Hospital">' not in page
    check(page)


def test_an_outcome_goes_on_in_the_history(world: World, desk: At) -> None:
    first = referral_in(world, S.COMPLETED)

    form = filled(desk(world.receiving_admin).text(form_of(first)))

    assert form["medicalHistory"] == "none\n\nOutcome at Tumaini Referral Hospital:\ntreated"


def test_it_says_that_files_stay_and_leads_back_to_them(world: World, desk: At) -> None:
    first, admin = referral_in(world, S.CONFIRMED), desk(world.receiving_admin)
    admin.does(page_of(first) + "attach/", file=SimpleUploadedFile("lab.pdf", b"%PDF-1.7 of nothing"))
    code = value("SELECT account_code FROM referral")

    page = admin.text(form_of(first))
    assert f"Files and comments stay with the first referral ({code})." in page
    assert f'<a href="{page_of(first)}">' in page
    told = admin.does(form_of(first), **sent(filled(page), receivingFacility="Elsewhere Clinic"))

    assert "No file is here yet." in told
    assert value("SELECT count(*) FROM attachment") == 1


def test_the_ordinary_form_asks_what_it_asked_before(world: World, desk: At) -> None:
    page = desk(world.physician).text("/referrals/new/")

    assert not {"patientPhone", "patientDateOfBirth", "patientNationalId"} & set(filled(page))
    assert "first referral" not in page


def test_who_opened_it_has_read_the_first_referral(world: World, desk: At) -> None:
    first = referral_in(world, S.CONFIRMED)

    desk(world.receiving_admin).text(form_of(first))

    assert rows("SELECT actor, place FROM audit WHERE kind = 'referral.read' AND referral = %(id)s", id=first) == [
        {"actor": world.receiving_admin.user, "place": "/referrals/<str:referral>/onward/"}
    ]


# --- sending it ----------------------------------------------------------------------------------------------------


def test_it_is_sent_as_it_was_edited(world: World, desk: At) -> None:
    first, admin = referral_in(world, S.COMPLETED), desk(world.receiving_admin)
    known(first)
    form = filled(admin.text(form_of(first)))

    told = admin.does(
        form_of(first),
        **sent(form, receivingFacility="Elsewhere Clinic", patientId="TRH-9", priority="Urgent", diagnosis="nonunion"),
    )

    assert "The referral is made. Its account code is" in told
    made = newest()
    assert made["onward_of_id"] == uuid.UUID(first)
    assert (made["referring_id"], made["receiving_id"]) == (world.tumaini.pk, world.elsewhere.pk)
    assert (made["name"], made["external_id"], made["phone"]) == ("Jane Wafula", "TRH-9", "254708374149")
    assert (made["date_of_birth"], made["national_id"]) == ("1990-12-03", "12345678")
    assert (made["payer_phone"], made["email"], made["booked_date"], made["booked_time"]) == ("", "", "", "")
    assert (made["priority"], made["diagnosis"], made["lab_results"]) == ("Urgent", "nonunion", '"Hb 9.1\\nK 4"')
    assert str(made["medical_history"]).endswith("Outcome at Tumaini Referral Hospital:\ntreated")
    assert (made["state"], made["fee_id"]) == ("pending-admin", None)


def test_sent_twice_it_is_one_referral(world: World, desk: At) -> None:
    first, admin = referral_in(world, S.CONFIRMED), desk(world.receiving_admin)
    form = sent(filled(admin.text(form_of(first))), receivingFacility="Elsewhere Clinic")

    one, again = admin.post(form_of(first), **form), admin.post(form_of(first), **form)

    assert (one.status_code, one.headers["Location"]) == (again.status_code, again.headers["Location"])
    assert "it was not made again" in admin.text(again.headers["Location"])
    assert value("SELECT count(*) FROM referral") == 2


def test_a_form_of_one_patient_sends_on_no_other(world: World, desk: At) -> None:
    first, other = referral_in(world, S.CONFIRMED), referral_in(world, S.CONFIRMED)
    admin = desk(world.receiving_admin)
    form = sent(filled(admin.text(form_of(first))), receivingFacility="Elsewhere Clinic")
    admin.does(form_of(first), **form)

    with unchanged():
        assert admin.post(form_of(other), **form).status_code == 409


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"patientName": " "}, 422, "Patient&#x27;s name must not be empty"),
        ({"patientPhone": "12"}, 422, "12"),
        ({"patientDateOfBirth": "soon"}, 422, "Date of birth is not a date"),
        ({"patientNationalId": "x" * 201}, 422, "200 are allowed"),
        ({"medicalHistory": "x" * 20_001}, 422, "20000 are allowed"),
        ({"receivingFacility": "Nowhere"}, 422, "there is no facility of this name or id"),
        ({"receivingFacility": "Tumaini Referral Hospital"}, 422, "does not refer to itself"),
        ({"priority": "Soon"}, 422, "Say how urgent it is."),
        (
            {"referringHospital": "Uhuru Health Centre"},
            422,
            "A referral onward comes from where the patient is: Tumaini Referral Hospital.",
        ),
    ],
)
def test_what_is_refused_is_kept_in_the_form(
    world: World, desk: At, change: dict[str, str], code: int, words: str
) -> None:
    first, admin = referral_in(world, S.CONFIRMED), desk(world.receiving_admin)
    form = filled(admin.text(form_of(first)))
    given = sent(form, **{"receivingFacility": "Elsewhere Clinic", "diagnosis": "nonunion", **change})

    with unchanged():
        answer = admin.post(form_of(first), **given)

    page = answer.content.decode()
    assert answer.status_code == code
    assert words in page
    assert once(page) == form["once"]
    assert ">nonunion</textarea>" in page
    assert f'action="{form_of(first)}"' in page
    check(page)


def test_a_name_that_is_nearly_right_is_asked_about(world: World, desk: At) -> None:
    first, admin = referral_in(world, S.CONFIRMED), desk(world.receiving_admin)
    form = sent(filled(admin.text(form_of(first))), receivingFacility="elsewhere hospital")

    page = admin.post(form_of(first), **form).content.decode()
    found = re.search(r'name="chosen" value="(\w+)"> Elsewhere Clinic', page)
    assert found is not None
    admin.does(form_of(first), **form, chosen=found[1])

    assert newest()["receiving_id"] == world.elsewhere.pk


def test_a_referral_that_was_cancelled_meanwhile_keeps_what_was_typed(world: World, desk: At) -> None:
    first, admin = referral_in(world, S.CONFIRMED), desk(world.receiving_admin)
    form = sent(filled(admin.text(form_of(first))), receivingFacility="Elsewhere Clinic", diagnosis="nonunion")
    world.move(first, S.CANCELLED, by=world.receiver, reason="went home")

    with unchanged():
        answer = admin.post(form_of(first), **form)

    assert answer.status_code == 409
    page = answer.content.decode()
    assert "from a referral that is confirmed or completed; this one is “Cancelled”." in page
    assert "nonunion" in page


# --- for whom ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(S))
def test_it_is_offered_where_the_patient_is_there(world: World, desk: At, status: Status) -> None:
    first, admin = referral_in(world, status), desk(world.receiving_admin)
    execute("UPDATE referral SET released_at = coalesce(released_at, rufaa_now())")

    assert (BUTTON in admin.text(page_of(first))) is (status in ONWARD_FROM)
    with unchanged():
        answer = admin.get(form_of(first))
    assert answer.status_code == (200 if status in ONWARD_FROM else 409)


@pytest.mark.parametrize(
    ("name", "code"),
    [("physician", 403), ("admin", 403), ("receiver", 403), ("finance", 403), ("stranger", 404), ("operator", 404)],
)
def test_nobody_else_is_offered_it(world: World, desk: At, name: str, code: int) -> None:
    first, who = referral_in(world, S.COMPLETED), desk(getattr(world, name))

    with unchanged():
        form, post = who.get(form_of(first)), who.post(form_of(first), patientName="x", priority="Routine")

    assert (form.status_code, post.status_code) == (code, post.status_code)
    assert post.status_code in {code, 422}  # what is wrong with the arguments is said first
    assert "fracture" not in form.content.decode()
    if code == 403:
        assert BUTTON not in who.text(page_of(first))


def test_a_doctor_who_receives_there_does_it_themselves(world: World, desk: At) -> None:
    def make(tx: object) -> None:
        doctor = facilities.add_user(tx, "doctor", full_name="Dr Juma")  # type: ignore[arg-type]
        for role in (Role.PHYSICIAN, Role.RECEPTION):
            facilities.add_member(tx, doctor, world.tumaini, role)  # type: ignore[arg-type]

    unit(make)
    first, doctor = referral_in(world, S.CONFIRMED), desk(someone("doctor"))
    assert BUTTON in doctor.text(page_of(first))
    form = filled(doctor.text(form_of(first)))

    told = doctor.does(form_of(first), **sent(form, receivingFacility="Elsewhere Clinic"))

    assert newest()["physician_id"] == someone("doctor").user
    assert "Dr Juma" in told
    admins = desk(world.receiving_admin).text(form_of(first))
    assert ">Dr Juma</option>" in admins  # whom an administrator may write it for
    assert ">Physician</option>" not in admins


# --- the two pages -------------------------------------------------------------------------------------------------


def sent_on(world: World, desk: At, first: str, **more: object) -> str:
    admin = desk(world.receiving_admin)
    form = sent(filled(admin.text(form_of(first))), receivingFacility="Elsewhere Clinic", **more)
    return admin.post(form_of(first), **form).headers["Location"].split("/")[2]


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", page).split())


def test_the_two_pages_lead_to_each_other(world: World, desk: At) -> None:
    first, admin = referral_in(world, S.COMPLETED), desk(world.receiving_admin)
    made = sent_on(world, desk, first)
    codes = {row["id"].hex: row["account_code"] for row in rows("SELECT id, account_code FROM referral")}

    before, after = admin.text(page_of(first)), admin.text(page_of(made))

    assert f"Referred onward to Elsewhere Clinic ({codes[made]}, To approve)" in plain(before)
    assert f'<a href="{page_of(made)}">' in before
    assert f"Onward from Uhuru Health Centre ({codes[first]})" in plain(after)
    assert f'<a href="{page_of(first)}">' in after
    check(before)
    check(after)


def test_others_read_that_the_patient_went_on_and_not_where(world: World, desk: At) -> None:
    first = referral_in(world, S.COMPLETED)
    made = sent_on(world, desk, first, priority="Emergency")
    first_code, made_code = (row["account_code"] for row in rows("SELECT account_code FROM referral ORDER BY id"))

    for name in ("physician", "admin", "receiver"):
        page = desk(getattr(world, name)).text(page_of(first))
        assert "The patient was referred onward." in page, name
        for hidden in ("Elsewhere", made, made_code, "To approve"):
            assert hidden not in page, (name, hidden)
    page = desk(world.stranger).text(page_of(made))
    assert "The patient came here by an earlier referral." in page
    for hidden in ("Uhuru", first, first_code):
        assert hidden not in page, hidden


def test_finance_reads_nothing_of_it(world: World, desk: At) -> None:
    first = referral_in(world, S.COMPLETED)
    sent_on(world, desk, first)

    page = desk(world.finance).text(page_of(first))

    assert "onward" not in page.lower()


def test_a_page_without_any_says_nothing(world: World, desk: At) -> None:
    page = desk(world.admin).text(page_of(referral_in(world, S.COMPLETED)))

    assert "referred onward" not in page.lower()
    assert "earlier referral" not in page


def test_seeing_the_other_one_is_noted_as_in_a_list(world: World, desk: At) -> None:
    first = referral_in(world, S.COMPLETED)
    made = sent_on(world, desk, first)

    desk(world.receiving_admin).text(page_of(first))
    desk(world.admin).text(page_of(first))

    found = rows("SELECT actor FROM audit WHERE kind = 'referral.listed' AND referral = %(id)s", id=made)
    assert found == [{"actor": world.receiving_admin.user}]


def test_it_speaks_swahili(world: World, desk: At) -> None:
    first, admin = referral_in(world, S.COMPLETED), desk(world.receiving_admin)
    made = sent_on(world, desk, first)
    admin.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "sw"

    assert "Imeendelezwa kwenda Elsewhere Clinic" in plain(admin.text(page_of(first)))
    assert "Imeendelezwa kutoka Uhuru Health Centre" in plain(admin.text(page_of(made)))
    form = admin.text(form_of(first))
    assert "<h1>Endeleza rufaa</h1>" in form
    assert "Matokeo katika Tumaini Referral Hospital:" in form
