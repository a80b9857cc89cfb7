"""Saving the particulars and the phones: what is kept, where it moves the referral, what is refused."""

from __future__ import annotations

from typing import Any, Final

import pytest

from rufaa.db.atomic import unit
from rufaa.errors import RufaaError
from rufaa.facilities.queries import Actor
from rufaa.payments.operations import PhoneBusy, Requested
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Status
from rufaa.referrals.models import Referral
from support import PAYS, RINGS, World, call_back, execute, referral_in, rows, unchanged

S = Status
PATIENT: Final = "254708009999"
FIELDS: Final = ("phone", "payer_phone", "email", "date_of_birth", "national_id", "booked_date", "booked_time")


def save(world: World, referral: str, by: Actor | None = None, **given: Any) -> referrals.Changed:
    who = by or world.admin
    values = {"patient_phone": PATIENT, "payer_phone": RINGS, **given}
    return unit(lambda tx: referrals.save_particulars(tx, who, referral, **values), actor=who.user)


def phones(world: World, referral: str, by: Actor | None = None, **given: Any) -> referrals.Changed:
    who = by or world.admin
    values = {"patient_phone": PATIENT, "payer_phone": RINGS, **given}
    return unit(lambda tx: referrals.update_phones(tx, who, referral, **values), actor=who.user)


def kept(referral: str) -> dict[str, str]:
    row = Referral.objects.select_related("particulars").get(pk=referral).particulars
    return {name: getattr(row, name) for name in FIELDS}


def test_the_particulars_carry_the_referral_to_payment_and_ring_the_payer(world: World) -> None:
    referral = world.approved()

    changed = save(
        world,
        referral,
        patient_phone="0708 009 999",
        payer_phone="+254 708-374-149",
        email=" jane@example.org ",
        date_of_birth="1990-02-28",
        national_id="12345678",
        booked_date="2026-12-01",
        booked_time="10:30",
    )

    assert changed.seen.referral.state == "pending-payment"
    assert kept(referral) == {
        "phone": PATIENT,
        "payer_phone": RINGS,
        "email": "jane@example.org",
        "date_of_birth": "1990-02-28",
        "national_id": "12345678",
        "booked_date": "2026-12-01",
        "booked_time": "10:30",
    }
    assert isinstance(changed.prompt, Requested)
    assert rows("SELECT payer_phone, amount_cents, state FROM prompt") == [
        {"payer_phone": RINGS, "amount_cents": 100_000, "state": "created"}
    ]


def test_what_is_left_out_stays_as_it_was(world: World) -> None:
    referral = world.referral()
    save(world, referral, email="jane@example.org", booked_time="10:30")

    save(world, referral, payer_phone=PAYS)

    assert kept(referral)["email"] == "jane@example.org"
    assert kept(referral)["booked_time"] == "10:30"
    assert kept(referral)["payer_phone"] == PAYS


@pytest.mark.parametrize("status", [each for each in Status if each not in {S.REJECTED, S.CANCELLED}])
def test_both_are_lawful_in_every_open_status(world: World, status: Status) -> None:
    referral = referral_in(world, status)
    prompts = len(rows("SELECT id FROM prompt"))

    phones(world, referral, payer_phone=PAYS)
    assert (world.status(referral), kept(referral)["payer_phone"]) == (status, PAYS)
    assert len(rows("SELECT id FROM prompt")) == prompts

    save(world, referral, national_id="7")
    assert kept(referral)["national_id"] == "7"
    assert world.status(referral) == ("pending-payment" if status is S.AWAITING_BIODATA else status)
    sent = 1 if status is S.AWAITING_BIODATA else 0
    assert len(rows("SELECT id FROM prompt")) == prompts + sent


@pytest.mark.parametrize("status", [S.REJECTED, S.CANCELLED])
@pytest.mark.parametrize("call", [save, phones])
def test_a_closed_referral_takes_neither(world: World, status: Status, call: Any) -> None:
    referral = referral_in(world, status)

    with unchanged(), pytest.raises(RufaaError) as refused:
        call(world, referral)
    assert (refused.value.code, refused.value.data) == ("unlawful-move", {"status": status, "allowed": []})


