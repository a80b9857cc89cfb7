"""The outcome letter: what stands in it, for whom, on how many pages, and that nothing of money is in it."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import translation

from appointments import ground
from desks import Desk
from drawn import drawn, pages
from rufaa.appointments import operations as appointments
from rufaa.console import letter, lettering
from rufaa.console.letter import Letter
from rufaa.db.atomic import unit
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.texts import MAX_TEXT
from support import World, execute, referral_in, rows, unchanged, value

At = Callable[[Actor], Desk]
S = Status
LINK: Final = "Outcome letter (PDF)"


def letter_of(referral: str) -> str:
    return f"/referrals/{referral}/letter/"


def opened(who: Desk, referral: str) -> list[str]:
    answer = who.get(letter_of(referral))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    return drawn(answer.content)


def completed(world: World, outcome: str) -> str:
    referral = referral_in(world, S.CONFIRMED)
    world.move(referral, S.COMPLETED, by=world.receiver, reason=outcome)
    return referral


def known(referral: str, **particulars: str) -> None:
    for name, text in particulars.items():
        execute(
            f"UPDATE particulars SET {name} = %(text)s"
            " WHERE id = (SELECT particulars_id FROM referral WHERE id = %(id)s)",
            text=text,
            id=uuid.UUID(referral),
        )


# --- what stands in it ---------------------------------------------------------------------------------------------


def test_the_doctor_reads_what_became_of_the_patient(world: World, desk: At) -> None:
    ground.at(datetime(2026, 3, 2, 7, tzinfo=UTC))
    referral = completed(world, "Plaster for six weeks.\n\nThen physiotherapy.")
    known(referral, date_of_birth="1990-12-03", external_id="UHC-17", booked_date="2026-03-04", booked_time="09:30")
    code = value("SELECT account_code FROM referral")

    text = opened(desk(world.physician), referral)

    assert text == [
        *("Made by Rufaa from the record of the referral.", "Page 1 of 1"),
        *("Tumaini Referral Hospital", "2 March 2026"),
        *("To the doctor", "Physician", "Uhuru Health Centre"),
        "Outcome letter",
        *("About the patient", "Jane Wafula"),
        *("Date of birth", "3 December 1990"),
        *("Patient number", "UHC-17"),
        *("Referral", f"{code}, 2 March 2026"),
        *("Appointment", "4 March 2026, 09:30"),
        *("Reason for the referral", "fracture"),
        *("Outcome", "Plaster for six weeks.", "Then physiotherapy."),
        *("Completed by", "Receiver, Tumaini Referral Hospital"),
        *("Completed on", "2 March 2026, 10:00"),
    ]


def test_nothing_of_money_and_no_phone_stands_in_it(world: World, desk: At) -> None:
    referral = referral_in(world, S.COMPLETED)
    number = value("SELECT number FROM receipt")
    known(referral, phone="254708374149", email="jane@example.org", national_id="12345678")

    text = "\n".join(opened(desk(world.admin), referral))

    for hidden in ("KES", "1,000", "1000", "Fee", "M-Pesa", number, "0708", "254708", "jane@", "12345678"):
        assert hidden not in text


def test_what_is_not_known_is_left_out(world: World, desk: At) -> None:
    text = opened(desk(world.physician), referral_in(world, S.COMPLETED))

    assert not {"Date of birth", "Patient number", "Appointment"} & set(text)


def test_the_appointment_is_the_one_that_the_patient_came_to(world: World, desk: At) -> None:
    heart = ground.clinic(world)
    referral = ground.waiting(world)
    first, second = ground.free(heart, date(2026, 3, 3))[:2]
    ground.book(world.admin, referral, first)
    ground.pay(world, referral)
    ground.work()
    ground.book(world.admin, referral, second, reason="the bus")
    world.move(referral, S.CONFIRMED, by=world.receiver)
    ground.hours_pass(25)
    (booked,) = [each for each in ground.bookings(referral) if each.state == "booked"]
    unit(lambda tx: appointments.arrived(tx, world.receiver, booked.id.hex), actor=world.receiver.user)
    world.move(referral, S.COMPLETED, by=world.receiver, reason="treated")

    text = opened(desk(world.physician), referral)

    assert text[text.index("Appointment") + 1] == "Tuesday 3 March 2026, 08:30, Cardiology"


def test_an_appointment_that_nobody_came_to_is_none(world: World, desk: At) -> None:
    heart = ground.clinic(world)
    referral = ground.waiting(world)
    ground.book(world.admin, referral, ground.free(heart)[0])
    ground.pay(world, referral)
    ground.work()
    ground.hours_pass(26)
    (booked,) = ground.bookings(referral)
    unit(lambda tx: appointments.missed(tx, world.receiver, booked.id.hex), actor=world.receiver.user)
    world.move(referral, S.CONFIRMED, by=world.receiver)
    world.move(referral, S.COMPLETED, by=world.receiver, reason="seen without one")

    assert "Appointment" not in opened(desk(world.physician), referral)


def test_it_speaks_the_readers_language(world: World, desk: At) -> None:
    referral = referral_in(world, S.COMPLETED)
    doctor = desk(world.physician)
    doctor.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "sw"

    text = opened(doctor, referral)

    assert {"Barua ya matokeo", "Kwa daktari", "Sababu ya rufaa", "Ukurasa wa 1 kati ya 1"} <= set(text)
    assert "Barua ya matokeo (PDF)" in doctor.text(f"/referrals/{referral}/")


# --- for whom ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["physician", "admin", "second_admin", "receiver", "receiving_admin"])
def test_both_facilities_open_it_from_the_page(world: World, desk: At, name: str) -> None:
    referral, who = referral_in(world, S.COMPLETED), desk(getattr(world, name))

    page = who.text(f"/referrals/{referral}/")
    (link,) = re.findall(rf'<a href="([^"]+)"[^>]*>{re.escape(LINK)}</a>', page)

    assert link == letter_of(referral)
    assert "treated" in opened(who, referral)


def refused(answer: HttpResponse, status: int) -> str:
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    page = answer.content.decode()
    assert "Wafula" not in page
    return page


def test_finance_does_not(world: World, desk: At) -> None:
    referral, finance = referral_in(world, S.COMPLETED), desk(world.finance)

    assert LINK not in finance.text(f"/referrals/{referral}/")
    assert "not what became of the patient" in refused(finance.get(letter_of(referral)), 403)


@pytest.mark.parametrize("name", ["stranger", "operator"])
def test_for_others_it_is_as_if_there_were_none(world: World, desk: At, name: str) -> None:
    referral, who = referral_in(world, S.COMPLETED), desk(getattr(world, name))

    assert "There is no such referral" in refused(who.get(letter_of(referral)), 404)


def test_the_patients_page_knows_nothing_of_it(world: World) -> None:
    referral = referral_in(world, S.COMPLETED)
    token = value("SELECT token FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))

    assert "letter" not in Client().get(f"/r/{token}").content.decode()
    assert Client().get(f"/r/{token}/letter/").status_code == 404
    assert Client().get(letter_of(referral)).headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("status", sorted(set(S) - {S.COMPLETED}))
def test_before_there_is_an_outcome_there_is_no_letter(world: World, desk: At, status: Status) -> None:
    referral, admin = referral_in(world, status), desk(world.admin)

    assert LINK not in admin.text(f"/referrals/{referral}/")
    with unchanged():
        page = refused(admin.get(letter_of(referral)), 404)
    assert "There is a letter once the receiving facility has completed the referral." in page


def test_it_is_only_looked_at(world: World, desk: At) -> None:
    referral, admin = referral_in(world, S.COMPLETED), desk(world.admin)

    with unchanged():
        assert admin.post(letter_of(referral)).status_code == 405
        assert admin.client.head(letter_of(referral)).content == b""


def test_nobody_keeps_it_and_its_name_tells_nobody(world: World, desk: At) -> None:
    referral = referral_in(world, S.COMPLETED)
    code = value("SELECT account_code FROM referral")

    answer = desk(world.physician).get(letter_of(referral))

    expected = {
        "Content-Disposition": f'inline; filename="{code}.pdf"',
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert f"/Title (Outcome letter {code})".encode() in answer.content
    assert b"Wafula" not in answer.content  # compressed; what is not is title, author and subject


def test_each_opening_is_noted_with_what_was_handed_out(world: World, desk: At) -> None:
    referral, receiver = referral_in(world, S.COMPLETED), desk(world.receiver)
    digests = [hashlib.sha256(receiver.get(letter_of(referral)).content).hexdigest() for _ in range(2)]
    assert desk(world.finance).get(letter_of(referral)).status_code == 403

    assert digests[0] == digests[1]
    place = f"/referrals/<str:referral>/letter/ sha256:{digests[0]}"
    found = rows("SELECT actor, channel, place FROM audit WHERE kind = 'letter.read'")
    assert found == [{"actor": world.receiver.user, "channel": "page", "place": place}] * 2
    html = desk(world.admin).text(f"/referrals/{referral}/audit/")
    assert html.count("<strong>Receiver</strong> opened the outcome letter") == 2
    assert f"SHA-256 {digests[0]}" in html


def test_without_its_entry_it_is_not_handed_out(world: World, desk: At) -> None:
    referral, admin = referral_in(world, S.COMPLETED), desk(world.admin)
    execute("ALTER TABLE audit ADD CONSTRAINT broken CHECK (kind <> 'letter.read') NOT VALID")
    try:
        admin.client.raise_request_exception = False
        answer = admin.get(letter_of(referral))
    finally:
        execute("ALTER TABLE audit DROP CONSTRAINT broken")

    assert answer.status_code == 500
    assert b"%PDF" not in answer.content


def test_an_emergency_that_nobody_paid_for_has_one(world: World, desk: At) -> None:
    referral = world.referral(priority=Priority.EMERGENCY)
    world.move(referral, S.CONFIRMED, by=world.receiver)
    world.move(referral, S.COMPLETED, by=world.receiver, reason="stitched")

    assert "stitched" in opened(desk(world.physician), referral)


# --- on how many pages, in which letters -----------------------------------------------------------------------------


PLAIN: Final = Letter(
    sender="Tumaini Referral Hospital",
    doctor="Dr Achieng Odhiambo",
    facility="Uhuru Health Centre",
    patient="Jane Wafula",
    born="3 December 1990",
    number="UHC-17",
    code="7YRP2G7R",
    referred_at=datetime(2026, 3, 1, 9, tzinfo=UTC),
    appointment="",
    diagnosis="fracture",
    outcome="Plaster for six weeks.",
    by="Fatuma Ali",
    at=datetime(2026, 3, 2, 21, 30, tzinfo=UTC),
)


def test_the_same_letter_is_the_same_bytes() -> None:
    first = letter.pdf(PLAIN)

    assert letter.pdf(PLAIN) == first
    assert pages(first) == 1
    assert len(first) < 5000
    assert "3 March 2026, 00:30" in drawn(first)  # in Kenya


def test_the_longest_outcome_is_there_to_its_last_word() -> None:
    words = [f"w{number}" for number in range(MAX_TEXT // 6)]
    made = letter.pdf(replace(PLAIN, outcome=" ".join(words)[:MAX_TEXT]))
    text, count = drawn(made), pages(made)

    assert count > 3
    outcome = text[text.index("Outcome") + 1 : text.index("Completed by")]
    drawn_words = [each for line in outcome for each in line.split() if re.fullmatch(r"w\d+", each)]
    assert drawn_words == words
    for number in range(1, count + 1):
        assert text.count(f"Page {number} of {count}") == 1
    assert text.count("Jane Wafula, 7YRP2G7R") == count - 1  # on each page after the first


@pytest.mark.parametrize(
    "outcome", ["x" * MAX_TEXT, "x\n" * (MAX_TEXT // 2), "W" * MAX_TEXT, "", " ", "\u00a0" * 50, "a\r\nb"]
)
def test_no_line_runs_out_of_the_page(outcome: str) -> None:
    lines = lettering.lines(lettering.printable(outcome), font="Helvetica", size=10.5, fit=475)

    assert "".join(lines).replace(" ", "") == "".join(outcome.split())
    assert all(lettering.stringWidth(line, "Helvetica", 10.5) <= 475 for line in lines)
    assert pages(letter.pdf(replace(PLAIN, outcome=outcome))) >= 1


def test_lines_end_at_blanks_and_where_the_writer_ended_them() -> None:
    assert lettering.lines("aaa bbb ccc\n\n  dd", font="Courier", size=10, fit=7 * 6) == ["aaa bbb", "ccc", "", "dd"]
    assert lettering.lines("aaaaabbbbb c", font="Courier", size=10, fit=5 * 6) == ["aaaaa", "bbbbb", "c"]


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Zoë Müller-Ñandú, Šárka", "Zoë Müller-Ñandú, Šárka"),
        ("Wanjikũ wa Gĩchũhĩ", "Wanjiku wa Gichuhi"),
        ("Zoe\u0308", "Zoë"),
        ("Łukasz Đorđe Ħ", "Lukasz Dorde H"),
        ("BP ≥ 140, Hb ↓, T 38−39 °C, 5 µg, 5 μg", "BP >= 140, Hb (down), T 38-39 °C, 5 µg, 5 µg"),
        ("β-hCG and α-fetoprotein", "beta-hCG and alpha-fetoprotein"),
        ("H₂O, x², ½, “so” – it’s", "H2O, x², ½, “so” – it’s"),
        ("a\u202eb\u200bc\x07d", "abcd"),
        ("ﬁbula", "fibula"),
        ("(brackets) \\ and /", "(brackets) \\ and /"),
    ],
)
def test_letters_that_the_fonts_have_not_stay_readable(typed: str, printed: str) -> None:
    assert lettering.printable(typed) == printed
    assert not lettering.loses(typed)
    text = drawn(letter.pdf(replace(PLAIN, patient=typed, outcome=typed)))
    assert text.count(printed) == 2
    assert not [line for line in text if "question mark" in line]


@pytest.mark.parametrize("field", ["patient", "outcome", "diagnosis", "doctor", "sender", "by"])
def test_what_cannot_be_printed_is_said(field: str) -> None:
    text = drawn(letter.pdf(replace(PLAIN, **{field: "Ali علي"})))

    assert [line for line in text if "Ali ???" in line]
    assert "Where a question mark stands may be a letter that cannot be printed here." in " ".join(text)


def test_a_question_that_was_asked_is_no_loss() -> None:
    text = drawn(letter.pdf(replace(PLAIN, outcome="A second look?")))

    assert not [line for line in text if "question mark" in line]


def test_a_long_name_stands_whole_on_the_first_page_and_in_short_on_others() -> None:
    long = "Wafula " * 28
    text = drawn(letter.pdf(replace(PLAIN, patient=long, outcome="x\n" * 200)))

    assert " ".join(text).count("Wafula") >= 28
    assert [line for line in text if line.endswith("…, 7YRP2G7R")]


@pytest.mark.parametrize("language", ["en", "sw"])
def test_labels_leave_room_for_what_they_name(language: str) -> None:
    with translation.override(language):
        labels = {line.label for line in letter._body(PLAIN) if line.label}
        assert len(labels) == 8
        assert max(lettering.stringWidth(label, "Helvetica", 9.5) for label in labels) < letter._COLUMN - 6