WRONG: list[tuple[str, dict[str, str], str, str]] = [
    ("patient's phone", {"patient_phone": "12345"}, "invalid-phone", "patientPhone"),
    ("patient's phone empty", {"patient_phone": ""}, "invalid-phone", "patientPhone"),
    ("payer's phone", {"payer_phone": "0612345678"}, "invalid-phone", "stkPhoneNumber"),
    ("a foreign phone", {"payer_phone": "+255712345678"}, "invalid-phone", "stkPhoneNumber"),
    ("a phone with NUL", {"payer_phone": "0708374149\x00"}, "invalid-phone", "stkPhoneNumber"),
    ("no address", {"email": "jane"}, "invalid-argument", "patientEmail"),
    ("an address with NUL", {"email": "a\x00@example.org"}, "invalid-argument", "patientEmail"),
    ("a long address", {"email": "a@" + "b" * 250 + ".ke"}, "invalid-argument", "patientEmail"),
    ("no day", {"date_of_birth": "1990-02-30"}, "invalid-argument", "patientDateOfBirth"),
    ("a day the other way", {"date_of_birth": "28/02/1990"}, "invalid-argument", "patientDateOfBirth"),
    ("no booked day", {"booked_date": "tomorrow"}, "invalid-argument", "bookedDate"),
    ("a long time", {"booked_time": "x" * 41}, "invalid-argument", "bookedTime"),
    ("a long number", {"national_id": "x" * 201}, "invalid-argument", "patientNationalId"),
    ("a number with NUL", {"national_id": "1\x002"}, "invalid-argument", "patientNationalId"),
]


def test_what_is_wrong_is_named_and_nothing_is_kept(world: World, subtests: pytest.Subtests) -> None:
    referral = world.approved()
    for name, given, code, argument in WRONG:
        with subtests.test(name), unchanged():
            with pytest.raises(RufaaError) as refused:
                save(world, referral, **given)
            assert (refused.value.code, refused.value.data["argument"]) == (code, argument)


@pytest.mark.parametrize("who", ["physician", "receiver", "receiving_admin", "finance"])
@pytest.mark.parametrize("call", [save, phones])
def test_only_the_referring_administrator_writes_them(world: World, who: str, call: Any) -> None:
    referral = referral_in(world, S.PAID)

    with unchanged(), pytest.raises(RufaaError) as refused:
        call(world, referral, by=getattr(world, who))
    assert (refused.value.code, refused.value.data) == ("forbidden", {"right": "particulars"})


@pytest.mark.parametrize("who", ["operator", "stranger"])
@pytest.mark.parametrize("call", [save, phones])
def test_who_does_not_see_it_finds_nothing(world: World, who: str, call: Any) -> None:
    referral = referral_in(world, S.PAID)

    with unchanged(), pytest.raises(RufaaError) as refused:
        call(world, referral, by=getattr(world, who))
    assert refused.value.code == "referral-not-found"


def test_a_busy_payers_phone_does_not_stop_the_particulars(world: World) -> None:
    world.prompted(RINGS)
    referral = world.approved()

    changed = save(world, referral)

    assert world.status(referral) == "pending-payment"
    assert kept(referral)["payer_phone"] == RINGS
    assert isinstance(changed.prompt, PhoneBusy)
    assert set(changed.prompt.data) == {"secondsLeft"}
    assert len(rows("SELECT id FROM prompt")) == 1


def test_a_facility_can_switch_sending_by_itself_off(world: World) -> None:
    execute("UPDATE facility SET prompts_at_once = false WHERE id = %(id)s", id=world.uhuru.pk)
    referral = world.approved()

    assert (save(world, referral).prompt, world.status(referral)) == (None, "pending-payment")
    assert rows("SELECT id FROM prompt") == []


def test_the_answer_says_what_is_stored_when_the_money_came_first(world: World) -> None:
    referral = world.approved()
    call_back(world.ask(referral))

    changed = save(world, referral)

    assert changed.seen.referral.state == world.status(referral)


def test_money_that_came_before_the_particulars_carries_the_referral_on(world: World) -> None:
    referral = world.approved()
    call_back(world.ask(referral))

    changed = save(world, referral)

    assert (world.status(referral), changed.prompt) == ("paid", None)
    assert len(rows("SELECT id FROM prompt")) == 1


def test_a_prompt_that_rings_goes_on_where_it_rings(world: World) -> None:
    referral, prompt = world.prompted(RINGS)

    phones(world, referral, payer_phone=PAYS)

    assert (world.prompt(prompt)["payer_phone"], world.prompt(prompt)["state"]) == (RINGS, "created")
    assert kept(referral)["payer_phone"] == PAYS
